"""Training on rotated digits: orbits made on the device, against a DataLoader over stored orbits.

The published way: every rotated image stored, drawn and collated one by one by a DataLoader in
batches of 2,048, and passed through the network whole. Ours turns a batch when it is drawn, in one
sparse product for each angle, and passes it in slices that fit the cache. Same network, rate and
number of epochs, so that the final accuracies should agree.
"""

import numpy as np
import torch
from torch.utils.data import DataLoader, TensorDataset

from benchmarks.case import Case
from symlib import data, nets, orbits, partial_orbits, training
from symlib.experiments.partially_rotated import SLICES

COUNT, IMAGES, EPOCHS, BATCH = 8, 2000, 22, 2048


def cases(pairs: int) -> list[Case]:
    """Both networks that a CPU trains in seconds."""
    digits = data.load()
    which = np.random.default_rng(0).permutation(len(digits.labels))[:IMAGES]
    images, labels = digits.images[which], digits.labels[which]
    parts = partial_orbits.split(labels, COUNT, held_class=5, generator=np.random.default_rng(0))
    stored = torch.tensor(
        28 * orbits.normalize(orbits.rotations(images, COUNT)), dtype=torch.float32
    ).reshape(-1, 1, 28, 28)
    return [
        Case(
            name=f"training, {network}, N = {COUNT}",
            ours=lambda network=network: _ours(network, images, labels, parts),
            peer=lambda network=network: _as_published(network, stored, labels, parts),
            target={"cnn": "≥ 2.3", "mlp": "≥ 1.3"}[network],
            difference=lambda ours, peer: (
                f"accuracy {ours:.3f} against {peer:.3f}; "
                f"{EPOCHS * len(parts.train):,} samples each"
            ),
        )
        for network in ("cnn", "mlp")
    ]


def _ours(name, images, labels, parts) -> float:
    steps = EPOCHS * -(-len(parts.train) // BATCH)
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


def _as_published(name, stored, labels, parts) -> float:
    network = nets.build(name, seed=0)
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
