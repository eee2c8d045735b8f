r"""Kernel regression with points left out, by dense linear algebra.

With :math:`\tilde K = K + \text{ridge}\cdot I` over all points, the residuals on a held-out set S
of the regression trained on the others are

.. math:: r_S = y_S - \hat y_S = ([\tilde K^{-1}]_{SS})^{-1} [\tilde K^{-1} y]_S ,

so that one factorisation serves every choice of S. This module is the oracle for ``spectral``.

Leading axes of ``gram`` are a batch; labels, (points,) or (points, outputs), serve all of it.

Source: Allen 1974 (PRESS); Rasmussen and Williams, *Gaussian Processes for Machine Learning*,
§5.4.2.
"""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, Float, Int

from symlib._checks import (
    held_out_indices,
    regularized_gram,
    require_float64,
    require_positive_definite,
)

__all__ = ["is_correct", "leave_one_out", "leave_out", "predict", "refit"]


def predict(
    gram: Float[np.ndarray, "*batch train train"],
    cross_gram: Float[np.ndarray, "*batch test train"],
    labels: Float[np.ndarray, "train ..."],
    *,
    ridge: float,
) -> Float[np.ndarray, "..."]:
    r"""Kernel regression, :math:`\hat y = K_{*}(K + \text{ridge}\cdot I)^{-1} y`.

    Raises:
        ValueError: if shapes disagree, ``gram`` is not a float64 positive definite matrix once
            the ridge is added, or ``ridge`` is negative.
    """
    regularized = regularized_gram(gram, ridge)
    cross_gram = require_float64("cross_gram", cross_gram)
    labels = _check_labels(labels, regularized.shape[-1])
    if cross_gram.ndim < 2 or cross_gram.shape[-1] != regularized.shape[-1]:
        raise ValueError(
            f"cross_gram must have one column for each of the {regularized.shape[-1]} training "
            f"points, got shape {cross_gram.shape}; rows are test points"
        )
    require_positive_definite(regularized, ridge)
    columns = labels.reshape(len(labels), -1)
    predicted = cross_gram @ np.linalg.solve(regularized, columns)
    return predicted.reshape(*predicted.shape[:-1], *labels.shape[1:])


def refit(
    gram: Float[np.ndarray, "*batch points points"],
    labels: Float[np.ndarray, "points ..."],
    held_out: Int[np.ndarray, " held"] | Sequence[int],
    *,
    ridge: float,
) -> Float[np.ndarray, "..."]:
    """Residuals on ``held_out`` after training on the other points: the definition, no identity.

    Args and errors are those of ``leave_out``.
    """
    gram = require_float64("gram", gram)
    regularized_gram(gram, ridge)
    labels = _check_labels(labels, gram.shape[-1])
    held_out = held_out_indices(held_out, gram.shape[-1])
    kept = np.setdiff1d(np.arange(gram.shape[-1]), held_out)
    fitted = predict(
        gram[..., kept[:, None], kept],
        gram[..., held_out[:, None], kept],
        labels[kept],
        ridge=ridge,
    )
    return labels[held_out] - fitted


def leave_out(
    gram: Float[np.ndarray, "*batch points points"],
    labels: Float[np.ndarray, "points ..."],
    held_out: Int[np.ndarray, " held"] | Sequence[int],
    *,
    ridge: float,
) -> Float[np.ndarray, "..."]:
    """Residuals on ``held_out`` after training on the other points, by the leave-out identity.

    Args:
        gram: kernel of all points against all points, float64.
        labels: one row per point.
        held_out: indices of the points left out together.
        ridge: absolute, added to the diagonal.

    Raises:
        ValueError: if ``gram`` is not square, symmetric, finite, float64, or not positive
            definite to working precision with ``ridge``; if labels and Gram disagree in size; if
            ``held_out`` is empty, everything, repeated or out of range.
    """
    regularized = regularized_gram(gram, ridge)
    points = regularized.shape[-1]
    labels = _check_labels(labels, points)
    held_out = held_out_indices(held_out, points)
    require_positive_definite(regularized, ridge)
    columns = np.hstack([np.eye(points)[:, held_out], labels.reshape(points, -1)])
    solved = np.linalg.solve(regularized, columns)[..., held_out, :]
    block, weights = solved[..., : len(held_out)], solved[..., len(held_out) :]
    residual = np.linalg.solve(block, weights)
    return residual.reshape(*residual.shape[:-1], *labels.shape[1:])


def leave_one_out(
    gram: Float[np.ndarray, "*batch points points"],
    labels: Float[np.ndarray, "points ..."],
    *,
    ridge: float,
) -> Float[np.ndarray, "..."]:
    r"""Residuals :math:`[\tilde K^{-1}y]_p/[\tilde K^{-1}]_{pp}`, each point left out alone.

    Args and errors are those of ``leave_out``, without the held-out set.
    """
    regularized = regularized_gram(gram, ridge)
    labels = _check_labels(labels, regularized.shape[-1])
    if len(labels) < 2:
        raise ValueError(
            "gram must hold at least two points to leave one out, got one; add the other orbit"
        )
    require_positive_definite(regularized, ridge)
    inverse = np.linalg.inv(regularized)
    weights = inverse @ labels.reshape(len(labels), -1)
    residual = weights / np.diagonal(inverse, axis1=-2, axis2=-1)[..., None]
    return residual.reshape(*residual.shape[:-1], *labels.shape[1:])


def is_correct(
    residuals: Float[np.ndarray, "*batch"], labels: Float[np.ndarray, "*#batch"]
) -> Bool[np.ndarray, "*batch"]:
    """Whether points labelled ±1 are classified right: the sign of y - r is that of y."""
    return residuals * labels < 1


def _check_labels(labels: np.ndarray, points: int) -> np.ndarray:
    labels = require_float64("labels", labels)
    if labels.ndim == 0 or len(labels) != points:
        raise ValueError(
            f"labels must have one row for each of the {points} points of the Gram matrix, "
            f"got shape {labels.shape}; order both alike"
        )
    return labels
