"""What holds for every group, orbit, Gram matrix and table, tried on many drawn at random."""

import contextlib
import json
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from symlib import groups, intervals, invariant, kernels, orbits, regression, results, spectral
from symlib.experiment import Experiment
from symlib.settings import settings

SEEDS = st.integers(0, 2**32 - 1)
SMALL = st.sampled_from(
    [groups.cyclic(n) for n in (1, 2, 3, 4, 7, 12)]
    + [groups.dihedral(n) for n in (1, 2, 3, 4, 6)]
    + [groups.quaternion(), groups.symmetric(3)]
    + [groups.direct_product(groups.cyclic(2), groups.dihedral(3))]
)


def noise(seed, *shape):
    return np.random.default_rng(seed).normal(size=shape)


def positive(seed, *batch, points, rank=3):
    """Gram matrices of random points, of condition at most about 10⁶."""
    features = noise(seed, *batch, points, rank * points)
    return features @ np.swapaxes(features, -1, -2) + 1e-3 * np.eye(points)


@given(SMALL, SEEDS)
def test_renaming_the_elements_of_a_group_changes_nothing(group, seed):
    order = np.random.default_rng(seed).permutation(group.order - 1) + 1
    names = np.r_[0, order]  # the identity stays 0
    table = np.empty_like(group.table)
    table[np.ix_(names, names)] = names[group.table]
    renamed = groups.from_table(table, name="renamed")
    assert sorted(r.shape for r in renamed.irreps) == sorted(r.shape for r in group.irreps)
    found = np.abs(renamed.characters[:, names])
    gram = found @ np.abs(group.characters).T / group.order
    assert gram.max(axis=1) == pytest.approx(np.ones(len(gram)))


@given(SMALL, SEEDS)
def test_the_fourier_transform_turns_convolution_into_products(group, seed):
    f, g = noise(seed, 2, group.order)
    convolved = np.einsum("h,gh->g", f, g[group.differences.T])  # Σ f(h) g(h⁻¹g)
    transforms = [groups.fourier_transform(group, each) for each in (f, g, convolved)]
    for first, second, product in zip(*transforms):
        np.testing.assert_allclose(product, first @ second, atol=1e-9)
    np.testing.assert_allclose(
        groups.inverse_fourier_transform(group, transforms[0]), f, atol=1e-12
    )
    energy = sum(
        irrep.shape[1] * np.sum(np.abs(c) ** 2) for irrep, c in zip(group.irreps, transforms[0])
    )
    assert energy / group.order == pytest.approx(f @ f)


@given(SMALL, st.integers(1, 3), SEEDS)
def test_a_projected_kernel_is_solved_as_its_gram_matrix(group, count, seed):
    points = count * group.order
    kernel = invariant.projection(positive(seed, points=points), group)
    gram = invariant.gram_matrix(kernel, group)
    np.testing.assert_allclose(invariant.projection(gram, group), kernel, atol=1e-9)
    labels = noise(seed + 1, count, group.order)
    if points == 1:
        return
    by_group = invariant.leave_one_out(group, kernel, labels, ridge=0.1)
    dense = regression.leave_one_out(gram, labels.ravel(), ridge=0.1)
    np.testing.assert_allclose(by_group.ravel(), dense, rtol=1e-8)


@given(st.integers(2, 9), st.integers(0, 3), SEEDS, st.data())
def test_leaving_out_is_training_again(points, outputs, seed, data):
    gram, labels = (
        positive(seed, points=points),
        noise(seed + 1, points, *[outputs] * (outputs > 0)),
    )
    sizes = st.lists(st.integers(0, points - 1), min_size=1, max_size=points - 1, unique=True)
    held_out = data.draw(sizes)
    ridge = data.draw(st.sampled_from([0.0, 1e-6, 0.5]))
    found = regression.leave_out(gram, labels, held_out, ridge=ridge)
    again = regression.refit(gram, labels, held_out, ridge=ridge)
    np.testing.assert_allclose(found, again, rtol=1e-6, atol=1e-6)

    order = np.random.default_rng(seed).permutation(points)
    place = np.argsort(order)
    permuted = regression.leave_out(
        gram[np.ix_(order, order)], labels[order], place[held_out], ridge=ridge
    )
    np.testing.assert_allclose(permuted, found, rtol=1e-6, atol=1e-6)


@given(st.integers(2, 9), SEEDS, st.integers(-30, 30))
def test_the_unit_of_a_kernel_does_not_matter(points, seed, power):
    gram, labels = positive(seed, points=points), noise(seed + 1, points)
    unit = 2.0**power
    one = regression.leave_one_out(gram, labels, ridge=0.25)
    other = regression.leave_one_out(unit * gram, labels, ridge=0.25 * unit)
    np.testing.assert_allclose(one, other, rtol=1e-13)


@given(st.integers(2, 7), SEEDS, st.sampled_from([0.0, 0.3]))
def test_the_spectral_error_is_exact_where_the_gram_matrix_is_circulant(count, seed, ridge):
    gram = positive(seed, points=2 * count)
    row = spectral.circulant_projection(spectral.interleave(gram))
    p = np.arange(2 * count)
    circulant = row[(p - p[:, None]) % (2 * count)]
    np.testing.assert_allclose(spectral.circulant_projection(circulant), row)
    labels = np.resize([1.0, -1.0], 2 * count)
    exact = regression.leave_one_out(circulant, labels, ridge=ridge)
    found = spectral.spectral_error(gram, ridge=ridge).error
    np.testing.assert_allclose(np.abs(exact), found, rtol=1e-7)


