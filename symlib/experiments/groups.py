"""Any finite group: the group-Fourier form beside dense regression.

On random functions on the group, moved by (g·x)(h) = x(g⁻¹h), and on digits under the turns and
reflections of the square, which are exact on pixels. Perin and Deny 2025, on other groups.
"""

from typing import Annotated, Literal, get_args

import numpy as np
import pandas as pd
from pydantic import Field

from symlib import data, groups, invariant, orbits, regression
from symlib.experiment import Experiment
from symlib.kernels import DenseNtk
from symlib.settings import Dataset, Positive, Ridge, Seed, Several, settings

__all__ = ["GROUPS", "Groups"]

Name = Literal[
    "cyclic 12",
    "dihedral 4",
    "dihedral 5",
    "quaternion",
    "symmetric 3",
    "symmetric 4",
    "dihedral 4 on digits",
]
GROUPS = get_args(Name)


@settings
class Groups(Experiment):
    """Groups, and what they act on."""

    groups: Several[Name] = GROUPS  # and what they act on
    orbits: Annotated[int, Field(ge=2)] = 10  # of each group, of alternating class
    channels: Positive = 3  # of the random functions
    network: DenseNtk = DenseNtk()
    ridge: Ridge = 1e-6  # absolute
    dataset: Dataset = "mnist-5000"  # of which the images are
    seed: Seed = 0  # of functions and images

    def cells(self) -> tuple[str, ...]:
        return self.groups

    def rows(self, cell: str) -> pd.DataFrame:
        """Errors where the identity element of every orbit of one class is left out.

        One row: ``order``, ``irreps``, ``dense`` and ``fourier``, mean |r| both ways,
        ``deviation``, the largest difference of a residual, and ``correct``, the share recognised.
        """
        kind, *order = cell.removesuffix(" on digits").split()
        group = getattr(groups, kind)(*map(int, order))
        points = self._points(cell, group).reshape(self.orbits * group.order, -1)
        gram = self.network(points)
        labels = np.where(np.arange(self.orbits) % 2, -1.0, 1.0).repeat(group.order)
        held_orbits = np.arange(0, self.orbits, 2)
        dense = regression.leave_out(gram, labels, held_orbits * group.order, ridge=self.ridge)
        fourier = invariant.leave_out(
            group,
            invariant.projection(gram, group),
            labels.reshape(self.orbits, group.order),
            np.stack([held_orbits, 0 * held_orbits], axis=1),
            ridge=self.ridge,
        )
        row = {
            "group": cell,
            "order": group.order,
            "irreps": len(group.irreps),
            "dense": np.abs(dense).mean(),
            "fourier": np.abs(fourier).mean(),
            "deviation": np.abs(dense - fourier).max(),
            "correct": regression.is_correct(fourier, np.ones(len(held_orbits))).mean(),
        }
        return pd.DataFrame([row])

    def cost(self, cell: str) -> float:
        return 0.25

    def _points(self, name, group):
        """Orbits, shape (orbits, order, …), on which the group acts exactly."""
        generator = np.random.default_rng(self.seed)
        if name.endswith("on digits"):
            images = data.load(self.dataset)
            pair = data.pairs_of_classes(images.labels, 1, generator=generator)[0]
            digits = [*images.labels[pair]] * self.orbits
            alike = [np.flatnonzero(images.labels == digit) for digit in digits[: self.orbits]]
            chosen = [generator.choice(which) for which in alike]
            return orbits.normalize(orbits.dihedral_images(images.images[chosen]))
        functions = generator.standard_normal((self.orbits, group.order, self.channels))
        return functions[:, group.differences]  # [i, g, h] is x_i(g⁻¹h)
