"""Does training twenty times as long teach a network the rotations it has not seen?

As ``partially_rotated``, with the convolutional network and few rotations. Perin and Deny 2025, on
grokking; Power et al. 2022.
"""

from symlib.data import Sample
from symlib.experiments.partially_rotated import Networks, PartiallyRotated
from symlib.settings import AnyCounts, Training, settings

__all__ = ["Grokking"]


@settings
class Grokking(PartiallyRotated):
    """The convolutional network, trained twenty times as long on few rotations."""

    networks: Networks = ("cnn",)  # to train
    counts: AnyCounts = (2, 4, 8)  # rotations N of each image
    training: Training = Training(epochs=440)

    @classmethod
    def quick(cls) -> "Grokking":
        return cls(
            networks=("mlp",),
            digits=(5,),
            counts=(4,),
            seeds=(0,),
            sample=Sample(500, 200, "mnist-5000"),
            training=Training(epochs=220),
        )
