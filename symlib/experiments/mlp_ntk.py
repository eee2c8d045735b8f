"""Pairs of rotated digits under the NTK of a multilayer perceptron: exact errors and formulas.

One digit of each pair is class +1, the other -1; all their rotations are trained on but the one
left out. Perin and Deny 2025, on pairs of MNIST digits.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from math import gcd
from pathlib import Path

import numpy as np
import pandas as pd
from jaxtyping import Float

from symlib import data, groups, kernels, orbits, regression, results, spectral

__all__ = ["MlpNtk", "errors", "orbit_gram", "run", "work"]


@dataclass(frozen=True)
class MlpNtk:
    """Settings; the paper's by default, on the digits that need no download."""

    pairs: int = 512  # pairs of images of different digits
    counts: tuple[int, ...] = (2, 4, 8, 16, 32, 64)  # rotations N of each image
    hidden_layers: tuple[int, ...] = (1, 5)
    weight_std: float = 1.0
    bias_std: float = 1.0
    ridge: float = 1e-10  # absolute
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
        One row per pair, depth and N, with the columns of ``errors`` and ``delta_squared`` Δ²,
        ``radius`` ρ, the images' numbers ``first`` and ``second`` and their digits.

    Raises:
        ValueError: if the largest N is not a multiple of four and of every other N, or ``path``
            holds other results.
    """
    largest = largest_count(settings.counts)
    digits = data.load(settings.dataset)
    generator = np.random.default_rng(settings.seed)
    pairs = data.pairs_of_classes(digits.labels, settings.pairs, generator=generator)

    def compute(start: int) -> pd.DataFrame:
        chunk = pairs[start : start + settings.chunk]
        turned = turned_digits(digits.images[chunk], largest)
        frames = []
        for depth in settings.hidden_layers:
            kernel = partial(
                kernels.ntk,
                hidden_layers=depth,
                weight_std=settings.weight_std,
                bias_std=settings.bias_std,
            )
            gram = orbit_gram(turned, kernel)
            for count in settings.counts:
                step = largest // count
                kept = np.arange(2 * largest)[::step]
                sampled = turned[:, :, ::step]
                columns = errors(gram[:, kept[:, None], kept], ridge=settings.ridge) | {
                    "delta_squared": orbits.separation(sampled[:, 0], sampled[:, 1]),
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


def largest_count(counts: tuple[int, ...]) -> int:
    """The largest number of rotations, whose orbits hold those of all others."""
    largest = max(counts)
    if largest % 4 or any(largest % count for count in counts):
        raise ValueError(
            f"counts must all divide the largest, itself a multiple of 4, got {counts}; "
            "quarter turns are what makes the orbits exact"
        )
    return largest


def turned_digits(
    images: Float[np.ndarray, "pairs 2 size size"], count: int
) -> Float[np.ndarray, "pairs 2 count size size"]:
    """Orbits of both images of each pair: rotated, mean removed, unit norm.

    Normalisation commutes with the exact quarter turns, so it is done on the first quarter.
    """
    first = orbits.normalize(orbits.rotate(images, np.arange(count // 4) * 360 / count))
    turned = np.moveaxis(orbits.quarter_turns(first), -3, -4)
    return turned.reshape(*images.shape[:2], count, *images.shape[2:])


def orbit_gram(
    turned: Float[np.ndarray, "pairs 2 count size size"], kernel: Callable
) -> Float[np.ndarray, "pairs points points"]:
    """Gram matrices of both orbits of each pair, a quarter of them computed.

    ``kernel(x, other)`` must be invariant under quarter turns, as that of any dense network is.
    Turning both points by q quarters leaves their kernel as it is, so that the first quarter
    of each orbit against everything tells the rest.
    """
    pairs, _, count = turned.shape[:3]
    points = turned.reshape(pairs, 2, 4, count // 4, -1)
    first = points[:, :, 0].reshape(pairs, count // 2, -1)
    everything = points.reshape(pairs, 2 * count, -1)
    rows = np.asarray(kernel(first, everything)).reshape(pairs, 2, count // 4, 2, count)
    shift = count // 4
    gram = np.empty((pairs, 2, 4, shift, 2, count))
    for turns in range(4):
        gram[:, :, turns] = np.roll(rows, turns * shift, axis=-1)
    return gram.reshape(pairs, 2 * count, 2 * count)


def errors(
    gram: Float[np.ndarray, "pairs points points"], *, ridge: float
) -> dict[str, Float[np.ndarray, " pairs"]]:
    """Errors of pairs of orbits, exactly and by each formula.

    Returns:
        ``exact_upright`` and ``exact_mean``: |r| of the upright images, and of all points,
        each left out alone, from the dense Gram matrix; ``spectral``, ``separation``,
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
    projected = spectral.leave_one_out(
        rotations,
        spectral.invariant_projection(gram, rotations),
        labels.reshape(2, count),
        ridge=ridge,
    )
    turns = groups.cyclic(gcd(count, 4))
    split = spectral.split_orbits(gram, order=count, subgroup_order=turns.order)
    quarters = spectral.leave_one_out(
        turns,
        spectral.invariant_projection(split, turns),
        labels.reshape(-1, turns.order),
        ridge=ridge,
    )
    return {
        "exact_upright": np.abs(upright).mean(axis=1),
        "exact_mean": np.abs(exact).mean(axis=1),
        "correct_upright": regression.is_correct(upright, np.array([1.0, -1.0])).mean(axis=1),
        "spectral": paper.error,
        "separation": paper.separation,
        "density": paper.density,
        "projected": np.abs(projected).mean(axis=(1, 2)),
        "quarter_upright": np.abs(quarters[:, [0, count // turns.order], 0]).mean(axis=1),
        "quarter_mean": np.abs(quarters).mean(axis=(1, 2)),
    }
