"""Networks trained on digits that are seen under every rotation, but for one digit upright.

Of one class the upright images are held out; the network sees them under the other N - 1 turns,
and those of the other classes under all N. Perin and Deny 2025, on partially rotated MNIST.
"""

import itertools
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
import pandas as pd

from symlib.data import Sample
from symlib.experiment import Experiment
from symlib.settings import AnyCounts, Digits, Seed, Several, Training, settings

__all__ = ["SLICES", "PartiallyRotated"]

SLICES = {"mlp": 2048, "cnn": 256, "vit": 64}  # of a batch, as large as a CPU's cache likes
RATES = {"mlp": 50_000, "cnn": 15_000, "vit": 670}  # samples a second of two CPU cores

Networks = Annotated[tuple[Literal["mlp", "cnn", "vit"], ...], Several]


@settings
class PartiallyRotated(Experiment):
    """The paper's by default but for the images no network sees."""

    networks: Networks = ("mlp", "cnn", "vit")  # to train
    digits: Digits = tuple(range(10))  # whose upright images are held out, in turn
    counts: AnyCounts = (2, 4, 8, 16, 32, 64)  # rotations N of each image
    seeds: Annotated[tuple[Seed, ...], Several] = (0, 1, 2)  # of images, weights, order, dropout
    sample: Sample = Sample()
    training: Training = Training()

    @classmethod
    def quick(cls) -> "PartiallyRotated":
        return cls(
            networks=("mlp",),
            digits=(5,),
            counts=(2, 4, 8, 16, 32),
            seeds=(0,),
            sample=Sample(1000, 200, "mnist-5000"),
        )

    def cells(self) -> list[str]:
        self.sample.require_enough()
        cells = itertools.product(self.networks, self.digits, self.counts, self.seeds)
        return ["-".join(map(str, cell)) for cell in cells]

    def rows(self, cell: str) -> pd.DataFrame:
        """Accuracy while training one network without one digit upright.

        The rows of ``training.train``, with the network, digit, count and seed.
        """
        return self.resume(cell, None)

    def resume(self, cell: str, checkpoint: Path | None) -> pd.DataFrame:
        """As ``rows``, from where the training at ``checkpoint`` stopped."""
        from symlib import nets, partial_orbits, training

        network, *numbers = cell.split("-")
        digit, count, seed = map(int, numbers)
        generator = np.random.default_rng([seed, 0])
        drawn, device = self.sample.draw(generator), training.default_device()
        rows = training.train(
            nets.build(network, seed=seed),
            partial_orbits.TurnedImages(drawn.images, count, device),
            drawn.labels,
            partial_orbits.split(
                drawn.labels,
                count,
                held_class=digit,
                fresh=self.sample.fresh,
                generator=generator,
            ),
            self.training if device == "cuda" else replace(self.training, slice=SLICES[network]),
            seed=seed,
            checkpoint=checkpoint,
        )
        return rows.assign(network=network, digit=digit, count=count, seed=seed)

    def cost(self, cell: str) -> float:
        network, _, count, _ = cell.split("-")
        return self.training.samples(round(0.9 * self.sample.images * int(count))) / RATES[network]
