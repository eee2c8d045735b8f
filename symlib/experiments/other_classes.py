"""What other classes, seen at every angle, teach of the angle at which one class was not seen.

Kernel regression with one output a class. One class misses upright; more and more others are seen
under every rotation. If they showed what turning does, recognition would rise with their number.
Perin and Deny 2025, on several classes.
"""

import numpy as np
import pandas as pd

from symlib import data, orbits, regression
from symlib.experiment import Experiment
from symlib.kernels import DenseNtk
from symlib.settings import Counts, Dataset, Positive, Ridge, Seed, Several, settings
from symlib.streaming import streamed_gram

__all__ = ["OtherClasses"]


@settings
class OtherClasses(Experiment):
    """The perceptron of ``partially_rotated`` in the limit of infinite width."""

    draws: Positive = 10  # of images, and of the order of the other classes
    counts: Counts = (4, 8, 16)  # rotations N of each image
    others: Several[Positive] = (1, 2, 3, 5, 9)  # classes seen under every rotation
    exemplars: Several[Positive] = (10, 40, 100, 200, 400)  # images of each class
    fresh: Positive = 80  # more images of each class, to compare upright
    largest: Positive = 8_000  # training points at most; what would take more is left out
    network: DenseNtk = DenseNtk(hidden_layers=2)
    ridge: Ridge = 1e-10  # absolute
    dataset: Dataset = "mnist-5000"  # of which the images are
    seed: Seed = 0  # of the draws

    @classmethod
    def quick(cls) -> "OtherClasses":
        return cls(draws=4, counts=(4, 8), exemplars=(10,), fresh=40)

    def cells(self) -> range:
        self._draw(0)
        return range(self.draws)

    def rows(self, cell: int) -> pd.DataFrame:
        """Recognition of one class upright, for every N, number of exemplars and of other classes.

        ``correct``, the largest output is its own, of the images seen under the other turns;
        ``prior_free``, the same where each label is less the mean of those seen at its angle;
        ``error``, mean |r| of its own output for labels ±1; ``positive``, ``neutral`` and
        ``balanced``, its own output is positive, when the others' labels are -1, 0, or such that
        all labels seen add up to 0, and in ``balanced_others`` the share of fresh upright images of
        the others of which that is true. And, of fresh upright images, the area under
        the curve that tells its own from the others': ``auc``, by its own output less the largest
        other one; ``auc_dropped``, by the others' outputs alone; ``auc_never``, by those of a
        regression that sees the class at no angle.
        """
        images, classes = self._draw(cell)
        frames = [
            self._regress(images, classes, count, exemplars, others)
            for count in self.counts
            for exemplars in self.exemplars
            for others in self.others
            if (others + 1) * exemplars * count <= self.largest
        ]
        return pd.DataFrame(frames).assign(draw=cell, digit=classes[0])

    def cost(self, cell: int) -> float:
        points = [
            (others + 1) * exemplars * count
            for count in self.counts
            for exemplars in self.exemplars
            for others in self.others
        ]
        return sum(2e-11 * n**3 + 3e-7 * n**2 for n in points if n <= self.largest)

    def _draw(self, number):
        """Exemplars and then fresh images of each class, the one that misses upright first."""
        digits = data.load(self.dataset)
        generator = np.random.default_rng([self.seed, number])
        held = number % 10
        order = np.r_[held, generator.permutation(np.delete(np.arange(10), held))]
        each = max(self.exemplars) + self.fresh
        which = data.exemplars(digits.labels, order, each, generator=generator)
        return digits.images[which.reshape(10, each)], order

    def _regress(self, images, classes, count, exemplars, others):
        from sklearn.metrics import roc_auc_score

        shown = images[: others + 1]
        size = images.shape[-1]
        seen = orbits.rotations(shown[:, :exemplars].reshape(-1, size, size), count)
        seen = orbits.normalize(seen).reshape(-1, size**2)
        new = orbits.normalize(shown[:, -self.fresh :].reshape(-1, size, size)).reshape(-1, size**2)
        label = np.repeat(np.arange(others + 1), exemplars * count)
        held = np.arange(0, exemplars * count, count)
        gram, cross = streamed_gram(self.network, seen), self.network(new, seen)

        def outputs(kept, labels):
            tests = np.concatenate([gram[np.ix_(held, kept)], cross[:, kept]])
            return regression.predict(gram[np.ix_(kept, kept)], tests, labels, ridge=self.ridge)

        kept = np.delete(np.arange(len(seen)), held)
        hot, angle = np.eye(others + 1)[label], np.arange(len(seen)) % count
        of_angle = np.stack([hot[kept][angle[kept] == a].mean(axis=0) for a in range(count)])
        found = outputs(kept, np.hstack([hot, hot - of_angle[angle]])[kept])
        without = np.flatnonzero(label > 0)
        never = outputs(without, hot[without])[len(held) :]
        unseen, prior_free = np.hsplit(found[: len(held)], 2)
        fresh = found[len(held) :, : others + 1]
        own, other = unseen[:, 0], unseen[:, 1:].sum(axis=1)
        balance = (count - 1) / (count * others)  # minus the label of each other class
        is_own = np.arange(len(new)) < self.fresh
        scores = {
            "auc": fresh[:, 0] - fresh[:, 1:].max(axis=1),
            "auc_dropped": -fresh[:, 1:].max(axis=1),
            "auc_never": -never[:, 1:].max(axis=1),
        }
        return {
            "count": count,
            "exemplars": exemplars,
            "others": others,
            "correct": (own > unseen[:, 1:].max(axis=1)).mean(),
            "prior_free": (prior_free[:, 0] > prior_free[:, 1:].max(axis=1)).mean(),
            "error": np.abs(1 - own + other).mean(),
            "positive": (own > other).mean(),
            "neutral": (own > 0).mean(),
            "balanced": (own > balance * other).mean(),
            "balanced_others": (
                fresh[~is_own, 0] > balance * fresh[~is_own, 1:].sum(axis=1)
            ).mean(),
        } | {name: roc_auc_score(is_own, score) for name, score in scores.items()}
