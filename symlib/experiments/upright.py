"""One digit misses upright, or all ten do: images seen or not, at angles seen or not.

The perceptron of ``fig1``, logistic regression and the nearest training image, on the same split
and at equal steps for every N. Where every class misses upright, no class is the one that the
network has learned not to give at this angle. Perin and Deny 2025, on partially rotated MNIST.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from symlib import data, results
from symlib.experiments import fig1

__all__ = ["Upright", "run", "work"]


@dataclass(frozen=True)
class Upright:
    """Settings: those of ``fig1`` but for fewer and smaller steps, as many at every N."""

    digits: tuple[int, ...] = tuple(range(10))  # which miss upright alone, each in turn
    counts: tuple[int, ...] = (2, 8, 16, 32)  # rotations N of each image
    images: int = 2000  # to train on, of all classes together
    fresh: int = 2000  # more images, which no network is trained on
    steps: int = 1000
    batch: int = 256
    learning_rate: float = 1e-3  # of Adam
    betas: tuple[float, float] = (0.7, 0.9)  # of Adam
    evaluated: int = 4000  # samples of each set, at most, that accuracy is measured on
    compared: int = 200  # samples of each set, at most, whose nearest training image is found
    dataset: str = "mnist-5000"
    seed: int = 0

    @classmethod
    def quick(cls) -> "Upright":
        """For a minute of two CPU cores."""
        return cls(digits=(5,), counts=(2, 8), images=1000, fresh=1000, steps=300)


def run(
    settings: Upright,
    progress: Callable = lambda counts, description, total: counts,
    path: str | Path | None = None,
    jobs: int = 1,
) -> pd.DataFrame:
    """Accuracy on one digit, for images that were trained on and not, at angles seen and not.

    Args:
        settings: what to run.
        progress: wraps the loop over N, as ``symlib.notebook.progress`` does.
        path: where to store and resume.
        jobs: processes to run at once.

    Returns:
        One row per N, model (``mlp``, ``logistic``, ``nearest``), digit and ``missing``, ``one``
        or ``all`` for the classes that miss upright. Each set holds samples of that digit only:
        ``seen_seen``, of images trained on, at angles at which the digit is seen, these samples
        left out; ``fresh_seen``, of other images at these angles; ``seen_upright``, the held-out
        samples; ``fresh_upright``, other images upright; and ``all_seen``, the share right of
        samples like ``seen_seen`` of all digits.

    Raises:
        ValueError: if a digit does not exist, there are too few images, or ``path`` holds other
            results.
    """
    _check(settings)

    def compute(count: int) -> pd.DataFrame:
        from symlib import partial_orbits

        digits = data.load(settings.dataset)
        generator = np.random.default_rng([settings.seed, 0])
        which = fig1.draw(digits.labels, settings, generator)
        turned = partial_orbits.TurnedImages(digits.images[which], count)
        labels = digits.labels[which]
        cases = [("one", [digit]) for digit in settings.digits] + [("all", range(10))]
        rows = []
        for missing, held in cases:
            sets = _sets(labels, count, list(held), settings)
            rows += _networks(turned, labels, sets, missing, held, settings)
            rows += _nearest(turned, labels, sets, missing, held, settings)
        return pd.DataFrame(rows).assign(count=count)

    return results.sweep(
        "upright", settings, settings.counts, compute, path=path, jobs=jobs, progress=progress
    )


def work(settings: Upright) -> tuple[int, float]:
    """Number of rotations to try, and about how many seconds two CPU cores need for them."""
    _check(settings)
    trainings = len(settings.counts) * (len(settings.digits) + 1)
    return len(settings.counts), 5e-5 * trainings * settings.steps * settings.batch


def _sets(labels, count, held, settings):
    """Numbers of the samples to train on, and of those to test on."""
    generator = np.random.default_rng([settings.seed, 1])
    samples = np.arange(len(labels) * count)
    image, turn = samples // count, samples % count
    known, missed = image < settings.images, np.isin(labels, held)[image] & (turn == 0)
    tested = generator.random(len(samples)) < 0.1
    return {
        "train": samples[known & ~missed & ~tested],
        "seen_seen": samples[known & ~missed & tested],
        "fresh_seen": samples[~known & ~missed],
        "seen_upright": samples[known & missed],
        "fresh_upright": samples[~known & missed],
    }


def _tests(labels, count, sets, held, most, settings):
    """For each digit that misses upright its samples of every set, at most so many."""
    generator = np.random.default_rng([settings.seed, 2])
    for digit in held:
        chosen = {
            name: generator.permutation(samples[labels[samples // count] == digit])[:most]
            for name, samples in sets.items()
            if name != "train"
        }
        yield digit, chosen | {"all_seen": generator.permutation(sets["seen_seen"])[:most]}


def _networks(turned, labels, sets, missing, held, settings):
    import torch

    from symlib import nets, partial_orbits, training

    empty = torch.empty(0, dtype=torch.int64)
    parts = partial_orbits.Split(torch.from_numpy(sets["train"]), empty, empty, empty + 0)
    protocol = training.Training(
        epochs=1,
        steps=settings.steps,
        batch=settings.batch,
        learning_rate=settings.learning_rate,
        betas=settings.betas,
        evaluated=1,
    )
    parts = replace(parts, held_out=torch.from_numpy(sets["seen_upright"]))
    with torch.random.fork_rng():
        torch.manual_seed(settings.seed)
        logistic = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(turned.size**2, 10))
    for name, network in (
        ("mlp", nets.build("mlp", seed=settings.seed)),
        ("logistic", logistic),
    ):
        training.train(network, turned, labels, parts, protocol, seed=settings.seed)
        tests = _tests(labels, turned.count, sets, held, settings.evaluated, settings)
        for digit, chosen in tests:
            row = {"model": name, "missing": missing, "digit": digit}
            for key, samples in chosen.items():
                taken = training.predict(network, turned, torch.from_numpy(samples)).numpy()
                row[key] = (taken == labels[samples // turned.count]).mean()
            yield row


def _nearest(turned, labels, sets, missing, held, settings):
    import torch

    train = torch.from_numpy(sets["train"])
    tests = list(_tests(labels, turned.count, sets, held, settings.compared, settings))
    wanted = torch.from_numpy(np.concatenate([s for _, c in tests for s in c.values()]))
    queries = turned(wanted).flatten(1)
    best = torch.full((len(wanted),), -torch.inf)
    taken = torch.empty(len(wanted), dtype=torch.int64)
    for part in train.split(4096):  # of equal length, so that the nearest has the largest product
        products, places = (queries @ turned(part).flatten(1).T).max(dim=1)
        taken = torch.where(products > best, part[places] // turned.count, taken)
        best = torch.maximum(best, products)
    right = labels[taken.numpy()] == labels[wanted.numpy() // turned.count]
    start = 0
    for digit, chosen in tests:
        row = {"model": "nearest", "missing": missing, "digit": digit}
        for key, samples in chosen.items():
            row[key] = right[start : start + len(samples)].mean()
            start += len(samples)
        yield row


def _check(settings: Upright) -> None:
    if not settings.counts or min(settings.counts) < 2:
        raise ValueError(
            f"counts must name numbers of rotations from 2, got {settings.counts}; with one turn "
            "nothing of the digit would be seen"
        )
    unknown = [digit for digit in settings.digits if digit not in range(10)]
    if unknown:
        raise ValueError(f"digits must be from 0 to 9, got {unknown[0]}")
    fig1.draw(data.load(settings.dataset).labels, settings, np.random.default_rng(0))
