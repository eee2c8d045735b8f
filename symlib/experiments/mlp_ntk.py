"""Pairs of rotated digits under the NTK of a multilayer perceptron: exact errors and formulas.

One digit of each pair is class +1, the other -1; all their rotations are trained on but the one
left out. Perin and Deny 2025, on pairs of MNIST digits.
"""

from typing import Any

import numpy as np
import pandas as pd
from pydantic import NonNegativeInt

from symlib import data, orbits, pairs, rotated
from symlib.experiments.of_pairs import OfPairs
from symlib.kernels import DenseNtk
from symlib.settings import BiasStd, Counts, Ridge, Several, WeightStd, settings

__all__ = ["MlpNtk"]


@settings
class MlpNtk(OfPairs):
    """The paper's by default, on the digits that need no download."""

    counts: Counts = (2, 4, 8, 16, 32, 64)  # rotations N of each image
    hidden_layers: Several[NonNegativeInt] = (1, 5)  # of the network, each in turn
    weight_std: WeightStd = 1.0  # standard deviation of its weights
    bias_std: BiasStd = 1.0  # and of its biases
    ridge: Ridge = 1e-10  # absolute
    balanced: bool = True  # also leave out both images of a pair at once

    def rows(self, cell: int) -> pd.DataFrame:
        """Exact and predicted errors of every pair, depth and number of rotations.

        Smaller N are every second, fourth, … angle of the largest, so one Gram matrix serves all.
        The columns are those of ``pairs.errors`` and ``pairs.balanced_errors``, ``delta_squared``
        Δ², ``radius`` ρ, the images' numbers ``first`` and ``second`` and their digits.
        """
        drawn = self.drawn()[self.numbers(cell)]
        digits = data.load(self.dataset).labels[drawn]
        turned = rotated.orbit_images(self.images(cell), max(self.counts))
        frames = []
        for depth in self.hidden_layers:
            kernel = DenseNtk(depth, self.weight_std, self.bias_std)
            whole = rotated.orbit_gram(turned, kernel)
            for count in self.counts:
                gram = rotated.sample_gram(whole, count)
                columns: dict[str, Any] = {**pairs.errors(gram, ridge=self.ridge)}
                if self.balanced:
                    columns |= pairs.balanced_errors(gram, ridge=self.ridge)
                kept = turned[:, :, :: max(self.counts) // count]
                columns |= {
                    "delta_squared": orbits.delta_squared(kept[:, 0], kept[:, 1]),
                    "radius": np.mean(orbits.radius(kept), axis=1),
                    "pair": self.numbers(cell),
                    "first": drawn[:, 0],
                    "second": drawn[:, 1],
                    "first_digit": digits[:, 0],
                    "second_digit": digits[:, 1],
                }
                frames.append(pd.DataFrame(columns).assign(count=count, hidden_layers=depth))
        return pd.concat(frames)

    def cost(self, cell: int) -> float:
        depths = len(self.hidden_layers) * (max(self.counts) / 64) ** 2
        return (0.012 if self.balanced else 0.0055) * len(self.numbers(cell)) * depths
