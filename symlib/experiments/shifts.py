"""Pairs of digits under horizontal circular shifts, and the kernels of two convolutional networks.

Shifts are exact, and both kernels are invariant under them, so that the group-Fourier form of C_N
is exact here. Perin and Deny 2025, on architectures that match the symmetry.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from symlib import convolutions, data, groups, invariant, orbits, regression, results

__all__ = ["Shifts", "run", "work"]


@dataclass(frozen=True)
class Shifts:
    """Settings: one circular convolution of 3 × 3, ReLU, a readout; no biases, as in the paper."""

    pairs: int = 128  # pairs of images of different digits
    counts: tuple[int, ...] = (2, 4, 7, 14, 28)  # shifts N of each image
    ridges: tuple[float, ...] = (1e-6, 1e-8, 1e-10)  # absolute; pooling collapses orbits
    filter_size: int = 3
    hidden_layers: int = 1
    weight_std: float = 1.0
    dataset: str = "mnist-5000"
    seed: int = 0


def run(
    settings: Shifts,
    progress: Callable = lambda pairs, description, total: pairs,
    path: str | Path | None = None,
    jobs: int = 1,
) -> pd.DataFrame:
    """The exact error of a left-out shift, for both readouts.

    Args:
        settings: what to run.
        progress: wraps the loop over pairs, as ``symlib.notebook.progress`` does.
        path: where to store and resume.
        jobs: processes to run at once.

    Returns:
        One row per pair, readout, N and ridge: ``error``, the mean of |r| over both classes, one
        left out at a time, and ``correct``, the share of the two that are classified right;
        ``balanced_error`` and ``balanced_correct``, the same with both left out together.

    Raises:
        ValueError: if some N does not divide the width of the images, or ``path`` holds other
            results.
    """
    digits = data.load(settings.dataset)
    generator = np.random.default_rng(settings.seed)
    pairs = data.pairs_of_classes(digits.labels, settings.pairs, generator=generator)
    width = digits.images.shape[-1]
    if any(width % count for count in settings.counts):
        raise ValueError(
            f"counts must divide the width of the images, {width}, got {settings.counts}; "
            "shifts by whole pixels are exact"
        )
    images = orbits.normalize(digits.images)

    def compute(number: int) -> pd.DataFrame:
        rows = []
        for readout in convolutions.READOUTS:
            kernel = shift_kernel(images[pairs[number]], readout, settings)  # [i, j, g] of C_width
            for count in settings.counts:
                labels = np.repeat([[1.0], [-1.0]], count, axis=1)
                sets = [np.array(rows) for rows in ([[0, 0]], [[1, 0]], [[0, 0], [1, 0]])]
                for ridge in settings.ridges:
                    *each, together = invariant.leave_sets_out(
                        groups.cyclic(count),
                        kernel[..., :: width // count],
                        labels,
                        sets,
                        ridge=ridge,
                    )
                    row = {"readout": readout, "count": count, "ridge": ridge}
                    for name, residual in (("", np.concatenate(each)), ("balanced_", together)):
                        row[f"{name}error"] = np.abs(residual).mean()
                        correct = regression.is_correct(residual, labels[:, 0])
                        row[f"{name}correct"] = correct.mean()
                    rows.append(row)
        return pd.DataFrame(rows).assign(pair=number)

    return results.sweep(
        "shifts", settings, range(settings.pairs), compute, path=path, jobs=jobs, progress=progress
    )


def work(settings: Shifts) -> tuple[int, float]:
    """Number of pairs, and about how many seconds two CPU cores need for them."""
    return settings.pairs, 0.4 * settings.pairs


def shift_kernel(pair: np.ndarray, readout: str, settings: Shifts) -> np.ndarray:
    """The invariant kernel k_ij(g) of two images under all horizontal shifts g."""
    shifted = orbits.circular_shifts(pair, pair.shape[-1])
    if readout == "pool":
        shifted = shifted[:, :1]  # the pooled kernel is the same for all of them
    gram = convolutions.conv_ntk(
        pair[..., None],
        shifted.reshape(-1, *pair.shape[-2:], 1),
        hidden_layers=settings.hidden_layers,
        filter_size=settings.filter_size,
        readout=readout,
        weight_std=settings.weight_std,
    )
    kernel = np.asarray(gram).reshape(len(pair), len(pair), -1)
    return np.broadcast_to(kernel, (len(pair), len(pair), pair.shape[-1]))
