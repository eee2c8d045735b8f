"""Ten digits under rotation: one-against-the-rest regression, pairs averaged, a trained network.

As ``exemplars``, with all ten digits, and beside it the multilayer perceptron of ``fig1`` trained
on the same images. Perin and Deny 2025, on several classes.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from symlib import data, results, rotated
from symlib.experiments import exemplars

__all__ = ["Multiclass", "run", "work"]


@dataclass(frozen=True)
class Multiclass(exemplars.Exemplars):
    """Settings; classes, exemplars, rate and network are the paper's."""

    draws: int = 5
    classes: int = 10
    steps: int = 300  # of Adam, for each trained network
    learning_rate: float = 1e-3  # of Adam
    betas: tuple[float, float] = (0.7, 0.9)  # of Adam
    batch: int = 2048

    @classmethod
    def quick(cls) -> "Multiclass":
        """For a page that is computed while it is built."""
        return cls(draws=1, counts=(4, 16), steps=100)


def run(
    settings: Multiclass,
    progress: Callable = lambda cells, description, total: cells,
    path: str | Path | None = None,
    jobs: int = 1,
) -> pd.DataFrame:
    """Exact and predicted errors, and accuracy of trained networks, for every draw, digit and N.

    Args:
        settings: what to run.
        progress: wraps the loop over draws and N, as ``symlib.notebook.progress`` does.
        path: where to store and resume.
        jobs: processes to run at once.

    Returns:
        The rows of ``exemplars.errors``, with the draw, ``count``, and ``trained`` and
        ``trained_on``, the network's accuracy on the left-out images and on what it learned.

    Raises:
        ValueError: if an N is below 2, there are not so many classes or exemplars, or ``path``
            holds other results.
    """
    rotated.largest_count(settings.counts)
    digits = data.load(settings.dataset)
    exemplars.draw(digits, settings, 0)
    cells = {
        f"{number}-{count}": (number, count)
        for number in range(settings.draws)
        for count in settings.counts
    }

    def compute(cell: str) -> pd.DataFrame:
        number, count = cells[cell]
        images, classes = exemplars.draw(digits, settings, number)
        kernel = rotated.turn_kernel(images, count, exemplars.network_kernel(settings))
        predicted = exemplars.errors(kernel, classes, count, ridge=settings.ridge)
        trained = [
            _train(images, classes, digit, count, settings, number) for digit in predicted.digit
        ]
        return predicted.join(pd.DataFrame(trained)).assign(draw=number, count=count)

    return results.sweep(
        "multiclass", settings, list(cells), compute, path=path, jobs=jobs, progress=progress
    )


def work(settings: Multiclass) -> tuple[int, float]:
    """Number of draws and N together, and about how many seconds two CPU cores need for them."""
    cells = settings.draws * len(settings.counts)
    images = settings.classes * settings.exemplars
    samples = sum(min(settings.batch, images * count) for count in settings.counts)
    trained = settings.draws * settings.classes * settings.steps * samples / 60_000
    return cells, 2 * cells + trained


def _train(images, classes, digit, count, settings, number):
    from symlib import nets, partial_orbits, training

    seed = int(np.random.SeedSequence([settings.seed, number, count, digit]).generate_state(1)[0])
    parts = partial_orbits.split(
        classes,
        count,
        held_class=digit,
        share=0.0,
        generator=np.random.default_rng(seed),
    )
    rows = training.train(
        nets.build("mlp", seed=seed),
        partial_orbits.TurnedImages(images, count, training.default_device()),
        classes,
        parts,
        training.Training(
            epochs=1,
            steps=settings.steps,
            batch=settings.batch,
            learning_rate=settings.learning_rate,
            betas=settings.betas,
        ),
        seed=seed,
    )
    last = rows.iloc[-1]
    return {"trained": last.held_out, "trained_on": last.train}
