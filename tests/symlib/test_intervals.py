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
    theirs = scipy.stats.bootstrap(  # not seeded, for the argument changed its name: so many draws
        (values,), np.mean, n_resamples=20_000, method="percentile"
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
    unequal = pd.DataFrame({"digit": [7, 7, 7, 3], "value": [1.0, 1.0, 1.0, 0.0]})
    assert intervals.bootstrap(mean, unequal, by="digit") == (0.75, 0.0, 1.0)


@pytest.mark.slow
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


def test_bootstrap_of_an_array_is_that_of_a_table():
    values = np.random.default_rng(0).normal(size=30)
    table = pd.DataFrame({"value": values})
    found = intervals.bootstrap(np.mean, values)
    assert found == pytest.approx(intervals.bootstrap(mean, table))
    assert found == intervals.bootstrap(np.mean, values, draws=1000, seed=0)


@pytest.mark.parametrize(("right", "count"), [(0, 5), (1, 20), (13, 40), (64, 64), (128, 128)])
def test_share_is_that_of_scipy(right, count):
    theirs = scipy.stats.binomtest(right, count).proportion_ci(method="exact")
    value, low, high = intervals.share(np.arange(count) < right)
    assert value == right / count
    assert (low, high) == pytest.approx((theirs.low, theirs.high))


def test_share_of_units_that_are_right_in_part_covers_the_truth():
    generator = np.random.default_rng(0)
    covered = 0
    for _ in range(400):
        _, low, high = intervals.share((generator.random((40, 2)) < 0.8).mean(axis=1))
        covered += low < 0.8 < high
    assert covered / 400 > 0.95


@pytest.mark.usefixtures("untyped")
@pytest.mark.parametrize("values", [[], [0.5, 1.1], [-0.1], [np.nan], [[0.5]]])
def test_share_needs_shares(values):
    with pytest.raises(ValueError, match="values must be a list of numbers from 0 to 1"):
        intervals.share(np.array(values))


def test_permutations_agree_with_scipy():
    """Eight units: all relabellings, or some of them."""
    generator = np.random.default_rng(0)
    x = generator.normal(size=8)
    y = x + generator.normal(size=8)

    def agreement(x, y):
        return np.corrcoef(x, y)[0, 1]

    method = scipy.stats.PermutationMethod(n_resamples=np.inf)
    theirs = scipy.stats.pearsonr(x, y, alternative="greater", method=method)
    value, every = intervals.permutation_test(agreement, x, y, draws=50_000)
    assert value == pytest.approx(theirs.statistic)
    assert every == pytest.approx(theirs.pvalue, abs=1e-12)
    _, some = intervals.permutation_test(agreement, x, y, draws=4000)
    assert some == pytest.approx(every, abs=0.02)


def test_permutation_p_is_uniform_when_nothing_is_known():
    """Rows of six related columns: a unit moves whole, so that its columns count once."""
    generator = np.random.default_rng(0)

    def table():
        return generator.normal(size=(10, 1)) + 0.1 * generator.normal(size=(10, 6))

    def agreement(x, y):
        return np.mean((x - x.mean(0)) * (y - y.mean(0)))

    found = [
        intervals.permutation_test(agreement, table(), table(), draws=199)[1] for _ in range(200)
    ]
    assert scipy.stats.kstest(found, "uniform").pvalue > 0.01


def test_relabellings_of_few_units_are_all_counted_and_of_many_drawn():
    units = np.arange(9.0)
    assert intervals.permutation_test(np.dot, units[:3], units[:3], draws=6)[1] == 1 / 6
    assert intervals.permutation_test(np.dot, units, units, draws=99)[1] == 0.01
    ways = [{}, {}, {"draws": 10_000, "seed": 0}, {"draws": 10_000, "seed": 1}, {"draws": 9_999}]
    first, again, same, other, fewer = (
        intervals.permutation_test(np.dot, units, np.roll(units, 3), **way)[1] for way in ways
    )
    assert first == again == same
    assert len({first, other, fewer}) == 3


@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e9])
def test_ties_are_as_large_whatever_their_rounding(scale):
    """Sums in another order differ in their last digits; every relabelling is as good."""
    units = np.array([0.1, 0.2, 0.3, 0.7])
    assert intervals.permutation_test(lambda x, y: scale * sum(x * y), units, np.ones(4))[1] == 1.0


def test_permutations_need_units():
    with pytest.raises(ValueError, match="a row for each of at least 2 units"):
        intervals.permutation_test(lambda x, y: 0.0, np.ones(1), np.ones(1))


def test_two_units_can_be_relabelled():
    units = np.array([1.0, 2.0])
    assert intervals.permutation_test(np.dot, units, units) == (5.0, 0.5)
    assert intervals.permutation_test(np.dot, units, units[::-1]) == (4.0, 1.0)
