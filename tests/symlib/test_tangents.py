"""The door to neural-tangents, in a fresh process where what it leaves behind matters."""

import subprocess
import sys

import jax
import numpy as np
import pytest
import scipy.linalg

from symlib import finite, kernels, tangents

POINTS = np.random.default_rng(0).normal(size=(4, 6))
IMAGES = np.random.default_rng(1).normal(size=(3, 6, 6, 1))


def architectures():
    stax = tangents.load().stax
    dense, conv = stax.Dense(16), stax.Conv(8, (3, 3), padding="CIRCULAR")
    branch = stax.serial(stax.Relu(), stax.Dense(16))
    return {
        "relu": (POINTS, [dense, stax.Relu(), stax.Dense(1)]),
        "erf": (POINTS, [dense, stax.Erf(), stax.Dense(1)]),
        "gelu": (POINTS, [dense, stax.Gelu(), stax.Dense(1)]),
        "layer norm": (POINTS, [dense, stax.LayerNorm(), stax.Relu(), stax.Dense(1)]),
        "residual": (
            POINTS,
            [
                dense,
                stax.FanOut(2),
                stax.parallel(branch, stax.Identity()),
                stax.FanInSum(),
                stax.Dense(1),
            ],
        ),
        "attention": (
            IMAGES,
            [conv, stax.GlobalSelfAttention(1, 1, 1, 1, True), stax.Flatten(), stax.Dense(1)],
        ),
        "pooled convolution": (IMAGES, [conv, stax.Relu(), stax.GlobalAvgPool(), stax.Dense(1)]),
        "flat convolution": (IMAGES, [conv, stax.Relu(), stax.Flatten(), stax.Dense(1)]),
    }


@pytest.mark.slow
@pytest.mark.parametrize("get", ["ntk", "nngp"])
@pytest.mark.parametrize("name", architectures())
def test_kernels_are_positive_definite_grams(name, get):
    x, layers = architectures()[name]
    kernel_fn = tangents.load().stax.serial(*layers)[2]
    gram = tangents.gram(kernel_fn, x, get=get)
    assert gram.shape == (len(x), len(x))
    np.testing.assert_allclose(gram, gram.T, rtol=1e-12)
    assert np.linalg.eigvalsh(gram)[0] > -1e-12 * np.abs(gram).max()
    np.testing.assert_allclose(tangents.gram(kernel_fn, x, x[:2], get=get), gram[:, :2], rtol=1e-8)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["relu", "erf", "pooled convolution"])
def test_kernel_is_the_mean_of_empirical_ones(name):
    """Wide random networks, each estimate within four of its own standard errors."""
    nt = tangents.load()
    stax = nt.stax
    x, _ = architectures()[name]
    nonlinearity = stax.Erf() if name == "erf" else stax.Relu()
    width, draws = 256, 60
    if x.ndim == 4:
        layers = [stax.Conv(width, (3, 3), padding="CIRCULAR"), nonlinearity, stax.GlobalAvgPool()]
    else:
        layers = [stax.Dense(width), nonlinearity]
    init_fn, apply_fn, kernel_fn = stax.serial(*layers, stax.Dense(1))
    empirical = jax.jit(nt.empirical_ntk_fn(apply_fn))
    samples = np.stack(
        [
            empirical(x, None, init_fn(key, x.shape)[1])
            for key in jax.random.split(jax.random.PRNGKey(0), draws)
        ]
    )
    standard_error = samples.std(axis=0, ddof=1) / np.sqrt(draws)
    deviation = np.abs(samples.mean(axis=0) - tangents.gram(kernel_fn, x))
    assert (deviation < 4 * standard_error).all()


@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_largest_learning_rate_is_where_descent_begins_to_diverge(momentum):
    points = 5
    kernel = np.cov(np.random.default_rng(2).normal(size=(points, 9)))
    rate = tangents.load().predict.max_learning_rate(kernel, momentum=momentum, eps=0.0)
    step = np.eye(points) * (1 + momentum) - rate * kernel / points
    nothing = np.zeros((points, points))
    descent = np.block([[step, -momentum * np.eye(points)], [np.eye(points), nothing]])
    assert np.abs(np.linalg.eigvals(descent)).max() == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize("way", ["STRUCTURED_DERIVATIVES", "AUTO"])
@pytest.mark.parametrize("name", ["relu", "residual", "flat convolution", "pooled patches"])
def test_empirical_kernel_is_the_gram_of_gradients(name, way):
    nt = tangents.load()
    stax = nt.stax
    pooled = [stax.Conv(4, (2, 2)), stax.Erf(), stax.AvgPool((2, 2)), stax.Flatten(), stax.Dense(2)]
    x, layers = (architectures() | {"pooled patches": (IMAGES, pooled)})[name]
    init_fn, apply_fn, _ = stax.serial(*layers)
    _, parameters = init_fn(jax.random.PRNGKey(0), x.shape)
    empirical = nt.empirical_ntk_fn(apply_fn, implementation=nt.NtkImplementation[way])
    expected = finite.empirical_ntk(apply_fn, parameters, x)
    np.testing.assert_allclose(jax.jit(empirical)(x, None, parameters), expected, rtol=1e-9)


