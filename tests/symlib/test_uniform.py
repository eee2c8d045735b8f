"""Networks with uniform parameters: how they are drawn, and their kernel against wide networks."""

import decimal

import jax
import numpy as np
import pytest
import scipy.stats

from symlib import finite, uniform


def test_parameters_are_uniform_within_their_bounds():
    widths, bounds = (300, 400, 200, 1), (0.1, 2.0, 1.0)
    parameters = uniform.parameters(jax.random.key(0), widths, bounds)
    assert [w.shape for w, _ in parameters] == [(300, 400), (400, 200), (200, 1)]
    assert [b.shape for _, b in parameters] == [(400,), (200,), (1,)]
    drawn = [np.ravel(part) / bound for layer, bound in zip(parameters, bounds) for part in layer]
    assert len({tuple(part[:1]) for part in drawn}) == 6
    for part in drawn[:-1]:
        assert scipy.stats.kstest(part, scipy.stats.uniform(-1, 2).cdf).pvalue > 0.01
    assert abs(drawn[-1][0]) < 1


@pytest.mark.slow
@pytest.mark.parametrize("bounds", [(0.2, 1.0), (1.5, 1.0), (0.8, 0.6, 1.0)])
def test_kernel_of_uniform_networks(bounds):
    """Against the mean empirical NTK, and, as that is nearly constant, its squared distances."""
    points = np.random.default_rng(0).normal(size=(4, 64))
    points /= np.linalg.norm(points, axis=1, keepdims=True) / [[1.0], [1.0], [0.5], [0.8]]
    widths = (64, *[200] * (len(bounds) - 1), 1)
    _, apply = finite.dense(widths)
    drawn = np.array(
        [
            finite.empirical_ntk(apply, uniform.parameters(key, widths, bounds), points)
            for key in jax.random.split(jax.random.key(0), 600)
        ]
    )
    expected = uniform.ntk(points, bounds=bounds)
    apart = ~np.eye(4, dtype=bool)
    for of in (lambda gram: gram, lambda gram: _squared_distances(gram)[..., apart]):
        mean, error = of(drawn).mean(axis=0), of(drawn).std(axis=0) / len(drawn) ** 0.5
        assert (error < 0.05 * mean).all()
        assert (np.abs(mean - of(expected)) < 4 * error + 0.005 * mean).all()


def _squared_distances(gram):
    diagonal = np.diagonal(gram, axis1=-2, axis2=-1)
    return diagonal[..., :, None] + diagonal[..., None, :] - 2 * gram


def test_a_deep_uniform_kernel_keeps_the_digits_of_what_is_not_constant():
    """Five layers as published, constant to ten digits, by the recursion in plain long decimals."""
    decimal.getcontext().prec = 60
    x = np.eye(2, 784)
    c, d = 1 / decimal.Decimal(512).sqrt(), decimal.Decimal(784)
    root = (2 / decimal.Decimal(np.pi)).sqrt()
    own, cross = c**2 / 3 / d, decimal.Decimal(0)
    ntk = [1 + 1 / d, decimal.Decimal(1)]
    for variance in [c**2 / 3] * 4 + [1 / decimal.Decimal(3)]:
        delta = (2 * own - 2 * cross).sqrt()
        own, cross = c**2 / 6 + own / 2, c**2 / 6 + cross / 2 + root * delta**3 / (12 * c)
        slopes = 1 / decimal.Decimal(2), 1 / decimal.Decimal(2) - root * delta / (4 * c)
        ntk = [k + 1 + variance * s * t for k, s, t in zip((own, cross), slopes, ntk)]
        own, cross = variance * own, variance * cross
    found = uniform.ntk(x, bounds=[512**-0.5] * 5 + [1.0])
    np.testing.assert_allclose(found[0], np.array(ntk, dtype=float), rtol=1e-15)
    assert 0 < ntk[0] - ntk[1] < 1e-9
    np.testing.assert_allclose(found[0, 0] - found[0, 1], float(ntk[0] - ntk[1]), rtol=1e-5)


def test_bad_input():
    with pytest.raises(ValueError, match="bounds must hold one number for each of the 2 layers"):
        uniform.parameters(jax.random.key(0), (4, 2, 1), (1.0,))
    with pytest.raises(ValueError, match="bounds must be four times the standard deviation"):
        uniform.ntk(np.full((2, 4), 9.0), bounds=(1.0, 1.0))