@given(st.integers(3, 12), st.integers(1, 12), SEEDS)
def test_orbits_close(size, count, seed):
    images = noise(seed, 2, size, size)
    turned = orbits.quarter_turns(images)
    np.testing.assert_array_equal(turned[:, 3], orbits.quarter_turns(turned[:, 1])[:, 2])
    np.testing.assert_array_equal(orbits.rotations(images, 4)[:, 1:].shape, (2, 3, size, size))
    np.testing.assert_allclose(orbits.rotations(images, 4), turned, atol=1e-9)
    if size % count == 0:
        shifted = orbits.circular_shifts(images, count)
        again = orbits.circular_shifts(shifted[:, count - 1], count)
        np.testing.assert_array_equal(again[:, 1 % count], images if count > 1 else shifted[:, 0])


@given(st.integers(2, 8), SEEDS, st.integers(-200, 200), st.floats(-1e3, 1e3))
def test_normalising_takes_away_brightness_and_contrast(size, seed, power, shift):
    images = noise(seed, 3, size, size)
    one = orbits.normalize(images)
    np.testing.assert_allclose(np.linalg.norm(one, axis=(1, 2)), 1)
    np.testing.assert_allclose(orbits.normalize(2.0**power * images), one, atol=1e-13)
    np.testing.assert_allclose(orbits.normalize(images + shift), one, atol=1e-9)


@pytest.mark.slow
@given(st.sampled_from([1, 5]), st.sampled_from([3, 5]), st.sampled_from([0, 1, 4]), SEEDS)
def test_kernels_are_symmetric_and_positive(points, features, depth, seed):
    x = noise(seed, points, features)
    for gram in (
        kernels.ntk(x, hidden_layers=depth),
        kernels.nngp(x, hidden_layers=depth, nonlinearity="erf"),
        kernels.rbf(x, inverse_length=0.7),
    ):
        gram = np.asarray(gram)
        np.testing.assert_allclose(gram, gram.T, rtol=1e-12)
        assert np.linalg.eigvalsh(gram).min() > -1e-9 * np.trace(gram)
    both = np.asarray(kernels.ntk(x, -x, hidden_layers=depth))
    np.testing.assert_allclose(both, kernels.ntk(-x, x, hidden_layers=depth).T, rtol=1e-9)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=30))
def test_the_share_lies_in_its_interval(values):
    middle, low, high = intervals.share(np.array(values))
    assert 0 <= low <= middle + 1e-9 <= high + 2e-9 <= 1 + 2e-9
    inside, less, more = intervals.share(1 - np.array(values))
    np.testing.assert_allclose([inside, less, more], [1 - middle, 1 - high, 1 - low], atol=1e-9)


TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=6)
FRAMES = st.lists(
    st.tuples(
        TEXT, st.floats(), st.integers(-(2**63), 2**63 - 1), st.booleans(), st.floats(width=32)
    ),
    min_size=1,
    max_size=4,
)


@settings
class Rows(Experiment):
    """An experiment whose rows are those that it is given, as JSON."""

    given: str = "[]"

    def cells(self):
        return range(len(json.loads(self.given)))

    def rows(self, cell):
        text, number, whole, yes, narrow = json.loads(self.given)[cell]
        row = {"text": [text], "number": [number], "whole": [whole], "yes": [yes]}
        return pd.DataFrame(row | {"narrow": np.array([narrow], np.float32)})

    def cost(self, cell):
        return 0.0


@pytest.mark.slow
@example([("\r", 0.0, 0, False, 0.0)])
@given(FRAMES)
def test_a_table_comes_back_as_it_was_stored(rows):
    experiment = Rows(json.dumps(rows))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "table.csv"
        stored = results.sweep(experiment, path=path)
        pd.testing.assert_frame_equal(results.load(path)[0], stored, check_exact=True)
        again = path.read_bytes()
        pd.testing.assert_frame_equal(
            results.sweep(experiment, path=path), stored, check_exact=True
        )
        assert path.read_bytes() == again


@pytest.mark.slow
@given(st.integers(1, 400), SEEDS)
def test_a_damaged_table_is_refused(flips, seed):
    """Any change of its rows, and any but of what its header says of the machine and the time."""
    draw = np.random.default_rng(seed)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "table.csv"
        results.sweep(
            Rows(json.dumps([["a", 0.5, 1, True, 1.0], ["b", 2.5, 3, False, 2.0]])), path=path
        )
        whole = path.read_bytes()
        stored = results.load(path)[0]
        start = whole.index(b"\n") + 1
        damaged = bytearray(whole)
        for place in draw.integers(start, len(whole), size=flips):
            damaged[place] = draw.integers(256)
        cut = draw.integers(start, len(whole))
        for content in (bytes(damaged), whole[:cut], whole + whole[start:], whole[:start]):
            path.write_bytes(content)
            found = None
            with contextlib.suppress(ValueError):
                found, _ = results.load(path)
            if found is not None:
                pd.testing.assert_frame_equal(found, stored)
