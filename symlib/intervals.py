"""Intervals of 95 %: by bootstrap, over rows or groups of rows that belong together, and of shares.

Beside them a test for few units, where a bootstrap would draw the same unit again and again.

Source: Efron and Tibshirani 1993, §13.3 (percentile intervals); Davison and Hinkley 1997, §3.8
(resampling of clusters); Clopper and Pearson 1934 (shares); Phipson and Smyth 2010 (permutations).
"""

import itertools
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import scipy.stats
from jaxtyping import Bool, Float

__all__ = ["bootstrap", "permutation_test", "share"]


def bootstrap(
    statistic: Callable[[Any], float],
    table: pd.DataFrame | Float[np.ndarray, "rows ..."],
    *,
    by: str | None = None,
    draws: int = 1000,
    seed: int = 0,
) -> tuple[float, float, float]:
    """A statistic of a table with the two ends of its 95 % percentile interval.

    Args:
        statistic: from a table like ``table``, of other rows, to a number.
        table: one row per measurement, in a data frame or an array.
        by: a column whose equal values mark rows that are drawn together, as all measurements of
            one digit; by default every row is drawn on its own.
        draws: tables to draw.
        seed: of the draws.

    Raises:
        ValueError: if the table is empty, has no column ``by``, or not every row has a value there.

    >>> bootstrap(np.mean, np.array([1.0, 1.0]))
    (1.0, 1.0, 1.0)

    >>> table = pd.DataFrame({"digit": [0, 0, 1, 1], "right": [1.0, 1.0, 0.0, 0.0]})
    >>> bootstrap(lambda part: part.right.mean(), table, by="digit")
    (0.5, 0.0, 1.0)
    """
    if not len(table):
        raise ValueError("table must have rows, got none; measure something first")
    columns = list(table.columns) if isinstance(table, pd.DataFrame) else []
    if by is not None and by not in columns:
        raise ValueError(f"by must be one of the columns {columns}, got {by!r}")
    rows_of: Any = table.iloc if isinstance(table, pd.DataFrame) else np.asarray(table)
    labels = np.arange(len(table)) if by is None else np.asarray(table[by])
    if pd.isna(labels).any():
        raise ValueError(
            f"by must say for every row what it belongs to, got NaN in {by!r}; drop those rows"
        )
    units = np.unique(labels)
    members = [] if by is None else [np.flatnonzero(labels == unit) for unit in units]
    generator = np.random.default_rng(seed)
    drawn = []
    for chosen in generator.integers(len(units), size=(draws, len(units))):
        rows = chosen if by is None else np.concatenate([members[k] for k in chosen])
        drawn.append(statistic(rows_of[rows]))
    low, high = np.quantile(drawn, [0.025, 0.975])
    return float(statistic(table)), float(low), float(high)


def share(
    values: Float[np.ndarray, " units"] | Bool[np.ndarray, " units"],
) -> tuple[float, float, float]:
    """A share with the two ends of its exact binomial 95 % interval.

    All right is no proof: of n units without an error the lower end is (0.025)^(1/n).

    Args:
        values: one number from 0 to 1 for each independent unit: whether it is right, or which
            part of it (of the two images of a pair, say). A unit counts once, so that the
            interval is on the wide side for parts.

    Raises:
        ValueError: if there are no values, or one lies outside [0, 1].

    Source: Clopper and Pearson 1934.

    >>> [round(end, 3) for end in share(np.ones(128))]
    [1.0, 0.972, 1.0]
    """
    values = np.asarray(values)
    if values.ndim != 1 or not len(values) or not ((values >= 0) & (values <= 1)).all():
        raise ValueError(
            "values must be a list of numbers from 0 to 1, got "
            f"{np.array2string(values, threshold=6)}; pass one for each unit: whether it is right, "
            "or which part of it"
        )
    count, right = len(values), values.sum()
    low = scipy.stats.beta.ppf(0.025, right, count - right + 1) if right > 0 else 0.0
    high = scipy.stats.beta.ppf(0.975, right + 1, count - right) if right < count else 1.0
    return float(right / count), float(low), float(high)


def permutation_test(
    statistic: Callable[[np.ndarray, np.ndarray], float],
    predicted: Float[np.ndarray, "units ..."],
    outcome: Float[np.ndarray, "as_many ..."],
    *,
    draws: int = 10_000,
    seed: int = 0,
) -> tuple[float, float]:
    """A statistic of agreement, and how often one as large comes of relabelling the units.

    If a prediction knows nothing of the units, any unit's row of ``predicted`` might as well
    stand beside any other's row of ``outcome``. A row moves as a whole: all measurements of one
    digit, say, stay together. No unit is drawn twice, so that ranks stay ranks.

    Args:
        statistic: from both arrays to a number, larger where they agree better.
        predicted: one row for each unit.
        outcome: one row for each unit, in the same order.
        draws: relabellings to draw; all of them are used once where there are no more than that.
        seed: of the draws.

    Returns:
        The statistic, and the one-sided p: the part of the relabellings, the identity among them,
        whose statistic is at least as large.

    Raises:
        ValueError: if there are fewer than two units, or not as many in both.

    Source: Phipson and Smyth 2010.

    >>> x = np.arange(4.0)
    >>> permutation_test(lambda a, b: np.corrcoef(a, b)[0, 1], x, x)[1] == 1 / 24
    True
    """
    predicted, outcome = np.asarray(predicted), np.asarray(outcome)
    units = len(predicted)
    if units < 2 or len(outcome) != units:
        raise ValueError(
            f"predicted and outcome must have a row for each of at least 2 units, got {units} and "
            f"{len(outcome)}; pass both for the same units"
        )
    value = statistic(predicted, outcome)
    enough = value - 1e-12 * max(1.0, abs(value))  # rounding must not tell ties apart
    if math.factorial(units) <= draws:
        every = itertools.permutations(range(units))
        as_large = [statistic(predicted[list(order)], outcome) >= enough for order in every]
        return float(value), float(np.mean(as_large))
    generator = np.random.default_rng(seed)
    drawn = (generator.permutation(units) for _ in range(draws))
    larger = sum(statistic(predicted[order], outcome) >= enough for order in drawn)
    return float(value), float((1 + larger) / (1 + draws))
