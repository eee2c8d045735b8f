"""The experiments: columns, agreement with the plain way to compute them, bad settings."""

from pathlib import Path

import numpy as np
import pytest
import scipy.ndimage
import yaml

from symlib import (
    baselines,
    convolutions,
    data,
    intervals,
    kernels,
    one_vs_rest,
    orbits,
    regression,
    rotated,
    spectral,
    uniform,
)
from symlib import experiments as all_experiments
from symlib import pairs as pairs_of_orbits
from symlib.experiments import class_separation, protocols
from symlib.experiments.class_separation import ClassSeparation
from symlib.experiments.cntk import Cntk
from symlib.experiments.exemplars import Exemplars
from symlib.experiments.foresight import Foresight
from symlib.experiments.grokking import Grokking
from symlib.experiments.groups import GROUPS, Groups
from symlib.experiments.mlp_ntk import MlpNtk
from symlib.experiments.mlp_trained import MlpTrained
from symlib.experiments.multiclass import Multiclass
from symlib.experiments.other_classes import OtherClasses
from symlib.experiments.partially_rotated import PartiallyRotated
from symlib.experiments.pooled_exemplars import PooledExemplars
from symlib.experiments.protocols import Protocols
from symlib.experiments.seen_angles import SeenAngles
from symlib.experiments.sensitivity import Sensitivity
from symlib.experiments.shifts import Shifts
from symlib.experiments.two_circles import TwoCircles
from symlib.settings import Training
from tools import claims

ROOT = Path(__file__).parents[2]

SMALL = MlpNtk(pairs=3, counts=(2, 4, 8), hidden_layers=(1, 2), chunk=2)


def test_toy_is_exact_where_it_can_be():
    frame = TwoCircles(counts=(4, 8, 12), offsets=(0.5, 1.0)).run()
    assert len(frame) == 6
    np.testing.assert_allclose(frame.spectral, frame.exact, rtol=1e-10)
    np.testing.assert_allclose(frame.spectral, frame.closeness / frame.density)
    np.testing.assert_allclose(frame.ridge, 2e-5 * frame["count"])


def test_toy_reports_a_singular_gram_as_missing():
    frame = TwoCircles(counts=(8, 48), ridge_per_point=0.0).run()
    assert frame.spectral.isna().tolist() == [False, True]
    assert frame.exact.isna().tolist() == [False, True]


def test_two_circles_do_not_hide_other_errors(monkeypatch):
    def refuse(*_, **__):
        raise ValueError("gram must be symmetric")

    monkeypatch.setattr(regression, "leave_one_out", refuse)
    with pytest.raises(ValueError, match="gram must be symmetric"):
        TwoCircles(counts=(4,)).run()


@pytest.mark.slow
def test_mlp_ntk_equals_the_plain_computation():
    """SciPy's rotation, each angle on its own, the whole Gram matrix, a refit for each point."""
    frame = SMALL.run().set_index(["pair", "hidden_layers", "count"])
    digits = data.load("mnist-5000")
    assert len(frame) == 3 * 2 * 3
    for (_, depth, count), row in frame.iterrows():
        pair = digits.images[[int(row["first"]), int(row["second"])]]
        orbit = np.stack(
            [
                scipy.ndimage.rotate(pair, k * 360 / count, axes=(2, 1), reshape=False, order=3)
                for k in range(count)
            ],
            axis=1,
        )
        points = orbits.normalize(orbit).reshape(2 * count, 784)
        gram = np.asarray(kernels.ntk(points, hidden_layers=depth))
        labels = np.repeat([1.0, -1.0], count)
        residual = np.array(
            [regression.refit(gram, labels, [p], ridge=1e-10)[0] for p in range(2 * count)]
        )
        np.testing.assert_allclose(row.exact_mean, np.abs(residual).mean(), rtol=1e-7)
        upright = residual[[0, count]]
        np.testing.assert_allclose(row.exact_upright, np.abs(upright).mean(), rtol=1e-7)
        correct = (labels[[0, count]] * (labels[[0, count]] - upright) > 0).mean()
        assert row.correct_upright == correct
        np.testing.assert_allclose(row.quarter_upright, row.exact_upright, rtol=1e-9)
        np.testing.assert_allclose(row.quarter_mean, row.exact_mean, rtol=1e-9)
        np.testing.assert_allclose(
            row.delta_squared,
            np.square(points[:count].mean(0) - points[count:].mean(0)).sum(),
            rtol=1e-9,
        )


