"""Closed-form kernels against neural-tangents and against wide random networks."""

import functools
import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.special

from symlib import kernels, orbits, streaming

generator = np.random.default_rng(0)
POINTS = generator.normal(size=(7, 12))
OTHERS = generator.normal(size=(5, 12))


@pytest.mark.slow
@pytest.mark.parametrize("nonlinearity", kernels.NONLINEARITIES)
@pytest.mark.parametrize("hidden_layers", range(1, 7))
@pytest.mark.parametrize(("weight_std", "bias_std"), [(1.0, 1.0), (1.5, 0.3), (2**0.5, 0.0)])
def test_closed_forms_equal_neural_tangents(hidden_layers, weight_std, bias_std, nonlinearity):
    from symlib import tangents

    stax = tangents.load().stax
    layer = {"W_std": weight_std, "b_std": bias_std}
    activation = stax.Relu() if nonlinearity == "relu" else stax.Erf()
    layers = [stax.Dense(8, **layer), activation] * hidden_layers + [stax.Dense(1, **layer)]
    _, _, kernel_fn = stax.serial(*layers)
    settings = {
        "hidden_layers": hidden_layers,
        "weight_std": weight_std,
        "bias_std": bias_std,
        "nonlinearity": nonlinearity,
    }
    for other in (OTHERS, None):
        oracle = kernel_fn(POINTS, other, ("nngp", "ntk"))
        ours = [kernel(POINTS, other, **settings) for kernel in (kernels.nngp, kernels.ntk)]
        # An angle near nought has half of the digits: both are right to the root of EPS, 1.5e-8.
        np.testing.assert_allclose(ours, oracle, rtol=1e-7)


def _random_network(key, hidden_layers, width, features, weight_std, bias_std, activation):
    sizes = [features] + [width] * hidden_layers + [1]
    keys = jax.random.split(key, 2 * len(sizes))
    parameters = [
        (jax.random.normal(keys[2 * i], (a, b)), jax.random.normal(keys[2 * i + 1], (b,)))
        for i, (a, b) in enumerate(itertools.pairwise(sizes))
    ]

    def apply(parameters, x):
        for i, (weights, biases) in enumerate(parameters):
            x = activation(x) if i else x
            x = weight_std * x @ weights / np.sqrt(weights.shape[0]) + bias_std * biases
        return x[:, 0]

    return parameters, apply


@pytest.mark.slow
@pytest.mark.parametrize("hidden_layers", [1, 2, 3])
@pytest.mark.parametrize(
    ("nonlinearity", "activation"), [("relu", jax.nn.relu), ("erf", jax.scipy.special.erf)]
)
def test_monte_carlo_over_wide_networks(hidden_layers, nonlinearity, activation):
    """NNGP and NTK as means over random nets, each within four of its own standard errors."""
    weight_std, bias_std, draws, width = 1.3, 0.5, 200, 256
    x = POINTS[:3]

    def one_network(key):
        parameters, apply = _random_network(
            key, hidden_layers, width, x.shape[1], weight_std, bias_std, activation
        )
        outputs = apply(parameters, x)
        jacobian = jax.jacobian(apply)(parameters, x)
        tangent = sum(
            leaf.reshape(len(x), -1) @ leaf.reshape(len(x), -1).T
            for leaf in jax.tree.leaves(jacobian)
        )
        return jnp.outer(outputs, outputs), tangent

    samples = jax.lax.map(one_network, jax.random.split(jax.random.key(0), draws))
    settings = {
        "hidden_layers": hidden_layers,
        "weight_std": weight_std,
        "bias_std": bias_std,
        "nonlinearity": nonlinearity,
    }
    for drawn, closed in zip(map(np.asarray, samples), (kernels.nngp, kernels.ntk)):
        standard_error = drawn.std(axis=0, ddof=1) / np.sqrt(draws)
        deviation = np.abs(drawn.mean(axis=0) - closed(x, **settings))
        assert (deviation < 4 * standard_error).all()


