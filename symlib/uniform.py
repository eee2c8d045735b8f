r"""ReLU networks in NTK parametrisation whose parameters are drawn uniformly, and their kernel.

Weights and biases of layer l are uniform on ±``bounds[l]``, the readout's last; z ↦ W φ(z)/√m + b
is ``finite.dense`` with standard deviations 1. A unit of a hidden layer with bound c reads u + b, b
uniform and, where what it reads is wide, u Gaussian over units. Where always |u| < c, with
p = E[uu'] and δ² = E[(u - u')²],

.. math:: E[\phi\phi'] = \frac{c^2}{6} + \frac p2 + \sqrt{\frac2\pi}\frac{\delta^3}{12c},
    \qquad E[\phi'\phi'] = \frac12 - \sqrt{\frac2\pi}\frac{\delta}{4c} .

The parameters trained are W and b as drawn, with no factor in front, and the next layer's W has the
variance v, a third of its bound squared. So the NTK becomes
:math:`\Theta \leftarrow E[\phi\phi'] + 1 + v\, E[\phi'\phi']\, \Theta`, the covariance
:math:`p \leftarrow v\, E[\phi\phi']`, and the distance by itself, lest it be lost in rounding,

.. math:: \delta^2 \leftarrow v \Big(\frac{\delta^2}2 - \sqrt{\frac2\pi}\frac{\delta^3}{6c}\Big) .

With one hidden layer it is a constant, a multiple of x·x' and minus a multiple of ‖x - x'‖.

Source: the integral over b, then Gaussian moments of u + u' and u - u'; the recursion of Jacot et
al. 2018, Theorem 1.
"""

from collections.abc import Sequence

import jax
import numpy as np
from jaxtyping import Array, Float
from scipy.spatial.distance import pdist, squareform

__all__ = ["ntk", "parameters"]


def parameters(
    key: Array, widths: Sequence[int], bounds: Sequence[float]
) -> list[tuple[Array, Array]]:
    """Parameters for ``finite.dense(widths)``, one pair (W, b) a layer.

    Raises:
        ValueError: if there is not one bound a layer.
    """
    if len(bounds) != len(widths) - 1:
        raise ValueError(
            f"bounds must hold one number for each of the {len(widths) - 1} layers, got "
            f"{len(bounds)}; the readout is a layer, too"
        )
    keys = jax.random.split(key, 2 * len(bounds)).reshape(-1, 2)
    return [
        (
            jax.random.uniform(weight, (before, after), minval=-bound, maxval=bound),
            jax.random.uniform(bias, (after,), minval=-bound, maxval=bound),
        )
        for (weight, bias), bound, before, after in zip(keys, bounds, widths, widths[1:])
    ]


def ntk(
    x: Float[np.ndarray, "points features"], *, bounds: Sequence[float]
) -> Float[np.ndarray, "points points"]:
    """The kernel that wide networks with these parameters follow under gradient descent.

    Args:
        x: one point per row, of many features, so that sums of uniform weights are Gaussian.
        bounds: of each layer, the readout last, as (1/√512, 1) for one hidden layer.

    Raises:
        ValueError: if a bound is less than four standard deviations of u, so that |u| < c fails.
    """
    features = x.shape[1]
    variances = np.square(bounds) / 3
    theta = x @ x.T / features + 1
    covariance = variances[0] * (theta - 1)
    squared = variances[0] * squareform(pdist(x, "sqeuclidean")) / features
    for bound, variance in zip(bounds, variances[1:]):
        deviation = np.sqrt(np.diagonal(covariance).max())
        if bound < 4 * deviation:
            raise ValueError(
                f"bounds must be four times the standard deviation {deviation:.2g} of what a "
                f"layer's weights read, got {bound:.2g}; scale x, or the bound before, down"
            )
        relative = np.sqrt(2 * squared / np.pi) / bound
        kappa = bound**2 / 6 + covariance / 2 + relative * squared / 12
        theta = kappa + 1 + variance * (1 / 2 - relative / 4) * theta
        covariance, squared = variance * kappa, variance * squared * (1 / 2 - relative / 6)
    return theta
