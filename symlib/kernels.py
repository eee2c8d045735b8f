r"""Kernels, as Gram matrices: RBF, distance, and those of infinitely wide dense networks.

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

from collections.abc import Callable
from functools import partial
from typing import Any, Literal

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float
from numpy.polynomial import chebyshev, polynomial
from pydantic import NonNegativeInt
from scipy.spatial.distance import cdist

from symlib._checks import require_number
from symlib.settings import BiasStd, WeightStd, settings

__all__ = [
    "EXPECTATIONS",
    "NONLINEARITIES",
    "WIDE",
    "DenseNtk",
    "distance",
    "group_averaged",
    "nngp",
    "ntk",
    "rbf",
]

#: How to compile loops over κ on a CPU: XLA fills but half of a 512-bit register unless told to.
WIDE = {"xla_cpu_prefer_vector_width": 512}

_UNROLLED = 8  # layers, which compile one by one; more run in a loop
_APART = 1e-9  # 1 - the correlation of two points, of which six digits are right
_LARGEST_FOR_ERF = 1e7  # Σ(x, x), for which D - 4Σ² has lost as many digits


def require_x64() -> None:
    """Refuse to go on while JAX rounds everything to float32."""
    if not jax.config.read("jax_enable_x64"):
        raise ValueError(
            "JAX must compute in float64, and here it computes in float32; call "
            "symlib.notebook.setup() or jax.config.update('jax_enable_x64', True) first"
        )


def _check_points(x, other):
    other = x if other is None else other
    require_x64()
    for name, points in (("x", x), ("other", other)):
        if getattr(points, "dtype", None) != np.float64 or np.ma.is_masked(points):
            kind = getattr(points, "dtype", type(points).__name__)
            raise ValueError(
                f"{name} must be float64, got {'a mask' if np.ma.is_masked(points) else kind}; "
                "pass an array of float64 without a mask"
            )
        if points.ndim < 2 or points.shape[-1] != x.shape[-1] or points.shape[-1] == 0:
            raise ValueError(
                f"{name} must have one point per row and as many features as x, got shapes "
                f"{x.shape} and {other.shape}; flatten images to one axis first"
            )
    return jnp.asarray(x), jnp.asarray(other)


def require_finite(gram: Any) -> Any:
    """The Gram matrix, unless an input made it overflow or not a number."""
    if not bool(jnp.isfinite(gram).all()):
        raise ValueError(
            "x and other must be finite, got NaN, infinity or numbers whose squares overflow; "
            "mend or rescale those points"
        )
    return gram


def _distances(x, other, metric):
    """Distances from differences, which do not cancel far from the origin."""
    distances = np.empty((*x.shape[:-1], other.shape[-2]))
    for batch in np.ndindex(x.shape[:-2]):
        distances[batch] = cdist(x[batch], other[batch], metric)
    return distances


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
    x, other = (np.asarray(points) for points in _check_points(x, other))
    require_number("inverse_length", inverse_length, "> 0", "1.0 is the usual choice")
    return jnp.exp(-require_finite(inverse_length**2 * _distances(x, other, "sqeuclidean")))


def distance(
    x: Float[np.ndarray | Array, "*batch points features"],
    other: Float[np.ndarray | Array, "*batch others features"] | None = None,
    *,
    constant: float,
) -> Float[np.ndarray, "*batch points others"]:
    r"""The constant minus the Euclidean distance, :math:`C - \|x - x'\|`.

    Positive definite on finitely many distinct points where C is large enough, for the distance
    is conditionally negative definite; then the regression's residuals hardly depend on C.

    Args:
        x: one point per row.
        other: points to compare with; ``x`` itself by default.
        constant: C, in units of distance.

    Raises:
        ValueError: if the inputs are not finite float64, differ in features, or C is not positive.

    Source: Schoenberg 1938.
    """
    x, other = (np.asarray(points) for points in _check_points(x, other))
    require_number("constant", constant, "> 0", "twice the largest distance is plenty")
    return require_finite(constant - _distances(x, other, "euclidean"))


# arccos(c)/√(1 - c) has its nearest singularity at c = -1, so that on [0, 1], with c = (1 + t)/2,
# its Chebyshev series gains a factor 5.8 with every term.
_NODES = chebyshev.chebpts1(21)
_ARCCOS = chebyshev.cheb2poly(
    chebyshev.chebfit(
        _NODES, 2 * np.arcsin(np.sqrt((1 - _NODES) / 4)) / np.sqrt((1 - _NODES) / 2), deg=20
    )
)


def _arccos(cos):
    """The inverse cosine to rounding, as √(1 - |cos|) times a polynomial, and faster than JAX's."""
    angle = polynomial.polyval(2 * jnp.abs(cos) - 1, _ARCCOS) * jnp.sqrt(1 - jnp.abs(cos))
    return jnp.where(cos < 0, jnp.pi - angle, angle)


def _relu_expectations(sigma, row, column):
    """κ and κ̇ of ReLU, and κ on the two diagonals."""
    roots = jnp.sqrt(row), jnp.sqrt(column)
    inverses = (jnp.where(root > 0, 1 / root, 0) for root in roots)
    cos = sigma * next(inverses) * next(inverses)
    # A sum over many features rounds cos by tens of eps: 1e-7 in the angle where points coincide.
    cos = jnp.where(cos > 1 - 64 * jnp.finfo(cos.dtype).eps, 1, jnp.maximum(cos, -1))
    sin = jnp.sqrt((1 - cos) * (1 + cos))
    kappa_dot = (jnp.pi - _arccos(cos)) / (2 * jnp.pi)
    kappa = roots[0] * roots[1] * (sin / (2 * jnp.pi) + kappa_dot * cos)
    return kappa, kappa_dot, row / 2, column / 2


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
    require_number("weight_std", weight_std, "> 0", "1.0 is the usual choice")
    require_number("bias_std", bias_std, "≥ 0", "0 is no biases")


