"""How far the error on rotated digits depends on what the paper holds fixed: one thing at a time.

Input norm, weights, biases, depth, ridge, interpolation and kernel are changed around the paper's
settings, and everything else stays; by the three protocols of ``pairs``.
"""

from collections.abc import Sequence
from dataclasses import fields, replace
from typing import Annotated, Any

import numpy as np
import pandas as pd
from jaxtyping import Float
from pydantic import Field, NonNegativeFloat, NonNegativeInt, PositiveFloat

from symlib import pairs, rotated
from symlib.experiments.of_pairs import OfPairs
from symlib.experiments.protocols import kernel_of
from symlib.kernels import DenseNtk
from symlib.settings import BiasStd, Counts, Positive, Ridge, WeightStd, settings

__all__ = ["Circumstances", "Sensitivity", "errors"]

KERNELS = ("relu", "distance", "erf", "linear", "rbf 0.3", "rbf 1", "rbf 3", "nearest")
Order = Annotated[int, Field(ge=0, le=5)]
KernelName = Annotated[str, Field(pattern=r"^(relu|erf|distance|linear|nearest|rbf [0-9.]+)$")]


@settings
class Circumstances:
    """What the paper holds fixed, at its values."""

    norm: PositiveFloat = 1.0  # of the inputs
    weight_std: WeightStd = 1.0  # standard deviation of the weights
    bias_std: BiasStd = 1.0  # and of the biases
    hidden_layers: NonNegativeInt = 1  # of the network
    ridge: Ridge = 1e-10  # absolute
    order: Order = 3  # of the splines that turn images; 0 is the nearest pixel
    kernel: KernelName = "relu"  # an NTK or another


def errors(
    points: Float[np.ndarray, "pairs points pixels"], chosen: Circumstances
) -> dict[str, Float[np.ndarray, " pairs"]]:
    """Errors of pairs of orbits at the upright images, by three protocols.

    Returns:
        ``upright`` and ``correct``: mean |r| and share classified right, each upright image
        left out alone; ``balanced`` and ``balanced_correct``: both left out together; ``parted``
        and ``parted_correct``: one upright, and of the other image another angle, averaged over
        that angle.
    """
    network = DenseNtk(chosen.hidden_layers, chosen.weight_std, chosen.bias_std)
    if chosen.kernel == "erf":
        network = replace(network, nonlinearity="erf")
    way = "network" if chosen.kernel in ("relu", "erf") else chosen.kernel
    kernel = kernel_of(way, network, constant=1000.0)  # large: only differences count
    gram = np.asarray(kernel(points))
    labels = np.broadcast_to(np.repeat([1.0, -1.0], gram.shape[-1] // 2), gram.shape[:2])
    columns = {}
    for protocol in pairs.PROTOCOLS:
        found = pairs.unseen(gram, labels, protocol, by=way, ridge=chosen.ridge)
        columns["upright" if protocol == "paper" else protocol] = found["error"]
        columns["correct" if protocol == "paper" else f"{protocol}_correct"] = found["correct"]
    return columns


@settings
class Sensitivity(OfPairs):
    """The values that each of ``Circumstances`` takes while the others keep the paper's."""

    pairs: Positive = 64  # pairs of images of different digits
    counts: Counts = (16, 32)  # rotations N of each image
    norm: tuple[PositiveFloat, ...] = (0.3, 1.0, 3.0, 10.0, 28.0, 100.0)  # of inputs; 28 is √784
    weight_std: tuple[PositiveFloat, ...] = (0.3, 1.0, 3.0, 10.0, 28.0)  # of the weights
    bias_std: tuple[NonNegativeFloat, ...] = (0.0, 0.01, 0.036, 0.1, 0.33, 1.0, 3.0)  # of biases
    hidden_layers: tuple[NonNegativeInt, ...] = (1, 2, 3, 5, 10)  # of the network
    ridge: tuple[Ridge, ...] = (1e-10, 1e-6, 1e-5, 1e-4, 1e-3, 1e-2)  # absolute
    order: tuple[Order, ...] = (0, 1, 2, 3, 4, 5)  # of the splines; 0 is the nearest pixel
    kernel: tuple[KernelName, ...] = KERNELS  # the number is L of exp(-L²|x - x'|²)

    def cells(self) -> Sequence[str]:
        return [f"{f.name}={v}" for f in fields(Circumstances) for v in getattr(self, f.name)]

    def rows(self, cell: Any) -> pd.DataFrame:
        """Errors of every pair while one thing is changed.

        One row per pair, N, ``varied`` (the name of what is changed) and ``value`` (as text),
        with the columns of ``errors``.
        """
        varied, value = cell.split("=")
        changed: dict[str, Any] = {varied: value}
        chosen = Circumstances(**changed)
        images = self.images()
        turned = rotated.interpolated_orbits(images, max(self.counts), order=chosen.order)
        frames = []
        for count in self.counts:
            points = turned[:, :, :: max(self.counts) // count]
            points = points.reshape(self.pairs, 2 * count, -1) * chosen.norm
            frames.append(pd.DataFrame(errors(points, chosen)).assign(count=count))
        return (
            pd.concat(frames).rename_axis("pair").reset_index().assign(varied=varied, value=value)
        )

    def cost(self, cell: Any) -> float:
        return 0.0035 * self.pairs * (max(self.counts) / 32) ** 2
