"""The experiment that a chapter writes out in plain torch is the one that symlib runs."""

from pathlib import Path

import jupytext
import numpy as np
import pytest

torch = pytest.importorskip("torch")
from symlib import nets, partial_orbits, training  # noqa: E402

CHAPTER = Path(__file__).parents[2] / "book" / "networks-that-cannot-rotate.md"
LINES = 60


def cells():
    code = [cell.source for cell in jupytext.read(CHAPTER).cells if cell.cell_type == "code"]
    return [source for source in code if "IMAGES" in source and "plt" not in source]


def run(**changes):
    """What the names of the cells stand for at the end, with other constants or text."""
    text = "\n".join(cells())
    for old, new in changes.items():
        assert old in text
        text = text.replace(old, new)
    names = {"progress": lambda records, description: records}
    exec(text, names)
    return names


def ours(names, network, **settings):
    drawn = names["digits"].images[names["order"][:200]]
    labels = np.asarray(names["y"])
    turned = partial_orbits.TurnedImages(drawn, 4)
    parts = partial_orbits.split(
        labels, 4, held_class=5, share=0.0, generator=np.random.default_rng(0)
    )
    training.train(network, turned, labels, parts, training.Training(**settings), seed=0)
    return network.eval()


def test_it_is_short_and_plain():
    text = "\n".join(cells())
    assert len([line for line in text.splitlines() if line.strip()]) <= LINES
    assert "from symlib import data\n" in text
    assert text.count("symlib") == 1


def test_one_step_after_another_is_the_same():
    """Whole batches, no dropout: nothing random but the first weights."""
    whole = "N, HELD, IMAGES, EPOCHS, BATCH = 4, 5, 200, 5, 10**6"
    names = run(
        **{"N, HELD, IMAGES, EPOCHS, BATCH = 8, 5, 1000, 22, 2048": whole, "(0.5)": "(0.0)"}
    )
    network = nets.build("mlp", seed=0)
    for layer in network:
        if isinstance(layer, nets.Dropout):
            layer.share = 0.0
    ours(names, network, epochs=5, batch=10**6)
    new = names["new_x"].flatten(0, 1)
    with torch.no_grad():
        logits = network(new).reshape(names["logits"].shape)
    assert logits.std() > 0.1
    torch.testing.assert_close(logits, names["logits"], rtol=1e-3, atol=1e-3)


@pytest.mark.slow
def test_with_dropout_it_comes_to_the_same_accuracy():
    few = "N, HELD, IMAGES, EPOCHS, BATCH = 4, 5, 200, 30, 128"
    names = run(**{"N, HELD, IMAGES, EPOCHS, BATCH = 8, 5, 1000, 22, 2048": few})
    network = ours(names, nets.build("mlp", seed=0), epochs=30, batch=128)
    with torch.no_grad():
        taken = network(names["new_x"].flatten(0, 1)).argmax(dim=1).reshape(200, 4)
    right = taken == names["new_y"][:, None]
    theirs, held = names["right"], names["held"]
    assert theirs[~held].float().mean() > 0.7
    assert abs((right[~held].float().mean() - theirs[~held].float().mean()).item()) < 0.05
    assert theirs[held, 0].float().mean() < 0.3
    assert right[held, 0].float().mean() < 0.3
