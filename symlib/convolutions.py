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

the group average of the flat kernel over circular shifts. It makes the network blind to them. One
argument is averaged; since the flat kernel stays as it is when both images shift, that is the same
as averaging both, as ``kernels.group_averaged`` does.

Source: Novak et al. 2019 (Bayesian deep convolutional networks); Arora et al. 2019 (convolutional
NTK).

Two facts make it fast. The kernel is the same when both images make the same quarter turn, and
when they change places, so entries that are equal are computed once. And what a layer knows of a
pixel is the patch around it, of which the background of a digit is one many times: the pooled
kernel needs every layer for distinct patches against distinct patches only. The average over the
filter then looks them up, first down the columns and then along the rows. Memory for a pair of
images grows as the square of the number of patches, at most h·w.

Shapes: images (count, height, width, channels). Computed by JAX in float64.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from symlib._checks import require_positive
from symlib.kernels import EXPECTATIONS, WIDE, check_network, require_finite, require_x64
from symlib.settings import Positive, WeightStd, settings

__all__ = ["READOUTS", "ConvNtk", "conv_nngp", "conv_ntk"]

READOUTS = ("flatten", "pool")

_PAIRS = 256  # of images, computed at once
_CALLS = 8  # that share them among the cores


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


def _up_to_quarter_turns(image):
    """The quarter turn of the image that comes first as bytes, and how many turns lead to it."""
    square = image.shape[0] == image.shape[1]
    turned = [np.rot90(image, k).tobytes() for k in range(4 if square else 1)]
    return min(turned), turned.index(min(turned))


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


