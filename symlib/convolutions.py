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

Three facts make it fast. The kernel is the same when both images make the same quarter turn, and
when they change places, so entries that are equal are computed once. Behind one hidden layer the
pooled kernel depends on the set of patches only, and the background of a digit is one patch many
times. What is left is a sum over tiles of patches against patches, in bounded memory.

Shapes: images (count, height, width, channels). Computed by JAX in float64.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float
from pydantic import PositiveFloat

from symlib.kernels import EXPECTATIONS, check_network, require_finite, require_x64
from symlib.settings import Positive, settings

__all__ = ["READOUTS", "ConvNtk", "conv_nngp", "conv_ntk"]

READOUTS = ("flatten", "pool")

# Computed at once: pairs of images, pairs of tiles, and patches in a tile (28² = 7 · 112).
_PAIRS, _TILES, _TILE = 256, 64, 112


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
    progress: Callable = lambda blocks, description: blocks,
) -> Float[Array, "count others"]:
    """The kernel Σ of a Bayesian network of infinite width. Arguments as in ``conv_ntk``."""
    check_network(hidden_layers, weight_std, bias_std, nonlinearity)
    variances = weight_std**2, bias_std**2
    network = _Network("nngp", hidden_layers, filter_size, readout, *variances, nonlinearity)
    return _gram(x, other, network, progress)


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
    progress: Callable = lambda blocks, description: blocks,
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
        progress: wraps the loop over blocks of entries, as ``symlib.notebook.progress`` does.

    Raises:
        ValueError: if the images are not finite float64 or differ in shape, or a setting is out of
            range.
    """
    check_network(hidden_layers, weight_std, bias_std, nonlinearity)
    variances = weight_std**2, bias_std**2
    network = _Network("ntk", hidden_layers, filter_size, readout, *variances, nonlinearity)
    return _gram(x, other, network, progress)


@settings
class ConvNtk:
    """The NTK of a circular convolutional network without biases, of flattened square images."""

    hidden_layers: Positive = 1  # convolutions, each with a ReLU
    filter_size: Positive = 3  # pixels a side
    weight_std: PositiveFloat = 1.0  # standard deviation of the weights

    def __call__(
        self,
        readout: str,
        x: Float[np.ndarray, "*batch points pixels"],
        other: Float[np.ndarray, "*batch others pixels"],
    ) -> Float[np.ndarray, "*batch points others"]:
        """The Gram matrix of images under a ``readout`` of ``READOUTS``."""
        if x.ndim > 2:
            return np.stack([self(readout, *pair) for pair in zip(x, other, strict=True)])
        size = round(x.shape[-1] ** 0.5)
        images = (part.reshape(-1, size, size, 1) for part in (x, other))
        return np.asarray(conv_ntk(*images, readout=readout, **vars(self)))


@dataclass(frozen=True)
class _Network:
    kernel: str  # "nngp" or "ntk"
    hidden_layers: int
    filter_size: int
    readout: str
    weight_variance: float
    bias_variance: float
    nonlinearity: str

    def layer(self, average):
        return self.weight_variance * average + self.bias_variance

    def read(self, sigma, theta, row, column):
        """What the readout sums over pairs of pixels: κ, and for the NTK κ + κ̇ Θ."""
        kappa, kappa_dot, *_ = EXPECTATIONS[self.nonlinearity](sigma, row, column)
        return kappa if self.kernel == "nngp" else kappa + kappa_dot * theta


def _gram(x, other, network, progress):
    x, other = _check_images(x, other)
    _check_convolution(network, x.shape[1:3])
    images = x if other is None else np.concatenate([x, other])
    first, second, place = _distinct_entries(images, len(x))
    by_patches = network.readout == "pool" and network.hidden_layers == 1
    entries = _by_patches if by_patches else _by_maps
    values = [
        entries(images, first[block : block + _PAIRS], second[block : block + _PAIRS], network)
        for block in progress(range(0, len(first), _PAIRS), "blocks of pairs of images")
    ]
    return require_finite(network.layer(jnp.asarray(np.concatenate(values)[place])))


def _distinct_entries(images, rows):
    """Pairs of images whose kernels may differ, and which of them each Gram entry is.

    The Gram matrix compares the first images with the others, or if there are none, themselves.
    """
    forms, turns = zip(*(_up_to_quarter_turns(image) for image in images))
    number = {form: k for k, form in enumerate(set(forms))}
    form, turn = np.array([number[f] for f in forms]), np.array(turns)
    columns = np.arange(rows if rows < len(images) else 0, len(images))
    left, right = form[:rows, None], form[columns]
    apart = turn[:rows, None] - turn[columns]
    entry = (left * len(images) + right) * 4 + apart % 4
    mirrored = (right * len(images) + left) * 4 + -apart % 4
    _, where, place = np.unique(np.minimum(entry, mirrored), return_index=True, return_inverse=True)
    first, second = np.divmod(where, len(columns))
    return first, columns[second], place.reshape(rows, len(columns))


def _up_to_quarter_turns(image):
    """The quarter turn of the image that comes first as bytes, and how many turns lead to it."""
    square = image.shape[0] == image.shape[1]
    turned = [np.rot90(image, k).tobytes() for k in range(4 if square else 1)]
    return min(turned), turned.index(min(turned))


def _by_patches(images, first, second, network):
    """Means over all pairs of pixels, after one hidden layer, of what the readout sums."""
    used, (first, second) = np.unique(np.stack([first, second]), return_inverse=True)
    tiles, weights, start = _tiles(images[used], network.filter_size)
    down, across = np.diff(start)[first], np.diff(start)[second]
    owner = np.repeat(np.arange(len(first)), down * across)
    within = np.concatenate([np.arange(count) for count in down * across])
    left = start[first[owner]] + within // across[owner]
    right = start[second[owner]] + within % across[owner]
    empty = np.full(-len(owner) % _TILES, len(tiles) - 1)
    left, right = (np.append(index, empty).reshape(-1, _TILES) for index in (left, right))
    tiles, weights = jnp.asarray(tiles), jnp.asarray(weights)
    sums = [_sum_over_tiles(tiles, weights, *batch, network) for batch in zip(left, right)]
    total = np.bincount(owner, np.concatenate(sums)[: len(owner)])
    return total / np.prod(images.shape[1:3]) ** 2


def _tiles(images, filter_size):
    """Distinct patches of each image (tiles, patches, features), how often each occurs, and the
    first tile of each image. The last tile is empty."""
    reach = filter_size // 2
    around = [(0, 0), (reach, reach), (reach, reach), (0, 0)]
    windows = np.lib.stride_tricks.sliding_window_view(
        np.pad(images, around, mode="wrap"), (filter_size, filter_size), axis=(1, 2)
    )
    features = filter_size**2 * images.shape[-1]
    tiles, weights = [], []
    for patches in windows.reshape(len(images), -1, features):
        as_bytes = np.ascontiguousarray(patches).view(np.dtype((np.void, patches[0].nbytes)))
        _, distinct, counts = np.unique(as_bytes, return_index=True, return_counts=True)
        filling = -len(distinct) % _TILE
        tiles.append(np.pad(patches[distinct], [(0, filling), (0, 0)]).reshape(-1, _TILE, features))
        weights.append(np.pad(counts, (0, filling)).reshape(-1, _TILE))
    start = np.cumsum([0, *map(len, tiles)])
    tiles.append(np.zeros((1, _TILE, features)))
    weights.append(np.zeros((1, _TILE), int))
    return np.concatenate(tiles), np.concatenate(weights).astype(float), start


@partial(jax.jit, static_argnames="network")
def _sum_over_tiles(tiles, weights, left, right, network):
    u, v = tiles[left], tiles[right]
    features = tiles.shape[-1]
    sigma = network.layer(u @ jnp.swapaxes(v, -1, -2) / features)
    row = network.layer(jnp.square(u).sum(-1)[..., :, None] / features)
    column = network.layer(jnp.square(v).sum(-1)[..., None, :] / features)
    read = network.read(sigma, sigma, row, column)
    return jnp.einsum("tp,tpq,tq->t", weights[left], read, weights[right])


def _by_maps(images, first, second, network):
    """Means over the pairs of pixels that the readout compares of what it sums."""
    pairs = len(first)
    padded = min(_PAIRS, 1 << (pairs - 1).bit_length())  # few sizes, few compilations
    x, other = (images[np.resize(index, padded)] for index in (first, second))
    return _maps(x, other, network)[:pairs]


@partial(jax.jit, static_argnames="network")
def _maps(x, other, network):
    _, height, width, channels = x.shape
    expectations = EXPECTATIONS[network.nonlinearity]

    def average(covariance):  # A, over the offsets of the filter
        reach = network.filter_size // 2
        for axis in (-2, -1):
            rolled = [jnp.roll(covariance, o, axis) for o in range(-reach, reach + 1)]
            covariance = sum(rolled) / network.filter_size
        return covariance

    def layer(covariance):
        return network.layer(average(covariance))

    def flat(shifted):
        """The mean over equal pixels, one for each pair of images."""
        sigma = layer((x * shifted).sum(-1) / channels)  # (pairs, h, w)
        row = layer(jnp.square(x).sum(-1) / channels)
        column = layer(jnp.square(shifted).sum(-1) / channels)
        theta = sigma
        for _ in range(network.hidden_layers - 1):
            kappa, kappa_dot, row, column = expectations(sigma, row, column)
            sigma, row, column = layer(kappa), layer(row), layer(column)
            theta = sigma + network.weight_variance * average(kappa_dot * theta)
        return network.read(sigma, theta, row, column).mean((-2, -1))

    if network.readout == "flatten":
        return flat(other)

    def add_shift(total, shift):
        return total + flat(jnp.roll(other, divmod(shift, width), axis=(1, 2))), None

    total, _ = jax.lax.scan(add_shift, jnp.zeros(len(x)), jnp.arange(height * width))
    return total / (height * width)


def _check_convolution(network, image_shape):
    if network.hidden_layers < 1:
        raise ValueError(
            "hidden_layers must be at least 1, got 0; use kernels.ntk for linear models"
        )
    if network.filter_size not in range(1, min(image_shape) + 1, 2):
        raise ValueError(
            f"filter_size must be odd and no larger than the images, {image_shape}, got "
            f"{network.filter_size!r}; 3 is the usual choice"
        )
    if network.readout not in READOUTS:
        raise ValueError(
            f"readout must be one of {READOUTS}, got {network.readout!r}; 'pool' is invariant"
        )


def _check_images(x, other):
    require_x64()
    for name, images in (("x", x), ("other", x if other is None else other)):
        if images.dtype != np.float64:
            raise ValueError(
                f"{name} must be float64, got {images.dtype}; convert with .astype('float64')"
            )
        if images.ndim != 4 or images.shape[1:] != x.shape[1:] or 0 in images.shape:
            raise ValueError(
                f"{name} must have shape (count, height, width, channels) like x, got shapes "
                f"{x.shape} and {images.shape}; give grey images a last axis of 1"
            )
    return np.asarray(x), None if other is None else np.asarray(other)
