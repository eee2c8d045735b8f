"""Pairs of rotated digits under the NTK of a multilayer perceptron: exact errors and formulas.

One digit of each pair is class +1, the other -1; all their rotations are trained on but the one
left out. Perin and Deny 2025, on pairs of MNIST digits.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from math import gcd
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Float

from symlib import data, groups, invariant, kernels, orbits, regression, results, rotated, spectral

__all__ = ["MlpNtk", "balanced_errors", "errors", "run", "work"]


@dataclass(frozen=True)
class MlpNtk:
    """Settings; the paper's by default, on the digits that need no download."""

    pairs: int = 512  # pairs of images of different digits
    counts: tuple[int, ...] = (2, 4, 8, 16, 32, 64)  # rotations N of each image
    hidden_layers: tuple[int, ...] = (1, 5)
    weight_std: float = 1.0
    bias_std: float = 1.0
    ridge: float = 1e-10  # absolute
    balanced: bool = True  # also leave out both images of a pair at once
    dataset: str = "mnist-5000"
    seed: int = 0
    chunk: int = 64  # pairs held in memory at once


def run(
    settings: MlpNtk,
    progress: Callable = lambda chunks, description, total: chunks,
    path: str | Path | None = None,
    jobs: int = 1,
) -> pd.DataFrame:
    """Exact and predicted errors of every pair, depth and number of rotations.

    Smaller N are every second, fourth, … angle of the largest, so one Gram matrix serves all.

    Args:
        settings: what to run.
        progress: wraps the loop over chunks of pairs, as ``symlib.notebook.progress`` does.
        path: where to store and resume.
        jobs: processes to run at once.

    Returns:
        One row per pair, depth and N, with the columns of ``errors`` and ``balanced_errors``,
        ``delta_squared`` Δ², ``radius`` ρ, the images' numbers ``first`` and ``second`` and their
        digits.

    Raises:
        ValueError: if the largest N is not a multiple of four and of every other N, or ``path``
            holds other results.
    """
    largest = rotated.largest_count(settings.counts)
    digits = data.load(settings.dataset)
    generator = np.random.default_rng(settings.seed)
    pairs = data.pairs_of_classes(digits.labels, settings.pairs, generator=generator)

    def compute(start: int) -> pd.DataFrame:
        chunk = pairs[start : start + settings.chunk]
        turned = rotated.orbit_images(digits.images[chunk], largest)
        frames = []
        for depth in settings.hidden_layers:
            kernel = partial(
                kernels.ntk,
                hidden_layers=depth,
                weight_std=settings.weight_std,
                bias_std=settings.bias_std,
            )
            gram = rotated.orbit_gram(turned, kernel)
            for count in settings.counts:
                step = largest // count
                kept = np.arange(2 * largest)[::step]
                sampled = turned[:, :, ::step]
                sampled_gram = gram[:, kept[:, None], kept]
                columns: dict[str, Any] = {**errors(sampled_gram, ridge=settings.ridge)}
                if settings.balanced:
                    columns |= balanced_errors(sampled_gram, ridge=settings.ridge)
                columns |= {
                    "delta_squared": orbits.delta_squared(sampled[:, 0], sampled[:, 1]),
                    "radius": np.mean(orbits.radius(sampled), axis=1),
                    "pair": np.arange(start, start + len(chunk)),
                    "first": chunk[:, 0],
                    "second": chunk[:, 1],
                    "first_digit": digits.labels[chunk[:, 0]],
                    "second_digit": digits.labels[chunk[:, 1]],
                }
                frames.append(pd.DataFrame(columns).assign(count=count, hidden_layers=depth))
        return pd.concat(frames)

    starts = range(0, settings.pairs, settings.chunk)
    return results.sweep(
        "mlp-ntk", settings, starts, compute, path=path, jobs=jobs, progress=progress
    )


