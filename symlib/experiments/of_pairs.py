"""What experiments on pairs of digits have in common."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from symlib import data
from symlib.experiment import Experiment
from symlib.settings import Dataset, Positive, Seed, settings

__all__ = ["OfPairs"]


@settings
class OfPairs(Experiment):
    """Pairs of images of different digits, some of them to a cell."""

    pairs: Positive = 512  # pairs of images of different digits
    chunk: Positive = 64  # pairs held in memory at once
    dataset: Dataset = "mnist-5000"  # of which the images are
    seed: Seed = 0  # of the draw

    def cells(self) -> Sequence[Any]:
        return range(0, self.pairs, self.chunk)

    def numbers(self, cell: int) -> Int[np.ndarray, " chunk"]:
        """The numbers of the pairs in a cell."""
        return np.arange(cell, min(cell + self.chunk, self.pairs))

    def drawn(self, generator: np.random.Generator | None = None) -> Int[np.ndarray, "pairs 2"]:
        """The numbers of both images of every pair; by a generator of this seed."""
        labels = data.load(self.dataset).labels
        generator = generator or np.random.default_rng(self.seed)
        return data.pairs_of_classes(labels, self.pairs, generator=generator)

    def images(self, cell: int | None = None) -> Float[np.ndarray, "chunk 2 size size"]:
        """Both images of every pair in a cell, or of all pairs."""
        which = slice(None) if cell is None else self.numbers(cell)
        return data.load(self.dataset).images[self.drawn()[which]]
