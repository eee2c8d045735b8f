"""The pooled convolutional NTK of sixteen 28 × 28 digits against neural-tangents.

Ours is float64. The peers are neural-tangents as published, in float32 and batches of one image,
and at the best setting found for it here: the whole Gram matrix compiled at once, in float64
(float32, and batches of 2, 4, 8 and 16, are slower).
"""

from collections.abc import Callable

import jax
import numpy as np

from benchmarks.case import Case
from symlib import convolutions, data, orbits, tangents


def cases(pairs: int) -> list[Case]:
    """Sixteen upright digits, and two orbits of eight rotations."""
    digits = data.load("mnist-5000")
    pair = np.stack([digits.images[digits.labels == digit][0] for digit in (4, 7)])
    turned = orbits.normalize(orbits.rotations(pair, 8)).reshape(16, 28, 28, 1)
    upright = orbits.normalize(digits.images[::312][:16])[..., None]
    return [
        Case(
            name=f"pooled conv NTK, {name}, peer {peer}",
            ours=lambda images=images: np.asarray(convolutions.conv_ntk(images)),
            peer=lambda images=images, kernel=kernel: kernel(images),
            target=f"≥ {target}",
            difference=lambda ours, peer, images=images: _difference(ours, images),
        )
        for name, images, targets in (
            ("16 upright digits", upright, (200, 100)),
            ("2 orbits of 8", turned, (100, 50)),
        )
        for (peer, kernel), target in zip(_peers().items(), targets)
    ]


def _peers() -> dict[str, Callable]:
    neural_tangents = tangents.load()
    stax = neural_tangents.stax
    kernel_fn = stax.serial(
        stax.Conv(64, (3, 3), padding="CIRCULAR", b_std=None),
        stax.Relu(),
        stax.GlobalAvgPool(),
        stax.Dense(1, b_std=None),
    )[2]
    batched = neural_tangents.batch(kernel_fn, device_count=-1, batch_size=1)
    whole = jax.jit(lambda images: kernel_fn(images, None, "ntk"))

    def as_published(images):
        with jax.enable_x64(False):
            return np.asarray(batched(images.astype("float32"), None, "ntk"))

    return {"as published": as_published, "at its best": lambda images: np.asarray(whole(images))}


def _difference(ours: np.ndarray, images: np.ndarray) -> str:
    reference = _peers()["at its best"](images)
    return f"largest relative difference from its float64 {np.abs(ours / reference - 1).max():.1e}"
