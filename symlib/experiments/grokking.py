"""Does training twenty times as long teach a network the rotations it has not seen?

As ``fig1``, with the convolutional network and few rotations. Perin and Deny 2025, on grokking;
Power et al. 2022.
"""

from dataclasses import dataclass

from symlib.experiments.fig1 import Fig1, run, work

__all__ = ["Grokking", "run", "work"]


@dataclass(frozen=True)
class Grokking(Fig1):
    """The convolutional network, trained twenty times as long on few rotations."""

    networks: tuple[str, ...] = ("cnn",)
    counts: tuple[int, ...] = (2, 4, 8)
    epochs: int = 440

    @classmethod
    def quick(cls) -> "Grokking":
        """For a page that is computed while it is built."""
        return cls(
            networks=("mlp",),
            digits=(5,),
            counts=(4,),
            seeds=(0,),
            images=500,
            fresh=200,
            epochs=220,
            dataset="mnist-5000",
        )
