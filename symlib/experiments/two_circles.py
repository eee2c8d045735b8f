"""Two circles in R³ under an RBF kernel: the setting in which the spectral error is exact.

Perin and Deny 2025, on the toy model.
"""

import itertools
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import pandas as pd
from pydantic import PositiveFloat

from symlib import kernels, orbits, regression, spectral
from symlib.experiment import Experiment
from symlib.settings import Positive, Ridge, Several, settings

__all__ = ["TwoCircles"]


@contextmanager
def _unless_singular() -> Iterator[None]:
    try:
        yield
    except ValueError as error:
        if "singular" not in str(error):
            raise


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


@settings
class TwoCircles(Experiment):
    """Two circles of N points each; the paper's sweep over N by default."""

    counts: Several[Positive] = tuple(range(4, 49, 4))  # points N on each circle
    offsets: Several[float] = (1.0,)  # Δ, distance of the circles along their axis
    inverse_length: PositiveFloat = 1.4  # L of the RBF kernel
    ridge_per_point: Ridge = 1e-5  # the paper's: ridge = this times the 2N points

    def cells(self) -> range:
        return range(len(self.counts) * len(self.offsets))

    def rows(self, cell: int) -> pd.DataFrame:
        """The error of a left-out point, exactly and by the spectral formula.

        One row: ``spectral`` ε_s, ``exact`` mean |r| over all points, ``closeness`` λ_N⁻¹,
        ``density`` ⟨λ⁻¹⟩, ``condition`` of the Gram matrix. What has fewer than six right digits
        is NaN: the spectral formula before the exact error, which refines.
        """
        count, offset = list(itertools.product(self.counts, self.offsets))[cell]
        points = orbits.two_circles(count, offset).reshape(2 * count, 3)
        gram = np.asarray(kernels.rbf(points, inverse_length=self.inverse_length))
        ridge = self.ridge_per_point * 2 * count
        row = {"count": count, "offset": offset, "ridge": ridge}
        condition = np.linalg.cond(gram + ridge * np.eye(2 * count))
        return pd.DataFrame([row | _errors(gram, ridge) | {"condition": condition}])

    def cost(self, cell: int) -> float:
        return 0.14
