"""Training a network on partially observed orbits, from one seed, so that it can be interrupted.

Perin and Deny 2025, on partially rotated MNIST.
"""

import hashlib
import itertools
import pickle
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from symlib._checks import replacing
from symlib.partial_orbits import Split, TurnedImages
from symlib.settings import Training

__all__ = ["Training", "default_device", "logits", "predict", "train"]


def default_device() -> str:
    """``"cuda"`` where there is a GPU, else ``"cpu"``."""
    return "cuda" if torch.cuda.is_available() else "cpu"


def _precision(device):
    """Bfloat16 on a GPU that computes in it; older ones only imitate it."""
    fast = device.type == "cuda" and torch.cuda.is_bf16_supported(including_emulation=False)
    return torch.autocast(device.type, dtype=torch.bfloat16, enabled=fast)


def _step(network, optimizer, turned, targets, batch, slice):
    """One step of Adam on a batch; its mean loss."""
    batch = batch[torch.argsort(batch % turned.count, stable=True)]
    images, classes = turned(batch), targets[batch // turned.count]
    optimizer.zero_grad()
    total = torch.zeros((), device=targets.device)
    for part, known in zip(images.split(slice), classes.split(slice), strict=True):
        with _precision(targets.device):
            outputs = network(part)
        loss = nn.functional.cross_entropy(outputs.float(), known, reduction="sum") / len(batch)
        loss.backward()
        total += loss.detach()
    optimizer.step()
    return total


def logits(
    network: nn.Module,
    turned: TurnedImages,
    samples: Int[Tensor, " samples"],
    *,
    slice: int = 2048,
) -> Float[Tensor, "samples classes"]:
    """What ``network`` answers to each sample, so many passed through it at once."""
    device = turned.coefficients.device
    network.eval()
    with torch.no_grad():  # in single precision: in bfloat16 many answers tie
        parts = [network(turned(part)) for part in samples.to(device).split(slice)]
    return torch.cat(parts)


def predict(
    network: nn.Module,
    turned: TurnedImages,
    samples: Int[Tensor, " samples"],
    *,
    slice: int = 2048,
) -> Int[Tensor, " samples"]:
    """The class that ``network`` takes each sample for."""
    return logits(network, turned, samples, slice=slice).argmax(dim=1)


def _measure(network, turned, targets, tests, slice):
    """Accuracy on every set, and what the held-out samples are taken for."""
    row = {}
    for name, samples in tests.items():
        samples = samples.to(targets.device)
        taken = predict(network, turned, samples, slice=slice) if len(samples) else samples
        right = taken == targets[samples // turned.count]
        row[name] = right.float().mean().item()
    classes = int(targets.max()) + 1
    counts = torch.bincount(taken, minlength=classes).tolist()  # taken: of held_out, the last set
    return row | {f"held_out_as_{label}": number for label, number in enumerate(counts)}


def _derived(*seeds):
    return int(np.random.SeedSequence(seeds).generate_state(1)[0])


def _batches(samples, size, seed, start, device):
    """Batches without end, from number ``start`` on; the samples of each epoch in a new order."""
    per_epoch = -(-len(samples) // size)
    first = start % per_epoch
    for epoch in itertools.count(start // per_epoch):
        generator = torch.Generator().manual_seed(_derived(seed, 1, epoch))
        shuffled = samples[torch.randperm(len(samples), generator=generator)]
        yield from shuffled.to(device).split(size)[first:]
        first = 0


def _some(samples, most, seed):
    """At most so many of the samples, always the same."""
    generator = torch.Generator().manual_seed(_derived(seed, 2))
    return samples[torch.randperm(len(samples), generator=generator)[:most].sort().values]


def _checksums(**tensors):
    """SHA-256 of named tensors, for each name of a group of them."""
    return {
        name: hashlib.sha256(
            b"".join(t.cpu().numpy().tobytes() for t in group.values())
        ).hexdigest()
        for name, group in tensors.items()
    }


def _restore(checkpoint, about, network, optimizer):
    """The rows that are done, with the network and optimiser as they were then."""
    if checkpoint is None or not Path(checkpoint).exists():
        return []
    try:
        state = torch.load(checkpoint, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError, KeyError) as error:
        raise ValueError(
            f"checkpoint must be whole, got a damaged one, {checkpoint}; remove it to start afresh"
        ) from error
    differing = [key for key in about if state["about"].get(key) != about[key]]
    if differing:
        raise ValueError(
            f"checkpoint must be of the same training, got one with another {differing[0]} in "
            f"{checkpoint}; choose another file, or remove it to start afresh"
        )
    network.load_state_dict(state["network"])
    optimizer.load_state_dict(state["optimizer"])
    return state["rows"]


def _keep(checkpoint, about, network, optimizer, rows):
    if checkpoint is None:
        return
    state = {"network": network.state_dict(), "optimizer": optimizer.state_dict()}
    with replacing(Path(checkpoint)) as part:
        torch.save(state | {"about": about, "rows": rows}, part)


def train(
    network: nn.Module,
    turned: TurnedImages,
    labels: Int[np.ndarray, " images"],
    parts: Split,
    settings: Training,
    *,
    seed: int,
    checkpoint: str | Path | None = None,
    optimizer: torch.optim.Optimizer | None = None,
    progress: Callable = lambda records, description, total: records,
) -> pd.DataFrame:
    """Train ``network`` in place on cross-entropy by AdamW; on a GPU, in bfloat16 where that does.

    Args:
        network: takes a batch of ``turned`` to logits.
        turned: the samples, on the device to train on.
        labels: class of each image.
        parts: which samples to train and test on.
        settings: batch, rate, length.
        seed: decides the order of samples and the dropout.
        checkpoint: a file to keep the state in, and to go on from; removed at the end.
        optimizer: another one than AdamW, of the network's parameters; its rate is the settings'.
        progress: wraps the loop over measurements, as ``symlib.notebook.progress`` does.

    Returns:
        One row per measurement: step, epoch, loss, the accuracies ``train``, ``in_distribution``,
        ``fresh`` and ``held_out``, and how many of ``held_out`` are taken for each class.

    Raises:
        ValueError: if ``checkpoint`` is of another run, or damaged.
    """
    device = turned.coefficients.device
    network.to(device).to(memory_format=torch.channels_last)
    optimizer = optimizer or torch.optim.AdamW(
        network.parameters(),
        lr=settings.learning_rate,
        betas=settings.betas,
        weight_decay=settings.weight_decay,
        fused=True,
    )
    targets = torch.tensor(labels, device=device)
    tests = {
        name: _some(getattr(parts, name), settings.evaluated, seed)
        for name in ("train", "in_distribution", "fresh", "held_out")
    }
    per_epoch = -(-len(parts.train) // settings.batch)
    steps = settings.steps_of(len(parts.train))
    stops = np.linspace(0, steps, settings.epochs + 1).round().astype(int)
    about = {"settings": asdict(settings), "seed": seed}
    if checkpoint is not None:
        about |= _checksums(
            network=network.state_dict(),
            images={"": turned.coefficients},
            labels={"": targets},
            split=vars(parts),
        )
    rows = _restore(checkpoint, about, network, optimizer)
    batches = _batches(parts.train, settings.batch, seed, stops[len(rows)], device)

    with torch.random.fork_rng():
        for number in progress(range(len(rows), settings.epochs), "training", settings.epochs):
            torch.manual_seed(_derived(seed, number))  # of dropout
            network.train()
            losses = []
            for step in range(stops[number], stops[number + 1]):
                optimizer.param_groups[0]["lr"] = settings.rate(step, steps)
                batch = next(batches)
                losses.append(_step(network, optimizer, turned, targets, batch, settings.slice))
            step = int(stops[number + 1])
            row = {
                "step": step,
                "epoch": step / per_epoch,
                "loss": torch.stack(losses).mean().item(),
            }
            rows.append(row | _measure(network, turned, targets, tests, settings.slice))
            _keep(checkpoint, about, network, optimizer, rows)
    if checkpoint is not None:
        Path(checkpoint).unlink()
    return pd.DataFrame(rows)
