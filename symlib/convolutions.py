r"""Kernels of infinitely wide convolutional networks with circular convolutions.

In NTK parametrisation with filters of f × f pixels. Between pixel p of x and pixel p' of x' the
recursion is that of ``kernels``, each layer averaging over the offsets o of the filter:

.. math::

    \Sigma_0(p, p') &= \sigma_w^2\, A[x(p)\cdot x'(p')/c] + \sigma_b^2, \qquad
    \Theta_0 = \Sigma_0 \\
    \Sigma_{l+1} &= \sigma_w^2\, A[\kappa(\Sigma_l)] + \sigma_b^2, \qquad
    \Theta_{l+1} = \Sigma_{l+1} + \sigma_w^2\, A[\dot\kappa(\Sigma_l)\,\Theta_l] , \\
    A[T](p, p') &= f^{-2} \textstyle\sum_o T(p + o, p' + o) .

A dense layer reads the last one out. After flattening it averages over pairs of equal pixels,
p = p'; after global average pooling, over all pairs. Write p' = p + s: circular convolutions
commute with shifts, so the pooled kernel is the flat one averaged over shifts s of one image,

.. math::

    K_{\mathrm{pool}}(x, x') = \tfrac{1}{hw} \textstyle\sum_s K_{\mathrm{flat}}(x, s \cdot x') ,

the group average of the flat kernel over circular shifts. It makes the network blind to them.

Source: Novak et al. 2019 (Bayesian deep convolutional networks); Arora et al. 2019 (convolutional
NTK).

Shapes: images (count, height, width, channels). Computed by JAX in float64.
"""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from symlib.kernels import EXPECTATIONS, check_network, require_finite, require_x64

__all__ = ["READOUTS", "conv_nngp", "conv_ntk"]

READOUTS = ("flatten", "pool")


def conv_nngp(
    x: Float[np.ndarray | Array, "count height width channels"],
    other: Float[np.ndarray | Array, "others height width channels"] | None = None,
    *,
    hidden_layers: int = 1,
    filter_size: int = 3,
    readout: str = "pool",
    weight_std: float = 1.0,
    bias_std: float = 0.0,
    nonlinearity: str = "relu",
) -> Float[Array, "count others"]:
    """The kernel Σ of a Bayesian network of infinite width. Arguments as in ``conv_ntk``."""
    return _kernels(
        x, other, hidden_layers, filter_size, readout, weight_std, bias_std, nonlinearity
    )[0]


def conv_ntk(
    x: Float[np.ndarray | Array, "count height width channels"],
    other: Float[np.ndarray | Array, "others height width channels"] | None = None,
    *,
    hidden_layers: int = 1,
    filter_size: int = 3,
    readout: str = "pool",
    weight_std: float = 1.0,
    bias_std: float = 0.0,
    nonlinearity: str = "relu",
) -> Float[Array, "count others"]:
    """The kernel Θ that a network of infinite width follows under gradient descent.

    Args:
        x: images with their channels last.
        other: images to compare with; ``x`` itself by default.
        hidden_layers: number of convolutions, each with its nonlinearity, at least 1.
        filter_size: f, odd, no larger than the images.
        readout: ``"flatten"`` or ``"pool"`` (global average pooling).
        weight_std: standard deviation of the weights.
        bias_std: standard deviation of the biases.
        nonlinearity: φ, one of ``kernels.NONLINEARITIES``.

    Raises:
        ValueError: if the images are not finite float64 or differ in shape, or a setting is out of
            range.
    """
    return _kernels(
        x, other, hidden_layers, filter_size, readout, weight_std, bias_std, nonlinearity
    )[1]


def _kernels(x, other, hidden_layers, filter_size, readout, weight_std, bias_std, nonlinearity):
    x, other = _check_images(x, other)
    check_network(hidden_layers, weight_std, bias_std, nonlinearity)
    if hidden_layers < 1:
        raise ValueError(
            "hidden_layers must be at least 1, got 0; use kernels.ntk for linear models"
        )
    if filter_size not in range(1, min(x.shape[1:3]) + 1, 2):
        raise ValueError(
            f"filter_size must be odd and no larger than the images, {x.shape[1:3]}, got "
            f"{filter_size!r}; 3 is the usual choice"
        )
    if readout not in READOUTS:
        raise ValueError(f"readout must be one of {READOUTS}, got {readout!r}; 'pool' is invariant")
    sigma, theta = _recursion(
        x, other, weight_std**2, bias_std**2, hidden_layers, filter_size, readout, nonlinearity
    )
    return sigma, require_finite(theta)


@partial(jax.jit, static_argnums=(4, 5, 6, 7))
def _recursion(
    x, other, weight_variance, bias_variance, hidden_layers, filter_size, readout, nonlinearity
):
    expectations = EXPECTATIONS[nonlinearity]
    height, width, channels = x.shape[1:]

    def average(covariance):  # A, over the offsets of the filter
        for axis in (-2, -1):
            reach = range(-(filter_size // 2), filter_size // 2 + 1)
            covariance = sum(jnp.roll(covariance, o, axis) for o in reach) / filter_size
        return covariance

    def layer(covariance):
        return weight_variance * average(covariance) + bias_variance

    def flat(shifted):
        """Both kernels after flattening, without the bias of the readout: (count, others) each."""
        sigma = layer(jnp.einsum("ihwc,jhwc->ijhw", x, shifted) / channels)
        row = layer(jnp.square(x).sum(-1)[:, None] / channels)  # (count, 1, h, w)
        column = layer(jnp.square(shifted).sum(-1)[None] / channels)  # (1, others, h, w)
        theta = sigma
        for remaining in reversed(range(hidden_layers)):
            kappa, kappa_dot, row, column = expectations(sigma, row, column)
            if not remaining:
                return kappa.mean((-2, -1)), (kappa_dot * theta).mean((-2, -1))
            sigma, row, column = layer(kappa), layer(row), layer(column)
            theta = sigma + weight_variance * average(kappa_dot * theta)

    if readout == "flatten":
        kappa, derivative = flat(other)
    else:
        shifts = jnp.stack(
            jnp.meshgrid(jnp.arange(height), jnp.arange(width), indexing="ij"), -1
        ).reshape(-1, 2)

        def add(total, shift):
            shifted = jnp.roll(other, shift, axis=(1, 2))
            return jax.tree.map(jnp.add, total, flat(shifted)), None

        nothing = jnp.zeros((len(x), len(other)), x.dtype)
        total, _ = jax.lax.scan(add, (nothing, nothing), shifts)
        kappa, derivative = (part / (height * width) for part in total)
    sigma = weight_variance * kappa + bias_variance
    return sigma, sigma + weight_variance * derivative


def _check_images(x, other):
    require_x64()
    other = x if other is None else other
    for name, images in (("x", x), ("other", other)):
        if images.dtype != np.float64:
            raise ValueError(
                f"{name} must be float64, got {images.dtype}; convert with .astype('float64')"
            )
        if images.ndim != 4 or images.shape[1:] != x.shape[1:] or 0 in images.shape:
            raise ValueError(
                f"{name} must have shape (count, height, width, channels) like x, got shapes "
                f"{x.shape} and {other.shape}; give grey images a last axis of 1"
            )
    return jnp.asarray(x), jnp.asarray(other)
