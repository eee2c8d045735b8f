"""Convolutional kernels against neural-tangents, and their invariance."""

import jax
import numpy as np
import pytest

from symlib import convolutions, orbits, tangents

generator = np.random.default_rng(0)
IMAGES = generator.normal(size=(3, 6, 5, 2))
OTHERS = generator.normal(size=(2, 6, 5, 2))


@pytest.mark.slow
@pytest.mark.parametrize("readout", convolutions.READOUTS)
@pytest.mark.parametrize("nonlinearity", ["relu", "erf"])
@pytest.mark.parametrize(
    ("hidden_layers", "filter_size", "weight_std", "bias_std"),
    [(1, 3, 1.0, 0.0), (1, 5, 1.3, 0.4), (2, 3, 1.4, 0.2), (3, 3, 1.0, 1.0), (2, 1, 1.0, 0.5)],
)
def test_equal_neural_tangents(
    readout, nonlinearity, hidden_layers, filter_size, weight_std, bias_std
):
    stax = tangents.load().stax
    layer = {"W_std": weight_std, "b_std": bias_std}
    activation = stax.Relu() if nonlinearity == "relu" else stax.Erf()
    convolution = stax.Conv(4, (filter_size, filter_size), padding="CIRCULAR", **layer)
    read = stax.GlobalAvgPool() if readout == "pool" else stax.Flatten()
    layers = [convolution, activation] * hidden_layers + [read, stax.Dense(1, **layer)]
    kernel_fn = stax.serial(*layers)[2]
    settings = {
        "hidden_layers": hidden_layers,
        "filter_size": filter_size,
        "readout": readout,
        "weight_std": weight_std,
        "bias_std": bias_std,
        "nonlinearity": nonlinearity,
    }
    oracle = kernel_fn(IMAGES, OTHERS, ("nngp", "ntk"))
    ours = [f(IMAGES, OTHERS, **settings) for f in (convolutions.conv_nngp, convolutions.conv_ntk)]
    np.testing.assert_allclose(ours, oracle, rtol=1e-8)


@pytest.mark.slow
@pytest.mark.parametrize("readout", convolutions.READOUTS)
def test_monte_carlo_over_wide_networks(readout):
    """Outputs of random networks, products averaged, within four standard errors."""
    x, channels, draws = IMAGES[:2], 200, 400

    @jax.jit
    def outputs(key):
        first, second = jax.random.split(key)
        filters = jax.random.normal(first, (3, 3, 2, channels)) / np.sqrt(9 * 2)
        padded = np.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)), mode="wrap")
        hidden = jax.nn.relu(
            jax.lax.conv_general_dilated(
                padded, filters, (1, 1), "VALID", dimension_numbers=("NHWC", "HWIO", "NHWC")
            )
        )
        features = hidden.mean((1, 2)) if readout == "pool" else hidden.reshape(2, -1)
        weights = jax.random.normal(second, features.shape[1:]) / np.sqrt(features.shape[1])
        return features @ weights

    drawn = np.array([outputs(key) for key in jax.random.split(jax.random.key(0), draws)])
    products = drawn[:, :, None] * drawn[:, None]
    error = products.std(axis=0, ddof=1) / np.sqrt(draws)
    expected = convolutions.conv_nngp(x, readout=readout)
    assert (np.abs(products.mean(axis=0) - expected) < 4 * error).all()


def test_pooling_is_blind_to_shifts_and_flattening_is_not():
    shifted = np.roll(IMAGES, (2, 1), axis=(1, 2))
    pooled = convolutions.conv_ntk(IMAGES, OTHERS, hidden_layers=2)
    np.testing.assert_allclose(
        convolutions.conv_ntk(shifted, OTHERS, hidden_layers=2), pooled, rtol=1e-12
    )
    flat = convolutions.conv_ntk(IMAGES, OTHERS, readout="flatten")
    moved = convolutions.conv_ntk(shifted, OTHERS, readout="flatten")
    assert np.abs(moved / flat - 1).max() > 0.01


@pytest.mark.parametrize("readout", convolutions.READOUTS)
def test_invariant_when_both_images_move(readout):
    square = generator.random((2, 6, 6))
    for move in (
        lambda images: orbits.circular_shifts(images, 6)[:, 2],
        lambda images: orbits.dihedral_images(images)[:, 5],
    ):
        grams = [
            convolutions.conv_ntk(images[..., None], hidden_layers=2, readout=readout)
            for images in (square, move(square))
        ]
        np.testing.assert_allclose(*grams, rtol=1e-12)


