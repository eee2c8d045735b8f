"""The unseen upright digit in three protocols, for a network and for predictors that know little.

The protocols are those of ``pairs``.
"""

from collections.abc import Callable
from functools import partial
from typing import Literal

import numpy as np
import pandas as pd

from symlib import kernels, pairs, rotated
from symlib.experiments.of_pairs import OfPairs
from symlib.kernels import DenseNtk
from symlib.settings import Counts, Positive, Ridge, Several, settings

__all__ = ["WAYS", "Protocols", "kernel_of"]

WAYS = ("network", "distance", "linear", "nearest", "mean")


def kernel_of(way: str, network: DenseNtk, *, constant: float = 10.0) -> Callable:
    """The kernel that a way to predict uses; ``constant`` is what distances are taken from.

    Raises:
        ValueError: if there is none of that name.
    """
    kind, _, length = way.partition(" ")
    if kind == "network":
        return network
    if kind == "linear":  # σ_w² x·x′/d + σ_b²: an intercept as good as free
        return DenseNtk(0, network.weight_std, network.bias_std)
    if kind == "rbf":
        return partial(kernels.rbf, inverse_length=float(length))
    if kind in ("distance", "nearest", "mean"):  # the mean does not look at images
        return partial(kernels.distance, constant=constant)
    raise ValueError(f"way must be one of {WAYS} or 'rbf L', got {way!r}")


@settings
class Protocols(OfPairs):
    """Settings those of ``MlpNtk`` where both have them."""

    pairs: Positive = 256  # pairs of images of different digits
    counts: Counts = (2, 4, 8, 16, 32, 64)  # rotations N of each image
    ways: Several[Literal[*WAYS]] = WAYS  # what predicts
    shuffled: bool = False  # a coin exchanges the two labels at every angle but upright, as control
    network: DenseNtk = DenseNtk()
    ridge: Ridge = 1e-10  # absolute

    def rows(self, cell: int) -> pd.DataFrame:
        """Error and share recognised of every pair, N, protocol and way to predict.

        The ways are the ``network``'s NTK; a constant minus the ``distance``; ``linear`` regression
        on the pixels with an intercept; the label of the ``nearest`` seen image; and the ``mean``
        of the seen labels, which recognises half where that is 0. One row each, with the columns of
        ``pairs.unseen`` and the number of the ``pair``.
        """
        largest = max(self.counts)
        turned = rotated.orbit_images(self.images(cell), largest)
        signs = self._signs()[self.numbers(cell)]
        # shuffled, one more of B left out would leave the labels balanced no longer
        protocols = pairs.PROTOCOLS[:2] if self.shuffled else pairs.PROTOCOLS
        frames = []
        for way in self.ways:
            whole = rotated.orbit_gram(turned, kernel_of(way, self.network))
            for count in self.counts:
                gram, kept = rotated.sample_gram(whole, count), signs[:, :: largest // count]
                for protocol in protocols:
                    labels = np.hstack([kept, -kept])
                    columns = pairs.unseen(gram, labels, protocol, by=way, ridge=self.ridge)
                    named = {"count": count, "protocol": protocol, "way": way}
                    frames.append(pd.DataFrame(columns).assign(pair=self.numbers(cell), **named))
        return pd.concat(frames)

    def cost(self, cell: int) -> float:
        return 0.01 * len(self.numbers(cell)) * len(self.ways) * (max(self.counts) / 64) ** 2

    def _signs(self):
        signs = np.ones((self.pairs, max(self.counts)))
        if self.shuffled:
            generator = np.random.default_rng(self.seed)
            self.drawn(generator)
            signs[:, 1:] = generator.choice([-1.0, 1.0], size=signs[:, 1:].shape)
        return signs
