"""Two circles in R³ under an RBF kernel: the setting in which the spectral error is exact.

Perin and Deny 2025, on the toy model.
"""

import itertools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from symlib import kernels, orbits, regression, results, spectral

__all__ = ["Toy", "run", "work"]


@dataclass(frozen=True)
class Toy:
    """Settings of one sweep over two circles; the paper's sweep over N by default."""

    counts: tuple[int, ...] = tuple(range(4, 49, 4))  # points N on each circle
    offsets: tuple[float, ...] = (1.0,)  # Δ, distance of the circles along their axis
    inverse_length: float = 1.4  # L of the RBF kernel
    ridge_per_point: float = 1e-5  # the paper's: ridge = this times the 2N points


def run(
    settings: Toy,
    progress: Callable = lambda cells, description, total: cells,
    path: str | Path | None = None,
    jobs: int = 1,
) -> pd.DataFrame:
    """The error of a left-out point, exactly and by the spectral formula, over the sweep.

    Returns:
        One row for each N and Δ: ``spectral`` ε_s, ``exact`` mean |r| over all points,
        ``closeness`` λ_N⁻¹, ``density`` ⟨λ⁻¹⟩, ``condition`` of the Gram matrix. What has fewer
        than six right digits is NaN: the spectral formula before the exact error, which refines.
    """
    cells = list(itertools.product(settings.counts, settings.offsets))

    def compute(number: int) -> pd.DataFrame:
        count, offset = cells[number]
        points = orbits.two_circles(count, offset).reshape(2 * count, 3)
        gram = np.asarray(kernels.rbf(points, inverse_length=settings.inverse_length))
        ridge = settings.ridge_per_point * 2 * count
        row = {"count": count, "offset": offset, "ridge": ridge}
        condition = np.linalg.cond(gram + ridge * np.eye(2 * count))
        return pd.DataFrame([row | _errors(gram, ridge) | {"condition": condition}])

    return results.sweep(
        "toy", settings, range(len(cells)), compute, path=path, jobs=jobs, progress=progress
    )


def work(settings: Toy) -> tuple[int, float]:
    """Number of cells, and about how many seconds two CPU cores need for them."""
    cells = len(settings.counts) * len(settings.offsets)
    return cells, 0.05 * cells


def _errors(gram: np.ndarray, ridge: float) -> dict[str, float]:
    labels = np.repeat([1.0, -1.0], len(gram) // 2)
    columns = dict.fromkeys(("spectral", "exact", "closeness", "density"), np.nan)
    with _unless_singular():
        columns["exact"] = float(np.abs(regression.leave_one_out(gram, labels, ridge=ridge)).mean())
    with _unless_singular():
        predicted = spectral.spectral_error(gram, ridge=ridge)
        columns["spectral"] = float(predicted.error)
        columns["closeness"] = float(predicted.closeness)
        columns["density"] = float(predicted.density)
    return columns


@contextmanager
def _unless_singular() -> Iterator[None]:
    try:
        yield
    except ValueError as error:
        if "singular" not in str(error):
            raise