def test_ntk_of_depth_one_by_hand():
    """Orthogonal unit vectors without biases: Σ₁ = 1/2πd and Θ₁ = Σ₁ off the diagonal."""
    x = np.eye(2)
    expected = np.array([[0.5, 1 / (2 * np.pi)], [1 / (2 * np.pi), 0.5]]) / 2
    np.testing.assert_allclose(kernels.nngp(x, hidden_layers=1, bias_std=0.0), expected)
    tangent = expected + np.eye(2) * 0.5 / 2
    np.testing.assert_allclose(kernels.ntk(x, hidden_layers=1, bias_std=0.0), tangent)


def test_no_hidden_layer_is_linear():
    linear = 4 * POINTS @ OTHERS.T / 12 + 9
    np.testing.assert_allclose(
        kernels.ntk(POINTS, OTHERS, hidden_layers=0, weight_std=2.0, bias_std=3.0), linear
    )


def test_a_network_as_a_kernel_of_its_own():
    how = {"hidden_layers": 2, "weight_std": 1.5, "bias_std": 0.5, "nonlinearity": "erf"}
    for other in (None, OTHERS):
        found = kernels.DenseNtk(**how)(POINTS, other)
        assert isinstance(found, np.ndarray)
        np.testing.assert_array_equal(found, kernels.ntk(POINTS, other, **how))


@pytest.mark.parametrize("kernel", [kernels.nngp, kernels.ntk])
def test_batches_and_invariance(kernel):
    images = generator.random((2, 3, 6, 6))
    turned = orbits.quarter_turns(images).reshape(2, 12, 36)
    grams = np.asarray(kernel(turned, hidden_layers=2))
    np.testing.assert_allclose(grams[1], kernel(turned[1], hidden_layers=2), rtol=1e-12)
    blocks = grams.reshape(2, 3, 4, 3, 4)
    shifted = np.roll(blocks, (1, 1), axis=(2, 4))
    np.testing.assert_allclose(blocks, shifted, rtol=1e-12)
    assert (np.linalg.eigvalsh(grams) > 0).all()


def test_coincident_points_have_angle_zero():
    x = np.repeat(POINTS[:1], 3, axis=0)
    gram = np.asarray(kernels.ntk(x, hidden_layers=3))
    np.testing.assert_allclose(gram, gram[0, 0], rtol=1e-14)


@pytest.mark.parametrize("scale", [1.0, 28.0, 1e3])
def test_invariance_does_not_suffer_from_many_features(scale):
    images = scale * orbits.normalize(generator.random((4, 28, 28)))
    turned = orbits.quarter_turns(images).reshape(16, 784)
    blocks = np.asarray(kernels.ntk(turned, hidden_layers=1)).reshape(4, 4, 4, 4)
    np.testing.assert_allclose(blocks, np.roll(blocks, (1, 1), axis=(1, 3)), rtol=1e-12)


def test_rbf():
    squared = np.square(POINTS[:, None] - OTHERS).sum(-1)
    np.testing.assert_allclose(
        kernels.rbf(POINTS, OTHERS, inverse_length=0.3), np.exp(-0.09 * squared), rtol=1e-12
    )
    np.testing.assert_allclose(np.diag(kernels.rbf(POINTS, inverse_length=2.0)), 1, atol=1e-12)


def test_refuses_half_a_layer_and_infinite_points(untyped):
    with pytest.raises(ValueError, match=r"got 1\.5"):
        kernels.nngp(POINTS, hidden_layers=1.5)
    with pytest.raises(ValueError, match="finite"):
        kernels.ntk(POINTS * np.inf, hidden_layers=1)


def test_float32_mode_is_refused():
    jax.config.update("jax_enable_x64", False)
    try:
        with pytest.raises(ValueError, match="JAX must compute in float64"):
            kernels.ntk(POINTS, hidden_layers=1)
    finally:
        jax.config.update("jax_enable_x64", True)


@pytest.mark.parametrize("correlation", [1.0, 1 - 1e-15, 1 - 1e-9, 0.3, 0.0, -0.7, -1.0])
def test_relu_expectations_to_rounding(correlation):
    """Against the closed form in fifty digits."""
    import mpmath

    with mpmath.workdps(50):
        angle = mpmath.acos(correlation)
        kappa = (mpmath.sin(angle) + (mpmath.pi - angle) * correlation) / (2 * mpmath.pi)
        kappa_dot = (mpmath.pi - angle) / (2 * mpmath.pi)
        expected = [float(kappa), float(kappa_dot)]
    one = jnp.ones(())
    computed = kernels.EXPECTATIONS["relu"](jnp.asarray(correlation), one, one)[:2]
    # The closed form has a slope without bound at correlation 1, where the angle is snapped.
    slack = 5e-8 if 1 - 1e-14 < correlation < 1 else 1e-15
    np.testing.assert_allclose(computed, expected, atol=slack)


