"""Actions on images: exactness, the group law, agreement with SciPy."""

import numpy as np
import pytest
import scipy.ndimage

from symlib import groups, orbits

generator = np.random.default_rng(0)
IMAGES = generator.random((3, 28, 28))


@pytest.mark.parametrize("size", [8, 9, 28])
@pytest.mark.parametrize("count", [1, 3, 8, 64])
def test_rotation_equals_scipy(size, count):
    images = generator.random((2, size, size))
    angles = np.arange(count) * 360 / count
    expected = np.array(
        [
            [scipy.ndimage.rotate(image, a, reshape=False, order=3) for a in angles]
            for image in images
        ]
    )
    np.testing.assert_allclose(orbits.rotate(images, angles), expected, atol=1e-12)
    np.testing.assert_allclose(orbits.rotations(images, count), expected, atol=1e-12)


def test_rotation_by_odd_angles_equals_scipy():
    angles = np.array([-270.0, -33.3, 450.0, 719.5])
    expected = [scipy.ndimage.rotate(IMAGES[0], a, reshape=False, order=3) for a in angles]
    np.testing.assert_allclose(orbits.rotate(IMAGES[0], angles), expected, atol=1e-12)


def test_quarter_turns_are_exact_in_rotations():
    orbit = orbits.rotations(IMAGES, 8)
    assert (orbit[:, 2::2] == orbits.quarter_turns(orbit[:, 0])[:, 1:]).all()
    assert (orbit[:, 3::2] == orbits.quarter_turns(orbit[:, 1])[:, 1:]).all()


@pytest.mark.parametrize(
    ("group", "act"),
    [
        (groups.cyclic(4), orbits.quarter_turns),
        (groups.dihedral(4), orbits.dihedral_images),
        (groups.cyclic(7), lambda images: orbits.circular_shifts(images, 7)),
        (groups.cyclic(28), lambda images: orbits.circular_shifts(images, 28)),
    ],
    ids=["quarter turns", "D_4", "C_7 shifts", "C_28 shifts"],
)
def test_left_action(group, act):
    image = IMAGES[0]
    orbit = act(image)  # [g]
    twice = act(orbit)  # [h, g] = g·(h·x)
    assert (orbit[0] == image).all()
    for h in range(group.order):
        assert (twice[h] == orbit[group.table[:, h]]).all()  # g·(h·x) = (gh)·x


def test_right_action_would_be_noticed():
    """With a non-abelian group the side matters, so the test above can fail."""
    d4 = groups.dihedral(4)
    orbit = orbits.dihedral_images(IMAGES[0])
    twice = orbits.dihedral_images(orbit)
    assert any((twice[h] != orbit[d4.table[h]]).any() for h in range(8))


def test_shifts_are_to_the_right_along_the_width():
    images = generator.random((2, 3, 6))
    shifted = orbits.circular_shifts(images, 3)
    assert shifted.shape == (2, 3, 3, 6)
    for k in range(3):
        np.testing.assert_array_equal(shifted[:, k][..., (np.arange(6) + 2 * k) % 6], images)


def test_normalize():
    normal = orbits.normalize(orbits.rotations(IMAGES, 8))
    np.testing.assert_allclose(normal.mean(axis=(-2, -1)), 0, atol=1e-15)
    np.testing.assert_allclose(np.square(normal).sum(axis=(-2, -1)), 1)


def test_geometry_of_two_circles():
    circles = orbits.two_circles(12, 0.7)[..., None, :]
    np.testing.assert_allclose(orbits.delta_squared(circles[0], circles[1]), 0.49)
    np.testing.assert_allclose(orbits.radius(circles), 1)


def test_two_circles_alternate():
    a, b = orbits.two_circles(6, 0.0)
    distances = np.linalg.norm(a[:, None] - b, axis=-1)
    np.testing.assert_allclose(np.diag(distances), np.diag(np.roll(distances, 1, axis=1)))
    np.testing.assert_allclose(np.diag(distances), 2 * np.sin(np.pi / 12))


@pytest.mark.usefixtures("untyped")
@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: orbits.rotations(IMAGES, 2.0), r"count must be a positive integer, got 2\.0"),
        (lambda: orbits.two_circles(0, 1.0), "count must be a positive integer"),
        (lambda: orbits.rotations(IMAGES[..., :5], 4), r"square.*\(3, 28, 5\)"),
        (lambda: orbits.rotate(np.ones(3), np.zeros(1)), r"square.*got shape \(3,\)"),
        (lambda: orbits.rotate(IMAGES * np.nan, np.zeros(1)), "finite"),
        (lambda: orbits.dihedral_images(IMAGES[..., :5]), "square"),
        (lambda: orbits.circular_shifts(IMAGES, 0), "count must be a positive integer"),
    ],
)
def test_bad_input(call, message):
    with pytest.raises(ValueError, match=message):
        call()


@pytest.mark.parametrize("factor", [1e-300, 1e-155, 1e155, 1e300])
def test_normalisation_neither_over_nor_underflows(factor):
    images = np.random.default_rng(0).random((3, 5, 5))
    np.testing.assert_allclose(
        orbits.normalize(factor * images), orbits.normalize(images), rtol=1e-12
    )


@pytest.mark.parametrize("dtype", ["uint8", "float16", "float32"])
def test_normalisation_is_in_float64(dtype):
    images = (255 * np.random.default_rng(0).random((3, 5, 5))).astype(dtype)
    found = orbits.normalize(images)
    assert found.dtype == np.float64
    np.testing.assert_array_equal(found, orbits.normalize(images.astype(float)))


def test_one_faint_image_among_bright_ones():
    images = np.random.default_rng(0).random((2, 5, 5))
    together = orbits.normalize(np.stack([1e20 * images[0], images[1]]))
    np.testing.assert_array_equal(together[1], orbits.normalize(images[1]))


def test_radii_and_distances_of_a_batch_are_those_of_its_members():
    batch = np.random.default_rng(0).normal(size=(3, 8, 5, 5))
    each = [orbits.radius(orbit) for orbit in batch]
    np.testing.assert_allclose(orbits.radius(batch), each)
    other = batch[::-1]
    each = [np.square(one.mean(axis=0) - two.mean(axis=0)).sum() for one, two in zip(batch, other)]
    np.testing.assert_allclose(orbits.delta_squared(batch, other), each)