@pytest.mark.parametrize("readout", convolutions.READOUTS)
def test_grams_are_positive_definite(readout):
    gram = np.asarray(convolutions.conv_ntk(IMAGES, readout=readout))
    assert np.linalg.eigvalsh(gram)[0] > 0
    np.testing.assert_allclose(gram, gram.T, rtol=1e-12)


def test_pooled_kernel_is_the_shift_average_of_the_flat_one():
    shifts = [np.roll(OTHERS, (a, b), axis=(1, 2)) for a in range(6) for b in range(5)]
    flat = [convolutions.conv_ntk(IMAGES, s, hidden_layers=2, readout="flatten") for s in shifts]
    np.testing.assert_allclose(
        convolutions.conv_ntk(IMAGES, OTHERS, hidden_layers=2), np.mean(flat, axis=0), rtol=1e-12
    )


@pytest.mark.parametrize("readout", convolutions.READOUTS)
@pytest.mark.parametrize("hidden_layers", [1, 2])
def test_entries_shared_by_quarter_turns_are_those_computed_alone(readout, hidden_layers):
    """Turned copies in one call, and each pair of images in a call of its own."""
    images = orbits.quarter_turns(generator.normal(size=(2, 5, 5))).reshape(8, 5, 5, 1)
    settings = {"readout": readout, "hidden_layers": hidden_layers}
    for other in (None, np.concatenate([images[2:5], generator.normal(size=(2, 5, 5, 1))])):
        together = np.asarray(convolutions.conv_ntk(images, other, **settings))
        columns = images if other is None else other
        alone = [
            [convolutions.conv_ntk(x[None], y[None], **settings)[0, 0] for y in columns]
            for x in images
        ]
        np.testing.assert_allclose(together, alone, rtol=1e-12)


def test_normalised_rotations_share_their_entries():
    """Rotation and normalisation keep quarter turns exact to the last bit."""
    turned = orbits.normalize(orbits.rotations(generator.random((2, 28, 28)), 8))
    first, *_ = convolutions._distinct_entries(turned.reshape(16, 28, 28, 1), 16)
    assert len(first) == 36  # of 256: 4 turns for each of 6 pairs, 3 for each of 4 images


@pytest.mark.slow
def test_large_and_repeated_patches():
    """More patches than a tile, many of them equal, against the scan over shifts of one pair."""
    images = np.round(
        generator.random((3, 28, 28, 1)) * (generator.random((3, 28, 28, 1)) > 0.9), 1
    )
    pooled = convolutions.conv_nngp(images, bias_std=0.3)
    shifted = [
        convolutions.conv_nngp(
            images, np.roll(images, (a, b), (1, 2)), bias_std=0.3, readout="flatten"
        )
        for a in range(28)
        for b in range(28)
    ]
    np.testing.assert_allclose(pooled, np.mean(shifted, axis=0), rtol=1e-12)


@pytest.mark.usefixtures("untyped")
@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: convolutions.conv_ntk(IMAGES.astype("float32")), "x must be float64"),
        (lambda: convolutions.conv_ntk(IMAGES[..., 0]), "give grey images a last axis of 1"),
        (lambda: convolutions.conv_ntk(IMAGES, OTHERS[:, :3]), r"like x.*\(2, 3, 5, 2\)"),
        (lambda: convolutions.conv_ntk(IMAGES, filter_size=2), "filter_size must be odd"),
        (lambda: convolutions.conv_ntk(IMAGES, filter_size=7), "no larger than the images"),
        (lambda: convolutions.conv_ntk(IMAGES, readout="mean"), "readout must be one of"),
        (lambda: convolutions.conv_ntk(IMAGES, hidden_layers=0), "at least 1, got 0"),
        (lambda: convolutions.conv_ntk(IMAGES, bias_std=-1.0), "bias_std must be"),
        (lambda: convolutions.conv_nngp(IMAGES, nonlinearity="tanh"), "nonlinearity must be"),
        (lambda: convolutions.conv_ntk(IMAGES * np.nan), "finite"),
    ],
)
def test_bad_input(call, message):
    with pytest.raises(ValueError, match=message):
        call()