def test_masked_pixels_are_as_if_cut_off():
    nt = tangents.load()
    stax = nt.stax
    layers = stax.Conv(8, (1, 1)), stax.Relu(), stax.GlobalAvgPool(), stax.Dense(2)
    init_fn, apply_fn, kernel_fn = stax.serial(*layers)
    cut = IMAGES[:, :4]
    masked = np.concatenate([cut, np.full_like(IMAGES[:, 4:], 100.0)], axis=1)
    for get in ("ntk", "nngp"):
        found = kernel_fn(masked, None, get, mask_constant=100.0)
        np.testing.assert_allclose(found, kernel_fn(cut, None, get), rtol=1e-9)

    _, parameters = init_fn(jax.random.PRNGKey(0), cut.shape)
    way = nt.NtkImplementation.STRUCTURED_DERIVATIVES
    empirical = nt.empirical_ntk_fn(apply_fn, implementation=way)
    found = empirical(masked, None, parameters, mask_constant=100.0).masked_value
    np.testing.assert_allclose(found, finite.empirical_ntk(apply_fn, parameters, cut), rtol=1e-9)


def test_training_of_many_networks_at_once():
    """Gradient flow of each, with its own kernel, inside of one ``vmap``."""
    nt = tangents.load()
    generator, time, draws = np.random.default_rng(3), 2.0, 3
    roots = generator.normal(size=(draws, 6, 8))
    grams = roots @ roots.swapaxes(1, 2)
    before = generator.normal(size=(draws, 6, 1))
    labels = np.array([[1.0], [-1.0], [1.0], [-1.0]])

    def train(gram, start):
        flow = nt.predict.gradient_descent_mse(gram[:4, :4], labels)
        return flow(time, start[:4], start[4:], gram[4:, :4])

    seen, unseen = jax.vmap(train)(grams, before)
    for gram, start, on_train, on_test in zip(grams, before, seen, unseen):
        left = scipy.linalg.expm(-time * gram[:4, :4] / labels.size) @ (start[:4] - labels)
        np.testing.assert_allclose(on_train, labels + left, rtol=1e-8, atol=1e-10)
        weights = np.linalg.solve(gram[:4, :4], labels + left - start[:4])
        np.testing.assert_allclose(on_test, start[4:] + gram[4:, :4] @ weights, rtol=1e-8)


def test_mean_and_covariance_of_trained_networks():
    nt = tangents.load()
    x, other, labels = POINTS[:3], POINTS[3:], np.array([[1.0], [-1.0], [2.0]])
    kernel_fn = nt.stax.serial(nt.stax.Dense(16), nt.stax.Erf(), nt.stax.Dense(1))[2]
    ensemble = nt.predict.gradient_descent_mse_ensemble(kernel_fn, x, labels)
    mean, covariance = ensemble(None, other, "ntk", compute_cov=True)

    network = {"hidden_layers": 1, "bias_std": 0.0, "nonlinearity": "erf"}
    ntk, nngp = (np.asarray(f(POINTS, **network)) for f in (kernels.ntk, kernels.nngp))
    weights = np.linalg.solve(ntk[:3, :3], ntk[:3, 3:])
    np.testing.assert_allclose(mean, weights.T @ labels, rtol=1e-9)
    change = np.vstack([-weights, np.eye(1)])  # f(other) after training, of f before it
    np.testing.assert_allclose(covariance, change.T @ nngp @ change, rtol=1e-9)


@pytest.mark.slow
def test_leaves_jax_as_it_was():
    code = """
import sys, jax, jax.extend, jax.flatten_util, jax.example_libraries
from jax.interpreters import ad
before, known = {m: set(dir(m)) for m in (jax, jax.core, ad)}, set(sys.modules)
from symlib import tangents
nt = tangents.load()
assert tangents.load() is nt
assert before == {m: set(dir(m)) for m in (jax, jax.core, ad)}
assert not {"jax.util", "tensorflow"} & (set(sys.modules) - known)
"""
    subprocess.run([sys.executable, "-c", code], check=True, timeout=300)


def test_says_what_to_install(monkeypatch):
    monkeypatch.delitem(sys.modules, "neural_tangents", raising=False)
    monkeypatch.setattr(tangents.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ImportError, match="pip install --no-deps neural-tangents frozendict"):
        tangents.load()


@pytest.mark.usefixtures("untyped")
def test_bad_input():
    with pytest.raises(ValueError, match="get must be 'ntk' or 'nngp', got 'both'"):
        tangents.gram(lambda *_: None, POINTS, get="both")
    with pytest.raises(ValueError, match="float64, got float32"):
        tangents.gram(lambda *_: np.ones((4, 4), "float32"), POINTS)
