"""What every public function asks of its input: one refusal, and nothing wrong in silence."""

import jax
import numpy as np
import pytest

from symlib import (
    data,
    finite,
    groups,
    invariant,
    kernels,
    regression,
    rotated,
    spectral,
    streaming,
)

GRAM = np.array([[2.0, 1.0], [1.0, 2.0]])


def in_float32(x, other=None):
    return np.asarray(kernels.ntk(x, other, hidden_layers=1)).astype("float32")


def not_a_number(x, other=None):
    gram = np.array(kernels.ntk(x, other, hidden_layers=1))
    gram.flat[-1] = np.nan
    return gram


@pytest.mark.parametrize("kernel", [in_float32, not_a_number])
@pytest.mark.parametrize(
    "compute",
    [
        lambda kernel, images: rotated.turn_kernel(images, 4, kernel),
        lambda kernel, images: rotated.rotation_kernels(images, (4,), kernel),
        lambda kernel, images: rotated.orbit_gram(rotated.orbit_images(images[None], 4), kernel),
        lambda kernel, images: streaming.streamed_gram(kernel, images.reshape(2, -1)),
    ],
)
def test_kernels_must_give_finite_float64(compute, kernel, untyped):
    with pytest.raises(ValueError, match="kernel must be f"):
        compute(kernel, data.load().images[:2])


@pytest.mark.parametrize("size", [0, -1, 2.0, None])
@pytest.mark.parametrize(
    "compute",
    [
        lambda size, images: rotated.turn_kernel(images, 4, kernels.DenseNtk(), block_size=size),
        lambda size, images: rotated.rotation_kernels(
            images, (4,), kernels.DenseNtk(), block_size=size
        ),
        lambda size, images: streaming.streamed_gram(
            kernels.DenseNtk(), images.reshape(2, -1), block_size=size
        ),
    ],
)
def test_blocks_are_of_some_size(compute, size, untyped):
    with pytest.raises(ValueError, match="block_size must be a positive integer"):
        compute(size, data.load().images[:2])


@pytest.mark.parametrize("ridge", [-1e-3, np.nan, np.inf, 1e-3j, [1e-3], "1"])
def test_a_ridge_is_a_number(ridge, untyped):
    for call in (
        lambda: regression.leave_one_out(GRAM, np.ones(2), ridge=ridge),
        lambda: spectral.spectral_error(GRAM, ridge=ridge),
        lambda: invariant.leave_one_out(
            groups.cyclic(2), np.array([[[2.0, 1.0]]]), np.ones((1, 2)), ridge=ridge
        ),
    ):
        with pytest.raises(ValueError, match="ridge must be a finite number"):
            call()


@pytest.mark.parametrize(
    "call",
    [
        lambda gram: spectral.interleave(gram),
        lambda gram: spectral.circulant_projection(gram),
        lambda gram: invariant.split_orbits(gram, order=2, subgroup_order=1),
        lambda gram: regression.leave_one_out(gram, np.ones(2), ridge=0.1),
    ],
)
def test_what_is_not_square_is_not_cut_to_a_square(call, untyped):
    for gram in (np.ones((3, 2)), np.ones(4), np.ones((2, 0, 0))):
        with pytest.raises(ValueError, match="square"):
            call(gram)


def test_the_gram_that_is_not_symmetric_is_found_among_larger_ones():
    large, askew = 1e10 * np.eye(2), np.eye(2)
    large[0, 1] = 1.0  # by as much as rounding may
    askew[0, 1] = 1e-6
    with pytest.raises(ValueError, match="gram must be symmetric"):
        regression.leave_one_out(np.stack([large, askew]), np.ones(2), ridge=0.0)
    regression.leave_one_out(np.stack([large, np.eye(2)]), np.ones(2), ridge=0.0)


@pytest.mark.parametrize("scale", [1e-14, 1e-5, 1e5, 1e14])
def test_each_gram_of_a_batch_has_its_own_scale(scale):
    both = regression.leave_one_out(
        np.stack([scale * GRAM, GRAM]), np.array([1.0, -1.0]), ridge=0.0
    )
    np.testing.assert_allclose(both[0], both[1])
    bent = GRAM.copy()
    bent[0, 1] += 1e-5
    with pytest.raises(ValueError, match="symmetric"):
        regression.leave_one_out(np.stack([bent, scale * GRAM]), np.ones(2), ridge=0.0)


@pytest.mark.parametrize("place", [0, 1])
def test_one_bad_gram_among_good_ones(place):
    for bad, message in ((np.full((2, 2), np.nan), "finite"), (-GRAM, "positive definite")):
        grams = np.stack([GRAM, GRAM])
        grams[place] = bad
        with pytest.raises(ValueError, match=message):
            regression.leave_one_out(grams, np.ones(2), ridge=0.0)


def test_two_batch_axes():
    generator = np.random.default_rng(0)
    roots = generator.normal(size=(3, 2, 4, 6))
    grams = roots @ roots.swapaxes(-1, -2)
    labels = np.array([1.0, -1.0, 1.0, -1.0])
    found = regression.leave_one_out(grams, labels, ridge=1e-3)
    for index in np.ndindex(3, 2):
        alone = regression.leave_one_out(grams[index], labels, ridge=1e-3)
        np.testing.assert_allclose(found[index], alone, rtol=1e-10)
    errors = spectral.spectral_error(grams, ridge=1e-3).error
    assert errors.shape == (3, 2)
    assert errors[2, 1] == pytest.approx(spectral.spectral_error(grams[2, 1], ridge=1e-3).error)


def test_keys_of_both_kinds():
    init, _ = finite.dense((3, 4, 1))
    new, former = (init(key) for key in (jax.random.key(0), jax.random.PRNGKey(0)))
    for one, other in zip(jax.tree.leaves(new), jax.tree.leaves(former), strict=True):
        np.testing.assert_array_equal(one, other)


def test_samples_that_are_not_there(untyped):
    torch = pytest.importorskip("torch")
    from symlib import partial_orbits

    turned = partial_orbits.TurnedImages(data.load().images[:20], 4)
    for samples in ([-1], [80], [0, 100]):
        with pytest.raises(ValueError, match="samples must be numbers from 0 to 79"):
            turned(torch.tensor(samples))
