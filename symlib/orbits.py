r"""Groups acting on images: orbits, and their geometry.

Conventions:

- Images are arrays whose last two axes are height and width; an orbit puts the group axis just
  before them, element g of the orbit of x being g·x.
- The action is from the left: (gh)·x = g·(h·x).
- Turns are anticlockwise on the screen (row 0 on top), as in ``scipy.ndimage.rotate``.

Rotation by angles other than quarter turns interpolates with cubic splines (Unser 1999), and so
is only nearly an action. Quarter turns, reflections and circular shifts only move pixels: exact.
"""

import numpy as np
import scipy.ndimage
import scipy.sparse
from einops import rearrange
from jaxtyping import Float, Num

from symlib._checks import require_real

__all__ = [
    "circular_shifts",
    "delta_squared",
    "dihedral_images",
    "normalize",
    "quarter_turns",
    "radius",
    "rotate",
    "rotation_operator",
    "rotations",
    "two_circles",
]


def _cubic_b_spline(t: np.ndarray) -> np.ndarray:
    t = np.abs(t)
    return np.where(t < 1, 2 / 3 - t**2 + t**3 / 2, np.clip(2 - t, 0, None) ** 3 / 6)


def rotation_operator(size: int, angles: Float[np.ndarray, " angles"]) -> scipy.sparse.csr_array:
    r"""The matrix that takes spline coefficients of an image to its rotations, all angles at once.

    An output pixel at p reads the input at :math:`q = R(p - c) + c` about the centre c, that is,
    16 coefficients weighted by :math:`\beta^3(q_y - j)\,\beta^3(q_x - k)`, with mirrored
    borders; it is zero where q lies outside the image.

    Args:
        size: height and width of the images, in pixels.
        angles: in degrees.

    Returns:
        Sparse matrix of shape (angles · size², size²).
    """
    angles = np.asarray(angles, dtype=float)
    radians = np.deg2rad(angles)
    cos, sin = np.cos(radians), np.sin(radians)
    quarters = angles % 90 == 0
    cos[quarters], sin[quarters] = np.round(cos[quarters]), np.round(sin[quarters])

    centre = (size - 1) / 2
    y, x = np.mgrid[:size, :size].reshape(2, 1, -1) - centre
    source = np.stack([cos[:, None] * y + sin[:, None] * x, cos[:, None] * x - sin[:, None] * y])
    source = source.reshape(2, -1) + centre  # (2, angles · pixels)
    inside = np.all((source >= 0) & (source <= size - 1), axis=0)

    corner = np.floor(source).astype(int)
    taps = np.arange(-1, 3)
    neighbours = corner[:, :, None] + taps  # (2, angles · pixels, 4)
    weights = _cubic_b_spline(source[:, :, None] - neighbours) * inside[:, None]
    period = max(2 * (size - 1), 1)
    mirrored = np.abs((neighbours + size - 1) % period - (size - 1))
    columns = mirrored[0][:, :, None] * size + mirrored[1][:, None, :]
    values = weights[0][:, :, None] * weights[1][:, None, :]
    rows, per_row = columns.shape[0], 16
    operator = scipy.sparse.csr_array(
        (values.ravel(), columns.ravel(), np.arange(rows + 1) * per_row), shape=(rows, size**2)
    )
    operator.sum_duplicates()
    return operator


def _check_square(images: np.ndarray) -> np.ndarray:
    images = require_real("images", images)
    if images.ndim < 2 or images.shape[-1] != images.shape[-2]:
        raise ValueError(
            f"images must be square in their last two axes, got shape {images.shape}; "
            "crop or pad them, for a turn about the centre must map pixels to pixels"
        )
    return images


def rotate(
    images: Float[np.ndarray, "*batch size size"], angles: Float[np.ndarray, " angles"]
) -> Float[np.ndarray, "*batch angles size size"]:
    """Every image turned by every angle, equal to ``scipy.ndimage.rotate(reshape=False)``.

    Args:
        images: square images.
        angles: in degrees.

    Raises:
        ValueError: if the images are not square or not finite.
    """
    images = _check_square(images)
    size = images.shape[-1]
    flat = images.reshape(-1, size, size)
    prefiltered = flat
    for axis in (1, 2):
        prefiltered = scipy.ndimage.spline_filter1d(prefiltered, order=3, axis=axis, mode="mirror")
    operator = rotation_operator(size, angles)
    turned = (operator @ prefiltered.reshape(len(flat), -1).T).T  # (images, angles · pixels)
    return np.ascontiguousarray(turned).reshape(*images.shape[:-2], len(angles), size, size)


def quarter_turns(
    images: Num[np.ndarray, "*batch size size"],
) -> Num[np.ndarray, "*batch 4 size size"]:
    """The exact orbit under C_4: turns by 0, 90, 180 and 270 degrees."""
    images = _check_square(images)
    return np.stack([np.rot90(images, turns, axes=(-2, -1)) for turns in range(4)], axis=-3)


def _check_count(count: int) -> None:
    if not isinstance(count, int | np.integer) or count < 1:
        raise ValueError(
            f"count must be a positive integer, got {count!r}; an orbit has at least one element"
        )


