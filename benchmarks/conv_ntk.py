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
    made = [
        _case(f"{name}, peer {peer}", images, kernel, target, _kernel(1))
        for name, images, targets in (
            ("16 upright digits", upright, (200, 100)),
            ("2 orbits of 8", turned, (100, 50)),
        )
        for (peer, kernel), target in zip(_peers().items(), targets)
    ]
    small = upright.reshape(16, 14, 2, 14, 2, 1).mean((2, 4))
    for depth in (2, 3):
        whole = _kernel(depth)
        made.append(_case(f"{depth} layers, 16 digits of 14 × 14", small, whole, 20, whole, depth))
    return made


def _case(name, images, peer, target, reference, depth=1) -> Case:
    return Case(
        name=f"pooled conv NTK, {name}",
        ours=lambda: np.asarray(convolutions.conv_ntk(images, hidden_layers=depth)),
        peer=lambda: peer(images),
        target=f"≥ {target}",
        difference=lambda ours, _: (
            f"largest relative difference from its float64 "
            f"{np.abs(ours / reference(images) - 1).max():.1e}"
        ),
    )


def _network(layers: int) -> Callable:
    stax = tangents.load().stax
    convolution = stax.Conv(64, (3, 3), padding="CIRCULAR", b_std=None)
    return stax.serial(
        *[convolution, stax.Relu()] * layers, stax.GlobalAvgPool(), stax.Dense(1, b_std=None)
    )[2]


def _kernel(layers: int) -> Callable:
    """Of neural-tangents, compiled whole."""
    kernel_fn = _network(layers)
    whole = jax.jit(lambda images: kernel_fn(images, None, "ntk"))
    return lambda images: np.asarray(whole(images))


def _peers() -> dict[str, Callable]:
    batched = tangents.load().batch(_network(1), device_count=-1, batch_size=1)

    def as_published(images):
        with jax.enable_x64(False):
            return np.asarray(batched(images.astype("float32"), None, "ntk"))

    return {"as published": as_published, "at its best": _kernel(1)}
