"""Any finite group: the group-Fourier form beside dense regression.

On random functions on the group, moved by (g·x)(h) = x(g⁻¹h), and on digits under the turns and
reflections of the square, which are exact on pixels. Perin and Deny 2025, on other groups.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from symlib import data, groups, invariant, kernels, orbits, regression, results

__all__ = ["GROUPS", "Groups", "run", "work"]

GROUPS = {
    "cyclic 12": lambda: groups.cyclic(12),
    "dihedral 4": lambda: groups.dihedral(4),
    "dihedral 5": lambda: groups.dihedral(5),
    "quaternion": groups.quaternion,
    "symmetric 3": lambda: groups.symmetric(3),
    "symmetric 4": lambda: groups.symmetric(4),
    "dihedral 4 on digits": lambda: groups.dihedral(4),
}


@dataclass(frozen=True)
class Groups:
    """Settings."""

    groups: tuple[str, ...] = tuple(GROUPS)
    orbits: int = 10  # of each group, of alternating class
    channels: int = 3  # of the random functions
    hidden_layers: int = 1
    ridge: float = 1e-6  # absolute
    dataset: str = "mnist-5000"
    seed: int = 0


def run(
    settings: Groups,
    progress: Callable = lambda cells, description, total: cells,
    path: str | Path | None = None,
    jobs: int = 1,
) -> pd.DataFrame:
    """Errors where the identity element of every orbit of one class is left out.

    Returns:
        One row per group: ``order``, ``irreps``, ``dense`` and ``fourier``, mean |r| both ways,
        ``deviation``, the largest difference of a residual, and ``correct``, the share recognised.

    Raises:
        ValueError: if there is no such group, or ``path`` holds other results.
    """
    unknown = [name for name in settings.groups if name not in GROUPS]
    if unknown or not settings.groups:
        raise ValueError(f"groups must be among {sorted(GROUPS)}, got {unknown or 'none'}")
    if settings.orbits < 2:
        raise ValueError(f"orbits must be at least 2, one of each class, got {settings.orbits}")

    def compute(name: str) -> pd.DataFrame:
        group = GROUPS[name]()
        points = _points(name, group, settings).reshape(settings.orbits * group.order, -1)
        gram = np.asarray(kernels.ntk(points, hidden_layers=settings.hidden_layers))
        labels = np.repeat(np.where(np.arange(settings.orbits) % 2, -1.0, 1.0), group.order)
        held_orbits = np.arange(0, settings.orbits, 2)
        dense = regression.leave_out(gram, labels, held_orbits * group.order, ridge=settings.ridge)
        fourier = invariant.leave_out(
            group,
            invariant.projection(gram, group),
            labels.reshape(settings.orbits, group.order),
            np.stack([held_orbits, np.zeros_like(held_orbits)], axis=1),
            ridge=settings.ridge,
        )
        row = {
            "group": name,
            "order": group.order,
            "irreps": len(group.irreps),
            "dense": np.abs(dense).mean(),
            "fourier": np.abs(fourier).mean(),
            "deviation": np.abs(dense - fourier).max(),
            "correct": regression.is_correct(fourier, np.ones(len(held_orbits))).mean(),
        }
        return pd.DataFrame([row])

    return results.sweep(
        "groups", settings, settings.groups, compute, path=path, jobs=jobs, progress=progress
    )


def work(settings: Groups) -> tuple[int, float]:
    """Number of groups, and about how many seconds they take."""
    return len(settings.groups), 0.5 * len(settings.groups)


def _points(name, group, settings):
    """Orbits, shape (orbits, order, …), on which the group acts exactly."""
    generator = np.random.default_rng(settings.seed)
    if name.endswith("on digits"):
        images = data.load(settings.dataset)
        pair = data.pairs_of_classes(images.labels, 1, generator=generator)[0]
        first, second = images.labels[pair]
        chosen = [
            generator.choice(np.flatnonzero(images.labels == digit))
            for digit in [first, second] * settings.orbits
        ][: settings.orbits]
        return orbits.normalize(orbits.dihedral_images(images.images[chosen]))
    functions = generator.standard_normal((settings.orbits, group.order, settings.channels))
    return functions[:, group.differences]  # [i, g, h] is x_i(g⁻¹h)