def test_chunks_do_not_matter():
    whole = MlpNtk(pairs=3, counts=(4,), hidden_layers=(1,), chunk=3).run()
    parts = MlpNtk(pairs=3, counts=(4,), hidden_layers=(1,), chunk=1).run()
    np.testing.assert_allclose(whole.spectral, parts.spectral, rtol=1e-10)
    assert (whole["first"] == parts["first"]).all()


def test_progress_sees_every_chunk():
    seen = []

    def progress(chunks, description, total):
        for chunk in chunks:
            seen.append((chunk.cell.iloc[0], total))
            yield chunk

    SMALL.run(progress)
    assert seen == [(0, 2), (2, 2)]


@pytest.mark.parametrize("counts", [(2,), (3, 12, 8), (6,)])
def test_counts_must_nest(counts):
    with pytest.raises(ValueError, match="counts must all divide the largest"):
        MlpNtk(pairs=1, counts=counts).run()


@pytest.mark.parametrize("readout", ["flatten", "pool"])
def test_shifts_equal_the_dense_computation(readout):
    """All shifted images in one Gram matrix, and a refit without one of each class."""
    settings = Shifts(pairs=1, counts=(4,), ridges=(1e-6,))
    frame = settings.run().set_index("readout")
    digits = data.load("mnist-5000")
    generator = np.random.default_rng(settings.seed)
    (pair,) = data.pairs_of_classes(digits.labels, 1, generator=generator)
    points = orbits.circular_shifts(orbits.normalize(digits.images[pair]), 4).reshape(8, 28, 28, 1)
    gram = np.asarray(convolutions.conv_ntk(points, readout=readout))
    labels = np.repeat([1.0, -1.0], 4)
    left_out = [regression.refit(gram, labels, [p], ridge=1e-6)[0] for p in (0, 4)]
    np.testing.assert_allclose(frame.error[readout], np.abs(left_out).mean(), rtol=1e-6)
    assert frame.correct[readout] == (np.array(left_out) * labels[::4] < 1).mean()
    both = regression.refit(gram, labels, [0, 4], ridge=1e-6)
    np.testing.assert_allclose(frame.balanced_error[readout], np.abs(both).mean(), rtol=1e-6)
    assert frame.balanced_correct[readout] == (both * labels[::4] < 1).mean()


def test_shifts_must_be_whole_pixels():
    with pytest.raises(ValueError, match="counts must divide the width of the images, 28"):
        Shifts(pairs=1, counts=(5,)).run()


@pytest.mark.slow
def test_cntk_equals_the_plain_computation(tmp_path):
    settings = Cntk(pairs=2, counts=(2, 4))
    path = tmp_path / "cntk.csv"
    frame = settings.run(path=path).set_index(["pair", "readout", "count"])
    digits = data.load("mnist-5000")
    chosen = data.pairs_of_classes(digits.labels, 2, generator=np.random.default_rng(0))
    for (number, readout, count), row in frame.iterrows():
        turned = orbits.normalize(orbits.rotations(digits.images[chosen[number]], count))
        gram = np.asarray(convolutions.conv_ntk(turned.reshape(-1, 28, 28, 1), readout=readout))
        labels = np.repeat([1.0, -1.0], count)
        residual = [regression.refit(gram, labels, [p], ridge=1e-10)[0] for p in (0, count)]
        np.testing.assert_allclose(row.exact_upright, np.abs(residual).mean(), rtol=1e-6)
        both = regression.refit(gram, labels, [0, count], ridge=1e-10)
        np.testing.assert_allclose(row.balanced_upright, np.abs(both).mean(), rtol=1e-6)
        assert row.balanced_correct == (both * [1, -1] < 1).mean()
        size = np.sqrt(np.diag(gram))
        cosines = gram / np.outer(size, size)
        unit = [regression.refit(cosines, labels, [p], ridge=1e-10)[0] for p in range(2 * count)]
        np.testing.assert_allclose(row.unit_exact_mean, np.abs(unit).mean(), rtol=1e-6)
    again = settings.run(path=path)
    np.testing.assert_allclose(again.exact_upright, frame.exact_upright.to_numpy(), rtol=1e-6)


def _first_pair(settings):
    """The first pair of digits at four rotations."""
    digits = data.load("mnist-5000")
    generator = np.random.default_rng(settings.seed)
    (pair,) = data.pairs_of_classes(digits.labels, settings.pairs, generator=generator)
    return rotated.orbit_images(digits.images[pair], 4).reshape(8, -1)


