"""The unseen upright digit in three protocols, for a network and for predictors that know little.

``paper`` leaves out one upright image of a pair at a time, so that the labels of its class are
one fewer; ``balanced`` leaves out both upright images; ``parted`` leaves out an upright image and
one of the other class at another angle, averaged over that angle, so that the labels are balanced
and the other class is still seen upright.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
from jaxtyping import Float, Int

from symlib import data, kernels, regression, results, rotated

__all__ = ["PROTOCOLS", "WAYS", "Protocols", "held_out_sets", "run", "work"]

PROTOCOLS = ("paper", "balanced", "parted")
WAYS = ("network", "distance", "linear", "nearest", "mean")


@dataclass(frozen=True)
class Protocols:
    """Settings; those of ``MlpNtk`` where both have them."""

    pairs: int = 256  # pairs of images of different digits
    counts: tuple[int, ...] = (2, 4, 8, 16, 32, 64)  # rotations N of each image
    ways: tuple[str, ...] = WAYS  # what predicts
    shuffled: bool = False  # a coin exchanges the two labels at every angle but upright, as control
    hidden_layers: int = 1
    ridge: float = 1e-10  # absolute
    dataset: str = "mnist-5000"
    seed: int = 0
    chunk: int = 64  # pairs held in memory at once


def run(
    settings: Protocols,
    progress: Callable = lambda chunks, description, total: chunks,
    path: str | Path | None = None,
    jobs: int = 1,
) -> pd.DataFrame:
    """Error and share recognised of every pair, N, protocol and way to predict.

    The ways are the ``network``'s NTK; a constant minus the ``distance``; ``linear`` regression on
    the pixels with an intercept; the label of the ``nearest`` seen image; and the ``mean`` of the
    seen labels, which recognises half where that is 0.

    Returns:
        One row each, with ``error``, the mean |r| of the unseen upright images, ``correct``, the
        share of them recognised, and the number of the ``pair``.

    Raises:
        ValueError: if a way is unknown, or the counts do not divide the largest, a multiple of 4.
    """
    largest = rotated.largest_count(settings.counts)
    for way in settings.ways:
        if way not in WAYS:
            raise ValueError(f"ways must be among {WAYS}, got {way!r}")
    digits = data.load(settings.dataset)
    generator = np.random.default_rng(settings.seed)
    pairs = data.pairs_of_classes(digits.labels, settings.pairs, generator=generator)
    signs = np.ones((settings.pairs, largest))
    protocols: tuple[str, ...] = PROTOCOLS
    if settings.shuffled:
        protocols = PROTOCOLS[:2]  # one more of B out would leave the labels balanced no longer
        signs[:, 1:] = generator.choice([-1.0, 1.0], size=(settings.pairs, largest - 1))

    def compute(start: int) -> pd.DataFrame:
        chunk = slice(start, start + settings.chunk)
        turned = rotated.orbit_images(digits.images[pairs[chunk]], largest)
        frames = []
        for way in settings.ways:
            # nothing of the mean of the labels depends on the images: any kernel will do
            gram = rotated.orbit_gram(turned, _kernel(way, settings))
            for count in settings.counts:
                step = largest // count
                kept = np.arange(0, 2 * largest, step)
                labels = np.hstack([signs[chunk, ::step], -signs[chunk, ::step]])
                part = gram[:, kept[:, None], kept]
                for protocol in protocols:
                    sets = held_out_sets(protocol, count)
                    if way in ("nearest", "mean"):
                        guess = _nearest if way == "nearest" else _mean
                        residual = np.array([1 - guess(part, labels, out) for out in sets])
                    else:
                        residual = _by_kernel(part, labels, sets, settings.ridge)
                    right = regression.is_correct(residual, np.ones(1)) + 0.5 * (residual == 1)
                    columns = {
                        "pair": np.arange(start, start + len(turned)),
                        "error": np.abs(residual).mean(axis=0),
                        "correct": right.mean(axis=0),
                    }
                    frames.append(
                        pd.DataFrame(columns).assign(count=count, protocol=protocol, way=way)
                    )
        return pd.concat(frames)

    starts = range(0, settings.pairs, settings.chunk)
    return results.sweep(
        "protocols", settings, starts, compute, path=path, jobs=jobs, progress=progress
    )


def work(settings: Protocols) -> tuple[int, float]:
    """Number of chunks of pairs, and about how many seconds two CPU cores need for them."""
    seconds = 0.01 * settings.pairs * len(settings.ways)
    return -(-settings.pairs // settings.chunk), seconds * (max(settings.counts) / 64) ** 2


def held_out_sets(protocol: str, count: int) -> list[Int[np.ndarray, " held"]]:
    """The sets of points left out together, of orbits A and B one after the other.

    The first point of each is upright, and the one whose prediction counts; in ``balanced`` both
    are, so that the set stands there twice, once for each.
    """
    other = range(1, count)
    sets: dict[str, list[list[int]]] = {
        "paper": [[0], [count]],
        "balanced": [[0, count], [count, 0]],
        "parted": [[0, count + k] for k in other] + [[count, k] for k in other],
    }
    return [np.array(out) for out in sets[protocol]]


def _kernel(way, settings):
    if way == "network":
        return partial(kernels.ntk, hidden_layers=settings.hidden_layers)
    if way == "linear":
        return partial(kernels.ntk, hidden_layers=0)  # x·x′/d + 1: an intercept as good as free
    return partial(kernels.distance, constant=10.0)


def _by_kernel(
    gram: Float[np.ndarray, "pairs points points"],
    labels: Float[np.ndarray, "pairs points"],
    sets: list[Int[np.ndarray, " held"]],
    ridge: float,
) -> Float[np.ndarray, "sets pairs"]:
    """Residuals, times the label, of the first point of each set; every pair has labels of its own.

    The labels of all pairs are solved for as columns, and each pair keeps its own.
    """
    columns, inverse = np.unique(labels, axis=0, return_inverse=True)
    residuals = regression.leave_sets_out(gram, columns.T.copy(), sets, ridge=ridge)
    pairs = np.arange(len(gram))
    return np.array(
        [
            residual[pairs, 0, inverse] * labels[:, out[0]]
            for residual, out in zip(residuals, sets, strict=True)
        ]
    )


def _nearest(gram, labels, out):
    """The label of the nearest seen image, times that of the first unseen one."""
    likeness = gram[:, out[0]].copy()
    likeness[:, out] = -np.inf
    nearest = likeness.argmax(axis=1)
    return labels[np.arange(len(labels)), nearest] * labels[:, out[0]]


def _mean(gram, labels, out):
    return np.delete(labels, out, axis=1).mean(axis=1) * labels[:, out[0]]
