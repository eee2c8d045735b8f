"""What an experiment is: frozen settings, and the cells that its table is computed from.

Everything else is here, once: running, storing, resuming, and how long it will take.
"""

import functools
import re
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from symlib import results

__all__ = ["Experiment", "slowness"]

_PROBE_SECONDS = 0.032  # what a probe took on two quiet cores, on which costs were measured


@functools.cache
def slowness() -> float:
    """How many times as long this machine takes as the one that costs were measured on.

    From a probe of most of a second: what experiments do most, products, factorisations and
    NumPy's functions, the fastest of several times.
    """
    points = np.random.default_rng(0).normal(size=(600, 784))
    taken = []
    for _ in range(20):
        start = time.perf_counter()
        for _ in range(4):
            gram = points @ points.T / 784 + np.eye(len(points))
            np.linalg.cholesky(gram)
            np.arccos(np.clip(gram, -1, 1))
            points.astype(np.float32) @ points.T.astype(np.float32)
        taken.append(time.perf_counter() - start)
    return min(taken) / _PROBE_SECONDS


class Experiment(ABC):
    """The settings of an experiment, by default the paper's, and the three methods that it has.

    A subclass is decorated by ``symlib.settings.settings``; its name in small letters is that of
    the experiment, as ``mlp-ntk`` of ``MlpNtk``.
    """

    @abstractmethod
    def cells(self) -> Sequence[int] | Sequence[str]:
        """The names of the parts that are computed, and stored, one by one.

        Raises:
            ValueError: if the data do not hold what the settings ask for.
        """

    @abstractmethod
    def rows(self, cell: Any) -> pd.DataFrame:
        """The rows of the table that belong to one cell."""

    @abstractmethod
    def cost(self, cell: Any) -> float:
        """About how many seconds of two CPU cores one cell takes."""

    @classmethod
    def quick(cls) -> "Experiment":
        """Settings for a page that is computed while it is built."""
        return cls()

    @classmethod
    def at_scale(cls, scale: str) -> "Experiment":
        """The settings at one of the scales ``"quick"`` and ``"paper"``.

        Raises:
            ValueError: if there is no such scale.
        """
        if scale not in ("quick", "paper"):
            raise ValueError(f"scale must be quick or paper, got {scale!r}")
        return cls.quick() if scale == "quick" else cls()

    @classmethod
    def name(cls) -> str:
        """The name of the experiment."""
        return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "-", cls.__name__).lower()

    def resume(self, cell: Any, checkpoint: Path | None) -> pd.DataFrame:
        """As ``rows``; a long cell may keep its state in the file ``checkpoint``, to go on from."""
        return self.rows(cell)

    def run(
        self,
        progress: Callable = lambda cells, description, total: cells,
        path: str | Path | None = None,
        jobs: int = 1,
    ) -> pd.DataFrame:
        """The whole table: the rows of every cell, with its name in the column ``cell``.

        Args:
            progress: wraps the loop over cells, as ``symlib.notebook.progress`` does.
            path: where to store the table, or to find an unfinished one of the same settings.
            jobs: processes to compute cells in, each with its share of the threads; -1 for as many
                as there are cores. In ``joblib.parallel_config(backend="dask")``, a cluster's.

        Raises:
            ValueError: if ``cells`` does, or ``path`` holds anything else.
        """
        return results.sweep(self, progress=progress, path=path, jobs=jobs)

    def seconds(self) -> float:
        """About how many seconds ``run`` takes on this machine."""
        return slowness() * sum(self.cost(cell) for cell in self.cells())