@pytest.mark.slow
@pytest.mark.parametrize("together", [False, True])
def test_mlp_trained_regresses_without_what_is_left_out(together):
    """Both kernels of infinite width against refits; the same table when it is run again."""
    settings = MlpTrained(pairs=1, counts=(4,), width=16, steps=10, together=together)
    frame = settings.run()
    points = _first_pair(settings)
    labels = np.repeat([1.0, -1.0], 4)
    grams = {
        "gaussian": np.asarray(kernels.ntk(points, hidden_layers=1)),
        "wide": uniform.ntk(points, bounds=(1 / 4, 1.0)),
    }
    for name, gram in grams.items():
        refits = [
            regression.refit(gram, labels, left_out, ridge=settings.ridge)
            for left_out in ([[0, 4]] if together else [[0], [4]])
        ]
        upright = np.concatenate(refits)
        np.testing.assert_allclose(frame[name], np.abs(upright).mean(), rtol=1e-6)
        assert frame[f"{name}_correct"][0] == (upright * [1, -1] < 1).mean()
    again = settings.run()
    np.testing.assert_array_equal(frame.trained, again.trained)


@pytest.mark.slow
def test_mlp_trained_learns_and_moves_its_kernel():
    """As published, Adam fits the points; its kernel moves less from weights that are large."""
    frames = [
        MlpTrained(pairs=1, counts=(4,), steps=1000, bound=bound).run() for bound in (None, 5.0)
    ]
    assert (frames[0].loss < 1e-3).all()
    published, large = (np.abs(f.trained - f.linearised)[0] for f in frames)
    assert large < published / 2


@pytest.mark.slow
def test_mlp_trained_is_as_deep_as_it_is_told():
    frames = [
        MlpTrained(pairs=1, counts=(4,), width=16, steps=50, hidden_layers=depth).run()
        for depth in (1, 2, 5)
    ]
    for name in ("trained", "wide", "frozen", "gaussian", "spectral"):
        assert len({round(frame[name][0], 5) for frame in frames}) == 3


def test_other_classes_equal_a_dense_refit_with_labels_of_their_own():
    """Each way to label the others solved for by itself, SciPy's rotations."""
    settings = OtherClasses(draws=1, counts=(4,), others=(1, 3), exemplars=(5,), fresh=6)
    frame = settings.run()
    images, order = settings._draw(0)
    assert order[0] == 0
    assert sorted(order) == list(range(10))
    for others, row in frame.set_index("others").iterrows():
        shown = images[: others + 1]
        turned = np.stack(
            [
                scipy.ndimage.rotate(
                    shown[:, :5].reshape(-1, 28, 28), k * 90, axes=(2, 1), reshape=False, order=3
                )
                for k in range(4)
            ],
            axis=1,
        )
        points = orbits.normalize(turned).reshape(-1, 784)
        new = orbits.normalize(shown[:, -6:].reshape(-1, 28, 28)).reshape(-1, 784)
        label = np.repeat(np.arange(others + 1), 20)
        kept = np.ones(len(points), bool)
        kept[:20:4] = False
        seen = points[kept]
        gram = np.asarray(kernels.ntk(seen, hidden_layers=2)) + 1e-10 * np.eye(len(seen))

        def predicted(values, tests, seen=seen, gram=gram):
            return np.asarray(kernels.ntk(tests, seen, hidden_layers=2)) @ np.linalg.solve(
                gram, values
            )

        each = np.where(label[kept, None] == np.arange(others + 1), 1.0, -1.0)
        found = predicted(each, points[~kept])
        assert row.correct == (found.argmax(axis=1) == 0).mean()
        assert row.positive == (found[:, 0] > 0).mean()
        np.testing.assert_allclose(row.error, np.abs(1 - found[:, 0]).mean(), rtol=1e-8)
        turn = np.arange(len(points))[kept] % 4
        level = np.array([each[turn == a].mean(axis=0) for a in range(4)])[turn]
        prior_free = predicted(each - level, points[~kept])
        assert row.prior_free == (prior_free.argmax(axis=1) == 0).mean()
        neutral = predicted(1.0 * (label[kept] == 0), points[~kept])
        assert row.neutral == (neutral > 0).mean()
        own = label[kept] == 0
        level = -own.sum() / (~own).sum()
        balanced = predicted(np.where(own, 1.0, level), np.concatenate([points[~kept], new]))
        assert row.balanced == (balanced[:5] > 0).mean()
        assert row.balanced_others == pytest.approx((balanced[5 + 6 :] > 0).mean())
        fresh = predicted((each + 1) / 2, new)
        score = fresh[:, 0] - fresh[:, 1:].max(axis=1)
        wins = (score[:6, None] > score[6:]).mean()
        assert row.auc == pytest.approx(wins)


