"""Does training twenty times as long teach a network the rotations it has not seen?

As ``partially_rotated``, with the convolutional network and few rotations. Perin and Deny 2025, on
grokking; Power et al. 2022; Liu et al. 2023, on weight decay and large initial weights.
"""

from pathlib import Path
from typing import Literal

import pandas as pd

from symlib.data import Sample
from symlib.experiments.partially_rotated import PartiallyRotated
from symlib.settings import AnyCounts, Several, Training, settings

__all__ = ["Grokking"]


@settings
class Grokking(PartiallyRotated):
    """The convolutional network, trained twenty times as long on few rotations."""

    networks: Several[Literal["mlp", "cnn", "vit", "logistic"]] = ("cnn",)
    counts: AnyCounts = (2, 4, 8)  # rotations N of each image
    training: Training = Training(epochs=440)

    @classmethod
    def quick(cls) -> "Grokking":
        return cls(
            networks=("mlp",),
            held=("5",),
            counts=(4,),
            seeds=(0,),
            sample=Sample(500, 200, "mnist-5000"),
            training=Training(epochs=220),
        )

    def resume(self, cell: str, checkpoint: Path | None) -> pd.DataFrame:
        """Accuracy while a network is trained, from where the training at ``checkpoint`` stopped.

        The rows of ``training.train``, with the network, held-out digits, N and seed.
        """
        name, held, count, seed = self.parts_of(cell)
        _, curve = self.train(
            name, self.observe(held, count, seed), self.training, seed, checkpoint
        )
        digits = "".join(map(str, held))
        return curve.assign(network=name, held=digits, count=count, seed=seed)
