"""What the kernel of an infinitely wide network says of the trainings of ``fig1``, before them.

For every held-out digit and N: one-against-the-rest regression on the same images, the upright
images of that digit left out together. Perin and Deny 2025, on several classes.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from symlib import data, results, rotated
from symlib.experiments import exemplars, fig1

__all__ = ["Foresight", "run", "work"]


@dataclass(frozen=True)
class Foresight:
    """Settings; depth and images are those of the multilayer perceptron of ``fig1``."""

    counts: tuple[int, ...] = (2, 4, 8, 16, 32, 64)  # rotations N of each image
    seeds: tuple[int, ...] = (0, 1, 2)  # of the images
    images: int = 2000  # of all classes together
    fresh: int = 200  # more images, which the networks of ``fig1`` are not trained on either
    in_pairs: int = 20  # images of each class that the spectral error is averaged over pairs of
    hidden_layers: int = 2
    weight_std: float = 1.0
    bias_std: float = 1.0
    ridge: float = 1e-10  # absolute
    dataset: str = "mnist-5000"

    @classmethod
    def quick(cls) -> "Foresight":
        """For a page that is computed while it is built."""
        return cls(counts=(2, 4, 8, 16), seeds=(0,), images=200)


def run(
    settings: Foresight,
    progress: Callable = lambda cells, description, total: cells,
    path: str | Path | None = None,
    jobs: int = 1,
) -> pd.DataFrame:
    """Predicted errors of every digit, N and seed, by the kernel averaged over all rotations.

    Args:
        settings: what to run.
        progress: wraps the loop over seeds, as ``symlib.notebook.progress`` does.
        path: where to store and resume.
        jobs: processes to run at once; each holds the kernel of all images.

    Returns:
        One row per seed, N and ``digit``, with the columns of ``exemplars.left_out``, and of
        ``exemplars.spectral_of_classes`` for some images of each class.

    Raises:
        ValueError: if the largest N is not a multiple of four and of every other N, there are too
            few images, or ``path`` holds other results.
    """
    digits = data.load(settings.dataset)

    def compute(seed: int) -> pd.DataFrame:
        generator = np.random.default_rng([seed, 0])
        which = fig1.draw(digits.labels, settings, generator)[: settings.images]
        images, classes = digits.images[which], digits.labels[which]
        few = np.concatenate(
            [np.flatnonzero(classes == c)[: settings.in_pairs] for c in np.unique(classes)]
        )
        kernels = rotated.rotation_kernels(
            images, settings.counts, exemplars.network_kernel(settings)
        )
        frames = []
        for count in settings.counts:
            kernel = kernels.pop(count)
            pairs = exemplars.spectral_of_classes(
                kernel[np.ix_(few, few)], classes[few], ridge=settings.ridge
            )
            found = exemplars.left_out(kernel, classes, ridge=settings.ridge)
            columns = {"digit": np.unique(classes), **found, **pairs}
            frames.append(pd.DataFrame(columns).assign(count=count, seed=seed))
        return pd.concat(frames)

    fig1.draw(digits.labels, settings, np.random.default_rng(0))
    return results.sweep(
        "foresight", settings, settings.seeds, compute, path=path, jobs=jobs, progress=progress
    )


def work(settings: Foresight) -> tuple[int, float]:
    """Number of seeds, and about how many seconds two CPU cores need for them."""
    gram = 5e-8 * (settings.images * max(settings.counts)) ** 2 / 4
    frequencies = sum(count // 2 + 1 for count in settings.counts)
    solve = 6e-10 * settings.images**3 * frequencies
    return len(settings.seeds), len(settings.seeds) * (gram + solve)