@pytest.mark.slow
@pytest.mark.parametrize("count", [2, 4, 8])
def test_exemplars_equal_a_dense_refit(count):
    """Every upright image of one digit left out of the whole Gram matrix, SciPy's rotations."""
    settings = Exemplars(classes=3, exemplars=2, counts=(2, 4, 8))
    images, classes = settings.draw(0)
    kernel = rotated.turn_kernel(images, 8, settings.network, block_size=5)
    kernel = rotated.sample_turns(kernel, 8, count)
    frame = one_vs_rest.errors(kernel, classes, count, ridge=1e-10)

    turned = np.stack(
        [
            scipy.ndimage.rotate(images, k * 360 / count, axes=(2, 1), reshape=False, order=3)
            for k in range(count)
        ],
        axis=1,
    )
    points = orbits.normalize(turned).reshape(6 * count, 784)
    gram = np.asarray(kernels.ntk(points, hidden_layers=1))
    for c, digit in enumerate(np.unique(classes)):
        labels = np.where(np.repeat(classes, count)[:, None] == np.unique(classes), 1.0, -1.0)
        held_out = np.flatnonzero(classes == digit) * count
        residual = regression.refit(gram, labels, held_out, ridge=1e-10)
        np.testing.assert_allclose(frame.error[c], np.abs(residual[:, c]).mean(), rtol=1e-7)
        predicted = labels[held_out] - residual
        assert frame.correct[c] == (predicted.argmax(axis=1) == c).mean()
        assert frame.positive[c] == (predicted[:, c] > 0).mean()
        own = classes == digit
        residual = regression.refit(gram, labels, np.arange(6) * count, ridge=1e-10)[own]
        np.testing.assert_allclose(frame.balanced_error[c], np.abs(residual[:, c]).mean(), 1e-7)
        predicted = labels[np.arange(6) * count][own] - residual
        assert frame.balanced_correct[c] == (predicted.argmax(axis=1) == c).mean()
        others = [
            spectral.spectral_error(gram[np.ix_(rows, rows)], ridge=1e-10).error
            for i in np.flatnonzero(classes == digit)
            for j in np.flatnonzero(classes != digit)
            for rows in [np.r_[i * count : (i + 1) * count, j * count : (j + 1) * count]]
        ]
        np.testing.assert_allclose(frame.spectral[c], np.mean(others), rtol=1e-7)
    if count == 2:  # a half turn is exact, and nothing is projected away
        np.testing.assert_allclose(frame.projected_error, frame.error)


def test_baselines_of_exemplars_are_the_dull_ones():
    settings = Exemplars(classes=3, exemplars=2)
    images, classes = settings.draw(0)
    names = ("nearest", "linear", "logistic")
    found = one_vs_rest.baseline_errors(images, classes, 4, names)
    points = orbits.normalize(orbits.rotations(images, 4)).reshape(24, 784)
    labels = np.where(np.repeat(classes, 4)[:, None] == np.unique(classes), 1.0, -1.0)
    together = np.arange(6) * 4
    predicted = baselines.linear_regression(points, labels, together)
    balanced = baselines.nearest(points, labels, together)
    for c, rows in enumerate(np.arange(6).reshape(3, 2)):
        error = np.abs(1 - predicted[rows, c]).mean()
        assert found["linear_balanced_error"][c] == pytest.approx(error)
        assert found["nearest_balanced_correct"][c] == (balanced[rows, c] > 0).mean()
        near = baselines.nearest(points, labels, rows * 4)[:, c]
        assert found["nearest_correct"][c] == (near > 0).mean()
    assert "logistic_balanced_correct" in found
    assert not {"nearest_error", "logistic_balanced_error", "linear_error"} & set(found)
    with pytest.raises(ValueError, match=r"baselines.0 must be"):
        Exemplars(baselines=("kriging",))


