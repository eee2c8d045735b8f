"""The experiments: columns, agreement with the plain way to compute them, bad settings."""

import numpy as np
import pytest
import scipy.ndimage

from symlib import (
    convolutions,
    data,
    finite,
    invariant,
    kernels,
    orbits,
    regression,
    rotated,
    spectral,
)
from symlib import experiments as all_experiments
from symlib import groups as finite_groups
from symlib.experiments import (
    cntk,
    exemplars,
    fig1,
    foresight,
    groups,
    mlp_ntk,
    mlp_trained,
    multiclass,
    shifts,
    toy,
)

SMALL = mlp_ntk.MlpNtk(pairs=3, counts=(2, 4, 8), hidden_layers=(1, 2), chunk=2)


def test_toy_is_exact_where_it_can_be():
    frame = toy.run(toy.Toy(counts=(4, 8, 12), offsets=(0.5, 1.0)))
    assert len(frame) == 6
    np.testing.assert_allclose(frame.spectral, frame.exact, rtol=1e-10)
    np.testing.assert_allclose(frame.spectral, frame.closeness / frame.density)
    np.testing.assert_allclose(frame.ridge, 2e-5 * frame["count"])


def test_toy_reports_a_singular_gram_as_missing():
    frame = toy.run(toy.Toy(counts=(8, 48), ridge_per_point=0.0))
    assert frame.spectral.isna().tolist() == [False, True]
    assert frame.exact.isna().tolist() == [False, True]


def test_toy_does_not_hide_other_errors():
    with pytest.raises(ValueError, match="ridge must be"):
        toy.run(toy.Toy(counts=(4,), ridge_per_point=-1.0))


def test_mlp_ntk_equals_the_plain_computation():
    """SciPy's rotation, each angle on its own, the whole Gram matrix, a refit for each point."""
    frame = mlp_ntk.run(SMALL).set_index(["pair", "hidden_layers", "count"])
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
    whole = mlp_ntk.run(mlp_ntk.MlpNtk(pairs=3, counts=(4,), hidden_layers=(1,), chunk=3))
    parts = mlp_ntk.run(mlp_ntk.MlpNtk(pairs=3, counts=(4,), hidden_layers=(1,), chunk=1))
    np.testing.assert_allclose(whole.spectral, parts.spectral, rtol=1e-10)
    assert (whole["first"] == parts["first"]).all()


def test_progress_sees_every_chunk():
    seen = []

    def progress(chunks, description, total):
        for chunk in chunks:
            seen.append((chunk.cell.iloc[0], total))
            yield chunk

    mlp_ntk.run(SMALL, progress)
    assert seen == [(0, 2), (2, 2)]


@pytest.mark.parametrize("counts", [(2,), (3, 12, 8), (6,)])
def test_counts_must_nest(counts):
    with pytest.raises(ValueError, match="counts must all divide the largest"):
        mlp_ntk.run(mlp_ntk.MlpNtk(pairs=1, counts=counts))


@pytest.mark.parametrize("readout", ["flatten", "pool"])
def test_shifts_equal_the_dense_computation(readout):
    """All shifted images in one Gram matrix, and a refit without one of each class."""
    settings = shifts.Shifts(pairs=1, counts=(4,), ridges=(1e-6,))
    frame = shifts.run(settings).set_index("readout")
    digits = data.load("mnist-5000")
    generator = np.random.default_rng(settings.seed)
    (pair,) = data.pairs_of_classes(digits.labels, 1, generator=generator)
    points = orbits.circular_shifts(orbits.normalize(digits.images[pair]), 4).reshape(8, 28, 28, 1)
    gram = np.asarray(convolutions.conv_ntk(points, readout=readout))
    labels = np.repeat([1.0, -1.0], 4)
    left_out = [regression.refit(gram, labels, [p], ridge=1e-6)[0] for p in (0, 4)]
    np.testing.assert_allclose(frame.error[readout], np.abs(left_out).mean(), rtol=1e-6)
    assert frame.correct[readout] == (np.array(left_out) * labels[::4] < 1).mean()


def test_shifts_must_be_whole_pixels():
    with pytest.raises(ValueError, match="counts must divide the width of the images, 28"):
        shifts.run(shifts.Shifts(pairs=1, counts=(5,)))


