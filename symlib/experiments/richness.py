r"""Does a network that moves its features far learn more of the rotation than a lazy one?

A perceptron :math:`f = \alpha\,(h - h_0)` with :math:`h(x) = a\,\phi(Wx/\sqrt d + b)/\sqrt m`, as
in the NTK's parametrisation. A large α is lazy: features hardly move. With
:math:`\alpha = 1/\sqrt m` it is the mean-field parametrisation (μP), in which they move as far at
every width. Each is trained until its loss is small, so that networks are compared at equal loss,
by gradient descent at a rate in proportion to :math:`1/\max(\alpha, \alpha^2)`: the kernel of
:math:`f` is of the order of α² while features stay, and of α once they have moved.

Sources: Chizat, Oyallon and Bach 2019 (the scale α); Mei, Montanari and Nguyen 2018 (mean field);
Yang and Hu 2021 (μP).
"""

import copy
import itertools
from dataclasses import replace
from typing import Annotated, Literal

import pandas as pd
from pydantic import Field, PositiveFloat

from symlib.data import Sample
from symlib.experiment import Experiment
from symlib.experiments.partially_rotated import Held, PartiallyRotated
from symlib.settings import AnyCounts, Positive, Seed, Several, Training, settings

__all__ = ["Richness"]

Scale = Literal["mean-field"] | PositiveFloat


def _scaled_mlp(inputs: int, width: int, scale: float, seed: int):
    """The network f, and the weights that it begins with."""
    import torch
    from torch import nn

    class ScaledMlp(nn.Module):
        def __init__(self):
            super().__init__()
            self.first = nn.Parameter(torch.randn(width, inputs))
            self.bias = nn.Parameter(torch.randn(width))
            self.last = nn.Parameter(torch.randn(10, width))
            self.start = None

        def hidden(self, images):
            return images.flatten(1) @ self.first.T / inputs**0.5 + self.bias

        @torch.autocast("cuda", enabled=False)  # a difference, in bfloat16 a coarse one
        def forward(self, images):
            outputs = self.hidden(images).relu() @ self.last.T / width**0.5
            return outputs if self.start is None else scale * (outputs - self.start[0](images))

    with torch.random.fork_rng():
        torch.manual_seed(seed)
        network = ScaledMlp()
    network.start = [copy.deepcopy(network).requires_grad_(False)]  # in a list: no part of it
    return network


@settings
class Richness(Experiment):
    """Few digits and rotations, widths to 4,096."""

    widths: Several[Positive] = (64, 256, 1024, 4096)  # m
    scales: Several[Scale] = ("mean-field", 0.1, 1.0, 10.0)  # α
    held: Several[Held] = ("3", "5", "8")  # digits that miss upright
    counts: AnyCounts = (4, 8)  # rotations N of each image
    seeds: Several[Seed] = (0,)  # of images, weights, order
    sample: Sample = Sample(2000, 2000, "mnist-5000")
    loss: PositiveFloat = 0.1  # trained until it is below this, measured steps / epochs at a time
    training: Training = Training(epochs=40, steps=20_000, batch=128, learning_rate=4, evaluated=1)
    momentum: Annotated[float, Field(ge=0, lt=1)] = 0.9  # of gradient descent

    @classmethod
    def quick(cls) -> "Richness":
        training = Training(epochs=10, steps=1000, batch=128, learning_rate=4, evaluated=1)
        sample = Sample(500, 500, "mnist-5000")
        return cls((64, 512), ("mean-field", 1.0), ("5",), (4,), sample=sample, training=training)

    def cells(self) -> list[str]:
        self.sample.require_enough()
        cells = itertools.product(self.widths, self.scales, self.counts, self.seeds, self.held)
        return [
            f"{scale}-{width}-{held}-{count}-{seed}" for width, scale, count, seed, held in cells
        ]

    def rows(self, cell: str) -> pd.DataFrame:
        """What a network of one width and scale takes images for.

        The rows of ``PartiallyRotated.recognised`` without averages and single angles, with
        ``scale``, ``alpha`` α, ``width``, held digits, N and seed; the ``steps`` until the ``loss``
        was small, or all; and ``moved``, how far the hidden layer's inputs have moved on images
        never seen, relative to their size at first.
        """
        import torch

        from symlib import training

        scale, *numbers = cell.rsplit("-", 4)
        width, digits, count, seed = int(numbers[0]), numbers[1], int(numbers[2]), int(numbers[3])
        alpha = width**-0.5 if scale == "mean-field" else float(scale)
        held = sorted({*map(int, digits)})
        case = PartiallyRotated(sample=self.sample)
        observed = case.observe(held, count, seed)
        network = _scaled_mlp(observed.turned.size**2, width, alpha, seed)
        for part in (network, *network.start):
            part.to(observed.turned.coefficients.device)
        rate = self.training.learning_rate / max(alpha, alpha**2)
        optimizer = torch.optim.SGD(network.parameters(), lr=rate, momentum=self.momentum)
        steps = self.training.steps_of(len(observed.split.train)) // self.training.epochs
        stage = replace(self.training, epochs=1, steps=steps, learning_rate=rate)
        for number in range(self.training.epochs):
            curve = training.train(
                network,
                observed.turned,
                observed.labels,
                observed.split,
                stage,
                seed=self.training.epochs * seed + number,
                optimizer=optimizer,
            )
            loss = curve.loss.iloc[-1]
            if loss < self.loss:
                break
        unseen = torch.arange(observed.known, len(observed.labels)) * count
        with torch.no_grad():
            images = observed.turned(unseen)
            before, after = network.start[0].hidden(images), network.hidden(images)
            moved = torch.linalg.norm(after - before) / torch.linalg.norm(before)
        rows = case.recognised(network, observed, held)
        return rows[rows.view.isin(["missed", "kept", "train"])].assign(
            scale=scale,
            alpha=alpha,
            width=width,
            held=digits,
            count=count,
            seed=seed,
            steps=steps * (number + 1),
            loss=loss,
            moved=moved.item(),
        )

    def cost(self, cell: str) -> float:
        width, _, count, _ = map(int, cell.rsplit("-", 4)[1:])
        samples = self.training.samples(round(0.9 * self.sample.images * count)) / 5  # most stop
        return (samples + 0.7 * self.sample.fresh * count) * (8e-6 + 6e-8 * width)