def test_foresight_equals_a_dense_refit_where_nothing_is_projected_away():
    """Quarter turns are exact: SciPy's rotations, the whole Gram matrix, a refit for each digit."""
    sample = data.Sample(60, 200, "mnist-5000")
    settings = Foresight(counts=(4,), seeds=(1,), sample=sample, in_pairs=2)
    frame = settings.run().set_index("digit")
    digits = data.load()
    which = np.random.default_rng([1, 0]).permutation(len(digits.labels))[:60]
    images, classes = digits.images[which], digits.labels[which]
    points = orbits.normalize(np.stack([np.rot90(images, t, (1, 2)) for t in range(4)], axis=1))
    gram = np.asarray(kernels.ntk(points.reshape(240, 784), hidden_layers=2))
    known = np.unique(classes)
    labels = np.where(np.repeat(classes, 4)[:, None] == known, 1.0, -1.0)
    for c, digit in enumerate(known):
        held_out = 4 * np.flatnonzero(classes == digit)
        residual = regression.refit(gram, labels, held_out, ridge=1e-10)
        np.testing.assert_allclose(frame.error[digit], np.abs(residual[:, c]).mean(), rtol=1e-7)
        assert frame.correct[digit] == ((labels[held_out] - residual).argmax(1) == c).mean()


def test_class_separation_equals_the_plain_computation():
    """SciPy's rotation, all samples in one matrix of cosines."""
    pytest.importorskip("torch")
    count, settings = 4, ClassSeparation(counts=(4,), sample=data.Sample(200, 100, "mnist-5000"))
    frame = settings.run().set_index("digit")
    drawn = settings.sample.draw(np.random.default_rng([0, 0]))
    points = np.stack(
        [
            scipy.ndimage.rotate(drawn.images, k * 90, axes=(2, 1), reshape=False, order=3)
            for k in range(count)
        ],
        axis=1,
    )
    points = orbits.normalize(points).reshape(300, count, 784)
    seen, unseen = points[:200], points[200:]
    known, labels = drawn.labels[:200], drawn.labels[200:]
    for digit, row in frame.iterrows():
        images, alike = unseen[labels == int(digit)], known == int(digit)
        assert row.images == len(images)
        itself = (images[:, 0] * images[:, 1]).sum(axis=1)
        upright = images[:, 0] @ seen[:, 0].T
        nearest = [np.median(upright[:, which].max(axis=1)) for which in (alike, ~alike)]
        assert (row.turned, row.own, row.other) == pytest.approx(
            (np.median(itself), *nearest), abs=2e-5
        )
        ours, theirs = seen[alike, 1:].reshape(-1, 784), seen[~alike].reshape(-1, 784)
        for name, turn in (("missed", 0), ("kept", 2)):
            test = images[:, turn]
            right = (test @ ours.T).max(axis=1) > (test @ theirs.T).max(axis=1)
            assert row[name] == right.sum(), name


def test_images_are_shrunk_in_the_middle_of_their_frame():
    images = np.zeros((1, 28, 28))
    images[0, 4:24, 4:24] = 1
    np.testing.assert_array_equal(class_separation._shrunk(images, 28), images)
    shrunk = class_separation._shrunk(np.ones((1, 28, 28)), 20)
    np.testing.assert_allclose(shrunk, images, atol=1e-12)


def test_too_many_images_are_refused_before_anything_is_computed():
    for kind in (ClassSeparation, Foresight, PartiallyRotated, Grokking):
        settings = kind(sample=data.Sample(5000, 200, "mnist-5000"))
        with pytest.raises(ValueError, match="images and fresh must be at most 5000"):
            settings.cells()


@pytest.mark.slow
def test_multiclass_adds_trained_networks():
    pytest.importorskip("torch")
    settings = Multiclass(draws=1, exemplars=4, classes=3, counts=(4,), training=Training(1, 60))
    frame = settings.run()
    alone = Exemplars(draws=1, exemplars=4, classes=3, counts=(4,)).run()
    np.testing.assert_allclose(
        frame[alone.columns].drop(columns="cell"), alone.drop(columns="cell")
    )
    assert (frame.trained_on > 0.9).all()
    assert frame.trained.between(0, 1).all()


@pytest.mark.slow
def test_groups_agree_with_the_dense_solution():
    frame = Groups(orbits=4).run()
    assert len(frame) == len(GROUPS)
    assert (frame.deviation < 1e-8).all()
    assert frame.set_index("group").irreps["symmetric 4"] == 5