@partial(jax.jit, static_argnames=("hidden_layers", "nonlinearity"), compiler_options=WIDE)
def _recursion(x, other, weight_variance, bias_variance, hidden_layers, nonlinearity):
    expectations = EXPECTATIONS[nonlinearity]

    def layer(covariance):
        return weight_variance * covariance + bias_variance

    features = x.shape[-1]
    sigma = layer(x @ jnp.swapaxes(other, -1, -2) / features)
    row = layer(jnp.square(x).sum(-1) / features)[..., :, None]  # Σ(x, x)
    column = layer(jnp.square(other).sum(-1) / features)[..., None, :]  # Σ(x', x')

    def step(_, state):
        sigma, row, column, theta = state
        kappa, kappa_dot, row, column = expectations(sigma, row, column)
        sigma, row, column = layer(kappa), layer(row), layer(column)
        return sigma, row, column, sigma + weight_variance * kappa_dot * theta

    state = first = sigma, row, column, sigma
    if hidden_layers > _UNROLLED:
        state = jax.lax.fori_loop(0, hidden_layers, step, state)
    else:
        for number in range(hidden_layers):
            state = step(number, state)
    apart = [1 - (s / jnp.sqrt(r * c)).min() for s, r, c, _ in (first, state)]
    return state[0], state[-1], jnp.stack(apart), jnp.maximum(row.max(), column.max())


def _dense_kernels(x, other, hidden_layers, weight_std, bias_std, nonlinearity):
    x, other = _check_points(x, other)
    check_network(hidden_layers, weight_std, bias_std, nonlinearity)
    sigma, theta, apart, size = _recursion(
        x, other, weight_std**2, bias_std**2, int(hidden_layers), nonlinearity
    )
    theta = require_finite(theta)
    if apart[1] < _APART < apart[0]:
        raise ValueError(
            "hidden_layers must be so few that float64 can tell points apart, got "
            f"{hidden_layers}, after which the correlation of the two most different points is "
            f"1 - {apart[1]:.1g}; take fewer layers, or a smaller bias_std"
        )
    if nonlinearity == "erf" and hidden_layers > 0 and size > _LARGEST_FOR_ERF:
        raise ValueError(
            "x and other must be of moderate size for erf, which saturates, got Σ(x, x) = "
            f"{size:.2g}, for which the kernel has fewer than eight right digits; rescale them"
        )
    return sigma, theta


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
            deviation is negative, ``hidden_layers`` is not an integer ≥ 0 or so many that float64
            cannot tell the points apart, or there is no such nonlinearity.
    """
    return _dense_kernels(x, other, hidden_layers, weight_std, bias_std, nonlinearity)[1]


@settings
class DenseNtk:
    """The NTK of a multilayer perceptron of infinite width, as ``kernel(x, other)``."""

    hidden_layers: NonNegativeInt = 1  # of the network
    weight_std: WeightStd = 1.0  # standard deviation of its weights
    bias_std: BiasStd = 1.0  # and of its biases
    nonlinearity: Literal["relu", "erf"] = "relu"  # of its hidden layers

    def __call__(
        self,
        x: Float[np.ndarray, "*batch points features"],
        other: Float[np.ndarray, "*batch others features"] | None = None,
    ) -> Float[np.ndarray, "*batch points others"]:
        """The Gram matrix of ``x``, one point a row, with ``other`` or itself."""
        return np.asarray(ntk(x, other, **vars(self)))


def group_averaged(
    kernel: Callable,
    orbits: Float[np.ndarray | Array, "points elements ..."],
    other: Float[np.ndarray | Array, "others elements ..."] | None = None,
) -> Float[Array, "points others"]:
    r"""The kernel of a network averaged over a group, whose points are whole orbits.

    .. math:: K_G(x, x') = |G|^{-2} \textstyle\sum_{g, h} K(g\cdot x, h\cdot x')

    Both arguments are averaged; for a K with K(g·x, g·x') = K(x, x') the average over one of them
    is the same, as where ``convolutions`` pools over shifts.

    Source: Haasdonk and Burkhardt 2007 (invariant kernels by integration over a group).

    Args:
        kernel: ``kernel(x, other)``, the Gram matrix of the flat lists of points it is given.
        orbits: g·x for every element g of the group, on the second axis.
        other: orbits to compare with; ``orbits`` itself by default.

    Raises:
        ValueError: if the two differ in the order of their group.
    """
    other = orbits if other is None else other
    if orbits.ndim < 3 or other.ndim < 3 or orbits.shape[1:] != other.shape[1:]:
        raise ValueError(
            "orbits and other must have shape (points, elements, ...) with the same elements, got "
            f"{orbits.shape} and {other.shape}; list g·x for every g on the second axis"
        )
    flat, flat_other = (o.reshape(-1, *o.shape[2:]) for o in (orbits, other))
    gram = jnp.asarray(kernel(flat, flat_other))
    return gram.reshape(*orbits.shape[:2], *other.shape[:2]).mean((1, 3))
