"""Pairs of digits under horizontal circular shifts, and the kernels of two convolutional networks.

Shifts are exact, and both kernels are invariant under them, so that the group-Fourier form of C_N
is exact here. Perin and Deny 2025, on architectures that match the symmetry.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from jaxtyping import Float

from symlib import convolutions, data, groups, invariant, orbits, regression
from symlib.convolutions import ConvNtk
from symlib.experiments.of_pairs import OfPairs
from symlib.settings import Positive, Ridge, Several, settings

__all__ = ["Shifts"]


def _errors(kernel, ridge):
    count = kernel.shape[-1]
    labels = np.repeat([[1.0], [-1.0]], count, axis=1)
    sets = [np.array(points) for points in ([[0, 0]], [[1, 0]], [[0, 0], [1, 0]])]
    *each, both = invariant.leave_sets_out(groups.cyclic(count), kernel, labels, sets, ridge=ridge)
    row = {}
    for name, residual in (("", np.concatenate(each)), ("balanced_", both)):
        row[f"{name}error"] = np.abs(residual).mean()
        row[f"{name}correct"] = regression.is_correct(residual, labels[:, 0]).mean()
    return row


@settings
class Shifts(OfPairs):
    """One circular convolution of 3 × 3, ReLU, a readout; no biases, as in the paper."""

    pairs: Positive = 128  # pairs of images of different digits
    chunk: Positive = 1  # pairs held in memory at once
    counts: Several[Positive] = (2, 4, 7, 14, 28)  # shifts N of each image
    ridges: Several[Ridge] = (1e-6, 1e-8, 1e-10)  # absolute; pooling collapses orbits
    network: ConvNtk = ConvNtk()

    def cells(self) -> Sequence[int]:
        width = data.load(self.dataset).images.shape[-1]
        if any(width % count for count in self.counts):
            raise ValueError(
                f"counts must divide the width of the images, {width}, got {self.counts}; "
                "shifts by whole pixels are exact"
            )
        return super().cells()

    def rows(self, cell: int) -> pd.DataFrame:
        """The exact error of a left-out shift, for both readouts.

        One row per pair, readout, N and ridge: ``error``, the mean of |r| over both classes, one
        left out at a time, and ``correct``, the share of the two that are classified right;
        ``balanced_error`` and ``balanced_correct``, the same with both left out together.
        """
        rows = []
        for pair, images in zip(self.numbers(cell), orbits.normalize(self.images(cell))):
            for readout in convolutions.READOUTS:
                kernel = self.kernel(images, readout)
                for count in self.counts:
                    turns = kernel[..., :: kernel.shape[-1] // count]
                    for ridge in self.ridges:
                        row = {"readout": readout, "count": count, "ridge": ridge, "pair": pair}
                        rows.append(row | _errors(turns, ridge))
        return pd.DataFrame(rows)

    def cost(self, cell: int) -> float:
        return 0.22 * len(self.numbers(cell))

    def kernel(
        self, images: Float[np.ndarray, "images size size"], readout: str
    ) -> Float[np.ndarray, "images images shifts"]:
        """The invariant kernel k_ij(g) of two images under all horizontal shifts g."""
        count, size = len(images), images.shape[-1]
        shifted = orbits.circular_shifts(images, size)
        if readout == "pool":
            shifted = shifted[:, :1]  # the pooled kernel is the same for all of them
        flat = shifted.reshape(-1, size * size)
        gram = self.network(readout, images.reshape(count, -1), flat)
        return np.broadcast_to(gram.reshape(count, count, -1), (count, count, size))
