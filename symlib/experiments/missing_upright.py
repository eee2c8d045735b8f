"""One digit misses upright, or all ten do: images seen or not, at angles seen or not.

The perceptron of ``partially_rotated``, logistic regression and the nearest training image, on the
same split and at equal steps for every N. Where every class misses upright, no class is the one
that the network has learned not to give at this angle. Perin and Deny 2025, on partially rotated
MNIST.
"""

import numpy as np
import pandas as pd

from symlib.data import Sample
from symlib.experiment import Experiment
from symlib.settings import AnyCounts, Digits, Positive, Seed, Training, settings

__all__ = ["MissingUpright"]


@settings
class MissingUpright(Experiment):
    """As ``partially_rotated`` but for fewer and smaller steps, as many at every N."""

    digits: Digits = tuple(range(10))  # which miss upright alone, each in turn
    counts: AnyCounts = (2, 8, 16, 32)  # rotations N of each image
    sample: Sample = Sample(2000, 2000, "mnist-5000")
    training: Training = Training(epochs=1, steps=1000, batch=256, evaluated=1)
    tested: Positive = 4000  # samples of each set, at most, that accuracy is measured on
    compared: Positive = 200  # samples of each set, at most, whose nearest training image is found
    seed: Seed = 0  # of everything random

    @classmethod
    def quick(cls) -> "MissingUpright":
        short = Training(epochs=1, steps=300, batch=256, evaluated=1)
        sample = Sample(1000, 1000, "mnist-5000")
        return cls(digits=(5,), counts=(2, 8), sample=sample, training=short)

    def cells(self) -> tuple[int, ...]:
        self.sample.require_enough()
        return self.counts

    def rows(self, cell: int) -> pd.DataFrame:
        """Accuracy on one digit, for images that were trained on and not, at angles seen and not.

        One row per N, model (``mlp``, ``logistic``, ``nearest``), digit and ``missing``, ``one``
        or ``all`` for the classes that miss upright. Each set holds samples of that digit only:
        ``seen_seen``, of images trained on, at angles at which the digit is seen, these samples
        left out; ``fresh_seen``, of other images at these angles; ``seen_upright``, the held-out
        samples; ``fresh_upright``, other images upright; and ``all_seen``, the share right of
        samples like ``seen_seen`` of all digits.
        """
        from symlib import partial_orbits

        drawn = self.sample.draw(np.random.default_rng([self.seed, 0]))
        turned = partial_orbits.TurnedImages(drawn.images, cell)
        cases = [("one", [digit]) for digit in self.digits] + [("all", list(range(10)))]
        rows = []
        for missing, held in cases:
            sets = self._sets(drawn.labels, cell, held)
            found = [*self._networks(turned, drawn.labels, sets, held)]
            found += self._nearest(turned, drawn.labels, sets, held)
            rows += [row | {"missing": missing} for row in found]
        return pd.DataFrame(rows).assign(count=cell)

    def cost(self, cell: int) -> float:
        return 5e-5 * (len(self.digits) + 1) * self.training.samples(self.sample.images * cell)

    def _sets(self, labels, count, held):
        """Numbers of the samples to train on, and of those to test on."""
        generator = np.random.default_rng([self.seed, 1])
        samples = np.arange(len(labels) * count)
        image, turn = samples // count, samples % count
        known = image < self.sample.images
        missed = np.isin(labels, held)[image] & (turn == 0)
        tested = generator.random(len(samples)) < 0.1
        return {
            "train": samples[known & ~missed & ~tested],
            "seen_seen": samples[known & ~missed & tested],
            "fresh_seen": samples[~known & ~missed],
            "seen_upright": samples[known & missed],
            "fresh_upright": samples[~known & missed],
        }

    def _tests(self, labels, count, sets, held, most):
        """For each digit that misses upright its samples of every set, at most so many."""
        generator = np.random.default_rng([self.seed, 2])
        for digit in held:
            chosen = {
                name: generator.permutation(samples[labels[samples // count] == digit])[:most]
                for name, samples in sets.items()
                if name != "train"
            }
            yield digit, chosen | {"all_seen": generator.permutation(sets["seen_seen"])[:most]}

    def _networks(self, turned, labels, sets, held):
        import torch

        from symlib import nets, partial_orbits, training

        train, held_out = (torch.from_numpy(sets[name]) for name in ("train", "seen_upright"))
        empty = torch.empty(0, dtype=torch.int64)
        parts = partial_orbits.Split(train, empty, empty, held_out)
        with torch.random.fork_rng():
            torch.manual_seed(self.seed)
            logistic = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(turned.size**2, 10))
        networks = {"mlp": nets.build("mlp", seed=self.seed), "logistic": logistic}
        for name, network in networks.items():
            training.train(network, turned, labels, parts, self.training, seed=self.seed)
            tests = self._tests(labels, turned.count, sets, held, self.tested)
            for digit, chosen in tests:
                row = {"model": name, "digit": digit}
                for key, samples in chosen.items():
                    taken = training.predict(network, turned, torch.from_numpy(samples)).numpy()
                    row[key] = (taken == labels[samples // turned.count]).mean()
                yield row

    def _nearest(self, turned, labels, sets, held):
        import torch

        tests = list(self._tests(labels, turned.count, sets, held, self.compared))
        wanted = torch.from_numpy(np.concatenate([s for _, c in tests for s in c.values()]))
        queries = turned(wanted).flatten(1)
        best = torch.full((len(wanted),), -torch.inf)
        taken = torch.empty(len(wanted), dtype=torch.int64)
        for part in torch.from_numpy(sets["train"]).split(4096):
            # of equal length, so that the nearest has the largest product
            products, places = (queries @ turned(part).flatten(1).T).max(dim=1)
            taken = torch.where(products > best, part[places] // turned.count, taken)
            best = torch.maximum(best, products)
        right = iter(labels[taken.numpy()] == labels[wanted.numpy() // turned.count])
        for digit, chosen in tests:
            shares = {k: np.mean([next(right) for _ in samples]) for k, samples in chosen.items()}
            yield {"model": "nearest", "digit": digit} | shares
