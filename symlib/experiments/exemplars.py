"""Several images of each digit under rotation: exact errors, and averages over pairs of exemplars.

The upright images of every exemplar of one digit are left out together, then those of the next.
Perin and Deny 2025, on several exemplars a class (there called seeds) and on several classes.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Float, Int

from symlib import data, groups, invariant, kernels, results, rotated, spectral

__all__ = [
    "Exemplars",
    "draw",
    "errors",
    "left_out",
    "network_kernel",
    "run",
    "spectral_of_classes",
    "work",
]


@dataclass(frozen=True)
class Exemplars:
    """Settings, the paper's by default, on the digits that need no download."""

    draws: int = 50  # of digits, and of exemplars of each
    classes: int = 2  # digits at once
    exemplars: int = 13  # images of each digit
    counts: tuple[int, ...] = (2, 4, 8, 16, 32, 64)  # rotations N of each image
    hidden_layers: int = 1
    weight_std: float = 1.0
    bias_std: float = 1.0
    ridge: float = 1e-10  # absolute
    dataset: str = "mnist-5000"
    seed: int = 0

    @classmethod
    def quick(cls) -> "Exemplars":
        """For a page that is computed while it is built."""
        return cls(draws=8)


def run(
    settings: Exemplars,
    progress: Callable = lambda draws, description, total: draws,
    path: str | Path | None = None,
    jobs: int = 1,
) -> pd.DataFrame:
    """Exact and predicted errors of every draw, digit and number of rotations.

    Args:
        settings: what to run.
        progress: wraps the loop over draws, as ``symlib.notebook.progress`` does.
        path: where to store and resume.
        jobs: processes to run at once.

    Returns:
        The rows of ``errors``, with the draw and ``count``.

    Raises:
        ValueError: if the largest N is not a multiple of four and of every other N, there are not
            so many classes or exemplars, or ``path`` holds other results.
    """
    largest = rotated.largest_count(settings.counts)
    digits = data.load(settings.dataset)
    draw(digits, settings, 0)

    def compute(number: int) -> pd.DataFrame:
        images, classes = draw(digits, settings, number)
        kernel = rotated.turn_kernel(images, largest, network_kernel(settings))
        frames = [
            errors(
                rotated.sample_turns(kernel, largest, count), classes, count, ridge=settings.ridge
            ).assign(count=count)
            for count in settings.counts
        ]
        return pd.concat(frames).assign(draw=number)

    return results.sweep(
        "exemplars",
        settings,
        range(settings.draws),
        compute,
        path=path,
        jobs=jobs,
        progress=progress,
    )


def work(settings: Exemplars) -> tuple[int, float]:
    """Number of draws, and about how many seconds two CPU cores need for them."""
    points = settings.classes * settings.exemplars * max(settings.counts)
    return settings.draws, settings.draws * (0.3 + 4 * (points / 8320) ** 3)


def draw(
    digits: data.Images, settings: Exemplars, number: int
) -> tuple[Float[np.ndarray, "images size size"], Int[np.ndarray, " images"]]:
    """The exemplars of a draw, digit by digit, and their classes.

    Raises:
        ValueError: if there are not so many classes or exemplars.
    """
    generator = np.random.default_rng([settings.seed, number])
    known, sizes = np.unique(digits.labels, return_counts=True)
    if not 2 <= settings.classes <= len(known):
        raise ValueError(f"classes must be from 2 to {len(known)}, got {settings.classes}")
    if not 1 <= settings.exemplars <= sizes.min():
        raise ValueError(
            f"exemplars must be from 1 to {sizes.min()}, as many as the rarest class has, "
            f"got {settings.exemplars}"
        )
    chosen = np.sort(generator.choice(known, settings.classes, replace=False))
    which = [
        generator.choice(np.flatnonzero(digits.labels == digit), settings.exemplars, replace=False)
        for digit in chosen
    ]
    return digits.images[np.concatenate(which)], np.repeat(chosen, settings.exemplars)


def network_kernel(settings: Any) -> Callable:
    """The NTK of the depth and standard deviations in ``settings``, as ``kernel(x, other)``."""
    return partial(
        kernels.ntk,
        hidden_layers=settings.hidden_layers,
        weight_std=settings.weight_std,
        bias_std=settings.bias_std,
    )


def errors(
    kernel: Float[np.ndarray, "orbits orbits turns"],
    classes: Int[np.ndarray, " images"],
    count: int,
    *,
    ridge: float,
) -> pd.DataFrame:
    """Errors at the upright images of each class, left out together, one class against the rest.

    Args:
        kernel: ``rotated.turn_kernel`` of the images.
        classes: the class of each image.
        count: number N of rotations.
        ridge: absolute.

    Returns:
        One row per class, its ``digit``: ``error``, mean |r| of its own output, trained on labels
        ±1, and ``correct``, the share whose own output is largest; ``projected_error`` and
        ``projected_correct``, the same from the kernel averaged over all rotations; ``spectral``,
        the paper's ε_s averaged over pairs of an exemplar of the class and one of another.
    """
    averaged = rotated.rotation_kernel(kernel, count)
    return pd.DataFrame(
        {"digit": np.unique(classes)}
        | left_out(kernel, classes, ridge=ridge)
        | {f"projected_{name}": v for name, v in left_out(averaged, classes, ridge=ridge).items()}
        | {"spectral": spectral_of_classes(averaged, classes, ridge=ridge)}
    )


def spectral_of_classes(
    kernel: Float[np.ndarray, "images images count"],
    classes: Int[np.ndarray, " images"],
    *,
    ridge: float,
) -> Float[np.ndarray, " classes"]:
    """The paper's ε_s of each class, averaged over pairs of one of its images and one of another.

    Args:
        kernel: ``rotated.rotation_kernel`` of the images.
        classes: the class of each image.
        ridge: absolute.
    """
    pairs = np.asarray(spectral.spectral_error_of_pairs(kernel, ridge=ridge).error)
    other = classes[:, None] != classes
    return np.array([pairs[(classes == c)[:, None] & other].mean() for c in np.unique(classes)])


def left_out(
    kernel: Float[np.ndarray, "orbits orbits turns"],
    classes: Int[np.ndarray, " images"],
    *,
    ridge: float,
) -> dict[str, list[float]]:
    """``error`` and ``correct`` of ``errors``, for each class, from either kernel of the images."""
    turns = kernel.shape[-1]
    per_image = len(kernel) // len(classes)
    outputs = np.where(classes[:, None] == np.unique(classes), 1.0, -1.0)
    labels = np.broadcast_to(
        np.repeat(outputs, per_image, axis=0)[:, None], (len(kernel), turns, outputs.shape[1])
    )
    upright = np.arange(len(classes)) * per_image
    sets = [np.stack([upright[own], np.zeros(own.sum(), int)], axis=1) for own in (outputs > 0).T]
    residuals = invariant.leave_sets_out(groups.cyclic(turns), kernel, labels, sets, ridge=ridge)
    predicted = [outputs[own] - r for own, r in zip((outputs > 0).T, residuals)]
    return {
        "error": [np.abs(r[:, c]).mean() for c, r in enumerate(residuals)],
        "correct": [(p.argmax(axis=1) == c).mean() for c, p in enumerate(predicted)],
    }
