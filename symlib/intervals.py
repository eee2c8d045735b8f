"""Intervals by bootstrap, over rows of a table or over groups of rows that belong together.

Source: Efron and Tibshirani 1993, §13.3 (percentile intervals); Davison and Hinkley 1997, §3.8
(resampling of clusters).
"""

from collections.abc import Callable

import numpy as np
import pandas as pd

__all__ = ["bootstrap"]


def bootstrap(
    statistic: Callable[[pd.DataFrame], float],
    table: pd.DataFrame,
    *,
    by: str | None = None,
    draws: int = 1000,
    seed: int = 0,
) -> tuple[float, float, float]:
    """A statistic of a table with the two ends of its 95 % percentile interval.

    Args:
        statistic: from a table with the columns of ``table`` to a number.
        table: one row per measurement.
        by: a column whose equal values mark rows that are drawn together, as all measurements of
            one digit; by default every row is drawn on its own.
        draws: tables to draw.
        seed: of the draws.

    Raises:
        ValueError: if the table is empty, or has no column ``by``.

    >>> table = pd.DataFrame({"digit": [0, 0, 1, 1], "right": [1.0, 1.0, 0.0, 0.0]})
    >>> bootstrap(lambda part: part.right.mean(), table, by="digit")
    (0.5, 0.0, 1.0)
    """
    if not len(table):
        raise ValueError("table must have rows, got none")
    if by is not None and by not in table:
        raise ValueError(f"by must be one of the columns {list(table.columns)}, got {by!r}")
    labels = np.arange(len(table)) if by is None else table[by].to_numpy()
    members = [np.flatnonzero(labels == label) for label in np.unique(labels)]
    generator = np.random.default_rng(seed)
    drawn = []
    for chosen in generator.integers(len(members), size=(draws, len(members))):
        rows = np.concatenate([members[k] for k in chosen])
        drawn.append(statistic(table.iloc[rows]))
    low, high = np.quantile(drawn, [0.025, 0.975])
    return float(statistic(table)), float(low), float(high)