def rotations(
    images: Float[np.ndarray, "*batch size size"], count: int
) -> Float[np.ndarray, "*batch count size size"]:
    """The images turned by 0, 1, …, count - 1 times 2π/count.

    When four divides ``count``, three quarters of the turns are made of the first by exact
    quarter turns: the orbit is then count/4 exact orbits of C_4.

    Args:
        images: square images.
        count: number N of angles, at least 1.

    Raises:
        ValueError: if ``count`` is not a positive integer, or the images are not square.
    """
    _check_count(count)
    if count % 4:
        return rotate(images, np.arange(count) * 360 / count)
    first = rotate(images, np.arange(count // 4) * 360 / count)  # [..., r, y, x]
    return rearrange(quarter_turns(first), "... r q y x -> ... (q r) y x")  # angle q·N/4 + r


def dihedral_images(
    images: Num[np.ndarray, "*batch size size"],
) -> Num[np.ndarray, "*batch 8 size size"]:
    """The exact orbit under D_4: turns, then turns of the left-right mirror image.

    Element 4 + k, :math:`r^k s`, mirrors first and turns afterwards, as in ``groups.dihedral``.
    """
    images = _check_square(images)
    mirrored = quarter_turns(images[..., ::-1])
    return np.concatenate([quarter_turns(images), mirrored], axis=-3)


def circular_shifts(
    images: Num[np.ndarray, "*batch height width"], count: int
) -> Num[np.ndarray, "*batch count height width"]:
    """The exact orbit under C_count: shifts to the right by width/count pixels, wrapping round.

    Raises:
        ValueError: if ``count`` does not divide the width.
    """
    _check_count(count)
    width = images.shape[-1]
    if width % count:
        raise ValueError(
            f"count must divide the width of the images, {width}, got {count}; "
            "shifts by whole pixels are what makes the action exact"
        )
    step = width // count
    return np.stack([np.roll(images, step * k, axis=-1) for k in range(count)], axis=-3)


def normalize(
    images: Num[np.ndarray, "*batch height width"],
) -> Float[np.ndarray, "*batch height width"]:
    """Each image with its mean removed, scaled to Euclidean norm 1.

    Sums run over the pixels in order of brightness, so that images which are the same pixels in
    other places, as quarter turns are, stay so to the last bit. Computed in float64, whatever the
    images' dtype.

    Raises:
        ValueError: if an image is constant, or its pixels are not finite real numbers.
    """
    images = require_real("images", images).astype(np.float64)
    _, exponent = np.frexp(np.abs(images).max(axis=(-2, -1), keepdims=True, initial=0))
    images = np.ldexp(images, -exponent)  # without rounding, lest squares over- or underflow
    pixels = np.sort(images.reshape(*images.shape[:-2], -1), axis=-1)
    mean = pixels.mean(axis=-1)[..., None, None]
    pixels -= mean[..., 0]
    norm = np.sqrt(np.square(pixels).sum(axis=-1))[..., None, None]
    centred = images - mean
    if not (norm > 1e-12).all():
        raise ValueError(
            "images must each hold at least two distinct values, got a constant one; drop it, "
            "for it has no direction to normalise"
        )
    return centred / norm


def _check_orbit(orbit: np.ndarray) -> None:
    if np.ndim(orbit) < 3:
        raise ValueError(
            f"orbit must have axes (…, element, height, width), got shape {np.shape(orbit)}; "
            "give vectors a height of 1"
        )


def delta_squared(
    first: Float[np.ndarray, "*batch order height width"],
    second: Float[np.ndarray, "*batch order height width"],
) -> Float[np.ndarray, "*batch"] | float:
    """Δ², the squared distance between the means of two orbits (Perin and Deny 2025).

    Raises:
        ValueError: if the orbits differ in shape.
    """
    if np.shape(first) != np.shape(second):
        raise ValueError(
            "first and second must be orbits sampled at the same elements, got shapes "
            f"{np.shape(first)} and {np.shape(second)}; rotate both by the same angles"
        )
    _check_orbit(first)
    between = first.mean(axis=-3) - second.mean(axis=-3)
    return np.square(between).sum(axis=(-2, -1))


def radius(
    orbit: Float[np.ndarray, "*batch order height width"],
) -> Float[np.ndarray, "*batch"] | float:
    """ρ, the mean distance of an orbit's points from the orbit's mean (Perin and Deny 2025)."""
    _check_orbit(orbit)
    from_mean = orbit - orbit.mean(axis=-3, keepdims=True)
    squared = np.einsum("...gyx,...gyx->...g", from_mean, from_mean)
    return np.sqrt(squared).mean(axis=-1)


def two_circles(count: int, offset: float) -> Float[np.ndarray, "2 count 3"]:
    """Two orbits of C_count in R³: unit circles about one axis, ``offset`` apart along it.

    The second is turned by π/count, half a step, so that the points alternate.
    Source: Perin and Deny 2025, the toy model.
    """
    _check_count(count)
    angles = (np.arange(count) + np.array([[0.0], [0.5]])) * 2 * np.pi / count
    height = np.broadcast_to(np.array([[0.0], [offset]]), angles.shape)
    return np.stack([np.cos(angles), np.sin(angles), height], axis=-1)
