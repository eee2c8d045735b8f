"""One class against the rest: which upright images are recognised that their class is not seen at.

Of one class after the other the upright images are left out together; and balanced, those of all
classes together. Perin and Deny 2025, on several classes.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from jaxtyping import Float, Int

from symlib import baselines, groups, invariant, orbits, rotated, spectral

__all__ = ["baseline_errors", "errors", "left_out", "spectral_of_classes"]


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
