r"""The dullest explanations of an error at unseen points, to be set beside a network's.

Each function predicts the labels of the points in ``held_out`` from those of all other points.

Source: Hastie, Tibshirani and Friedman 2009, §2.3 (least squares and nearest neighbours).
"""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, Int
from scipy.spatial.distance import cdist

from symlib._checks import held_out_indices, require_float64

__all__ = ["label_mean_error", "linear_regression", "nearest"]


def label_mean_error(same: int, other: int) -> float:
    r"""The error at a point labelled ±1 of a predictor that knows the mean of the labels only.

    .. math:: 1 - \frac{\text{same} - \text{other}}{\text{same} + \text{other}}
        = \frac{2\,\text{other}}{\text{same} + \text{other}}

    With one of N points left out against N it is 2N/(2N − 1), more than no answer's 1.

    Args:
        same: number of seen points with the label of the unseen one.
        other: number of seen points with the other label.

    Raises:
        ValueError: if a number is negative, or both are 0.

    >>> label_mean_error(same=1, other=2)
    1.3333333333333333
    """
    if min(same, other) < 0 or same + other == 0:
        raise ValueError(
            f"same and other must be numbers of points, not both 0, got {same} and {other}; "
            "keep something to train on"
        )
    return 2 * other / (same + other)


def _split(points, labels, held_out):
    points, labels = require_float64("points", points), require_float64("labels", labels)
    if points.ndim != 2 or labels.ndim == 0 or len(labels) != len(points):
        raise ValueError(
            f"points must have one row for each label, got shapes {points.shape} and "
            f"{labels.shape}; flatten images to one axis first"
        )
    held_out = held_out_indices(held_out, len(points))
    return points, labels, held_out, np.setdiff1d(np.arange(len(points)), held_out)


def nearest(
    points: Float[np.ndarray, "points features"],
    labels: Float[np.ndarray, "points ..."],
    held_out: Int[np.ndarray, " held"] | Sequence[int],
) -> Float[np.ndarray, "held ..."]:
    """The label of the nearest seen point.

    Raises:
        ValueError: if points and labels are not finite float64 of as many rows, or ``held_out`` is
            empty, everything, repeated or out of range.
    """
    points, labels, held_out, seen = _split(points, labels, held_out)
    return labels[seen][cdist(points[held_out], points[seen]).argmin(axis=1)]


def linear_regression(
    points: Float[np.ndarray, "points features"],
    labels: Float[np.ndarray, "points ..."],
    held_out: Int[np.ndarray, " held"] | Sequence[int],
) -> Float[np.ndarray, "held ..."]:
    """Least squares on the features with a free intercept, of least norm where that is not unique.

    Args and errors are those of ``nearest``.
    """
    points, labels, held_out, seen = _split(points, labels, held_out)
    centre, mean = points[seen].mean(axis=0), labels[seen].mean(axis=0)
    weights = np.linalg.lstsq(points[seen] - centre, labels[seen] - mean, rcond=1e-9)[0]
    return mean + (points[held_out] - centre) @ weights