def test_cntk_equals_the_plain_computation(tmp_path):
    settings = cntk.Cntk(pairs=2, counts=(2, 4))
    path = tmp_path / "cntk.csv"
    frame = cntk.run(settings, path=path).set_index(["pair", "readout", "count"])
    digits = data.load("mnist-5000")
    chosen = data.pairs_of_classes(digits.labels, 2, generator=np.random.default_rng(0))
    for (number, readout, count), row in frame.iterrows():
        turned = orbits.normalize(orbits.rotations(digits.images[chosen[number]], count))
        gram = np.asarray(convolutions.conv_ntk(turned.reshape(-1, 28, 28, 1), readout=readout))
        labels = np.repeat([1.0, -1.0], count)
        residual = [regression.refit(gram, labels, [p], ridge=1e-10)[0] for p in (0, count)]
        np.testing.assert_allclose(row.exact_upright, np.abs(residual).mean(), rtol=1e-6)
    again = cntk.run(settings, path=path)
    np.testing.assert_allclose(again.exact_upright, frame.exact_upright.to_numpy(), rtol=1e-6)


def test_mlp_trained_tends_to_its_controls():
    """Trained to the end; with a kernel that cannot move, descent is kernel regression."""
    settings = mlp_trained.MlpTrained(
        pairs=1, counts=(2, 4), width=32, steps=300, descent_steps=4000
    )
    frame = mlp_trained.run(settings)
    assert (frame.adam_loss < 1e-4).all()
    assert (frame.descent_loss < 1e-2).all()
    np.testing.assert_allclose(frame.descent_wide, frame.exact_upright, rtol=1e-3)
    again = mlp_trained.run(settings)
    np.testing.assert_array_equal(frame.adam, again.adam)
    np.testing.assert_array_equal(frame.descent, again.descent)


