"""The orbits of two digits under rotation, in the three directions that show most of them.

Perin and Deny 2025, on the orbits of two digits.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from symlib import data, orbits, results

__all__ = ["Orbits", "run", "work"]


@dataclass(frozen=True)
class Orbits:
    """Settings, the paper's."""

    digits: tuple[int, ...] = (4, 7)
    count: int = 360  # angles of each
    marked: int = 8  # of them, drawn as points
    dataset: str = "mnist-5000"


def run(
    settings: Orbits,
    progress: Callable = lambda cells, description, total: cells,
    path: str | Path | None = None,
    jobs: int = 1,
) -> pd.DataFrame:
    """The orbit of the first image of each digit, by principal component analysis of them all.

    Returns:
        One row per digit and angle in degrees: coordinates ``first``, ``second`` and ``third``,
        and whether the angle is ``marked``.

    Raises:
        ValueError: if there is no such digit, or ``path`` holds other results.
    """
    images = data.load(settings.dataset)
    unknown = set(settings.digits) - set(images.labels.tolist())
    if unknown:
        raise ValueError(
            f"digits must be among {np.unique(images.labels).tolist()}, got {min(unknown)}"
        )
    if settings.count < 1 or settings.marked < 1 or settings.count % settings.marked:
        raise ValueError(
            f"marked must divide count, got {settings.marked} of {settings.count} angles"
        )

    def compute(_: int) -> pd.DataFrame:
        firsts = [np.flatnonzero(images.labels == digit)[0] for digit in settings.digits]
        turned = orbits.normalize(orbits.rotations(images.images[firsts], settings.count))
        points = turned.reshape(len(firsts) * settings.count, -1)
        centred = points - points.mean(axis=0)
        axes = np.linalg.svd(centred, full_matrices=False)[2]
        frame = pd.DataFrame(centred @ axes[:3].T, columns=["first", "second", "third"])
        number = np.tile(np.arange(settings.count), len(firsts))
        return frame.assign(
            digit=np.repeat(settings.digits, settings.count),
            angle=number * 360 / settings.count,
            marked=number % (settings.count // settings.marked) == 0,
        )

    return results.sweep("orbits", settings, [0], compute, path=path, jobs=jobs, progress=progress)


def work(settings: Orbits) -> tuple[int, float]:
    """One cell, and about how many seconds it takes."""
    return 1, 1 + settings.count / 200
