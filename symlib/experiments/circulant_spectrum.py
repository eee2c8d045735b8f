"""The theory in one picture: a circulant Gram matrix, its row, its inverse spectrum.

Perin and Deny 2025, on the sketch of the theory.
"""

import numpy as np
import pandas as pd
from pydantic import PositiveFloat

from symlib import kernels, orbits, spectral
from symlib.experiment import Experiment
from symlib.settings import Positive, Ridge, settings

__all__ = ["CirculantSpectrum"]


@settings
class CirculantSpectrum(Experiment):
    """Two circles of N points, the paper's."""

    count: Positive = 6  # points N on each circle
    offset: float = 1.0  # Δ, distance of the circles along their axis
    inverse_length: PositiveFloat = 1.0  # L of the RBF kernel
    ridge_per_point: Ridge = 1e-5  # ridge = this times the 2N points

    def cells(self) -> range:
        return range(1)

    def rows(self, cell: int) -> pd.DataFrame:
        """The first row of the interleaved Gram matrix, and the spectrum.

        One row per point, or frequency: ``kernel`` with point 0, and ``eigenvalue`` λ with the
        ridge. The labels alternate, so that frequency N is the classes'.
        """
        points = orbits.two_circles(self.count, self.offset).reshape(-1, 3)
        gram = kernels.rbf(points, inverse_length=self.inverse_length)
        first = spectral.interleave(np.asarray(gram))[0]
        ridge = self.ridge_per_point * len(points)
        frame = pd.DataFrame({"frequency": np.arange(len(points)), "kernel": first})
        return frame.assign(eigenvalue=np.fft.fft(first).real + ridge)

    def cost(self, cell: int) -> float:
        return 0.1
