"""Several images of each digit under rotation: exact errors, and averages over pairs of exemplars.

The upright images of every exemplar of one digit are left out together, then those of the next.
Perin and Deny 2025, on several exemplars a class (there called seeds) and on several classes.
Beside it, balanced: the upright images of all digits left out together.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Float, Int

from symlib import baselines, data, groups, invariant, kernels, orbits, results, rotated, spectral

__all__ = [
    "Exemplars",
    "baseline_errors",
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
    baselines: tuple[str, ...] = ()  # of "distance", "nearest", "linear" and "logistic"
    dataset: str = "mnist-5000"
    seed: int = 0

    @classmethod
    def quick(cls) -> "Exemplars":
        """For a page that is computed while it is built."""
        return cls(draws=8, baselines=("distance", "nearest"))


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
        The rows of ``errors``, with the draw and ``count``, and for every baseline the columns of
        ``left_out``, its name before theirs; "distance" is kernel regression with a constant minus
        the distance of two images, and the others are those of ``baseline_errors``.

    Raises:
        ValueError: if the largest N is not a multiple of four and of every other N, there are not
            so many classes or exemplars, a baseline does not exist, or ``path`` holds other
            results.
    """
    largest = rotated.largest_count(settings.counts)
    unknown = set(settings.baselines) - {"distance", *_BASELINES}
    if unknown:
        raise ValueError(
            f"baselines must be among {['distance', *_BASELINES]}, got {sorted(unknown)[0]!r}"
        )
    digits = data.load(settings.dataset)
    draw(digits, settings, 0)

    def compute(number: int) -> pd.DataFrame:
        images, classes = draw(digits, settings, number)
        kernel = rotated.turn_kernel(images, largest, network_kernel(settings))
        names = [name for name in settings.baselines if name in _BASELINES]
        if "distance" in settings.baselines:
            distance = rotated.turn_kernel(images, largest, _distance)
        frames = []
        for count in settings.counts:
            turns = rotated.sample_turns(kernel, largest, count)
            columns = baseline_errors(images, classes, count, names)
            if "distance" in settings.baselines:
                at = rotated.sample_turns(distance, largest, count)
                columns |= _named("distance", left_out(at, classes, ridge=settings.ridge))
            frame = errors(turns, classes, count, ridge=settings.ridge)
            frames.append(frame.assign(count=count, **columns))
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


def _distance(x, other):
    """Inputs of unit norm are at most 2 apart, and the constant is larger than any distance."""
    return kernels.distance(x, other, constant=10.0)