def _stacked(arrays):
    """Arrays of different lengths as one, filled up with zeros; few lengths, few compilations."""
    length = -(-max(map(len, arrays)) // 16) * 16
    out = np.zeros((len(arrays), length, *arrays[0].shape[1:]), arrays[0].dtype)
    for row, array in zip(out, arrays):
        row[: len(array)] = array
    return jnp.asarray(out)


def _distinct_windows(images, network):
    """What differs from pixel to pixel at every layer, each only once, for each image.

    The patches that the first layer sees, as (images, patches, features). For every further layer
    the distinct columns of f patches, (images, columns, f), then the distinct rows of f columns,
    each by the number of its members. How many pixels have each of the last.
    """
    size = network.filter_size
    shapes = [(size, size), *[(size, 1), (1, size)] * (network.hidden_layers - 1)]
    found, counts = [], []
    for pixels in images:
        windows = []
        for shape in shapes:
            around = [*((side // 2, side // 2) for side in shape), (0, 0)]
            view = np.lib.stride_tricks.sliding_window_view(
                np.pad(pixels, around, mode="wrap"), shape, axis=(0, 1)
            )
            every = np.ascontiguousarray(view.reshape(pixels.shape[0] * pixels.shape[1], -1))
            as_bytes = every.view(np.dtype((np.void, every[0].nbytes)))[:, 0]
            _, where, number, count = np.unique(
                as_bytes, return_index=True, return_inverse=True, return_counts=True
            )
            windows.append(every[where])
            pixels = number.astype("int32").reshape(*pixels.shape[:2], 1)
        found.append(windows)
        counts.append(count.astype(float))
    patches, *further = (_stacked(layer) for layer in zip(*found))
    return patches, [jnp.swapaxes(layer, 1, 2) for layer in further], _stacked(counts)


def _means(values, *members):
    """Means over windows that move along all axes together, given by the numbers of members."""
    values, size = jax.lax.optimization_barrier(values), len(members[0])

    def add(offset, total):
        place = jnp.ix_(*(m[offset] for m in members))
        return total + values.at[place].get(mode="promise_in_bounds")

    total = jnp.zeros([m.shape[1] for m in members], values.dtype)
    return jax.lax.fori_loop(0, size, add, total) / size


@partial(jax.jit, static_argnames="network", compiler_options=WIDE)
def _sums(patches, windows, counts, pairs, number, network):
    """Sums over all pairs of pixels for the first ``number`` pairs of images."""
    expectations, features = EXPECTATIONS[network.nonlinearity], patches.shape[-1]

    def one(i, j):
        u, v = patches[i], patches[j]
        sigma = theta = network.layer(u @ v.T / features)  # (patches of i, patches of j)
        row, column = (network.layer(jnp.square(p).sum(-1) / features) for p in (u, v))
        for down, across in zip(windows[::2], windows[1::2]):
            kappa, kappa_dot, row, column = expectations(sigma, row[:, None], column[None])
            both = jax.lax.complex(kappa, kappa_dot * theta)  # one look-up serves both
            row, column = row[:, 0], column[0]
            for members in (down, across):
                both = _means(both, members[i], members[j])
                row, column = _means(row, members[i]), _means(column, members[j])
            sigma, row, column = network.layer(both.real), network.layer(row), network.layer(column)
            theta = sigma + network.weight_variance * both.imag
        return counts[i] @ network.read(sigma, theta, row[:, None], column[None]) @ counts[j]

    def add(k, sums):
        return sums.at[k].set(one(*pairs[:, k]))

    return jax.lax.fori_loop(0, number, add, jnp.zeros(pairs.shape[1]))


def _by_patches(images, first, second, network):
    """Means over all pairs of pixels of what the readout sums."""
    used, pairs = np.unique(np.stack([first, second]), return_inverse=True)
    tables = _distinct_windows(images[used], network)
    parts = [part for part in np.array_split(pairs, _CALLS, axis=1) if part.size]
    room = _PAIRS // _CALLS
    sums = [  # side by side: JAX goes on to the next call before this one has ended
        _sums(*tables, np.pad(part, [(0, 0), (0, room - part.shape[1])]), part.shape[1], network)
        for part in parts
    ]
    total = np.concatenate([s[: part.shape[1]] for s, part in zip(sums, parts)])
    return total / np.prod(images.shape[1:3]) ** 2


@partial(jax.jit, static_argnames="network")
def _maps(x, other, network):
    channels = x.shape[-1]
    expectations = EXPECTATIONS[network.nonlinearity]

    def average(covariance):  # A, over the offsets of the filter
        reach = network.filter_size // 2
        for axis in (-2, -1):
            rolled = [jnp.roll(covariance, o, axis) for o in range(-reach, reach + 1)]
            covariance = sum(rolled) / network.filter_size
        return covariance

    def layer(covariance):
        return network.layer(average(covariance))

    sigma = theta = layer((x * other).sum(-1) / channels)  # (pairs, h, w)
    row, column = (layer(jnp.square(images).sum(-1) / channels) for images in (x, other))
    for _ in range(network.hidden_layers - 1):
        kappa, kappa_dot, row, column = expectations(sigma, row, column)
        sigma, row, column = layer(kappa), layer(row), layer(column)
        theta = sigma + network.weight_variance * average(kappa_dot * theta)
    return network.read(sigma, theta, row, column).mean((-2, -1))


def _by_maps(images, first, second, network):
    """Means over equal pixels of what the readout sums."""
    pairs = len(first)
    padded = min(_PAIRS, 1 << (pairs - 1).bit_length())  # few sizes, few compilations
    x, other = (images[np.resize(index, padded)] for index in (first, second))
    return _maps(x, other, network)[:pairs]


def _check_convolution(network, image_shape):
    if network.hidden_layers < 1:
        raise ValueError(
            "hidden_layers must be at least 1, got 0; use kernels.ntk for linear models"
        )
    require_positive("filter_size", network.filter_size, 3)
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


def _gram(x, other, network, progress):
    x, other = _check_images(x, other)
    _check_convolution(network, x.shape[1:3])
    images = x if other is None else np.concatenate([x, other])
    first, second, place = _distinct_entries(images, len(x))
    entries = _by_patches if network.readout == "pool" else _by_maps
    values = [
        entries(images, first[block : block + _PAIRS], second[block : block + _PAIRS], network)
        for block in progress(range(0, len(first), _PAIRS), "blocks of pairs of images")
    ]
    return require_finite(network.layer(jnp.asarray(np.concatenate(values)[place])))


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
    weight_std: WeightStd = 1.0  # standard deviation of the weights

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
