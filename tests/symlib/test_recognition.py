"""What trained networks recognise: ranks, AUCs and averages, each computed another way."""

import numpy as np
import pytest
from scipy.stats import mannwhitneyu

torch = pytest.importorskip("torch")
from symlib import data, orbits, partial_orbits, recognition, training  # noqa: E402
from symlib.experiments.grokking import Grokking  # noqa: E402
from symlib.experiments.partially_rotated import PartiallyRotated  # noqa: E402
from symlib.experiments.richness import Richness, _scaled_mlp  # noqa: E402
from symlib.settings import Training  # noqa: E402

IMAGES, TURNS = 60, 4


@pytest.fixture
def answered():
    generator = np.random.default_rng(0)
    labels = generator.integers(5, size=IMAGES)
    logits = generator.normal(size=(IMAGES, 2 * TURNS, 5))
    logits[np.arange(IMAGES), :, labels] += 0.7
    return logits, labels


def softmax(logits):
    shares = np.exp(logits)
    return shares / shares.sum(axis=-1, keepdims=True)


def mann_whitney(score, positive):
    statistic = mannwhitneyu(score[positive], score[~positive]).statistic
    return statistic / (positive.sum() * (~positive).sum())


def test_auc_with_ties():
    generator = np.random.default_rng(1)
    scores, positive = generator.integers(4, size=(30, 3)), generator.random(30) < 0.3
    expected = [mann_whitney(column, positive) for column in scores.T]
    np.testing.assert_allclose(recognition.auc(scores, positive), expected)
    assert np.isnan(recognition.auc(scores, np.zeros(30, bool))).all()


def test_answers_one_by_one(answered):
    logits, labels = answered
    rows = recognition.answers(logits, labels, held=[1, 3]).set_index(["view", "digit"])
    assert len(rows) == 2 * TURNS * 5
    for (view, digit), row in rows.iterrows():
        own, scores = labels == digit, logits[:, view]
        taken = [int(np.argmax(s)) for s in scores[own]]
        assert [row[f"as_{c}"] for c in range(5)] == [taken.count(c) for c in range(5)]
        assert (row.images, row.right) == (own.sum(), taken.count(digit))
        ranks = [list(np.argsort(-s)).index(digit) + 1 for s in scores[own]]
        assert row["rank"] == pytest.approx(np.mean(ranks))
        assert (row.top2, row.top3) == (sum(r <= 2 for r in ranks), sum(r <= 3 for r in ranks))
        p = softmax(scores)[:, digit]
        assert row.auc == pytest.approx(mann_whitney(p, own))
        others = np.delete(scores, digit, axis=1)
        assert row.auc_unsure == pytest.approx(mann_whitney(-softmax(others).max(axis=1), own))
        dropped = -np.log(np.exp(others).sum(axis=1))
        assert row.auc_dropped == pytest.approx(mann_whitney(dropped, own))
        if digit in (1, 3):
            both = np.isin(labels, [1, 3])
            ours, theirs = digit, 4 - digit
            difference = (scores[:, ours] - scores[:, theirs])[both]
            assert row.auc_held == pytest.approx(mann_whitney(difference, own[both]))
        else:
            assert np.isnan(row.auc_held)


def test_averages_are_of_probabilities(answered):
    logits, _ = answered
    found = recognition.averaged(logits)[:, 0]
    np.testing.assert_allclose(np.exp(found), softmax(logits).mean(axis=1))


def test_table_counts_every_view(answered):
    logits, labels = answered
    frame = recognition.table(logits, labels, held=[2], missed=[0])
    rows = frame.set_index(["view", "digit"]).sort_index()
    own, on_group = labels == 2, logits[:, ::2]

    def right(scores, which):
        return (
            scores.argmax(axis=-1)[which] == labels[which].reshape(-1, *[1] * (scores.ndim - 2))
        ).sum()

    p = softmax(logits)
    for view, scores in {
        "missed": on_group[:, 0],
        "averaged": p[:, ::2].mean(axis=1),
        "averaged_logits": on_group.mean(axis=1),
        "seen_copies": p[:, 2::2].mean(axis=1),
        "half_turn": on_group[:, 2],
        "finer": p.mean(axis=1),
        "coarser": p[:, ::4].mean(axis=1),
        "kept": on_group[:, 1:],
    }.items():
        assert rows.loc[(view, "2"), "right"].item() == right(scores, own), view
        others = rows.loc[view].drop(index="2")
        assert others.right.sum() == right(scores, ~own), view
        assert others.images.sum() == (~own).sum() * (3 if view == "kept" else 1), view
    angles = frame[frame.view == "angle"]
    assert angles.angle.tolist() == [0, 90, 180, 270]
    assert angles.right.tolist() == [right(on_group[:, k], own) for k in range(TURNS)]
    kept = rows.loc[[("kept", "2")]].iloc[0]
    assert kept.auc == pytest.approx(angles.auc[1:].mean())