def _named(prefix, columns):
    return {f"{prefix}_{name}": values for name, values in columns.items()}


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
        One row per class, its ``digit``, with the columns of ``left_out``; the same from the
        kernel averaged over all rotations, ``projected_`` before their names; and those of
        ``spectral_of_classes``.
    """
    averaged = rotated.rotation_kernel(kernel, count)
    return pd.DataFrame(
        {"digit": np.unique(classes)}
        | left_out(kernel, classes, ridge=ridge)
        | _named("projected", left_out(averaged, classes, ridge=ridge))
        | spectral_of_classes(averaged, classes, ridge=ridge)
    )


def spectral_of_classes(
    kernel: Float[np.ndarray, "images images count"],
    classes: Int[np.ndarray, " images"],
    *,
    ridge: float,
) -> dict[str, list[float]]:
    """The paper's ε_s of pairs of images, averaged for each class.

    Args:
        kernel: ``rotated.rotation_kernel`` of the images.
        classes: the class of each image.
        ridge: absolute.

    Returns:
        For each class ``spectral``, ε_s averaged over pairs of one of its images and one of
        another class; and ``spectral_correct``, the share of its images for which 1 - ε_s,
        averaged over the images of another class, is positive against *every* other class, as
        the paper counts.
    """
    pairs = np.asarray(spectral.spectral_error_of_pairs(kernel, ridge=ridge).error)
    own = classes == np.unique(classes)[:, None]
    against = np.stack([pairs[:, c].mean(axis=1) for c in own])  # [class, image]
    return {
        "spectral": [pairs[np.ix_(c, ~c)].mean() for c in own],
        "spectral_correct": [
            (np.delete(against, k, axis=0)[:, c] < 1).all(axis=0).mean() for k, c in enumerate(own)
        ],
    }


def left_out(
    kernel: Float[np.ndarray, "orbits orbits turns"],
    classes: Int[np.ndarray, " images"],
    *,
    ridge: float,
) -> dict[str, list[float]]:
    """What regression of one class against the rest says of upright images it has not seen.

    Args:
        kernel: ``rotated.turn_kernel`` or ``rotated.rotation_kernel`` of the images.
        classes: the class of each image.
        ridge: absolute.

    Returns:
        For each class, its upright images left out together: ``error``, mean |r| of its own
        output, trained on labels ±1; ``correct``, the share whose own output is largest; and
        ``positive``, the share whose own output is positive, as the paper counts. The same with
        ``balanced_`` before it, the upright images of all classes left out together.
    """
    turns = kernel.shape[-1]
    per_image = len(kernel) // len(classes)
    outputs = _outputs(classes)
    labels = np.broadcast_to(
        np.repeat(outputs, per_image, axis=0)[:, None], (len(kernel), turns, outputs.shape[1])
    )
    sets = [np.stack([rows * per_image, 0 * rows], axis=1) for rows in _sets(classes)]
    residuals = invariant.leave_sets_out(groups.cyclic(turns), kernel, labels, sets, ridge=ridge)
    predicted = [outputs[rows] - r for rows, r in zip(_sets(classes), residuals)]
    return _judge(predicted, classes)


def baseline_errors(
    images: Float[np.ndarray, "images size size"],
    classes: Int[np.ndarray, " images"],
    count: int,
    names: Sequence[str],
) -> dict[str, list[float]]:
    """The columns of ``left_out`` for predictors that know nothing of networks.

    Args:
        images: square images, not yet rotated.
        classes: the class of each image.
        count: number N of rotations.
        names: of "nearest", the class of the nearest seen image; "linear", least squares on the
            pixels with a free intercept; "logistic", logistic regression on them, at unit variance
            of the pixels, with scikit-learn's penalty at C = 0.01.

    Returns:
        The columns, the baseline's name before each; errors of "linear" only, since the others
        predict no label. The last two need a fit for each set of unseen points: they are made for
        the balanced one.
    """
    points = orbits.normalize(orbits.rotations(images, count)).reshape(len(images) * count, -1)
    labels = np.repeat(_outputs(classes), count, axis=0)
    *alone, together = _sets(classes)
    columns: dict[str, list[float]] = {}
    for name in names:
        sets = [*alone, together] if name == "nearest" else [together]
        predicted = [_BASELINES[name](points, labels, rows * count) for rows in sets]
        found = _judge(predicted, classes)
        kept = {k: v for k, v in found.items() if name == "linear" or k.endswith("correct")}
        columns |= _named(name, kept)
    return columns


def _logistic(points, labels, held_out):
    from sklearn.linear_model import LogisticRegression

    seen = np.setdiff1d(np.arange(len(points)), held_out)
    points = points * points.shape[1] ** 0.5
    model = LogisticRegression(C=0.01, max_iter=1000).fit(points[seen], labels[seen].argmax(axis=1))
    return model.predict_proba(points[held_out])


_BASELINES = {
    "nearest": baselines.nearest,
    "linear": baselines.linear_regression,
    "logistic": _logistic,
}


def _outputs(classes):
    """Labels ±1 of one class against the rest, an output for each class."""
    return np.where(classes[:, None] == np.unique(classes), 1.0, -1.0)


def _sets(classes):
    """Which images are left out upright together: those of each class, and at last of all."""
    return [*map(np.flatnonzero, _outputs(classes).T > 0), np.arange(len(classes))]


def _judge(predicted, classes):
    """The columns of ``left_out`` from predictions at all of ``_sets``, or at the last alone."""
    *alone, together = predicted
    balanced = [together[rows] for rows in _sets(classes)[:-1]]
    columns = {}
    for prefix, own in ([("", alone)] if alone else []) + [("balanced_", balanced)]:
        columns |= {
            f"{prefix}error": [np.abs(1 - p[:, c]).mean() for c, p in enumerate(own)],
            f"{prefix}correct": [(p.argmax(axis=1) == c).mean() for c, p in enumerate(own)],
            f"{prefix}positive": [(p[:, c] > 0).mean() for c, p in enumerate(own)],
        }
    return columns
