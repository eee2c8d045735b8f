"""Training on partially observed orbits: seeds, steps, checkpoints."""

import itertools

import numpy as np
import pandas as pd
import pytest

torch = pytest.importorskip("torch")
from symlib import nets, partial_orbits, training  # noqa: E402

COUNT = 6


@pytest.mark.slow
@pytest.mark.parametrize("name", nets.NETWORKS)
def test_one_seed_gives_one_result(digits, name, a_split):
    images, labels = digits
    small = images[:60], labels[:60]
    parts = a_split(labels[:60], count=2, fresh=10)
    turned = partial_orbits.TurnedImages(small[0], 2)
    settings = training.Training(epochs=2, batch=64, slice=32)
    runs = []
    for seed in (0, 0, 1):
        network = nets.build(name, seed=seed)
        rows = training.train(network, turned, small[1], parts, settings, seed=seed)
        runs.append((rows, torch.cat([p.flatten() for p in network.parameters()])))
    pd.testing.assert_frame_equal(runs[0][0], runs[1][0], check_exact=True)
    assert torch.equal(runs[0][1], runs[1][1])
    assert not torch.equal(runs[0][1], runs[2][1])


def test_slices_of_a_batch_make_the_same_step(digits, a_split):
    images, labels = digits
    turned, parts = partial_orbits.TurnedImages(images, COUNT), a_split(labels)
    losses = [
        training.train(
            nets.build("cnn", seed=0),
            turned,
            labels,
            parts,
            training.Training(epochs=1, batch=256, slice=slice),
            seed=0,
        ).loss.item()
        for slice in (256, 64, 100)
    ]
    np.testing.assert_allclose(losses, losses[0], rtol=1e-4)


def test_half_precision_trains_as_well(digits, monkeypatch, a_split):
    """As on a GPU: bfloat16 in training, single precision in weights and answers."""
    images, labels = digits
    turned, parts = partial_orbits.TurnedImages(images, COUNT), a_split(labels)
    settings = training.Training(epochs=3, batch=256)

    def train():
        network = nets.build("mlp", seed=0)
        rows = training.train(network, turned, labels, parts, settings, seed=0)
        answers = training.logits(network, turned, parts.in_distribution)
        assert {p.dtype for p in network.parameters()} == {answers.dtype} == {torch.float32}
        return rows.loss.iloc[-1], answers

    loss, answers = train()
    monkeypatch.setattr(training, "_precision", lambda _: torch.autocast("cpu", torch.bfloat16))
    half_loss, half_answers = train()
    assert half_loss == pytest.approx(loss, rel=0.02)
    assert not torch.equal(half_answers, answers)
    assert not torch.equal(half_answers, half_answers.bfloat16().float())


@pytest.mark.slow
def test_it_learns(digits, a_split):
    images, labels = digits
    turned, parts = partial_orbits.TurnedImages(images, COUNT), a_split(labels)
    network = nets.build("mlp", seed=0)
    settings = training.Training(epochs=20, batch=256)
    rows = training.train(network, turned, labels, parts, settings, seed=0)
    last = rows.iloc[-1]
    assert rows.loss.iloc[0] > 2 > last.loss
    assert last.train > 0.9
    assert last.in_distribution > 0.5 > last.held_out
    taken = training.predict(network, turned, parts.held_out)
    counts = [last[f"held_out_as_{label}"] for label in range(10)]
    assert counts == torch.bincount(taken, minlength=10).tolist()
    assert last.held_out == pytest.approx(counts[3] / len(parts.held_out))


def test_killed_training_goes_on_as_if_it_had_not_been(digits, tmp_path, a_split):
    images, labels = digits
    turned, parts = partial_orbits.TurnedImages(images, COUNT), a_split(labels)
    settings = training.Training(epochs=4, batch=256, steps=15)  # not whole epochs

    def run(checkpoint, progress=lambda records, description, total: records):
        network = nets.build("mlp", seed=0)
        rows = training.train(
            network,
            turned,
            labels,
            parts,
            settings,
            seed=0,
            checkpoint=checkpoint,
            progress=progress,
        )
        return rows, torch.cat([p.flatten() for p in network.parameters()])

    def killed(records, description, total):
        yield from itertools.islice(records, 2)
        raise KeyboardInterrupt

    path = tmp_path / "run.checkpoint"
    with pytest.raises(KeyboardInterrupt):
        run(path, killed)
    assert path.exists()
    resumed, unbroken = run(path), run(None)
    pd.testing.assert_frame_equal(resumed[0], unbroken[0], check_exact=True)
    assert torch.equal(resumed[1], unbroken[1])
    assert not any(tmp_path.iterdir())