@pytest.mark.parametrize(("covariance", "row", "column"), [(0.4, 1.3, 0.7), (-0.2, 0.5, 2.0)])
def test_erf_expectations_by_quadrature(covariance, row, column):
    nodes, weights = np.polynomial.hermite_e.hermegauss(80)
    weights = np.outer(weights, weights) / (2 * np.pi)
    u = row**0.5 * nodes[:, None]
    v = covariance / row**0.5 * nodes[:, None] + (column - covariance**2 / row) ** 0.5 * nodes
    kappa = (weights * scipy.special.erf(u) * scipy.special.erf(v)).sum()
    kappa_dot = (weights * 4 / np.pi * np.exp(-(u**2) - v**2)).sum()
    found = kernels.EXPECTATIONS["erf"](*map(jnp.asarray, (covariance, row, column)))[:2]
    np.testing.assert_allclose(found, [kappa, kappa_dot], rtol=1e-9)


def test_group_averaged_kernel_of_flat_points():
    kernel = functools.partial(kernels.rbf, inverse_length=0.3)
    turned, other = generator.normal(size=(2, 4, 3)), generator.normal(size=(3, 4, 3))
    expected = [[np.mean(kernel(one, two)) for two in other] for one in turned]
    np.testing.assert_allclose(kernels.group_averaged(kernel, turned, other), expected)


def test_group_averaged_kernel_is_blind_to_the_group():
    images = generator.normal(size=(3, 4, 4))
    turned = orbits.quarter_turns(images)

    def kernel(x, other):
        flat, flat_other = (p.reshape(len(p), -1) for p in (x, other))
        return kernels.ntk(flat, flat_other, hidden_layers=1)

    gram = kernels.group_averaged(kernel, turned)
    every = np.array([[[kernel(turned[:, g], turned[:, h])] for g in range(4)] for h in range(4)])
    np.testing.assert_allclose(gram, every.mean(axis=(0, 1, 2)), rtol=1e-12)
    moved = kernels.group_averaged(kernel, orbits.quarter_turns(np.rot90(images, axes=(1, 2))))
    np.testing.assert_allclose(moved, gram, rtol=1e-12)
    cross = kernels.group_averaged(kernel, turned[:1], turned[1:])
    np.testing.assert_allclose(cross, gram[:1, 1:], rtol=1e-12)


@pytest.mark.parametrize("block_size", [1, 3, 7, 100])
def test_streamed_gram_is_the_gram(tmp_path, block_size):
    def kernel(x, other):
        return kernels.ntk(x, other, hidden_layers=2)

    out = np.lib.format.open_memmap(tmp_path / "gram.npy", "w+", np.float64, (7, 7))
    streaming.streamed_gram(kernel, POINTS, out=out, block_size=block_size)
    np.testing.assert_allclose(out, kernel(POINTS, POINTS), rtol=1e-12)
    np.testing.assert_allclose(streaming.streamed_gram(kernel, POINTS), out, rtol=1e-12)


@pytest.mark.usefixtures("untyped")
def test_streamed_and_averaged_refuse_bad_input():
    def kernel(x, other):
        return kernels.ntk(x, other, hidden_layers=1)

    with pytest.raises(ValueError, match="out must be float64"):
        streaming.streamed_gram(kernel, POINTS, out=np.empty((7, 6)))
    with pytest.raises(ValueError, match="block_size must be"):
        streaming.streamed_gram(kernel, POINTS, block_size=0)
    with pytest.raises(ValueError, match="every g on the second axis"):
        kernels.group_averaged(kernel, POINTS)


def test_distance_is_the_distance():
    gram = kernels.distance(POINTS, OTHERS, constant=3.0)
    for p, q in np.ndindex(gram.shape):
        assert gram[p, q] == pytest.approx(3 - np.linalg.norm(POINTS[p] - OTHERS[q]))
    batch = kernels.distance(np.stack([POINTS, 2 * POINTS]), constant=30.0)
    assert (np.diagonal(batch, axis1=1, axis2=2) == 30).all()
    assert (np.linalg.eigvalsh(batch) > 0).all()