def work(settings: MlpNtk) -> tuple[int, float]:
    """Number of chunks of pairs, and about how many seconds two CPU cores need for them."""
    seconds = 0.004 * settings.pairs * len(settings.hidden_layers)
    return -(-settings.pairs // settings.chunk), seconds * (max(settings.counts) / 64) ** 2


def errors(
    gram: Float[np.ndarray, "pairs points points"], *, ridge: float
) -> dict[str, Float[np.ndarray, " pairs"]]:
    """Errors of pairs of orbits, exactly and by each formula.

    Returns:
        ``exact_upright`` and ``exact_mean``: |r| of the upright images, and of all points,
        each left out alone, from the dense Gram matrix; ``spectral``, ``closeness``,
        ``density``: the paper's formula; ``projected``: the group-Fourier form of C_N on the
        projected Gram; ``quarter_upright`` and ``quarter_mean``: that of the quarter turns
        (half turns where N is 2), with nothing projected away; ``correct_upright``: share of
        the two upright images that are classified right.
    """
    _pairs, points, _ = gram.shape
    count = points // 2
    labels = np.repeat([1.0, -1.0], count)
    exact = regression.leave_one_out(gram, labels, ridge=ridge)
    upright = exact[:, [0, count]]
    paper = spectral.spectral_error(gram, ridge=ridge)

    rotations = groups.cyclic(count)
    projected = invariant.leave_one_out(
        rotations,
        invariant.projection(gram, rotations),
        labels.reshape(2, count),
        ridge=ridge,
    )
    turns = groups.cyclic(gcd(count, 4))
    split = invariant.split_orbits(gram, order=count, subgroup_order=turns.order)
    quarters = invariant.leave_one_out(
        turns,
        invariant.projection(split, turns),
        labels.reshape(-1, turns.order),
        ridge=ridge,
    )
    return {
        "exact_upright": np.abs(upright).mean(axis=1),
        "exact_mean": np.abs(exact).mean(axis=1),
        "correct_upright": regression.is_correct(upright, np.array([1.0, -1.0])).mean(axis=1),
        "spectral": paper.error,
        "closeness": paper.closeness,
        "density": paper.density,
        "projected": np.abs(projected).mean(axis=(1, 2)),
        "quarter_upright": np.abs(quarters[:, [0, count // turns.order], 0]).mean(axis=1),
        "quarter_mean": np.abs(quarters).mean(axis=(1, 2)),
    }


def balanced_errors(
    gram: Float[np.ndarray, "pairs points points"], *, ridge: float
) -> dict[str, Float[np.ndarray, " pairs"]]:
    """Errors of pairs of orbits with as many labels +1 seen as −1: both left out at the same angle.

    Returns:
        ``balanced_upright`` and ``balanced_mean``: |r| of the two upright images left out
        together, and averaged over all angles that both may miss; ``balanced_correct``: share of
        the two upright images classified right; ``spectral_balanced``: ε_bal; and
        ``projected_balanced``: the group-Fourier form of C_N, for which all angles are alike.
    """
    _pairs, points, _ = gram.shape
    count = points // 2
    labels = np.repeat([1.0, -1.0], count)
    both = [[angle, count + angle] for angle in range(count)]
    residuals = np.stack(regression.leave_sets_out(gram, labels, both, ridge=ridge))
    rotations = groups.cyclic(count)
    projected = invariant.leave_out(
        rotations,
        invariant.projection(gram, rotations),
        labels.reshape(2, count),
        np.array([[0, 0], [1, 0]]),
        ridge=ridge,
    )
    return {
        "balanced_upright": np.abs(residuals[0]).mean(axis=1),
        "balanced_mean": np.abs(residuals).mean(axis=(0, 2)),
        "balanced_correct": regression.is_correct(residuals[0], np.array([1.0, -1.0])).mean(axis=1),
        "spectral_balanced": spectral.balanced_error(gram, ridge=ridge).error,
        "projected_balanced": np.abs(projected).mean(axis=1),
    }
