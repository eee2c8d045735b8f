"""The door to neural-tangents, in a fresh process where what it leaves behind matters."""

import subprocess
import sys

import jax
import numpy as np
import pytest

from symlib import tangents

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


def test_leaves_jax_as_it_was():
    code = """
import sys, jax, jax.extend, jax.flatten_util, jax.example_libraries
from jax.interpreters import ad
before = {m: set(dir(m)) for m in (jax, jax.core, ad)}
from symlib import tangents
nt = tangents.load()
assert tangents.load() is nt
assert before == {m: set(dir(m)) for m in (jax, jax.core, ad)}
assert "jax.util" not in sys.modules and "tensorflow" not in sys.modules
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
