"""Pairs of rotated digits under the NTKs of convolutional networks, flattened and pooled.

As ``mlp_ntk``, with one circular convolution, ReLU and a dense readout. Perin and Deny 2025, on
convolutional networks.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Float

from symlib import convolutions, data, regression, results, rotated
from symlib.experiments import mlp_ntk

__all__ = ["Cntk", "errors", "image_kernel", "run", "work"]


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
        One row per pair, readout and N, with the columns of ``errors``.

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
                columns = errors(gram[:, kept[:, None], kept], ridge=settings.ridge)
                frames.append(pd.DataFrame(columns).assign(readout=readout, count=count))
        return pd.concat(frames).assign(pair=number)

    return results.sweep(
        "cntk", settings, range(settings.pairs), compute, path=path, jobs=jobs, progress=progress
    )


def work(settings: Cntk) -> tuple[int, float]:
    """Number of pairs, and about how many seconds two CPU cores need for them."""
    grown = (max(settings.counts) / 32) ** 2
    return settings.pairs, 1.7 * settings.pairs * grown


def errors(
    gram: Float[np.ndarray, "pairs points points"], *, ridge: float
) -> dict[str, Float[np.ndarray, " pairs"]]:
    """Errors of pairs of orbits, of the kernel and of its cosines.

    Returns:
        The columns of ``mlp_ntk.errors``; ``balanced_upright`` and ``balanced_correct``, the error
        and the share recognised with both upright images left out together; and, beginning with
        ``unit_``, some of the same from the Gram matrix scaled to a diagonal of ones, which is
        blind to the size of each point.
    """
    size = np.sqrt(np.einsum("...pp->...p", gram))
    unit = _with_balanced(gram / (size[:, :, None] * size[:, None]), ridge)
    kept = ("exact_mean", "spectral", "correct_upright", "balanced_correct")
    return _with_balanced(gram, ridge) | {f"unit_{name}": unit[name] for name in kept}


def _with_balanced(gram, ridge):
    labels = np.repeat([1.0, -1.0], gram.shape[-1] // 2)
    upright = [0, gram.shape[-1] // 2]
    balanced = regression.leave_out(gram, labels, upright, ridge=ridge)
    return mlp_ntk.errors(gram, ridge=ridge) | {
        "balanced_upright": np.abs(balanced).mean(axis=1),
        "balanced_correct": regression.is_correct(balanced, labels[upright]).mean(axis=1),
    }


def image_kernel(readout: str, settings: Any, x: np.ndarray, other: np.ndarray) -> np.ndarray:
    """The NTK of flattened square images, shapes (1, points, pixels), of one pair of digits.

    The network is that of the layers, filter size and standard deviation in ``settings``.
    """
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