@pytest.mark.parametrize("constant", [0.0, -1.0, np.nan])
def test_distance_needs_a_positive_constant(constant):
    with pytest.raises(ValueError, match="constant must be a finite number > 0"):
        kernels.distance(POINTS, constant=constant)


def test_rbf_far_from_the_origin():
    near = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 0.5]])
    for centre in (1e8, [-3e7, 5e7]):
        far = kernels.rbf(near + centre, inverse_length=1.3)
        np.testing.assert_allclose(far, kernels.rbf(near, inverse_length=1.3), rtol=1e-12)
    assert (np.diagonal(far) == 1).all()


def test_refuses_more_layers_than_float64_can_follow():
    """Against the recursion in arithmetic of 80 digits, at the largest depth that is taken."""
    import mpmath

    points = np.random.default_rng(0).normal(size=(4, 784)) / 28
    deepest = 15
    ours = np.asarray(kernels.ntk(points, hidden_layers=deepest))
    with pytest.raises(ValueError, match="hidden_layers must be so few"):
        kernels.ntk(points, hidden_layers=deepest + 8)
    with mpmath.workdps(80):
        x = [[mpmath.mpf(float(v)) for v in row] for row in points]

        def inner(a, b):
            return mpmath.fsum(u * v for u, v in zip(a, b)) / 784 + 1

        def exact(a, b):
            cross, first, second = inner(a, b), inner(a, a), inner(b, b)
            theta = cross
            for _ in range(deepest):
                root = mpmath.sqrt(first * second)
                angle = mpmath.acos(min(cross / root, mpmath.mpf(1)))
                kappa = root * (mpmath.sin(angle) + (mpmath.pi - angle) * mpmath.cos(angle))
                cross = kappa / (2 * mpmath.pi) + 1
                first, second = first / 2 + 1, second / 2 + 1
                theta = cross + (mpmath.pi - angle) / (2 * mpmath.pi) * theta
            return theta

        top = exact(x[0], x[0])
        for other in range(1, 4):
            expected = float(top - exact(x[0], x[other]))
            assert ours[0, 0] - ours[0, other] == pytest.approx(expected, rel=1e-5)


def test_one_point_has_a_kernel_at_any_depth():
    assert np.isfinite(kernels.ntk(np.ones((1, 3)), hidden_layers=60)).all()


def test_refuses_inputs_that_erf_saturates_on():
    points = np.random.default_rng(0).normal(size=(3, 5))
    kernels.ntk(1e3 * points, hidden_layers=1, nonlinearity="erf")
    with pytest.raises(ValueError, match="must be of moderate size for erf"):
        kernels.ntk(1e6 * points, hidden_layers=1, nonlinearity="erf")
    kernels.ntk(1e6 * points, hidden_layers=0, nonlinearity="erf")


@pytest.mark.parametrize("nonlinearity", ["relu", "erf"])
@pytest.mark.parametrize("kernel", [kernels.nngp, kernels.ntk])
def test_two_sets_of_points_are_a_block_of_both(kernel, nonlinearity):
    x, other = np.random.default_rng(0).normal(size=(2, 4, 6))
    settings = {"hidden_layers": 2, "nonlinearity": nonlinearity, "bias_std": 0.3}
    both = kernel(np.concatenate([x, other]), **settings)
    np.testing.assert_allclose(kernel(x, other, **settings), both[:4, 4:], rtol=1e-12)


def test_nngp_of_two_layers_of_erf_by_hand():
    x = np.random.default_rng(0).normal(size=(5, 3))
    sigma = 1.2**2 * x @ x.T / 3 + 0.4**2
    for _ in range(2):
        scale = 1 + 2 * np.diag(sigma)
        sigma = 2 / np.pi * np.arcsin(2 * sigma / np.sqrt(np.outer(scale, scale)))
        sigma = 1.2**2 * sigma + 0.4**2
    found = kernels.nngp(x, hidden_layers=2, nonlinearity="erf", weight_std=1.2, bias_std=0.4)
    np.testing.assert_allclose(found, sigma, rtol=1e-12)
