"""Kernels of rotated images from the first quarter of each orbit.

Quarter turns are exact on a grid of pixels: turning both of two images by 90 degrees leaves any
kernel of a dense network as it is, to rounding. So all rotations of an image follow from those by
less than 90 degrees, and an orbit of N rotations is s = N/4 exact orbits of C_4.

``kernel`` is everywhere a function ``kernel(x, other)`` of flattened images that is invariant under
quarter turns.
"""

from collections.abc import Callable
from math import gcd

import numpy as np
import scipy.ndimage
from einops import rearrange
from jaxtyping import Float

from symlib import orbits
from symlib._checks import require_float64, require_positive
from symlib.settings import nested

__all__ = [
    "interpolated_orbits",
    "orbit_gram",
    "orbit_images",
    "rotation_kernel",
    "rotation_kernels",
    "sample_gram",
    "sample_turns",
    "turn_kernel",
]


def orbit_images(
    images: Float[np.ndarray, "*batch size size"], count: int
) -> Float[np.ndarray, "*batch count size size"]:
    """Orbits of images under N rotations, a multiple of four: mean removed, unit norm.

    Normalisation commutes with the exact quarter turns, so it is done on the first quarter.
    """
    first = orbits.normalize(orbits.rotate(images, np.arange(count // 4) * 360 / count))
    return rearrange(orbits.quarter_turns(first), "... r q y x -> ... (q r) y x")


def interpolated_orbits(
    images: Float[np.ndarray, "*batch size size"], count: int, *, order: int
) -> Float[np.ndarray, "*batch count size size"]:
    """``orbit_images`` with splines of any order, by SciPy: mean removed, unit norm.

    Args:
        images: square images.
        count: number N of rotations, a multiple of four.
        order: of the interpolating splines, 0 (the nearest pixel) to 5.

    Raises:
        ValueError: if ``count`` is not a multiple of four.
    """
    if count % 4:
        raise ValueError(
            f"count must be a multiple of 4, got {count}; quarter turns make the rest of an orbit"
        )
    quarter = [
        scipy.ndimage.rotate(images, 360 * step / count, axes=(-1, -2), reshape=False, order=order)
        for step in range(count // 4)
    ]
    first = orbits.normalize(np.stack(quarter, axis=-3))
    return rearrange(orbits.quarter_turns(first), "... r q y x -> ... (q r) y x")


def orbit_gram(
    turned: Float[np.ndarray, "pairs 2 count size size"], kernel: Callable
) -> Float[np.ndarray, "pairs points points"]:
    """Gram matrices of both orbits of each pair, a quarter of them computed.

    Turning both points by q quarters leaves their kernel as it is, so that the first quarter
    of each orbit against everything tells the rest.

    Raises:
        ValueError: if the number of rotations is not a multiple of four, or the kernel's values
            are not finite float64.
    """
    pairs, _, count = turned.shape[:3]
    if count % 4:
        raise ValueError(f"turned must be under a multiple of 4 rotations, got {count}; take 8")
    points = turned.reshape(pairs, 2, 4, count // 4, -1)
    first = points[:, :, 0].reshape(pairs, count // 2, -1)
    everything = points.reshape(pairs, 2 * count, -1)
    rows = require_float64("kernel", kernel(first, everything))
    rows = rows.reshape(pairs, 2, count // 4, 2, count)
    shift = count // 4
    gram = np.empty((pairs, 2, 4, shift, 2, count))
    for turns in range(4):
        gram[:, :, turns] = np.roll(rows, turns * shift, axis=-1)
    return gram.reshape(pairs, 2 * count, 2 * count)


def sample_gram(
    gram: Float[np.ndarray, "pairs points points"], count: int
) -> Float[np.ndarray, "pairs fewer fewer"]:
    """``orbit_gram`` of N rotations, every so many of those of a larger Gram matrix."""
    points = gram.shape[-1]
    kept = np.arange(0, points, points // (2 * count))
    return gram[:, kept[:, None], kept]


def turn_kernel(
    images: Float[np.ndarray, "images size size"],
    count: int,
    kernel: Callable,
    *,
    block_size: int = 256,
) -> Float[np.ndarray, "orbits orbits turns"]:
    """The kernel of all images under N rotations, as one that the quarter turns leave as it is.

    The orbit of an image is s = N/4 exact orbits of C_4, orbit i·s + r starting with image i
    turned by r steps (of C_2 or C_1 where N is not a multiple of four). Nothing else of the Gram
    matrix needs to be computed, or kept.

    Args:
        images: square images, not yet rotated.
        count: number N of rotations.
        kernel: ``kernel(x, other)`` of flattened images, invariant under exact quarter turns.
        block_size: rows computed at once.

    Raises:
        ValueError: if ``count`` or ``block_size`` is not positive, an image is constant, or the
            kernel's values are not finite float64.
    """
    require_positive("block_size", block_size, 256)
    require_positive("count", count, 4)
    turns = gcd(count, 4)
    steps = count // turns
    first = orbits.normalize(orbits.rotate(images, np.arange(steps) * 360 / count))
    turned = orbits.quarter_turns(first)[..., :: 4 // turns, :, :]
    rows = first.reshape(len(images) * steps, -1)
    columns = turned.reshape(len(rows) * turns, -1)
    out = np.empty((len(rows), len(rows), turns))
    for start in range(0, len(rows), block_size):
        part = rows[start : start + block_size]
        block = require_float64("kernel", kernel(part, columns))
        out[start : start + block_size] = block.reshape(len(part), len(rows), turns)
    return out


def sample_turns(
    kernel: Float[np.ndarray, "orbits orbits turns"], largest: int, count: int
) -> Float[np.ndarray, "fewer fewer turns_kept"]:
    """``turn_kernel`` of every (largest / count)-th rotation, from that of all of them.

    Raises:
        ValueError: if ``count`` does not divide ``largest``.
    """
    if largest % count:
        raise ValueError(f"count must divide largest, got {count} and {largest}; choose another")
    group, turns = gcd(largest, 4), gcd(count, 4)
    steps = largest // group
    quarter, orbit = np.divmod(np.arange(count // turns) * (largest // count), steps)
    kept = np.add.outer(np.arange(0, len(kernel), steps), orbit).ravel()
    quarter = np.tile(quarter, len(kernel) // steps)
    apart = (quarter - quarter[:, None])[..., None] + np.arange(turns) * (group // turns)
    return kernel[kept[:, None, None], kept[:, None], apart % group]


def rotation_kernel(
    kernel: Float[np.ndarray, "orbits orbits turns"], count: int
) -> Float[np.ndarray, "images images count"]:
    """``turn_kernel``, averaged to one that all N rotations leave as it is."""
    steps = count // kernel.shape[-1]
    rows = rearrange(kernel, "(i r) (j s) turn -> i r j (turn s)", r=steps, s=steps)
    return sum(np.roll(rows[:, r], -r, axis=-1) for r in range(steps)) / steps


def rotation_kernels(
    images: Float[np.ndarray, "images size size"],
    counts: tuple[int, ...],
    kernel: Callable,
    *,
    block_size: int = 64,
    progress: Callable = lambda blocks, description, total: blocks,
) -> dict[int, Float[np.ndarray, "images images count"]]:
    """``rotation_kernel`` of the images for every N, without keeping the Gram matrix it averages.

    Args:
        images: square images, not yet rotated.
        counts: numbers N of rotations, all divisors of the largest, a multiple of four.
        kernel: ``kernel(x, other)`` of flattened images, invariant under exact quarter turns.
        block_size: images whose rows are computed at once.
        progress: wraps the loop over blocks, as ``symlib.notebook.progress`` does.

    Raises:
        ValueError: if the counts do not divide the largest, ``block_size`` is not positive, or the
            kernel's values are not finite float64.
    """
    require_positive("block_size", block_size, 64)
    largest = max(nested(counts))
    quarter = largest // 4
    points = orbit_images(images, largest).reshape(len(images), largest, -1)
    columns = points.reshape(len(images) * largest, -1)
    averaged = {count: np.zeros((len(images), len(images), count)) for count in counts}
    turns = {count: {h * largest // count % quarter for h in range(count)} for count in counts}
    blocks = range(0, len(images), block_size)
    for start in progress(blocks, "blocks of the Gram matrix", len(blocks)):
        for r in range(quarter):
            part = points[start : start + block_size, r]
            rows = require_float64("kernel", kernel(part, columns))
            rows = np.roll(rows.reshape(len(part), len(images), largest), -r, axis=-1)
            for count, out in averaged.items():
                if r in turns[count]:
                    kept = rows[..., :: largest // count]
                    out[start : start + block_size] += kept / len(turns[count])
    return averaged