def test_every_experiment_has_its_parts():
    for name in all_experiments.NAMES:
        kind = all_experiments.find(name)
        assert kind.name() == name
        quick, paper = (kind.at_scale(scale) for scale in ("quick", "paper"))
        assert type(quick) is type(paper) is kind


def test_no_such_experiment_or_scale():
    with pytest.raises(ValueError, match=r"experiment must be one of two-circles, .* got 'nope'"):
        all_experiments.find("nope")
    with pytest.raises(ValueError, match="scale must be quick or paper, got 'huge'"):
        all_experiments.find("toy").at_scale("huge")


@pytest.mark.slow
@pytest.mark.parametrize("readout", ["flatten", "pool"])
def test_pooled_exemplars_equal_a_dense_refit(readout):
    """The whole Gram matrix of eight turns of each of 20 images, for one digit and for all."""
    settings = PooledExemplars(draws=1, exemplars=(1, 2), counts=(4,))
    frame = settings.run()
    kept = (frame.readout == readout) & (frame.diagonal == "own") & (frame.ridge == 1e-5)
    frame = frame[kept & (frame.exemplars == 2)].set_index("digit")
    digits, generator = data.load(), np.random.default_rng([0, 0])
    which = [generator.choice(np.flatnonzero(digits.labels == d), 2, False) for d in range(10)]
    points = orbits.normalize(orbits.rotations(digits.images[np.concatenate(which)], 4))
    gram = np.asarray(convolutions.conv_ntk(points.reshape(80, 28, 28, 1), readout=readout))
    gram = gram / gram.max()
    labels = np.where(np.repeat(np.arange(10), 8)[:, None] == np.arange(10), 1.0, -1.0)
    upright = np.arange(0, 80, 4)
    together = labels[upright] - regression.refit(gram, labels, upright, ridge=1e-5)
    size = np.diag(gram)
    distance = size[:, None] + size - 2 * gram
    inverse = np.linalg.inv(gram + 1e-5 * np.eye(80))
    for digit in range(10):
        out = upright[2 * digit : 2 * digit + 2]
        alone = labels[out] - regression.refit(gram, labels, out, ridge=1e-5)
        row = frame.loc[digit]
        assert row.one_missing_all == (alone.argmax(axis=1) == digit).mean()
        assert (
            row.all_missing_all
            == (together[2 * digit : 2 * digit + 2].argmax(axis=1) == digit).mean()
        )
        seen = np.setdiff1d(np.arange(80), out)
        nearest = seen[distance[out[:, None], seen].argmin(axis=1)]
        assert row.nearest_all == (nearest // 8 == digit).mean()
        assert row.nearest_turn == (nearest // 4 == out // 4).mean()
        weight = np.abs(inverse @ labels)[out, digit].mean()
        np.testing.assert_allclose(row.weight, weight, rtol=1e-5)
        np.testing.assert_allclose(row.variance, (1 / np.diag(inverse)[out]).mean(), rtol=1e-5)
        rivals = []
        for other in np.setdiff1d(np.arange(10), digit):
            two = np.r_[8 * digit : 8 * digit + 8, 8 * other : 8 * other + 8]
            residual = regression.refit(gram[np.ix_(two, two)], labels[two], [0, 4], ridge=1e-5)
            rivals.append(((labels[out] - residual)[:, digit] > 0).mean())
        np.testing.assert_allclose(row.one_missing_pair, np.mean(rivals))
    with pytest.raises(ValueError, match=r"counts.0 must be a multiple of 4, got 2"):
        PooledExemplars(counts=(2, 4))
    with pytest.raises(ValueError, match="exemplars must be from 1 to 500"):
        PooledExemplars(exemplars=(501,)).run()


SLIM = dict.fromkeys(("norm", "weight_std", "bias_std", "hidden_layers", "ridge", "order"), ())


@pytest.mark.slow
@pytest.mark.parametrize("value", ["relu", "distance", "linear", "rbf 1", "nearest"])
def test_sensitivity_equals_refits(value):
    """Every set left out by a refit, or by the nearest image, of SciPy's rotations."""
    settings = Sensitivity(pairs=2, counts=(4,), kernel=(value,), **SLIM)
    frame = settings.run()
    digits = data.load()
    pairs = data.pairs_of_classes(digits.labels, 2, generator=np.random.default_rng(0))
    labels = np.repeat([1.0, -1.0], 4)
    sets = {
        "upright": [[0], [4]],
        "balanced": [[0, 4], [4, 0]],
        "parted": [[0, 4 + k] for k in (1, 2, 3)] + [[4, k] for k in (1, 2, 3)],
    }
    for (_, row), pair in zip(frame.iterrows(), pairs, strict=True):
        x = orbits.normalize(orbits.rotations(digits.images[pair], 4)).reshape(8, -1)
        kernel = None
        if value != "nearest":
            way = "network" if value == "relu" else value
            kernel = protocols.kernel_of(way, kernels.DenseNtk(), constant=1000.0)
        for protocol, chosen in sets.items():
            errors = []
            for unseen in chosen:
                if kernel is None:
                    error = labels[unseen] - baselines.nearest(x, labels, unseen)
                else:
                    error = regression.refit(np.asarray(kernel(x)), labels, unseen, ridge=1e-10)
                errors.append(abs(error[0]))
            np.testing.assert_allclose(row[protocol], np.mean(errors), rtol=1e-6)


@pytest.mark.slow
def test_sensitivity_changes_one_thing_at_a_time():
    settings = Sensitivity(pairs=2, counts=(4, 8))
    frame = settings.run()
    usual = frame[(frame.varied == "norm") & (frame.value == "1.0")].upright.to_numpy()
    unchanged = {
        "weight_std": "1.0",
        "bias_std": "1.0",
        "hidden_layers": "1",
        "ridge": "1e-10",
        "order": "3",
        "kernel": "relu",
    }
    for varied, value in unchanged.items():
        same = frame[(frame.varied == varied) & (frame.value == value)].upright.to_numpy()
        np.testing.assert_allclose(same, usual, rtol=1e-9)
    spread = frame.groupby(["count", "pair"]).upright.nunique()
    assert (spread > 1).all()


def test_sensitivity_refuses_unknown_kernels_and_counts():
    with pytest.raises(ValueError, match=r"way must be one of .* got 'cosine'"):
        protocols.kernel_of("cosine", kernels.DenseNtk())
    with pytest.raises(ValueError, match=r"kernel.0 must match pattern"):
        Sensitivity(kernel=("cosine",))


def turned_by_scipy(image, count):
    turned = [
        scipy.ndimage.rotate(image, k * 360 / count, axes=(1, 0), reshape=False, order=3)
        for k in range(count)
    ]
    return orbits.normalize(np.array(turned)).reshape(count, 784)


@pytest.mark.slow
@pytest.mark.parametrize("shuffled", [False, True])
def test_protocols_equal_the_plain_computation(shuffled):
    """Each set left out on its own: a refit, least squares, the nearest image by its distance."""
    settings = Protocols(pairs=2, counts=(4, 8), shuffled=shuffled)
    frame = settings.run().set_index(["pair", "count", "protocol", "way"])
    digits = data.load()
    generator = np.random.default_rng(0)
    chosen = data.pairs_of_classes(digits.labels, 2, generator=generator)
    signs = np.ones((2, 8))
    if shuffled:
        signs[:, 1:] = generator.choice([-1.0, 1.0], size=(2, 7))
    assert len(frame) == 2 * 2 * (2 if shuffled else 3) * 5
    for (number, count, protocol, _), rows in frame.groupby(level=[0, 1, 2, 3]):
        points = np.concatenate([turned_by_scipy(digits.images[i], count) for i in chosen[number]])
        sign = signs[number, :: 8 // count]
        labels = np.r_[sign, -sign]
        grams = {
            "network": np.asarray(kernels.ntk(points, hidden_layers=1)),
            "distance": kernels.distance(points, constant=10.0),
        }
        way = rows.index[0][3]
        errors, right = [], []
        for out in pairs_of_orbits.held_out_sets(protocol, int(count)):
            if way in grams:
                residual = regression.refit(grams[way], labels, np.sort(out), ridge=1e-10)
                guess = (labels[np.sort(out)] - residual)[np.sort(out) == out[0]][0]
            elif way == "mean":
                guess = np.delete(labels, out).mean()
            else:
                name = {"linear": "linear_regression", "nearest": "nearest"}[way]
                guess = getattr(baselines, name)(points, labels, out)[0]
            errors.append(abs(labels[out[0]] - guess))
            right.append(0.5 if abs(guess) < 1e-12 else guess * labels[out[0]] > 0)
        tolerance = 2e-3 if way == "linear" else 1e-6  # its intercept is not quite free
        np.testing.assert_allclose(rows.error, np.mean(errors), rtol=tolerance, atol=1e-12)
        assert rows.correct.iloc[0] == np.mean(right)
        if way == "mean" and protocol == "paper":
            assert np.allclose(rows.error, baselines.label_mean_error(count - 1, count))


@pytest.mark.slow
def test_labels_that_mean_nothing_flip_the_verdicts():
    """What the ledger says of learning fails with them; what it says of imbalance does not."""
    rows = yaml.safe_load((ROOT / "book" / "claims.yml").read_text())
    ledger = {row["id"]: row["expect"] for row in rows}
    flips = {}
    for shuffled in (False, True):
        settings = Protocols(pairs=32, counts=(2, 4, 64), ways=("network",), shuffled=shuffled)
        rows = settings.run().set_index(["protocol", "count"])
        for count in (2, 4):
            one, both = rows.loc[("paper", count)], rows.loc[("balanced", count)]
            over = intervals.bootstrap(np.mean, one.error.to_numpy() * (1 - 0.5 / count))
            error = intervals.bootstrap(np.mean, both.error.to_numpy())
            flips["worse-than-a-coin", count, shuffled] = intervals.share(one.correct.to_numpy())
            flips["failure", count, shuffled] = intervals.share(both.correct.to_numpy())
            flips["failure-of-one-left-out", count, shuffled] = over
            flips["balanced-error-near-one", count, shuffled] = error
        dense = rows.loc[("balanced", 64)]
        flips["success-when-dense", 64, shuffled] = intervals.share(dense.correct.to_numpy())
    for (name, count, shuffled), (value, low, high) in flips.items():
        expect = ledger[name]
        alone = {bound: expect[bound] for bound in expect if bound != "interval"}
        if shuffled and name != "worse-than-a-coin":
            assert not claims.meets(claims.Measured(value, low, high), expect), (name, count)
        else:  # few pairs: the value alone
            assert claims.meets(claims.Measured(value), alone), (name, count)


def test_protocols_know_their_ways():
    with pytest.raises(ValueError, match=r"ways.0 must be .* got 'oracle'"):
        Protocols(ways=("oracle",))


def test_seen_angles_equal_the_plain_computation():
    """Arcs left out, and the other class as unrelated images: SciPy's rotations and a refit."""
    settings = SeenAngles(pairs=2, largest=8, gaps=(1, 2), counts=(4,))
    frame = settings.run().set_index(["pair", "way", "protocol"])
    digits = data.load()
    chosen = data.pairs_of_classes(digits.labels, 2, generator=np.random.default_rng(0))
    drawn = np.random.default_rng([0, 0])
    labels = np.repeat([1.0, -1.0], 8)
    for number, (first, second) in enumerate(chosen):
        ours, theirs = (turned_by_scipy(digits.images[i], 8) for i in (first, second))
        gram = np.asarray(kernels.ntk(np.concatenate([ours, theirs]), hidden_layers=1))
        for protocol, out in {"one": [0, 1, 7], "both": [0, 1, 7, 8, 9, 15]}.items():
            arc = frame.loc[(number, "arc", protocol)].set_index("gap").error[90.0]
            residual = regression.refit(gram, labels, out, ridge=1e-10)[0]
            np.testing.assert_allclose(arc, abs(residual), rtol=1e-7)
        alike = np.flatnonzero(digits.labels == digits.labels[second])
        others = digits.images[drawn.choice(alike, 4, replace=False)]
        ways = {
            "orbit": theirs[::2],
            "unrelated": np.array([turned_by_scipy(others[k], 4)[k] for k in range(4)]),
            "upright": orbits.normalize(others).reshape(4, 784),
            "sideways": np.array([turned_by_scipy(other, 4)[1] for other in others]),
        }
        for way, other in ways.items():
            gram = np.asarray(kernels.ntk(np.concatenate([ours[::2], other]), hidden_layers=1))
            for protocol, out in {"one": [0], "both": [0, 4]}.items():
                residual = regression.refit(gram, labels[::2], out, ridge=1e-10)[0]
                found = frame.loc[(number, way, protocol)].error
                np.testing.assert_allclose(found, abs(residual), rtol=1e-7)


def test_an_arc_leaves_something_seen():
    with pytest.raises(ValueError, match="gaps must be below half of the 64 rotations"):
        SeenAngles(gaps=(32,)).run()
