r"""Kernels, as Gram matrices: the RBF, and those of infinitely wide dense networks.

Networks are in NTK parametrisation, hidden layers z ↦ W φ(z)/√width + b with entries of W of
standard deviation :math:`\sigma_w` and of b of :math:`\sigma_b`, the first reading x/√d. Of
such a network the outputs at initialisation are a Gaussian process with the NNGP kernel
:math:`\Sigma`, and gradient descent follows the NTK :math:`\Theta`:

.. math::

    \Sigma_0 &= \sigma_w^2\, x\cdot x'/d + \sigma_b^2, \qquad \Theta_0 = \Sigma_0 \\
    \Sigma_{l+1} &= \sigma_w^2\, \kappa(\Sigma_l) + \sigma_b^2, \qquad
    \Theta_{l+1} = \Sigma_{l+1} + \sigma_w^2\, \dot\kappa(\Sigma_l)\, \Theta_l

with :math:`\kappa(\Sigma) = E[\phi(u)\phi(u')]` and
:math:`\dot\kappa(\Sigma) = E[\phi'(u)\phi'(u')]` over Gaussian (u, u') of covariance Σ. For ReLU,
with :math:`\cos\theta` the correlation of u and u',

.. math::

    \kappa = \tfrac{1}{2\pi}\sqrt{\Sigma(x,x)\,\Sigma(x',x')}\,
        (\sin\theta + (\pi-\theta)\cos\theta), \qquad
    \dot\kappa = \tfrac{1}{2\pi}(\pi-\theta) ,

and for the error function, with :math:`D = (1 + 2\Sigma(x,x))(1 + 2\Sigma(x',x'))`,

.. math::

    \kappa = \tfrac2\pi \arcsin\big(2\Sigma(x,x')/\sqrt D\big), \qquad
    \dot\kappa = \tfrac4\pi \big(D - 4\Sigma(x,x')^2\big)^{-1/2} .

Source: Cho and Saul 2009, §2.1 (ReLU); Williams 1997 (erf); Lee et al. 2018; Jacot et al. 2018,
Theorem 1.

Leading axes are a batch of separate Gram matrices. Computed by JAX in float64.
"""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

__all__ = ["EXPECTATIONS", "NONLINEARITIES", "nngp", "ntk", "rbf"]


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
    return require_finite(_rbf(x, other, inverse_length))


def nngp(
    x: Float[np.ndarray | Array, "*batch points features"],
    other: Float[np.ndarray | Array, "*batch others features"] | None = None,
    *,
    hidden_layers: int,
    weight_std: float = 1.0,
    bias_std: float = 1.0,
    nonlinearity: str = "relu",
) -> Float[Array, "*batch points others"]:
    """The kernel Σ of a Bayesian network of infinite width. Arguments as in ``ntk``."""
    return _dense_kernels(x, other, hidden_layers, weight_std, bias_std, nonlinearity)[0]


def ntk(
    x: Float[np.ndarray | Array, "*batch points features"],
    other: Float[np.ndarray | Array, "*batch others features"] | None = None,
    *,
    hidden_layers: int,
    weight_std: float = 1.0,
    bias_std: float = 1.0,
    nonlinearity: str = "relu",
) -> Float[Array, "*batch points others"]:
    """The kernel Θ that a network of infinite width follows under gradient descent.

    Args:
        x: one point per row; flatten images first.
        other: points to compare with; ``x`` itself by default.
        hidden_layers: number of nonlinear layers, 0 for a linear model.
        weight_std: standard deviation of the weights.
        bias_std: standard deviation of the biases.
        nonlinearity: φ, one of ``NONLINEARITIES``.

    Raises:
        ValueError: if the inputs are not finite float64 or differ in features, a standard
            deviation is negative, ``hidden_layers`` is not an integer ≥ 0, or there is no such
            nonlinearity.
    """
    return _dense_kernels(x, other, hidden_layers, weight_std, bias_std, nonlinearity)[1]


def _dense_kernels(x, other, hidden_layers, weight_std, bias_std, nonlinearity):
    x, other = _check_points(x, other)
    check_network(hidden_layers, weight_std, bias_std, nonlinearity)
    sigma, theta = _recursion(
        x, other, weight_std**2, bias_std**2, int(hidden_layers), nonlinearity
    )
    return sigma, require_finite(theta)


