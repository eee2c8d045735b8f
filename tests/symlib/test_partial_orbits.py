"""Partially observed orbits: the samples, and who sees which."""

import itertools

import numpy as np
import pytest

torch = pytest.importorskip("torch")
from symlib import orbits, partial_orbits  # noqa: E402

COUNT = 6


@pytest.mark.parametrize("count", [1, 4, 6])
def test_samples_are_the_normalised_rotations(digits, count):
    images = digits[0][:5]
    expected = 28 * orbits.normalize(orbits.rotations(images, count)).reshape(-1, 1, 28, 28)
    samples = torch.randperm(5 * count, generator=torch.Generator().manual_seed(0))
    turned = partial_orbits.TurnedImages(images, count)(samples)
    assert turned.dtype == torch.float32
    np.testing.assert_allclose(turned, expected[samples.numpy()], rtol=2e-5, atol=2e-5)


def test_memory_does_not_grow_with_the_number_of_turns(digits):
    def kept(count):
        turned = partial_orbits.TurnedImages(digits[0], count)
        return turned.coefficients.nbytes, sum(o.values().nbytes for o in turned.operators)

    (few_images, _), (many_images, many) = kept(4), kept(64)
    assert few_images == many_images == digits[0].size * 4
    assert many <= 64 * 784 * 16 * 4  # 16 weights a pixel for each angle, however many the images


@pytest.mark.parametrize("held_turns", [(0,), (1, 4)])
def test_split_is_a_partition_without_leaks(digits, held_turns, a_split):
    _, labels = digits
    parts = a_split(labels, held_turns=held_turns)
    sets = [parts.train, parts.in_distribution, parts.held_out, parts.fresh]
    for one, other in itertools.combinations(sets, 2):
        assert not np.intersect1d(one, other).size
    samples = np.concatenate(sets)
    image, turn = np.divmod(samples, COUNT)
    held = (labels[image] == 3) & np.isin(turn, held_turns)
    never_used = (labels[200:] == 3).sum() * len(held_turns)
    assert len(samples) == 240 * COUNT - never_used
    assert sorted(parts.held_out.tolist()) == sorted(samples[held].tolist())
    assert (parts.fresh >= 200 * COUNT).all()
    others = 200 * COUNT - len(parts.held_out)
    assert len(parts.in_distribution) == round(0.1 * others)
    assert set(labels[parts.train.numpy() // COUNT]) == set(range(10))


def test_split_is_seeded(digits, a_split):
    first, same = (a_split(digits[1]) for _ in range(2))
    other = a_split(digits[1], generator=np.random.default_rng(2))
    assert torch.equal(first.train, same.train)
    assert not torch.equal(first.train, other.train)


def test_no_sample_need_be_left_out(digits, a_split):
    parts = a_split(digits[1], share=0.0)
    assert not len(parts.in_distribution)
    assert len(parts.train) + len(parts.held_out) == 200 * COUNT


def test_two_turns_are_enough_and_all_may_be_missed(digits, a_split):
    labels = digits[1]
    parts = a_split(labels, count=2, held_class=[3, 5], held_turns=(0, 1))
    gone = np.isin(labels, [3, 5])
    assert parts.held_out.tolist() == [*np.flatnonzero(np.repeat(gone[:200], 2))]
    assert parts.fresh.tolist() == [*400 + np.flatnonzero(np.repeat(~gone[200:], 2))]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"held_class": ()}, "held_class must be one or more of"),
        ({"held_turns": (-1,)}, "held_turns must be turns from 0 to 5"),
        ({"count": 1}, "of at least two"),
    ],
)
def test_bad_split(digits, changes, message, untyped, a_split):
    with pytest.raises(ValueError, match=message):
        a_split(digits[1], **changes)


@pytest.mark.parametrize("count", [0, -4])
def test_bad_count(digits, count):
    with pytest.raises(ValueError, match="count must be a positive integer"):
        partial_orbits.TurnedImages(digits[0], count)


def test_constant_image(digits):
    with pytest.raises(ValueError, match="constant"):
        partial_orbits.TurnedImages(np.zeros((2, 28, 28)), 4)