def test_momentum_follows_a_linear_model():
    """Gradient descent with momentum on the parameters of a linear model, by torch."""
    torch = pytest.importorskip("torch")
    generator = np.random.default_rng(0)
    features, labels = generator.normal(size=(6, 9)), generator.normal(size=6)
    test = generator.normal(size=(2, 9))
    weights = torch.zeros(9, dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.SGD([weights], lr=0.01, momentum=0.9)
    for _ in range(50):
        optimizer.zero_grad()
        (torch.tensor(features) @ weights - torch.tensor(labels)).square().sum().div(2).backward()
        optimizer.step()
    predicted = mlp_trained.momentum_prediction(
        features @ features.T, test @ features.T, labels, rate=0.01, momentum=0.9, steps=50
    )
    np.testing.assert_allclose(predicted, test @ weights.detach().numpy(), rtol=1e-10)


def test_the_kernel_of_the_network_that_adam_trains():
    """Against the empirical NTK of torch modules, averaged over initialisations."""
    torch = pytest.importorskip("torch")
    torch.manual_seed(0)
    x = np.random.default_rng(0).normal(size=(4, 9)) / 3
    drawn = []
    for _ in range(200):
        network = torch.nn.Sequential(
            torch.nn.Linear(9, 64), torch.nn.ReLU(), torch.nn.Linear(64, 1)
        ).double()
        for layer in network[::2]:
            torch.nn.init.kaiming_normal_(layer.weight)
            torch.nn.init.zeros_(layer.bias)
        drawn.append(finite.torch_empirical_ntk(network, torch.tensor(x)))
    error = np.std(drawn, axis=0) / len(drawn) ** 0.5
    assert (error / np.mean(drawn, axis=0) < 0.05).all()
    away = np.abs(np.mean(drawn, axis=0) - mlp_trained.standard_ntk(x, width=64)) / error
    assert away.max() < 4


@pytest.mark.parametrize("count", [2, 4, 8])
def test_exemplars_equal_a_dense_refit(count):
    """Every upright image of one digit left out of the whole Gram matrix, SciPy's rotations."""
    settings = exemplars.Exemplars(classes=3, exemplars=2, counts=(2, 4, 8))
    images, classes = exemplars.draw(data.load(), settings, 0)
    kernel = rotated.turn_kernel(images, 8, exemplars.network_kernel(settings), block_size=5)
    kernel = rotated.sample_turns(kernel, 8, count)
    frame = exemplars.errors(kernel, classes, count, ridge=1e-10)

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
        correct = ((labels[held_out] - residual).argmax(axis=1) == c).mean()
        assert frame.correct[c] == correct
        others = [
            spectral.spectral_error(gram[np.ix_(rows, rows)], ridge=1e-10).error
            for i in np.flatnonzero(classes == digit)
            for j in np.flatnonzero(classes != digit)
            for rows in [np.r_[i * count : (i + 1) * count, j * count : (j + 1) * count]]
        ]
        np.testing.assert_allclose(frame.spectral[c], np.mean(others), rtol=1e-7)
    if count == 2:  # a half turn is exact, and nothing is projected away
        np.testing.assert_allclose(frame.projected_error, frame.error)


def test_projection_of_exemplars_is_the_invariant_projection():
    settings = exemplars.Exemplars(classes=2, exemplars=1)
    images, _ = exemplars.draw(data.load(), settings, 0)
    kernel = rotated.turn_kernel(images, 12, exemplars.network_kernel(settings))
    points = orbits.normalize(orbits.rotations(images, 12)).reshape(24, 784)
    gram = np.asarray(kernels.ntk(points, hidden_layers=1))
    projected = invariant.projection(gram, finite_groups.cyclic(12))
    np.testing.assert_allclose(rotated.rotation_kernel(kernel, 12), projected, rtol=1e-9)


@pytest.mark.parametrize("block_size", [3, 64])
def test_streamed_rotation_kernels_are_the_averaged_ones(block_size):
    images = data.load().images[:7]
    kernel = exemplars.network_kernel(exemplars.Exemplars())
    counts = (2, 4, 6, 12)
    streamed = rotated.rotation_kernels(images, counts, kernel, block_size=block_size)
    for count in counts:
        averaged = rotated.rotation_kernel(rotated.turn_kernel(images, count, kernel), count)
        np.testing.assert_allclose(streamed[count], averaged, rtol=1e-12)


def test_foresight_equals_a_dense_refit_where_nothing_is_projected_away():
    """Quarter turns are exact: SciPy's rotations, the whole Gram matrix, a refit for each digit."""
    settings = foresight.Foresight(counts=(4,), seeds=(1,), images=60, in_pairs=2)
    frame = foresight.run(settings).set_index("digit")
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


def test_foresight_uses_the_images_that_fig1_trains_on():
    settings = {"images": 30, "fresh": 10, "dataset": "mnist-5000"}
    drawn = [
        fig1.draw(data.load().labels, kind(**settings), np.random.default_rng([2, 0]))
        for kind in (fig1.Fig1, foresight.Foresight)
    ]
    np.testing.assert_array_equal(*drawn)
    with pytest.raises(ValueError, match="images and fresh must be at most 5000"):
        foresight.run(foresight.Foresight(images=5000))


def test_multiclass_adds_trained_networks():
    pytest.importorskip("torch")
    settings = multiclass.Multiclass(draws=1, exemplars=4, classes=3, counts=(4,), steps=60)
    frame = multiclass.run(settings)
    alone = exemplars.run(exemplars.Exemplars(draws=1, exemplars=4, classes=3, counts=(4,)))
    np.testing.assert_allclose(
        frame[alone.columns].drop(columns="cell"), alone.drop(columns="cell")
    )
    assert (frame.trained_on > 0.9).all()
    assert frame.trained.between(0, 1).all()


def test_groups_agree_with_the_dense_solution():
    frame = groups.run(groups.Groups(orbits=4))
    assert len(frame) == len(groups.GROUPS)
    assert (frame.deviation < 1e-8).all()
    assert frame.set_index("group").irreps["symmetric 4"] == 5


def test_every_experiment_has_its_parts():
    for name in all_experiments.NAMES:
        module = all_experiments.find(name)
        assert set(module.__all__) >= {"run", "work"}
        quick, paper = (all_experiments.settings_of(name, scale=s) for s in ("quick", "paper"))
        assert type(quick) is type(paper)


def test_no_such_experiment_or_scale():
    with pytest.raises(ValueError, match=r"experiment must be one of toy, .* got 'nope'"):
        all_experiments.find("nope")
    with pytest.raises(ValueError, match="scale must be quick or paper, got 'huge'"):
        all_experiments.settings_of("toy", scale="huge")