def check_network(
    hidden_layers: int, weight_std: float, bias_std: float, nonlinearity: str
) -> None:
    """Refuse settings of a network that have no kernel."""
    if not isinstance(hidden_layers, int | np.integer) or hidden_layers < 0:
        raise ValueError(
            f"hidden_layers must be an integer ≥ 0, got {hidden_layers!r}; "
            "1 is one nonlinear layer between two linear ones"
        )
    if nonlinearity not in NONLINEARITIES:
        raise ValueError(
            f"nonlinearity must be one of {NONLINEARITIES}, got {nonlinearity!r}; "
            "symlib.tangents opens neural-tangents for others"
        )
    _check_positive("weight_std", weight_std)
    if not (np.isfinite(bias_std) and bias_std >= 0):
        raise ValueError(f"bias_std must be finite and ≥ 0, got {bias_std}; 0 is no biases")


@partial(jax.jit, static_argnames=("hidden_layers", "nonlinearity"))
def _recursion(x, other, weight_variance, bias_variance, hidden_layers, nonlinearity):
    expectations = EXPECTATIONS[nonlinearity]

    def layer(covariance):
        return weight_variance * covariance + bias_variance

    features = x.shape[-1]
    sigma = layer(x @ jnp.swapaxes(other, -1, -2) / features)
    row = layer(jnp.square(x).sum(-1) / features)[..., :, None]  # Σ(x, x)
    column = layer(jnp.square(other).sum(-1) / features)[..., None, :]  # Σ(x', x')
    theta = sigma
    for _ in range(hidden_layers):
        kappa, kappa_dot, row, column = expectations(sigma, row, column)
        sigma, row, column = layer(kappa), layer(row), layer(column)
        theta = sigma + weight_variance * kappa_dot * theta
    return sigma, theta


def _relu_expectations(sigma, row, column):
    """κ and κ̇ of ReLU, and κ on the two diagonals."""
    scale = jnp.sqrt(row * column)
    cos = sigma / jnp.where(scale > 0, scale, 1)
    # A sum over many features rounds cos by tens of eps: 1e-7 in the angle where points coincide.
    cos = jnp.where(cos > 1 - 64 * jnp.finfo(cos.dtype).eps, 1, jnp.maximum(cos, -1))
    angle = jnp.arccos(cos)
    sin = jnp.sqrt((1 - cos) * (1 + cos))
    kappa_dot = (jnp.pi - angle) / (2 * jnp.pi)
    return scale * (sin / (2 * jnp.pi) + kappa_dot * cos), kappa_dot, row / 2, column / 2


def _erf_expectations(sigma, row, column):
    """κ and κ̇ of the error function, and κ on the two diagonals."""
    product = (1 + 2 * row) * (1 + 2 * column)  # D
    kappa = 2 / jnp.pi * jnp.arcsin(2 * sigma / jnp.sqrt(product))
    kappa_dot = 4 / jnp.pi / jnp.sqrt(product - 4 * sigma**2)
    row, column = (2 / jnp.pi * jnp.arcsin(2 * d / (1 + 2 * d)) for d in (row, column))
    return kappa, kappa_dot, row, column


#: By nonlinearity: from Σ(x, x'), Σ(x, x) and Σ(x', x'), which broadcast together, to κ and κ̇ of
#: the first and κ of the other two.
EXPECTATIONS = {"relu": _relu_expectations, "erf": _erf_expectations}
NONLINEARITIES = tuple(EXPECTATIONS)


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
    require_x64()
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


def require_x64() -> None:
    """Refuse to go on while JAX rounds everything to float32."""
    if not jax.config.read("jax_enable_x64"):
        raise ValueError(
            "JAX must compute in float64, and here it computes in float32; call "
            "symlib.notebook.setup() or jax.config.update('jax_enable_x64', True) first"
        )


def require_finite(gram: Array) -> Array:
    """The Gram matrix, unless an input made it overflow or not a number."""
    if not bool(jnp.isfinite(gram).all()):
        raise ValueError(
            "x and other must be finite, got NaN, infinity or numbers whose squares overflow; "
            "mend or rescale those points"
        )
    return gram


def _check_positive(name: str, value: float) -> None:
    if not (np.isfinite(value) and value > 0):
        raise ValueError(f"{name} must be finite and > 0, got {value}; 1.0 is the usual choice")
