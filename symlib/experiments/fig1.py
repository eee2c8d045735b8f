"""Networks trained on digits that are seen under every rotation, but for one digit upright.

Of one class the upright images are held out; the network sees them under the other N - 1 turns,
and those of the other classes under all N. Perin and Deny 2025, on partially rotated MNIST.
"""

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Int

from symlib import data, results

__all__ = ["Fig1", "draw", "run", "work"]

SLICES = {"mlp": 2048, "cnn": 256, "vit": 64}  # of a batch, as large as a CPU's cache likes
RATES = {"mlp": 100_000, "cnn": 20_000, "vit": 800}  # samples a second of two CPU cores


@dataclass(frozen=True)
class Fig1:
    """Settings, the paper's by default but for the images no network sees."""

    networks: tuple[str, ...] = ("mlp", "cnn", "vit")
    digits: tuple[int, ...] = tuple(range(10))  # whose upright images are held out, in turn
    counts: tuple[int, ...] = (2, 4, 8, 16, 32, 64)  # rotations N of each image
    seeds: tuple[int, ...] = (0, 1, 2)  # of images, weights, order and dropout
    images: int = 54_000  # to train on, of all classes together
    fresh: int = 6_000  # more images, which no network is trained on
    epochs: int = 22
    steps: int | None = None  # train for so many steps at every N, instead of epochs
    batch: int = 2048
    learning_rate: float = 1e-3  # of Adam
    betas: tuple[float, float] = (0.7, 0.9)  # of Adam
    dataset: str = "mnist"

    @classmethod
    def quick(cls) -> "Fig1":
        """For a page that is computed while it is built."""
        return cls(
            networks=("mlp",),
            digits=(5,),
            counts=(2, 4, 8, 16, 32),
            seeds=(0,),
            images=1000,
            fresh=200,
            dataset="mnist-5000",
        )


def run(
    settings: Fig1,
    progress: Callable = lambda cells, description, total: cells,
    path: str | Path | None = None,
    jobs: int = 1,
) -> pd.DataFrame:
    """Accuracy while training, of every network, held-out digit, N and seed.

    Args:
        settings: what to run.
        progress: wraps the loop over trainings, as ``symlib.notebook.progress`` does.
        path: where to store and resume; unfinished trainings are kept beside it.
        jobs: processes to run at once.

    Returns:
        The rows of ``training.train``, with the network, digit, count and seed of each.

    Raises:
        ValueError: if a network or digit does not exist, N is below 2, there are too few images,
            or ``path`` holds other results.
    """
    _check(settings)

    def compute(cell: str) -> pd.DataFrame:
        from symlib import nets, partial_orbits, training

        network, digit, count, seed = cells[cell]
        digits = data.load(settings.dataset)  # not sent along, for a cluster fetches it itself
        generator = np.random.default_rng([seed, 0])
        which = draw(digits.labels, settings, generator)
        labels = digits.labels[which]
        device = training.default_device()
        rows = training.train(
            nets.build(network, seed=seed),
            partial_orbits.TurnedImages(digits.images[which], count, device),
            labels,
            partial_orbits.split(
                labels, count, held_class=digit, fresh=settings.fresh, generator=generator
            ),
            training.Training(
                slice=settings.batch if device == "cuda" else SLICES[network],
                **{name: getattr(settings, name) for name in protocol},
            ),
            seed=seed,
            checkpoint=None if path is None else f"{path}.{cell}.checkpoint",
        )
        return rows.assign(network=network, digit=digit, count=count, seed=seed)

    cells = {"-".join(map(str, cell)): cell for cell in _cells(settings)}
    protocol = ("epochs", "steps", "batch", "learning_rate", "betas")
    name = type(settings).__name__.lower()
    return results.sweep(
        name, settings, list(cells), compute, path=path, jobs=jobs, progress=progress
    )


def draw(
    labels: Int[np.ndarray, " known"], settings: Any, generator: np.random.Generator
) -> Int[np.ndarray, " images"]:
    """Numbers of the images to train on, and after them of the fresh ones.

    Raises:
        ValueError: if there are not so many.
    """
    wanted = settings.images + settings.fresh
    if wanted > len(labels):
        raise ValueError(
            f"images and fresh must be at most {len(labels)} together, those of "
            f"{settings.dataset!r}, got {settings.images} + {settings.fresh}; ask for fewer, or "
            "take dataset=mnist"
        )
    return generator.permutation(len(labels))[:wanted]


def work(settings: Fig1) -> tuple[int, float]:
    """Number of trainings, and about how many seconds two CPU cores need for them."""
    _check(settings)
    seconds = 0.0
    for network, _, count, _ in _cells(settings):
        epochs_of_steps = (settings.steps or 0) * settings.batch
        samples = epochs_of_steps or 0.9 * settings.epochs * settings.images * count
        seconds += samples / RATES[network]
    return len(list(_cells(settings))), seconds


def _cells(settings):
    return itertools.product(settings.networks, settings.digits, settings.counts, settings.seeds)


def _check(settings: Fig1) -> None:
    from symlib import nets

    labels = data.load(settings.dataset).labels
    for name in ("networks", "digits", "counts", "seeds"):
        if not getattr(settings, name):
            raise ValueError(f"{name} must name at least one, got none")
    for name, known in (
        ("networks", sorted(nets.NETWORKS)),
        ("digits", np.unique(labels).tolist()),
    ):
        unknown = [value for value in getattr(settings, name) if value not in known]
        if unknown:
            raise ValueError(f"{name} must be among {known}, got {unknown[0]!r}")
    if min(settings.counts) < 2:
        raise ValueError(
            f"counts must be at least 2, got {min(settings.counts)}; with one turn the held-out "
            "digit would not be seen at all"
        )
    for name in ("images", "fresh", "epochs", "batch"):
        if getattr(settings, name) < 1:
            raise ValueError(f"{name} must be at least 1, got {getattr(settings, name)}")
    draw(labels, settings, np.random.default_rng(0))
