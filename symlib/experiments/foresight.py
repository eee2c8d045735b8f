"""What the kernel of an infinitely wide network says of ``partially_rotated``, before training.

For every held-out digit and N: one-against-the-rest regression on the same images, the upright
images of that digit left out together. Perin and Deny 2025, on several classes.
"""

from typing import Any

import numpy as np
import pandas as pd

from symlib import one_vs_rest, rotated
from symlib.data import Sample
from symlib.experiment import Experiment
from symlib.kernels import DenseNtk
from symlib.settings import Counts, Positive, Ridge, Seed, Several, settings

__all__ = ["Foresight"]


@settings
class Foresight(Experiment):
    """Depth and images are those of the perceptron of ``partially_rotated``."""

    counts: Counts = (2, 4, 8, 16, 32, 64)  # rotations N of each image
    seeds: Several[Seed] = (0, 1, 2)  # of the images
    sample: Sample = Sample(2000, 200, "mnist-5000")
    in_pairs: Positive = 20  # images of each class, in pairs of which the spectral error is
    network: DenseNtk = DenseNtk(hidden_layers=2)
    ridge: Ridge = 1e-10  # absolute

    @classmethod
    def quick(cls) -> "Foresight":
        return cls(counts=(2, 4, 8, 16), seeds=(0,), sample=Sample(200, 200, "mnist-5000"))

    def cells(self) -> tuple[int, ...]:
        self.sample.require_enough()
        return self.seeds

    def rows(self, cell: int) -> pd.DataFrame:
        """Predicted errors of every digit and N, by the kernel averaged over all rotations.

        One row per seed, N and ``digit``, with the columns of ``one_vs_rest.left_out``, and of
        ``one_vs_rest.spectral_of_classes`` for some images of each class.
        """
        drawn = self.sample.draw(np.random.default_rng([cell, 0]))
        images, classes = drawn.images[: self.sample.images], drawn.labels[: self.sample.images]
        few = np.concatenate(
            [np.flatnonzero(classes == c)[: self.in_pairs] for c in np.unique(classes)]
        )
        kernels = rotated.rotation_kernels(images, self.counts, self.network)
        frames = []
        for count in self.counts:
            kernel = kernels.pop(count)
            columns: dict[str, Any] = {"digit": np.unique(classes)}
            columns |= one_vs_rest.left_out(kernel, classes, ridge=self.ridge)
            columns |= one_vs_rest.spectral_of_classes(
                kernel[np.ix_(few, few)], classes[few], ridge=self.ridge
            )
            frames.append(pd.DataFrame(columns).assign(count=count, seed=cell))
        return pd.concat(frames)

    def cost(self, cell: int) -> float:
        frequencies = sum(count // 2 + 1 for count in self.counts)
        gram = 1.5e-7 * (self.sample.images * max(self.counts)) ** 2 / 4
        return gram + 3.2e-10 * self.sample.images**3 * frequencies
