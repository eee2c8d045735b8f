"""Training on rotated digits: orbits made on the device, against a DataLoader over stored orbits.

The published way: every rotated image stored, drawn and collated one by one by a DataLoader in
batches of 2,048, and passed through the network whole. Ours turns a batch when it is drawn, in one
sparse product for each angle, and passes it in slices that fit the cache. Same function, rate and
number of epochs, so that the final accuracies should agree. *Passes alone* are those of one batch
that lies ready, again and again: no way to make the samples can train faster than that.
"""

from functools import partial

import numpy as np
import torch
from torch.utils.data import DataLoader, TensorDataset

from benchmarks.case import Case
from symlib import data, nets, orbits, partial_orbits, training
from symlib.experiments.partially_rotated import SLICES

COUNT, IMAGES, EPOCHS, BATCH = 8, 2000, 5, 2048


def cases(pairs: int) -> list[Case]:
    """Both networks that a CPU trains in seconds."""
    digits = data.load()
    which = np.random.default_rng(0).permutation(len(digits.labels))[:IMAGES]
    images, labels = digits.images[which], digits.labels[which]
    parts = partial_orbits.split(labels, COUNT, held_class=5, generator=np.random.default_rng(0))
    stored = torch.tensor(
        28 * orbits.normalize(orbits.rotations(images, COUNT)), dtype=torch.float32
    ).reshape(-1, 1, 28, 28)
    batch = stored[parts.train[:BATCH]], torch.as_tensor(labels)[parts.train[:BATCH] // COUNT]
    steps = EPOCHS * -(-len(parts.train) // BATCH)
    made = []
    for name, target in (("cnn", 3.3), ("mlp", 2)):
        peer = partial(_as_published, name, stored, labels, parts)
        ours = partial(_ours, name, images, labels, parts, steps)
        alone = partial(_passes, name, *batch, steps)
        title = f"training, {name}, N = {COUNT}"
        made += [
            Case(title, ours, peer, f"≥ {target}", _agreement),
            Case(f"{title}, passes alone", alone, peer, "a bound"),
        ]
    return made


def _agreement(ours: float, peer: float) -> str:
    return f"accuracy {ours:.3f} against {peer:.3f} after {EPOCHS} epochs"


def _ours(name, images, labels, parts, steps) -> float:
    how = {"steps": steps, "batch": BATCH, "slice": SLICES[name], "evaluated": 1000}
    rows = training.train(
        nets.build(name, seed=0),
        partial_orbits.TurnedImages(images, COUNT),
        labels,
        parts,
        training.Training(epochs=1, **how),
        seed=0,
    )
    return rows.in_distribution.iloc[-1]


def _passes(name, images, classes, steps) -> None:
    network = nets.build(name, seed=0).to(memory_format=torch.channels_last)
    optimizer = torch.optim.Adam(network.parameters(), fused=True)
    for _ in range(steps):
        optimizer.zero_grad()
        for part, known in zip(images.split(SLICES[name]), classes.split(SLICES[name])):
            torch.nn.functional.cross_entropy(network(part), known, reduction="sum").backward()
        optimizer.step()


def _as_published(name, stored, labels, parts) -> float:
    network = nets.build(name, seed=0)
    if name == "cnn":  # which pools what ReLU left
        for first in (1, 4):
            network[first], network[first + 1] = network[first + 1], network[first]
    for number, layer in enumerate(network):
        if isinstance(layer, nets.Dropout):
            network[number] = torch.nn.Dropout(layer.share)
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-3, betas=(0.7, 0.9))
    classes = torch.as_tensor(labels)[parts.train // COUNT]
    torch.manual_seed(0)
    loader = DataLoader(TensorDataset(stored[parts.train], classes), BATCH, shuffle=True)
    network.train()
    for _ in range(EPOCHS):
        for batch, known in loader:
            optimizer.zero_grad()
            torch.nn.functional.cross_entropy(network(batch), known).backward()
            optimizer.step()
    network.eval()
    some = parts.in_distribution[:1000]
    with torch.no_grad():
        taken = network(stored[some]).argmax(dim=1)
    return (taken == torch.as_tensor(labels)[some // COUNT]).float().mean().item()
