"""Bootstrap intervals against SciPy's, their coverage, and what clustering is for."""

import numpy as np
import pandas as pd
import pytest
import scipy.stats

from symlib import intervals


def mean(part):
    return part.value.mean()


def test_agrees_with_scipy():
    values = np.random.default_rng(0).normal(size=40)
    value, low, high = intervals.bootstrap(mean, pd.DataFrame({"value": values}), draws=4000)
    theirs = scipy.stats.bootstrap(
        (values,), np.mean, n_resamples=4000, method="percentile", rng=np.random.default_rng(1)
    ).confidence_interval
    assert value == pytest.approx(values.mean())
    np.testing.assert_allclose([low, high], [theirs.low, theirs.high], atol=0.03)


def test_rows_of_one_cluster_count_as_one():
    """Ten copies of every measurement tell no more than one."""
    generator = np.random.default_rng(0)
    once = pd.DataFrame({"value": generator.normal(size=20), "digit": np.arange(20)})
    copies = pd.concat([once] * 10)

    def width(table, **how):
        _, low, high = intervals.bootstrap(mean, table, **how)
        return high - low

    assert width(copies, by="digit") == pytest.approx(width(once), rel=1e-6)
    assert width(copies) < 0.5 * width(once)


def test_covers_the_truth_as_often_as_it_says():
    generator = np.random.default_rng(0)
    covered = 0
    for seed in range(200):
        clusters = generator.normal(size=20)
        table = pd.DataFrame({"digit": np.arange(20).repeat(3), "value": clusters.repeat(3)})
        table.value += generator.normal(size=60)
        _, low, high = intervals.bootstrap(mean, table, by="digit", draws=200, seed=seed)
        covered += low < 0 < high
    assert 0.86 < covered / 200 < 0.98


def test_refuses_what_it_cannot_draw():
    table = pd.DataFrame({"value": [1.0]})
    with pytest.raises(ValueError, match="by must be one of the columns"):
        intervals.bootstrap(mean, table, by="digit")
    with pytest.raises(ValueError, match="table must have rows"):
        intervals.bootstrap(mean, table.iloc[:0])
