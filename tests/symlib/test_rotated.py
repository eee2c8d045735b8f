"""Kernels of rotated images against the whole Gram matrix of every rotation."""

from math import gcd

import numpy as np
import pytest
import scipy.ndimage

from symlib import data, groups, invariant, kernels, orbits, rotated


def gaussian(x, other=None):
    """A kernel that quarter turns leave as it is, and whose values spread."""
    return np.asarray(kernels.rbf(x, other, inverse_length=2.0))


@pytest.fixture
def images():
    return np.random.default_rng(0).normal(size=(3, 8, 8))


def whole(images, count):
    """The kernel of each image at each angle with each: image, angle, image, angle."""
    points = orbits.normalize(orbits.rotations(images, count)).reshape(len(images) * count, -1)
    return gaussian(points).reshape(len(images), count, len(images), count)


def by_turns(images, count):
    """``turn_kernel``, entry by entry."""
    gram, turns = whole(images, count), gcd(count, 4)
    steps = count // turns
    expected = np.empty((len(images) * steps, len(images) * steps, turns))
    for i, r, j, s, q in np.ndindex(len(images), steps, len(images), steps, turns):
        expected[i * steps + r, j * steps + s, q] = gram[i, r, j, s + q * steps]
    return expected


@pytest.mark.parametrize("block_size", [1, 2, 256])
@pytest.mark.parametrize("count", [1, 2, 3, 4, 6, 8, 12])
def test_turn_kernel(images, count, block_size):
    found = rotated.turn_kernel(images, count, gaussian, block_size=block_size)
    np.testing.assert_allclose(found, by_turns(images, count), rtol=1e-10)


@pytest.mark.parametrize(
    ("largest", "count"), [(12, 1), (12, 2), (12, 3), (12, 4), (12, 6), (12, 12), (6, 3), (8, 2)]
)
def test_sample_turns(images, largest, count):
    kernel = rotated.turn_kernel(images, largest, gaussian)
    sampled = rotated.sample_turns(kernel, largest, count)
    np.testing.assert_allclose(sampled, by_turns(images, count), rtol=1e-10)


def averaged(images, count):
    gram = whole(images, count).reshape(len(images) * count, -1)
    return invariant.projection(gram, groups.cyclic(count))


@pytest.mark.parametrize("count", [2, 4, 6, 12])
def test_rotation_kernel_is_the_invariant_projection(images, count):
    found = rotated.rotation_kernel(rotated.turn_kernel(images, count, gaussian), count)
    np.testing.assert_allclose(found, averaged(images, count), rtol=1e-10)


@pytest.mark.parametrize("block_size", [1, 2, 64])
def test_rotation_kernels_are_the_averaged_ones(images, block_size):
    seen = []

    def progress(blocks, description, total):
        seen.append((description, total))
        return blocks

    counts = (2, 4, 6, 12)
    found = rotated.rotation_kernels(
        images, counts, gaussian, block_size=block_size, progress=progress
    )
    assert list(found) == list(counts)
    for count in counts:
        np.testing.assert_allclose(found[count], averaged(images, count), rtol=1e-10)
    assert seen == [("blocks of the Gram matrix", -(-3 // block_size))]


@pytest.mark.parametrize("count", [4, 8, 12])
def test_orbit_images_are_the_rotations(images, count):
    expected = orbits.normalize(orbits.rotations(images, count))
    np.testing.assert_allclose(rotated.orbit_images(images, count), expected, atol=1e-10)


@pytest.mark.parametrize("count", [4, 8, 12])
def test_orbit_gram_is_the_whole_one_and_sampled_for_fewer(images, count):
    pairs = images[[[0, 1], [2, 0]]]
    gram = rotated.orbit_gram(rotated.orbit_images(pairs, count), gaussian)
    assert gram.shape == (2, 2 * count, 2 * count)
    for found, pair in zip(gram, pairs):
        np.testing.assert_allclose(found, whole(pair, count).reshape(found.shape), rtol=1e-10)
    fewer = rotated.sample_gram(gram, count // 2)
    for found, pair in zip(fewer, pairs):
        expected = whole(pair, count // 2).reshape(found.shape)
        np.testing.assert_allclose(found, expected, rtol=1e-10)


@pytest.mark.parametrize("order", [0, 1, 3, 5])
def test_interpolated_orbits_are_scipys(order):
    image = data.load().images[:1]
    turned = rotated.interpolated_orbits(image, 8, order=order)[0]
    for step in range(8):
        expected = scipy.ndimage.rotate(
            image[0], 45.0 * step, reshape=False, order=order, mode="constant"
        )
        if order or step % 2 == 0:  # the nearest pixel is not unique where a turn meets an edge
            np.testing.assert_allclose(turned[step], orbits.normalize(expected), atol=1e-9)
