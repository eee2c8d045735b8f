"""Ten digits under rotation: one-against-the-rest regression, pairs averaged, a trained network.

As ``exemplars``, with all ten digits, and beside it the multilayer perceptron of
``partially_rotated`` trained on the same images. Perin and Deny 2025, on several classes.
"""

from collections.abc import Sequence
from itertools import product

import numpy as np
import pandas as pd

from symlib import one_vs_rest, rotated
from symlib.experiments.exemplars import Exemplars
from symlib.settings import Positive, Training, settings

__all__ = ["Multiclass"]


@settings
class Multiclass(Exemplars):
    """Classes, exemplars, rate and network are the paper's."""

    draws: Positive = 10  # of exemplars of each digit
    classes: int = 10  # digits at once
    training: Training = Training(epochs=1, steps=1000, batch=512)

    @classmethod
    def quick(cls) -> "Multiclass":
        return cls(draws=1, counts=(4, 16), training=Training(epochs=1, steps=100))

    def cells(self) -> Sequence[str]:
        return [f"{number}-{count}" for number, count in product(super().cells(), self.counts)]

    def rows(self, cell: str) -> pd.DataFrame:
        """Exact and predicted errors, and accuracy of trained networks, for every digit.

        The rows of ``one_vs_rest.errors``, with the draw, ``count``, and ``trained`` and
        ``trained_on``, the network's accuracy on the left-out images and on what it learned.
        """
        number, count = map(int, cell.split("-"))
        images, classes = self.draw(number)
        kernel = rotated.turn_kernel(images, count, self.network)
        predicted = one_vs_rest.errors(kernel, classes, count, ridge=self.ridge)
        trained = [self._train(images, classes, digit, count, number) for digit in predicted.digit]
        return predicted.join(pd.DataFrame(trained)).assign(draw=number, count=count)

    def cost(self, cell: str) -> float:
        count = int(cell.split("-")[1])
        samples = self.classes * self.exemplars * count
        rate = 60_000 * max(1, self.training.batch / samples)  # a batch is at most all of them
        return 2 + self.classes * self.training.samples(samples) / rate

    def _train(self, images, classes, digit, count, number):
        from symlib import nets, partial_orbits, training

        seeds = np.random.SeedSequence([self.seed, number, count, digit])
        seed = int(seeds.generate_state(1)[0])
        generator = np.random.default_rng(seed)
        rows = training.train(
            nets.build("mlp", seed=seed),
            partial_orbits.TurnedImages(images, count, training.default_device()),
            classes,
            partial_orbits.split(classes, count, held_class=digit, share=0.0, generator=generator),
            self.training,
            seed=seed,
        )
        last = rows.iloc[-1]
        return {"trained": last.held_out, "trained_on": last.train}
