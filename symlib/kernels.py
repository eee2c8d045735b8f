r"""Kernels, as Gram matrices: the RBF, and those of infinitely wide ReLU networks.

Networks are in NTK parametrisation, hidden layers z ↦ W relu(z)/√width + b with entries of W of
standard deviation :math:`\sigma_w` and of b of :math:`\sigma_b`, the first reading x/√d. Of
such a network the outputs at initialisation are a Gaussian process with the NNGP kernel
:math:`\Sigma`, and gradient descent follows the NTK :math:`\Theta`.

With :math:`\cos\theta` the correlation :math:`\Sigma(x,x')/\sqrt{\Sigma(x,x)\Sigma(x',x')}`,

.. math::

    \Sigma_0 &= \sigma_w^2\, x\cdot x'/d + \sigma_b^2, \qquad \Theta_0 = \Sigma_0 \\
    \Sigma_{l+1} &= \sigma_w^2\,\tfrac{1}{2\pi}\sqrt{\Sigma_l(x,x)\Sigma_l(x',x')}\,
        (\sin\theta + (\pi-\theta)\cos\theta) + \sigma_b^2 \\
    \Theta_{l+1} &= \Sigma_{l+1} + \sigma_w^2\,\tfrac{1}{2\pi}(\pi-\theta)\,\Theta_l .

Source: Cho and Saul 2009, §2.1 (arc-cosine kernels); Lee et al. 2018; Jacot et al. 2018, Thm 1.

Leading axes are a batch of separate Gram matrices. Computed by JAX in float64.
"""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

__all__ = ["nngp", "ntk", "rbf"]


def rbf(
    x: Float[np.ndarray | Array, "*batch points features"],
    other: Float[np.ndarray | Array, "*batch others features"] | None = None,
    *,
    inverse_length: float,
) -> Float[Array, "*batch points others"]:
    r"""The Gaussian kernel :math:`\exp(-L^2\|x-x'\|^2)`.

    Args:
        x: one point per row.
        other: points to compare with; ``x`` itself by default.
        inverse_length: L, in units of one over distance.

    Raises:
        ValueError: if the inputs are not finite float64, differ in features, or L is not positive.
    """
    x, other = _check_points(x, other)
    _check_positive("inverse_length", inverse_length)
    return _require_finite(_rbf(x, other, inverse_length))


def nngp(
    x: Float[np.ndarray | Array, "*batch points features"],
    other: Float[np.ndarray | Array, "*batch others features"] | None = None,
    *,
    hidden_layers: int,
    weight_std: float = 1.0,
    bias_std: float = 1.0,
) -> Float[Array, "*batch points others"]:
    """The kernel Σ of a Bayesian ReLU network of infinite width. Arguments as in ``ntk``."""
    return _relu_kernels(x, other, hidden_layers, weight_std, bias_std)[0]


def ntk(
    x: Float[np.ndarray | Array, "*batch points features"],
    other: Float[np.ndarray | Array, "*batch others features"] | None = None,
    *,
    hidden_layers: int,
    weight_std: float = 1.0,
    bias_std: float = 1.0,
) -> Float[Array, "*batch points others"]:
    """The kernel Θ that a ReLU network of infinite width follows under gradient descent.

    Args:
        x: one point per row; flatten images first.
        other: points to compare with; ``x`` itself by default.
        hidden_layers: number of ReLU layers, 0 for a linear model.
        weight_std: standard deviation of the weights.
        bias_std: standard deviation of the biases.

    Raises:
        ValueError: if the inputs are not finite float64 or differ in features, a standard
            deviation is negative, or ``hidden_layers`` is not an integer ≥ 0.
    """
    return _relu_kernels(x, other, hidden_layers, weight_std, bias_std)[1]


def _relu_kernels(x, other, hidden_layers, weight_std, bias_std):
    x, other = _check_points(x, other)
    if not isinstance(hidden_layers, int | np.integer) or hidden_layers < 0:
        raise ValueError(
            f"hidden_layers must be an integer ≥ 0, got {hidden_layers!r}; "
            "1 is one ReLU layer between two linear ones"
        )
    _check_positive("weight_std", weight_std)
    if not (np.isfinite(bias_std) and bias_std >= 0):
        raise ValueError(f"bias_std must be finite and ≥ 0, got {bias_std}; 0 is no biases")
    sigma, theta = _relu_recursion(x, other, int(hidden_layers), weight_std**2, bias_std**2)
    return sigma, _require_finite(theta)


@partial(jax.jit, static_argnames="hidden_layers")
def _relu_recursion(x, other, hidden_layers, weight_variance, bias_variance):
    features = x.shape[-1]
    sigma = weight_variance * (x @ jnp.swapaxes(other, -1, -2)) / features + bias_variance
    row = weight_variance * jnp.square(x).sum(-1) / features + bias_variance
    column = weight_variance * jnp.square(other).sum(-1) / features + bias_variance
    theta = sigma
    for _ in range(hidden_layers):
        scale = jnp.sqrt(row[..., :, None] * column[..., None, :])
        cos = sigma / jnp.where(scale > 0, scale, 1)
        # Rounding of a few eps in cos is 1e-8 in the angle, felt where points coincide.
        cos = jnp.where(cos > 1 - 8 * jnp.finfo(cos.dtype).eps, 1, jnp.maximum(cos, -1))
        angle = jnp.arccos(cos)
        sin = jnp.sqrt((1 - cos) * (1 + cos))
        sigma = (
            weight_variance / (2 * jnp.pi) * scale * (sin + (jnp.pi - angle) * cos) + bias_variance
        )
        theta = sigma + weight_variance / (2 * jnp.pi) * (jnp.pi - angle) * theta
        row = weight_variance * row / 2 + bias_variance
        column = weight_variance * column / 2 + bias_variance
    return sigma, theta


@jax.jit
def _rbf(x, other, inverse_length):
    squared = (
        jnp.square(x).sum(-1)[..., :, None]
        + jnp.square(other).sum(-1)[..., None, :]
        - 2 * x @ jnp.swapaxes(other, -1, -2)
    )
    return jnp.exp(-(inverse_length**2) * jnp.maximum(squared, 0))


def _check_points(x, other):
    other = x if other is None else other
    if not jax.config.jax_enable_x64:
        raise ValueError(
            "JAX must compute in float64, and here it computes in float32; call "
            "symlib.notebook.setup() or jax.config.update('jax_enable_x64', True) first"
        )
    for name, points in (("x", x), ("other", other)):
        if points.dtype != np.float64:
            raise ValueError(
                f"{name} must be float64, got {points.dtype}; convert with .astype('float64')"
            )
        if points.ndim < 2 or points.shape[-1] != x.shape[-1] or points.shape[-1] == 0:
            raise ValueError(
                f"{name} must have one point per row and as many features as x, got shapes "
                f"{x.shape} and {other.shape}; flatten images to one axis first"
            )
    return jnp.asarray(x), jnp.asarray(other)


def _require_finite(gram):
    if not bool(jnp.isfinite(gram).all()):
        raise ValueError(
            "x and other must be finite, got NaN, infinity or numbers whose squares overflow; "
            "mend or rescale those points"
        )
    return gram


def _check_positive(name: str, value: float) -> None:
    if not (np.isfinite(value) and value > 0):
        raise ValueError(f"{name} must be finite and > 0, got {value}; 1.0 is the usual choice")
