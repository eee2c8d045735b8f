"""Several images of each digit under rotation: exact errors, and averages over pairs of exemplars.

The upright images of every exemplar of one digit are left out together, then those of the next.
Perin and Deny 2025, on several exemplars a class (there called seeds) and on several classes.
Beside it, balanced: the upright images of all digits left out together.
"""

from collections.abc import Sequence
from functools import partial
from typing import Annotated, Any, Literal

import numpy as np
import pandas as pd
from jaxtyping import Float, Int
from pydantic import Field

from symlib import data, kernels, one_vs_rest, rotated
from symlib.experiment import Experiment
from symlib.kernels import DenseNtk
from symlib.settings import Counts, Dataset, Positive, Ridge, Seed, settings

__all__ = ["Exemplars"]

Baseline = Literal["distance", "nearest", "linear", "logistic"]


@settings
class Exemplars(Experiment):
    """The paper's by default, on the digits that need no download."""

    draws: Positive = 50  # of digits, and of exemplars of each
    classes: Annotated[int, Field(ge=2, le=10)] = 2  # digits at once
    exemplars: Positive = 13  # images of each digit
    counts: Counts = (2, 4, 8, 16, 32, 64)  # rotations N of each image
    network: DenseNtk = DenseNtk()
    ridge: Ridge = 1e-10  # absolute
    baselines: tuple[Baseline, ...] = ()  # what else predicts, without a network
    dataset: Dataset = "mnist-5000"  # of which the images are
    seed: Seed = 0  # of the draws

    @classmethod
    def quick(cls) -> "Exemplars":
        return cls(draws=8, baselines=("distance", "nearest"))

    def cells(self) -> Sequence[Any]:
        self.draw(0)  # refuses too many exemplars
        return range(self.draws)

    def rows(self, cell: Any) -> pd.DataFrame:
        """Exact and predicted errors of every draw, digit and number of rotations.

        The rows of ``one_vs_rest.errors``, with the draw and ``count``, and for every baseline the
        columns of ``one_vs_rest.left_out``, its name before theirs; "distance" is kernel regression
        with a constant minus the distance of two images, and the others are those of
        ``one_vs_rest.baseline_errors``.
        """
        images, classes = self.draw(cell)
        largest, names = max(self.counts), [b for b in self.baselines if b != "distance"]
        kernel = rotated.turn_kernel(images, largest, self.network)
        if "distance" in self.baselines:  # unit norm: at most 2 apart, less than the constant
            between = partial(kernels.distance, constant=10.0)
            distance = rotated.turn_kernel(images, largest, between)
        frames = []
        for count in self.counts:
            turns = rotated.sample_turns(kernel, largest, count)
            columns = one_vs_rest.baseline_errors(images, classes, count, names)
            if "distance" in self.baselines:
                at = rotated.sample_turns(distance, largest, count)
                found = one_vs_rest.left_out(at, classes, ridge=self.ridge)
                columns |= {f"distance_{name}": value for name, value in found.items()}
            frame = one_vs_rest.errors(turns, classes, count, ridge=self.ridge)
            frames.append(frame.assign(count=count, **columns))
        return pd.concat(frames).assign(draw=cell)

    def cost(self, cell: Any) -> float:
        images, fitted = self.classes * self.exemplars, {"linear", "logistic"} & {*self.baselines}
        fits = 1.6e-3 * len(fitted) * images * sum(self.counts)
        solves = 4 * (images * max(self.counts) / 8320) ** 3
        return 0.02 * self.classes * len(self.counts) + solves + fits

    def draw(
        self, number: int
    ) -> tuple[Float[np.ndarray, "images size size"], Int[np.ndarray, " images"]]:
        """The exemplars of a draw, digit by digit, and their classes."""
        digits = data.load(self.dataset)
        generator = np.random.default_rng([self.seed, number])
        chosen = np.sort(generator.choice(np.unique(digits.labels), self.classes, replace=False))
        which = data.exemplars(digits.labels, chosen, self.exemplars, generator=generator)
        return digits.images[which], digits.labels[which]
