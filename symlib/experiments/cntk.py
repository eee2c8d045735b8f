"""Pairs of rotated digits under the NTKs of convolutional networks, flattened and pooled.

As ``mlp_ntk``, with one circular convolution, ReLU and a dense readout. Perin and Deny 2025, on
convolutional networks.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

from symlib import convolutions, data, results, rotated
from symlib.experiments import mlp_ntk

__all__ = ["Cntk", "run", "work"]


@dataclass(frozen=True)
class Cntk:
    """Settings, the paper's by default; no biases, as in the paper."""

    pairs: int = 512  # pairs of images of different digits
    counts: tuple[int, ...] = (2, 4, 8, 16, 32)  # rotations N of each image
    hidden_layers: int = 1
    filter_size: int = 3
    weight_std: float = 1.0
    ridge: float = 1e-10  # absolute
    dataset: str = "mnist-5000"
    seed: int = 0

    @classmethod
    def quick(cls) -> "Cntk":
        """For a page that is computed while it is built."""
        return cls(pairs=16, counts=(2, 4, 8, 16))


def run(
    settings: Cntk,
    progress: Callable = lambda pairs, description, total: pairs,
    path: str | Path | None = None,
    jobs: int = 1,
) -> pd.DataFrame:
    """Exact and predicted errors of every pair, readout and number of rotations.

    Args:
        settings: what to run.
        progress: wraps the loop over pairs, as ``symlib.notebook.progress`` does.
        path: where to store and resume.
        jobs: processes to run at once.

    Returns:
        One row per pair, readout and N, with the columns of ``mlp_ntk.errors``.

    Raises:
        ValueError: if the largest N is not a multiple of four and of every other N, or ``path``
            holds other results.
    """
    largest = rotated.largest_count(settings.counts)
    digits = data.load(settings.dataset)
    generator = np.random.default_rng(settings.seed)
    pairs = data.pairs_of_classes(digits.labels, settings.pairs, generator=generator)

    def compute(number: int) -> pd.DataFrame:
        turned = rotated.orbit_images(digits.images[pairs[[number]]], largest)
        frames = []
        for readout in convolutions.READOUTS:
            gram = rotated.orbit_gram(turned, partial(image_kernel, readout, settings))
            for count in settings.counts:
                kept = np.arange(0, 2 * largest, largest // count)
                columns = mlp_ntk.errors(gram[:, kept[:, None], kept], ridge=settings.ridge)
                frames.append(pd.DataFrame(columns).assign(readout=readout, count=count))
        return pd.concat(frames).assign(pair=number)

    return results.sweep(
        "cntk", settings, range(settings.pairs), compute, path=path, jobs=jobs, progress=progress
    )


def work(settings: Cntk) -> tuple[int, float]:
    """Number of pairs, and about how many seconds two CPU cores need for them."""
    grown = (max(settings.counts) / 32) ** 2
    return settings.pairs, 1.7 * settings.pairs * grown


def image_kernel(readout: str, settings: Cntk, x: np.ndarray, other: np.ndarray) -> np.ndarray:
    """The NTK of flattened square images, shapes (1, points, pixels), of one pair of digits."""
    size = round(x.shape[-1] ** 0.5)
    gram = convolutions.conv_ntk(
        x.reshape(-1, size, size, 1),
        other.reshape(-1, size, size, 1),
        hidden_layers=settings.hidden_layers,
        filter_size=settings.filter_size,
        readout=readout,
        weight_std=settings.weight_std,
    )
    return np.asarray(gram)[None]
