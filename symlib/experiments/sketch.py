"""The theory in one picture: a circulant Gram matrix, its row, its inverse spectrum.

Perin and Deny 2025, on the sketch of the theory.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from symlib import kernels, orbits, results, spectral

__all__ = ["Sketch", "run", "work"]


@dataclass(frozen=True)
class Sketch:
    """Settings, the paper's."""

    count: int = 6  # points N on each circle
    offset: float = 1.0  # Δ, distance of the circles along their axis
    inverse_length: float = 1.0  # L of the RBF kernel
    ridge_per_point: float = 1e-5  # ridge = this times the 2N points


def run(
    settings: Sketch,
    progress: Callable = lambda cells, description, total: cells,
    path: str | Path | None = None,
    jobs: int = 1,
) -> pd.DataFrame:
    """The first row of the interleaved Gram matrix, and the spectrum.

    Returns:
        One row per point, or frequency: ``kernel`` with point 0, and ``eigenvalue`` λ with the
        ridge. The labels alternate, so that frequency N is the classes'.

    Raises:
        ValueError: if ``path`` holds other results.
    """

    def compute(_: int) -> pd.DataFrame:
        points = orbits.two_circles(settings.count, settings.offset).reshape(-1, 3)
        gram = spectral.interleave(
            np.asarray(kernels.rbf(points, inverse_length=settings.inverse_length))
        )
        ridge = settings.ridge_per_point * len(points)
        frame = pd.DataFrame({"frequency": np.arange(len(points)), "kernel": gram[0]})
        return frame.assign(eigenvalue=np.fft.fft(gram[0]).real + ridge)

    return results.sweep("sketch", settings, [0], compute, path=path, jobs=jobs, progress=progress)


def work(settings: Sketch) -> tuple[int, float]:
    """One cell, in no time."""
    return 1, 0.1
