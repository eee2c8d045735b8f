"""Finite networks: their gradients' Gram matrix against its definition and its limit."""

import jax
import numpy as np
import pytest
from jax.flatten_util import ravel_pytree

from symlib import finite, kernels, regression, uniform

X = np.random.default_rng(0).normal(size=(5, 4))
OTHER = np.random.default_rng(1).normal(size=(3, 4))


@pytest.mark.slow
@pytest.mark.parametrize("nonlinearity", kernels.NONLINEARITIES)
@pytest.mark.parametrize("hidden", [(), (6,), (6, 7)])
def test_empirical_ntk_is_the_gram_matrix_of_the_gradients(hidden, nonlinearity):
    """By central differences, one parameter at a time."""
    init, apply = finite.dense((4, *hidden, 2), bias_std=0.5, nonlinearity=nonlinearity)
    parameters = init(jax.random.key(0))
    flat, restore = ravel_pytree(parameters)
    step = 1e-6

    @jax.jit
    def slope(unit):
        ahead, behind = (apply(restore(flat + d * unit), X) for d in (step, -step))
        return (ahead - behind) / (2 * step)

    slopes = [slope(unit) for unit in np.eye(len(flat))]
    expected = np.einsum("pio,pjo->ij", slopes, slopes) / 2
    np.testing.assert_allclose(finite.empirical_ntk(apply, parameters, X), expected, rtol=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("nonlinearity", kernels.NONLINEARITIES)
def test_mean_over_networks_tends_to_the_ntk(nonlinearity):
    settings = {"weight_std": 1.3, "bias_std": 0.5, "nonlinearity": nonlinearity}
    init, apply = finite.dense((4, 400, 400, 1), **settings)
    drawn = np.array(
        [
            finite.empirical_ntk(apply, init(key), X[:3])
            for key in jax.random.split(jax.random.key(0), 40)
        ]
    )
    error = drawn.std(axis=0, ddof=1) / np.sqrt(len(drawn))
    expected = np.asarray(kernels.ntk(X[:3], hidden_layers=2, **settings))
    # Depth brings a bias of order one over the width, besides the error of the mean.
    assert (np.abs(drawn.mean(axis=0) - expected) < 4 * error + 2 * expected.max() / 400).all()


@pytest.mark.parametrize("block_size", [1, 2, 100])
def test_blocks_do_not_matter(block_size):
    init, apply = finite.dense((4, 8, 1))
    parameters = init(jax.random.key(1))
    whole = finite.empirical_ntk(apply, parameters, np.concatenate([X, OTHER]))
    blocks = finite.empirical_ntk(apply, parameters, X, OTHER, block_size=block_size)
    np.testing.assert_allclose(blocks, whole[:5, 5:], rtol=1e-12)
    own = finite.empirical_ntk(apply, parameters, X, block_size=block_size)
    np.testing.assert_allclose(own, whole[:5, :5], rtol=1e-12)
    assert np.linalg.eigvalsh(own)[0] > -1e-12


def test_torch_and_jax_agree():
    torch = pytest.importorskip("torch")
    init, apply = finite.dense((4, 8, 1))
    parameters = init(jax.random.key(0))

    class SameNetwork(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.parts = torch.nn.ParameterList(
                torch.tensor(np.asarray(a)) for layer in parameters for a in layer
            )

        def forward(self, x):
            first, bias, last, last_bias = self.parts
            hidden = torch.relu(x @ first / 4**0.5 + bias)
            return hidden @ last / 8**0.5 + last_bias

    ours = finite.torch_empirical_ntk(SameNetwork(), torch.tensor(X), torch.tensor(OTHER))
    np.testing.assert_allclose(ours, finite.empirical_ntk(apply, parameters, X, OTHER), rtol=1e-12)


def test_torch_leaves_frozen_parameters_out():
    torch = pytest.importorskip("torch")
    network = torch.nn.Sequential(torch.nn.Linear(4, 3), torch.nn.Linear(3, 1)).double()
    network[0].requires_grad_(False)
    hidden = np.c_[network[0](torch.tensor(X)).numpy(), np.ones(5)]  # features and bias of the last
    gram = finite.torch_empirical_ntk(network, torch.tensor(X))
    np.testing.assert_allclose(gram, hidden @ hidden.T, rtol=1e-10)


@pytest.mark.slow
@pytest.mark.parametrize("width", [4, 16, 64])
@pytest.mark.parametrize("bias_std", [0.0, 1.0])
def test_second_derivative_keeps_within_its_bound(width, bias_std):
    """One smooth hidden layer: the norm falls like 1/√m, as in the chapter on training."""
    init, apply = finite.dense((4, width, 1), bias_std=bias_std, nonlinearity="erf")
    slope, curvature = 2 / np.pi**0.5, (8 / (np.pi * np.e)) ** 0.5  # max |φ'|, max |φ''|
    restore = ravel_pytree(init(jax.random.key(0)))[1]
    hessian = jax.jit(jax.hessian(lambda flat: apply(restore(flat), X[:1])[0, 0]))
    for seed in range(5):
        parameters = init(jax.random.key(seed))
        variance = X[0] @ X[0] / 4 + bias_std**2  # Σ₀(x, x)
        largest = np.abs(parameters[1][0]).max()
        bound = (curvature * variance * largest + slope * variance**0.5) / width**0.5
        eigenvalues = np.linalg.eigvalsh(hessian(ravel_pytree(parameters)[0]))
        assert np.abs(eigenvalues).max() <= bound


@pytest.mark.slow
def test_entries_scatter_by_one_over_the_root_of_the_width():
    """One hidden layer: the mean is the limit at every width, m times the variance constant."""
    expected = np.asarray(kernels.ntk(X[:2], hidden_layers=1))
    scaled = []
    for width in (8, 32):
        init, apply = finite.dense((4, width, 1))
        one = jax.jit(lambda key, i=init, a=apply: _of_two(a, i(key)))
        keys = jax.random.split(jax.random.key(width), 4000)
        drawn = np.asarray(jax.lax.map(one, keys, batch_size=500))
        error = drawn.std(axis=0, ddof=1) / len(drawn) ** 0.5
        assert (np.abs(drawn.mean(axis=0) - expected) < 4 * error).all()
        scaled.append(width * drawn.var(axis=0))
    np.testing.assert_allclose(scaled[0], scaled[1], rtol=0.25)


def _of_two(apply, parameters):
    jacobian = jax.jacrev(lambda p: apply(p, X[:2])[:, 0])(parameters)
    return sum(jax.numpy.einsum("p...,q...->pq", leaf, leaf) for leaf in jax.tree.leaves(jacobian))


@pytest.mark.slow
@pytest.mark.parametrize("length", [1.0, 28.0])
def test_depth_moves_correlations_by_the_bias(length):
    """Two inputs, 1 − c after 16 layers: biases, not depth alone, decide; NNGP and NTK differ."""
    x = np.zeros((2, 784))
    x[0, 0] = x[1, 1] = length

    def gap(kernel, layers, **stds):
        gram = np.asarray(kernel(x, hidden_layers=layers, **stds))
        return 1 - gram[0, 1] / np.sqrt(gram[0, 0] * gram[1, 1])

    critical = {"weight_std": 2**0.5, "bias_std": 0.0}
    assert 0.05 < gap(kernels.nngp, 16, **critical) < 0.1
    assert 0.6 < gap(kernels.ntk, 16, **critical) < 0.75
    ordered = {"weight_std": 1.0, "bias_std": 1.0}
    halved = gap(kernels.nngp, 12, **ordered) / gap(kernels.nngp, 8, **ordered)
    np.testing.assert_allclose(halved, 2.0**-4, rtol=0.05)
    first = gap(kernels.nngp, 1, **ordered)
    assert (first < 1e-3) if length == 1 else (first > 0.1)


def _on_a_sphere(count):
    points = np.random.default_rng(0).normal(size=(count, 16))
    return points / np.linalg.norm(points, axis=1, keepdims=True)


DESCENT = {"learning_rate": 0.5, "momentum": 0.95}


@pytest.mark.slow
def test_wide_networks_regress_with_their_own_kernel():
    """By gradient descent on f - f₀, from weights that do not shrink as the width grows."""
    points, labels, kept = _on_a_sphere(5), np.array([1.0, 1.0, -1.0, -1.0, 1.0]), np.arange(1, 5)
    limit = regression.refit(uniform.ntk(points, bounds=(1.0, 1.0)), labels, [0], ridge=0.0)
    away = {}
    for width in (64, 8192):
        widths = (16, width, 1)
        _, apply = finite.dense(widths)
        for key in jax.random.split(jax.random.key(0), 4):
            start = uniform.parameters(key, widths, (1.0, 1.0))
            first = apply(start, points)[:, 0]
            _, outputs = finite.train(
                apply, start, points, first + labels, kept, steps=3000, **DESCENT
            )
            residual = np.asarray(first + labels - outputs)
            assert np.abs(residual[kept]).max() < 1e-3
            gram = np.asarray(finite.empirical_ntk(apply, start, points))
            own = regression.refit(gram, labels, [0], ridge=0.0)
            away.setdefault(width, []).append([residual[0] - own[0], residual[0] - limit[0]])
    narrow, wide = (np.sqrt(np.square(each).mean(axis=0)) for each in away.values())
    assert wide[0] < min(0.08, narrow[0] / 3)
    assert wide[1] < min(0.1, narrow[1])


@pytest.mark.slow
def test_a_linearised_network_regresses_with_its_frozen_kernel():
    points, labels, kept = _on_a_sphere(6), np.repeat([1.0, -1.0], 3), np.arange(1, 6)
    _, apply = finite.dense((16, 64, 1))
    start = uniform.parameters(jax.random.key(0), (16, 64, 1), (1.0, 1.0))
    _, outputs = finite.train(
        apply, start, points, labels, kept, steps=20000, linearised=True, **DESCENT
    )
    gram = np.asarray(finite.empirical_ntk(apply, start, points))
    first = np.asarray(apply(start, points))[:, 0]
    expected = regression.refit(gram, labels - first, [0], ridge=0.0)
    np.testing.assert_allclose(labels[0] - outputs[0], expected[0], atol=1e-3)


@pytest.mark.slow
@pytest.mark.parametrize("momentum", [None, 0.9])
def test_training_follows_torch(momentum):
    """Adam, and gradient descent with momentum, for fifty steps from the same parameters."""
    torch = pytest.importorskip("torch")
    points, labels, kept = _on_a_sphere(6), np.repeat([1.0, -1.0], 3), np.array([0, 1, 2, 4, 5])
    init, apply = finite.dense((16, 8, 1))
    start = init(jax.random.key(0))
    end, outputs = finite.train(
        apply, start, points, labels, kept, learning_rate=0.01, steps=50, momentum=momentum
    )
    parameters = [torch.tensor(np.asarray(a), requires_grad=True) for a in jax.tree.leaves(start)]
    optimizer = (
        torch.optim.Adam(parameters, lr=0.01)
        if momentum is None
        else torch.optim.SGD(parameters, lr=0.01, momentum=momentum)
    )
    x, y = torch.tensor(points[kept]), torch.tensor(labels[kept])
    for _ in range(50):
        optimizer.zero_grad()
        first, bias, last, last_bias = parameters
        hidden = torch.relu(x @ first / 4 + bias)
        torch.nn.functional.mse_loss((hidden @ last)[:, 0] / 8**0.5 + last_bias, y).backward()
        optimizer.step()
    for ours, theirs in zip(jax.tree.leaves(end), parameters):
        np.testing.assert_allclose(ours, theirs.detach().numpy(), rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(outputs, apply(end, points)[:, 0])


def test_torch_needs_something_to_train():
    torch = pytest.importorskip("torch")
    with pytest.raises(ValueError, match="parameters that require gradients"):
        finite.torch_empirical_ntk(torch.nn.ReLU(), torch.tensor(X))


@pytest.mark.usefixtures("untyped")
@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: finite.dense((4,)), "widths must be positive integers"),
        (lambda: finite.dense((4, 0, 1)), "widths must be positive integers"),
        (lambda: finite.dense((4, 2, 1), weight_std=-1.0), "weight_std must be"),
        (lambda: finite.dense((4, 2, 1), nonlinearity="tanh"), "nonlinearity must be"),
        (lambda: _gram(X[:0]), "at least one input each"),
        (lambda: _gram(X, block_size=0), "block_size must be"),
        (lambda: _gram(X * np.inf), "gradients must be finite"),
    ],
)
def test_bad_input(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def _gram(x, **options):
    init, apply = finite.dense((4, 2, 1))
    return finite.empirical_ntk(apply, init(jax.random.key(0)), x, **options)