def test_a_class_that_misses_every_angle_has_no_copies_seen(answered):
    logits, labels = answered
    frame = recognition.table(logits, labels, held=[2], missed=range(TURNS))
    assert not {"seen_copies", "kept"} & set(frame.view)


def test_the_nearest_seen_sample():
    drawn = data.Sample(60, 20, "mnist-5000").draw(np.random.default_rng(0))
    turned = partial_orbits.TurnedImages(drawn.images, 4)
    seen, new = torch.arange(60 * 4), torch.arange(60 * 4, 80 * 4)
    nearest = recognition.Nearest(turned, seen, drawn.labels[seen // 4])
    taken = nearest(turned(new)).argmax(dim=1)
    distances = torch.cdist(turned(new).flatten(1), turned(seen).flatten(1))
    assert taken.tolist() == drawn.labels[distances.argmin(dim=1) // 4].tolist()


def small(**changes):
    settings = {
        "networks": ("mlp",),
        "held": ("5",),
        "counts": (4,),
        "seeds": (0,),
        "sample": data.Sample(200, 100, "mnist-5000"),
        "training": Training(epochs=3, batch=128),
    }
    return PartiallyRotated(**settings | changes)


@pytest.mark.parametrize("network", ["mlp", "logistic", "nearest"])
def test_rows_are_what_the_network_says(network):
    settings = small(networks=(network,))
    frame = settings.run().set_index(["seen", "view", "digit"]).sort_index()
    observed = settings.observe([5], 4, 0)
    if network == "nearest":
        samples = observed.split.train
        trained = recognition.Nearest(observed.turned, samples, observed.labels[samples // 4])
    else:
        how = Training(epochs=3, batch=128, evaluated=1)
        trained, _ = settings.train(network, observed, how, 0, None)
    for seen, view, samples in (
        (1, "missed", observed.split.held_out),
        (0, "missed", torch.arange(200 * 4, 300 * 4, 4)),
    ):
        taken = training.predict(trained, observed.turned, samples).numpy()
        own = observed.labels[samples // 4] == 5
        row = frame.loc[[(seen, view, "5")]].iloc[0]
        assert row.images == own.sum()
        assert row.right == (taken[own] == 5).sum()


def test_what_is_missed():
    settings = small()
    for arc, count, missed in (
        (0, 4, [0]),
        (45, 8, [0, 1, 7]),
        (180, 4, [0, 1, 2, 3]),
        (None, 4, []),
    ):
        observed = small(arc=arc).observe([5], count, 0)
        assert observed.missed == missed
        image, turn = np.divmod(observed.split.train.numpy(), count)
        fives = turn[observed.labels[image] == 5]
        assert set(fives) == set(range(count)) - set(missed)
    pair = small(held=("23",)).observe([2, 3], 4, 0)
    image, turn = np.divmod(pair.split.train.numpy(), 4)
    assert not np.isin(pair.labels[image[turn == 0]], [2, 3]).any()
    assert settings.parts_of("mlp-32-4-0") == ("mlp", [2, 3], 4, 0)


def test_fewer_other_classes():
    observed = small(others=3).observe([8], 4, 0)
    assert set(observed.labels) == {8, 9, 0, 1}
    everything = small().observe([8], 4, 0)
    kept = np.isin(everything.labels, [8, 9, 0, 1])
    assert observed.labels.tolist() == everything.labels[kept].tolist()
    assert observed.known == kept[:200].sum()


def test_published_inputs_are_of_unit_norm_and_not_centred():
    images = data.load().images[:3]
    published = partial_orbits.TurnedImages(images, 4, centred=False)(torch.arange(0, 12, 4))
    flat = images.reshape(3, -1) / np.linalg.norm(images.reshape(3, -1), axis=1, keepdims=True)
    np.testing.assert_allclose(published.flatten(1), flat, atol=1e-6)


def test_curves_and_tables_are_of_the_same_training():
    """``grokking`` follows the training whose end ``partially_rotated`` stores."""
    how = {"sample": data.Sample(200, 100, "mnist-5000"), "seeds": (0,), "counts": (4,)}
    length = Training(epochs=8, steps=16, batch=128)
    curve = Grokking(networks=("mlp",), held=("5",), training=length, **how).run()
    end = small(training=length).run().set_index(["seen", "view", "digit"])
    row = end.loc[[(1, "missed", "5")]].iloc[0]
    assert curve.held_out.iloc[-1] == pytest.approx(row.right / row.images)


def rich(widths, scales, rate=0.1):
    """How far features move, by width and scale, in a few small steps."""
    frame = Richness(
        widths=widths,
        scales=scales,
        held=("5",),
        counts=(4,),
        sample=data.Sample(100, 100, "mnist-5000"),
        training=Training(epochs=1, steps=20, batch=128, learning_rate=rate, evaluated=1),
    ).run()
    return frame.groupby(["width", "scale"]).first()


@pytest.mark.slow
def test_a_large_scale_is_lazy():
    """Outputs go the same way, on features that move in proportion to 1/α."""
    rows = rich((256,), (30.0, 300.0)).reset_index().set_index("alpha")
    assert rows.moved[30.0] / rows.moved[300.0] == pytest.approx(10, rel=0.1)
    assert rows.loss[30.0] == pytest.approx(rows.loss[300.0], rel=0.02)
    assert rows.loss[300.0] < 0.98 * np.log(10)


@pytest.mark.slow
def test_mean_field_features_move_as_far_at_every_width():
    """After steps of 0.1/α²."""
    mean_field = {
        width: rich((width,), ("mean-field",), rate=0.1 * width**0.5).moved.item()
        for width in (64, 1024)
    }
    ntk = rich((64, 1024), (1.0,)).reset_index().set_index("width").moved
    assert mean_field[1024] / mean_field[64] == pytest.approx(1, rel=0.3)
    assert ntk[64] / ntk[1024] == pytest.approx(4, rel=0.3)


@pytest.mark.parametrize(("loss", "steps"), [(100.0, 5), (1e-9, 20)])
def test_trains_until_the_loss_is_small(loss, steps):
    frame = Richness(
        widths=(16,),
        scales=(1.0,),
        held=("5",),
        counts=(4,),
        loss=loss,
        sample=data.Sample(100, 100, "mnist-5000"),
        training=Training(epochs=4, steps=20, batch=64, learning_rate=1, evaluated=1),
    ).run()
    assert set(frame.steps) == {steps}
    assert set(frame["view"]) == {"missed", "kept", "train"}


def test_scaled_networks_begin_at_nought_as_gaussians():
    network = _scaled_mlp(784, 512, 0.5, 0)
    images = torch.randn(20, 1, 28, 28)
    assert not network(images).any()
    weights = torch.cat([p.flatten() for p in network.parameters()]).detach()
    assert abs(weights.std().item() - 1) < 0.01
    with torch.no_grad():
        expected = images.flatten(1) @ network.first.T / 28 + network.bias
        network.last += 1.0
        added = expected.relu().sum(dim=1) / 512**0.5
    torch.testing.assert_close(network.hidden(images), expected)
    torch.testing.assert_close(network(images)[:, 3], 0.5 * added)


def test_any_samples_are_turned_alone_or_together():
    """In any order, some twice, no turn but the second."""
    images = data.load().images[:3]
    turned = partial_orbits.TurnedImages(images, 4)
    expected = orbits.normalize(orbits.rotations(images, 4)).reshape(12, 28, 28) * 28
    for samples in ([1, 5, 9], [7, 0, 7, 11], [3], []):
        found = turned(torch.tensor(samples, dtype=torch.int64)).numpy()
        np.testing.assert_allclose(found[:, 0], expected[samples], atol=1e-4)