def test_checkpoint_of_another_run_is_refused(digits, tmp_path, a_split):
    images, labels = digits
    turned, parts = partial_orbits.TurnedImages(images, COUNT), a_split(labels)
    path = tmp_path / "run.checkpoint"

    def killed(records, description, total):
        yield from itertools.islice(records, 1)
        raise KeyboardInterrupt

    def run(seed=0, parts=parts, turned=turned, network=0, epochs=2):
        training.train(
            nets.build("mlp", seed=network),
            turned,
            labels,
            parts,
            training.Training(epochs=epochs),
            seed=seed,
            checkpoint=path,
            progress=killed,
        )

    with pytest.raises(KeyboardInterrupt):
        run()
    others = {
        "seed": {"seed": 1},
        "split": {"parts": a_split(labels, fresh=30)},
        "images": {"turned": partial_orbits.TurnedImages(images[::-1], COUNT)},
        "network": {"network": 1},
        "settings": {"epochs": 3},
    }
    for name, changed in others.items():
        with pytest.raises(ValueError, match=f"same training, got one with another {name}"):
            run(**changed)


@pytest.mark.parametrize("decay", [0.0, 0.1])
def test_rate_and_decay_are_those_asked_for(decay):
    """One weight, a constant gradient: Adam takes off the rate, and the decay its share."""
    how = training.Training(
        epochs=1, steps=20, learning_rate=0.1, warm_up=4, anneal=True, weight_decay=decay
    )
    rates = [how.rate(step, 20) for step in range(20)]
    np.testing.assert_allclose(
        rates[:5] / np.cos(np.pi * np.arange(5) / 40) ** 2, 0.02 * np.arange(1, 6)
    )
    assert rates[-1] < 0.001
    assert training.Training(epochs=1, steps=20).rate(7, 20) == 1e-3


def test_weight_decay_shrinks_the_weights(digits, a_split):
    images, labels = digits
    turned, parts = partial_orbits.TurnedImages(images, COUNT), a_split(labels)
    norms = []
    for decay in (0.0, 1.0):
        network = nets.build("logistic", seed=0)
        how = training.Training(epochs=1, steps=100, batch=64, weight_decay=decay)
        training.train(network, turned, labels, parts, how, seed=0)
        norms.append(torch.linalg.vector_norm(network[1].weight).item())
    assert norms[1] < 0.95 * norms[0]


def test_initial_scale_multiplies_every_weight():
    once, twice = (nets.build("mlp", seed=0, scale=scale) for scale in (1.0, 2.0))
    for one, two in zip(once.parameters(), twice.parameters(), strict=True):
        assert torch.equal(2 * one, two)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"epochs": 0}, "epochs must be greater than 0, got 0"),
        ({"batch": -1}, "batch must be greater than 0, got -1"),
        ({"steps": 3, "epochs": 4}, "steps must be at least epochs, 4"),
    ],
)
def test_bad_training(digits, changes, message, a_split):
    images, labels = digits
    with pytest.raises(ValueError, match=message):
        training.train(
            nets.build("mlp", seed=0),
            partial_orbits.TurnedImages(images[:60], 2),
            labels[:60],
            a_split(labels[:60], count=2, fresh=10),
            training.Training(**changes),
            seed=0,
        )


def test_a_damaged_checkpoint_is_refused(digits, tmp_path, a_split):
    images, labels = digits
    turned, parts = partial_orbits.TurnedImages(images, COUNT), a_split(labels)
    path = tmp_path / "run.checkpoint"
    for damaged in (b"", b"half a checkpoint", b"PK\x03\x04" + bytes(100)):
        path.write_bytes(damaged)
        with pytest.raises(ValueError, match="checkpoint must be whole"):
            training.train(
                nets.build("logistic", seed=0),
                turned,
                labels,
                parts,
                training.Training(epochs=1, steps=1),
                seed=0,
                checkpoint=path,
            )
        assert path.read_bytes() == damaged
