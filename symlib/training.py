"""Training on partially observed orbits: some rotations of one class are never seen.

A data set of n images under N turns has n·N samples, image i under turn t being number i·N + t.
Only the images are kept, on the device; a batch is turned when it is drawn, so that memory does
not grow with N. Perin and Deny 2025, on partially rotated MNIST; Unser 1999, on splines.
"""

import itertools
import os
import warnings
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import scipy.ndimage
import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from symlib import orbits

__all__ = ["Split", "Training", "TurnedImages", "default_device", "predict", "split", "train"]


class TurnedImages:
    """Images under the rotations of C_N, made when asked for.

    A sample equals that of ``orbits.normalize(orbits.rotations(images, count))``, scaled to unit
    variance of its pixels rather than unit norm, and in float32.

    Args:
        images: square images.
        count: number N of turns.
        device: where to keep and turn them.

    Raises:
        ValueError: if ``count`` is not a positive integer, or an image is constant, not square or
            not finite.
    """

    def __init__(
        self,
        images: Float[np.ndarray, "images size size"],
        count: int,
        device: str | torch.device = "cpu",
    ):
        orbits.rotations(images[:1], count)
        orbits.normalize(images)
        self.count, self.size = count, images.shape[-1]
        coefficients = images
        for axis in (1, 2):
            coefficients = scipy.ndimage.spline_filter1d(coefficients, axis=axis, mode="mirror")
        flat = coefficients.reshape(len(images), -1)
        self.coefficients = torch.tensor(flat, dtype=torch.float32, device=device)
        self.operators = [
            _sparse(orbits.rotation_operator(self.size, np.array([turn * 360 / count])), device)
            for turn in range(count)
        ]

    def __call__(self, samples: Int[Tensor, " samples"]) -> Float[Tensor, "samples 1 size size"]:
        """The samples of those numbers; soonest where these are sorted by turn."""
        turns, order = torch.sort(samples % self.count, stable=True)
        spread = self.coefficients[(samples // self.count)[order]].T  # (pixels, samples)
        sizes = torch.bincount(turns, minlength=self.count).tolist()
        parts = zip(self.operators, spread.split(sizes, dim=1), strict=True)
        turned = torch.cat([operator @ part for operator, part in parts if part.shape[1]], dim=1)
        turned -= turned.mean(dim=0)
        turned *= self.size / torch.linalg.vector_norm(turned, dim=0)
        images = turned.T
        if not torch.equal(order, torch.arange(len(order), device=order.device)):
            images = images[torch.argsort(order)]
        return images.reshape(-1, 1, self.size, self.size)


@dataclass(frozen=True)
class Split:
    """Numbers of the samples that a network is trained on, and of three sets to test it on.

    Attributes:
        train: what it learns from.
        in_distribution: samples left out at random; the network sees the same images turned
            otherwise, as in the paper.
        fresh: samples of images that it sees under no turn.
        held_out: the turns that one class misses, of images that it sees under the others.
    """

    train: Int[Tensor, " train"]
    in_distribution: Int[Tensor, " in_distribution"]
    fresh: Int[Tensor, " fresh"]
    held_out: Int[Tensor, " held_out"]


def split(
    labels: Int[np.ndarray, " images"],
    count: int,
    *,
    held_class: int,
    held_turns: Sequence[int] = (0,),
    fresh: int = 0,
    share: float = 0.1,
    generator: np.random.Generator,
) -> Split:
    """The partially observed protocol: one class misses some turns, the others none.

    Args:
        labels: class of each image.
        count: number N of turns.
        held_class: the class that misses turns.
        held_turns: which turns it misses; 0 is upright.
        fresh: how many of the images, the last ones, are not trained on at all.
        share: part of all other samples that is left out for the in-distribution test.
        generator: source of randomness.

    Raises:
        ValueError: if the class or a turn does not exist, every turn is held out, or nothing is
            left to train on.
    """
    labels = np.asarray(labels)
    known = len(labels) - fresh
    if not 0 <= fresh < len(labels):
        raise ValueError(
            f"fresh must be from 0 to {len(labels) - 1}, fewer than all images, got {fresh}"
        )
    if held_class not in labels[:known]:
        raise ValueError(
            f"held_class must be one of the classes {np.unique(labels[:known]).tolist()}, "
            f"got {held_class}"
        )
    missed = np.unique(held_turns)
    if not (0 < len(missed) < count and missed[0] >= 0 and missed[-1] < count):
        raise ValueError(
            f"held_turns must name some but not all turns from 0 to {count - 1}, "
            f"got {list(held_turns)}; with one turn there is nothing to hold out"
        )
    if not 0 <= share < 1:
        raise ValueError(f"share must be at least 0 and below 1, got {share}")
    held = np.zeros((known, count), bool)
    held[np.ix_(labels[:known] == held_class, missed)] = True
    others = generator.permutation(np.flatnonzero(~held))
    tests = round(share * len(others))
    new = np.zeros((fresh, count), bool)
    new[np.ix_(labels[known:] == held_class, missed)] = True
    return Split(
        train=torch.from_numpy(np.sort(others[tests:])),
        in_distribution=torch.from_numpy(np.sort(others[:tests])),
        fresh=torch.from_numpy(known * count + np.flatnonzero(~new)),
        held_out=torch.from_numpy(np.flatnonzero(held)),
    )


@dataclass(frozen=True)
class Training:
    """How to train, the paper's way by default."""

    epochs: int = 22  # also how often accuracy is measured
    steps: int | None = None  # train for so many steps instead, whatever their number of epochs
    batch: int = 2048
    learning_rate: float = 1e-3  # of Adam
    betas: tuple[float, float] = (0.7, 0.9)  # of Adam
    evaluated: int = 4000  # samples of each set, at most, that accuracy is measured on
    slice: int = 2048  # of a batch, passed through the network at once


def default_device() -> str:
    """``"cuda"`` where there is a GPU, else ``"cpu"``."""
    return "cuda" if torch.cuda.is_available() else "cpu"


def train(
    network: nn.Module,
    turned: TurnedImages,
    labels: Int[np.ndarray, " images"],
    parts: Split,
    settings: Training,
    *,
    seed: int,
    checkpoint: str | Path | None = None,
    progress: Callable = lambda records, description, total: records,
) -> pd.DataFrame:
    """Train ``network`` in place on cross-entropy by Adam; on a GPU, in mixed precision.

    Args:
        network: takes a batch of ``turned`` to logits.
        turned: the samples, on the device to train on.
        labels: class of each image.
        parts: which samples to train and test on.
        settings: batch, rate, length.
        seed: decides the order of samples and the dropout.
        checkpoint: a file to keep the state in, and to go on from; removed at the end.
        progress: wraps the loop over measurements, as ``symlib.notebook.progress`` does.

    Returns:
        One row per measurement: step, epoch, loss, the accuracies ``train``, ``in_distribution``,
        ``fresh`` and ``held_out``, and how many of ``held_out`` are taken for each class.

    Raises:
        ValueError: if a setting is not positive, or ``checkpoint`` is of another run.
    """
    _check(settings)
    device = turned.coefficients.device
    network.to(device).to(memory_format=torch.channels_last)
    optimizer = torch.optim.Adam(
        network.parameters(), lr=settings.learning_rate, betas=settings.betas, fused=True
    )
    targets = torch.as_tensor(labels, device=device)
    tests = {
        name: _some(getattr(parts, name), settings.evaluated, seed)
        for name in ("train", "in_distribution", "fresh", "held_out")
    }
    per_epoch = -(-len(parts.train) // settings.batch)
    steps = settings.epochs * per_epoch if settings.steps is None else settings.steps
    stops = np.linspace(0, steps, settings.epochs + 1).round().astype(int)
    about = {"settings": asdict(settings), "seed": seed, "samples": len(parts.train)}
    rows = _restore(checkpoint, about, network, optimizer)
    batches = _batches(parts.train, settings.batch, seed, start=stops[len(rows)])

    with torch.random.fork_rng():
        for number in progress(range(len(rows), settings.epochs), "training", settings.epochs):
            torch.manual_seed(_derived(seed, number))  # of dropout
            network.train()
            losses = [
                _step(network, optimizer, turned, targets, next(batches), settings.slice)
                for _ in range(stops[number], stops[number + 1])
            ]
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


def predict(
    network: nn.Module,
    turned: TurnedImages,
    samples: Int[Tensor, " samples"],
    *,
    slice: int = 2048,
) -> Int[Tensor, " samples"]:
    """The class that ``network`` takes each sample for."""
    device = turned.coefficients.device
    network.eval()
    with torch.no_grad(), _precision(device):
        parts = [network(turned(part.to(device))).argmax(dim=1) for part in samples.split(slice)]
    return torch.cat(parts)


def _step(network, optimizer, turned, targets, batch, slice):
    """One step of Adam on a batch; its mean loss."""
    batch = batch.to(targets.device)
    batch = batch[torch.argsort(batch % turned.count, stable=True)]
    images, classes = turned(batch), targets[batch // turned.count]
    optimizer.zero_grad()
    total = torch.zeros((), device=targets.device)
    for part, known in zip(images.split(slice), classes.split(slice), strict=True):
        with _precision(targets.device):
            logits = network(part)
        loss = nn.functional.cross_entropy(logits.float(), known, reduction="sum") / len(batch)
        loss.backward()
        total += loss.detach()
    optimizer.step()
    return total


def _measure(network, turned, targets, tests, slice):
    """Accuracy on every set, and what the held-out samples are taken for."""
    row = {}
    for name, samples in tests.items():
        if not len(samples):
            row[name] = float("nan")
            continue
        taken = predict(network, turned, samples, slice=slice)
        right = taken == targets[samples.to(taken.device) // turned.count]
        row[name] = right.float().mean().item()
    classes = int(targets.max()) + 1
    counts = torch.bincount(taken, minlength=classes).tolist()  # taken: of held_out, the last set
    return row | {f"held_out_as_{label}": number for label, number in enumerate(counts)}


def _batches(samples, size, seed, start):
    """Batches without end, from number ``start`` on; the samples of each epoch in a new order."""
    per_epoch = -(-len(samples) // size)
    first = start % per_epoch
    for epoch in itertools.count(start // per_epoch):
        generator = torch.Generator().manual_seed(_derived(seed, 1, epoch))
        shuffled = samples[torch.randperm(len(samples), generator=generator)]
        yield from shuffled.split(size)[first:]
        first = 0


def _some(samples, most, seed):
    """At most so many of the samples, always the same."""
    generator = torch.Generator().manual_seed(_derived(seed, 2))
    return samples[torch.randperm(len(samples), generator=generator)[:most].sort().values]


def _derived(*seeds):
    return int(np.random.SeedSequence(seeds).generate_state(1)[0])


def _precision(device):
    return torch.autocast(device.type, dtype=torch.bfloat16, enabled=device.type == "cuda")


def _sparse(operator, device):
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Sparse")  # CSR is said to be in beta, and unchecked
        return torch.sparse_csr_tensor(
            torch.tensor(operator.indptr, dtype=torch.int32),
            torch.tensor(operator.indices, dtype=torch.int32),
            torch.tensor(operator.data, dtype=torch.float32),
            size=operator.shape,
            device=device,
        )


def _restore(checkpoint, about, network, optimizer):
    """The rows that are done, with the network and optimiser as they were then."""
    if checkpoint is None or not Path(checkpoint).exists():
        return []
    state = torch.load(checkpoint, weights_only=True)
    if state["about"] != about:
        raise ValueError(
            f"checkpoint must be of the run {about}, got one of {state['about']} in "
            f"{checkpoint}; choose another file, or remove it"
        )
    network.load_state_dict(state["network"])
    optimizer.load_state_dict(state["optimizer"])
    return state["rows"]


def _keep(checkpoint, about, network, optimizer, rows):
    if checkpoint is None:
        return
    state = {"network": network.state_dict(), "optimizer": optimizer.state_dict()}
    part = Path(f"{checkpoint}.part")
    torch.save(state | {"about": about, "rows": rows}, part)
    os.replace(part, checkpoint)


def _check(settings):
    for name in ("epochs", "batch", "learning_rate", "evaluated", "slice"):
        value = getattr(settings, name)
        if value <= 0:
            raise ValueError(f"{name} must be positive, got {value}")
    if settings.steps is not None and settings.steps < settings.epochs:
        raise ValueError(
            f"steps must be at least epochs, {settings.epochs}, how often accuracy is measured, "
            f"got {settings.steps}"
        )
