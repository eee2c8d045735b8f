"""Pairs of rotated digits under the NTKs of convolutional networks, flattened and pooled.

As ``mlp_ntk``, with one circular convolution, ReLU and a dense readout. Perin and Deny 2025, on
convolutional networks.
"""

from functools import partial

import numpy as np
import pandas as pd
from jaxtyping import Float

from symlib import convolutions, pairs, rotated
from symlib.convolutions import ConvNtk
from symlib.experiments.of_pairs import OfPairs
from symlib.settings import Counts, Positive, Ridge, settings

__all__ = ["Cntk", "errors"]


def errors(
    gram: Float[np.ndarray, "pairs points points"], *, ridge: float
) -> dict[str, Float[np.ndarray, " pairs"]]:
    """Errors of pairs of orbits, of the kernel and of its cosines.

    Returns:
        The columns of ``pairs.errors`` and ``pairs.balanced_errors``; and, beginning with
        ``unit_``, some of the same from the Gram matrix scaled to a diagonal of ones, which is
        blind to the size of each point.
    """
    size = np.sqrt(np.einsum("...pp->...p", gram))
    cosines = gram / (size[:, :, None] * size[:, None])
    own, unit = (
        pairs.errors(part, ridge=ridge) | pairs.balanced_errors(part, ridge=ridge)
        for part in (gram, cosines)
    )
    kept = ("exact_mean", "spectral", "correct_upright", "balanced_correct")
    return own | {f"unit_{name}": unit[name] for name in kept}


@settings
class Cntk(OfPairs):
    """The paper's by default; no biases, as in the paper."""

    chunk: Positive = 1  # pairs held in memory at once
    counts: Counts = (2, 4, 8, 16, 32)  # rotations N of each image
    network: ConvNtk = ConvNtk()
    ridge: Ridge = 1e-10  # absolute

    @classmethod
    def quick(cls) -> "Cntk":
        return cls(pairs=16, counts=(2, 4, 8, 16))

    def rows(self, cell: int) -> pd.DataFrame:
        """The columns of ``errors`` for every pair, readout and N."""
        turned = rotated.orbit_images(self.images(cell), max(self.counts))
        frames = []
        for readout in convolutions.READOUTS:
            gram = rotated.orbit_gram(turned, partial(self.network, readout))
            for count in self.counts:
                columns = errors(rotated.sample_gram(gram, count), ridge=self.ridge)
                columns["pair"] = self.numbers(cell)
                frames.append(pd.DataFrame(columns).assign(readout=readout, count=count))
        return pd.concat(frames)

    def cost(self, cell: int) -> float:
        return 1.1 * len(self.numbers(cell)) * (max(self.counts) / 32) ** 2
