"""The orbits of two digits under rotation, in the three directions that show most of them.

Perin and Deny 2025, on the orbits of two digits.
"""

import numpy as np
import pandas as pd
import pydantic

from symlib import data, orbits
from symlib.experiment import Experiment
from symlib.settings import Dataset, Digits, Positive, settings

__all__ = ["Orbits"]


@settings
class Orbits(Experiment):
    """The first image of each digit, the paper's digits by default."""

    digits: Digits = (4, 7)  # whose first images are turned
    count: Positive = 360  # angles of each
    marked: Positive = 8  # of them, drawn as points
    dataset: Dataset = "mnist-5000"  # of which the images are

    @pydantic.model_validator(mode="after")
    def _marks_angles_that_are_there(self):
        if self.count % self.marked:
            raise ValueError(f"marked must divide count, got {self.marked} of {self.count} angles")
        return self

    def cells(self) -> range:
        return range(1)

    def rows(self, cell: int) -> pd.DataFrame:
        """Both orbits, by principal component analysis of them together.

        One row per digit and angle in degrees: coordinates ``first``, ``second`` and ``third``,
        and whether the angle is ``marked``.
        """
        images = data.load(self.dataset)
        firsts = [np.flatnonzero(images.labels == digit)[0] for digit in self.digits]
        turned = orbits.normalize(orbits.rotations(images.images[firsts], self.count))
        points = turned.reshape(len(firsts) * self.count, -1)
        centred = points - points.mean(axis=0)
        axes = np.linalg.svd(centred, full_matrices=False)[2]
        frame = pd.DataFrame(centred @ axes[:3].T, columns=["first", "second", "third"])
        number = np.tile(np.arange(self.count), len(firsts))
        return frame.assign(
            digit=np.repeat(self.digits, self.count),
            angle=number * 360 / self.count,
            marked=number % (self.count // self.marked) == 0,
        )

    def cost(self, cell: int) -> float:
        return 0.1 * self.count / 360
