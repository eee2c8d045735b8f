r"""Kernel regression with points left out, by dense linear algebra.

With :math:`\tilde K = K + \text{ridge}\cdot I` over all points, the residuals on a held-out set S
of the regression trained on the others are

.. math:: r_S = y_S - \hat y_S = ([\tilde K^{-1}]_{SS})^{-1} [\tilde K^{-1} y]_S ,

so that one factorisation serves every choice of S. Its blocks come from ``solving.solve``, never
from an explicit inverse. This module is the oracle for ``spectral`` and ``invariant``.

Leading axes of ``gram`` are a batch; labels, (points,) or (points, outputs), serve all of it.

Source: Allen 1974 (PRESS); Rasmussen and Williams, *Gaussian Processes for Machine Learning*,
§5.4.2.
"""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, Float, Int

from symlib._checks import EPS, held_out_indices, require_float64, require_gram
from symlib.solving import largest_row_sum, require_digits, solve

__all__ = ["is_correct", "leave_one_out", "leave_out", "leave_sets_out", "predict", "refit"]

_PLAIN = 1e-9  # relative error of a plain solve that is small enough


def _check_labels(labels: np.ndarray, points: int) -> np.ndarray:
    labels = require_float64("labels", labels)
    if labels.ndim == 0 or len(labels) != points:
        raise ValueError(
            f"labels must have one row for each of the {points} points of the Gram matrix, "
            f"got shape {labels.shape}; order both alike"
        )
    return labels


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
            the ridge is added, it is too nearly singular for six digits, or ``ridge`` is negative.
    """
    gram = require_gram(gram, ridge)
    cross_gram = require_float64("cross_gram", cross_gram)
    labels = _check_labels(labels, gram.shape[-1])
    if cross_gram.ndim < 2 or cross_gram.shape[-1] != gram.shape[-1]:
        raise ValueError(
            f"cross_gram must have one column for each of the {gram.shape[-1]} training "
            f"points, got shape {cross_gram.shape}; rows are test points"
        )
    weights, error, _ = solve(gram, labels.reshape(len(labels), -1), ridge=ridge)
    require_digits(error, ridge)
    predicted = cross_gram @ weights
    rounding = EPS * np.abs(cross_gram) @ np.abs(weights)
    require_digits(rounding.max(initial=0) / max(np.abs(labels).max(), EPS), ridge)
    return predicted.reshape(*predicted.shape[:-1], *labels.shape[1:])


def refit(
    gram: Float[np.ndarray, "*batch points points"],
    labels: Float[np.ndarray, "points ..."],
    held_out: Int[np.ndarray, " held"] | Sequence[int],
    *,
    ridge: float,
) -> Float[np.ndarray, "..."]:
    """Residuals on ``held_out`` after training on the other points: the definition, no identity.

    Args and errors are those of ``leave_out``. Residuals far smaller than the labels lose digits
    here by subtraction, so that they are refused sooner.
    """
    gram = require_gram(gram, ridge)
    labels = _check_labels(labels, gram.shape[-1])
    held_out = held_out_indices(held_out, gram.shape[-1])
    kept = np.setdiff1d(np.arange(gram.shape[-1]), held_out)
    columns = labels.reshape(len(labels), -1)
    weights, error, _ = solve(gram[..., kept[:, None], kept], columns[kept], ridge=ridge)
    cross_gram = gram[..., held_out[:, None], kept]
    residual = columns[held_out] - cross_gram @ weights
    terms = np.abs(columns[held_out]) + np.abs(cross_gram) @ np.abs(weights)
    lost = largest_row_sum(terms) / np.maximum(np.abs(residual).max(axis=(-2, -1)), EPS**2)
    require_digits(np.maximum(error, EPS) * lost, ridge)
    return residual.reshape(*residual.shape[:-1], *labels.shape[1:])


def block_residual(
    block: Float[np.ndarray, "*batch held held"],
    weights: Float[np.ndarray, "*batch held outputs"],
    error: Float[np.ndarray, "..."] | float,
) -> tuple[Float[np.ndarray, "*batch held outputs"], Float[np.ndarray, "..."] | float]:
    """Residuals from [K̃⁻¹]_SS and [K̃⁻¹y]_S, and their relative error from that of these two."""
    if block.shape[-1] == 1:
        return weights / block, error
    symmetric = (block + np.swapaxes(block, -1, -2)) / 2
    residual, own_error, inverse_norm = solve(symmetric, weights, ridge=0.0, refine_above=_PLAIN)
    return residual, own_error + block.shape[-1] * inverse_norm * error


def leave_sets_out(
    gram: Float[np.ndarray, "*batch points points"],
    labels: Float[np.ndarray, "points ..."],
    held_out: Sequence[Int[np.ndarray, " _"] | Sequence[int]] | Int[np.ndarray, "sets held"],
    *,
    ridge: float,
) -> list[Float[np.ndarray, "..."]]:
    """As ``leave_out`` for one set after another, with one factorisation for all."""
    gram = require_gram(gram, ridge)
    points = gram.shape[-1]
    labels = _check_labels(labels, points)
    sets = [held_out_indices(indices, points) for indices in held_out]
    touched = np.unique(np.concatenate(sets))
    columns = np.hstack([np.eye(points)[:, touched], labels.reshape(points, -1)])
    solved, error, _ = solve(gram, columns, ridge=ridge)
    require_digits(error, ridge)
    residuals: list = [None] * len(sets)
    for size in {len(indices) for indices in sets}:
        numbers = [k for k, indices in enumerate(sets) if len(indices) == size]
        rows = np.stack([sets[k] for k in numbers])
        place = np.searchsorted(touched, rows)
        blocks = solved[..., rows[:, :, None], place[:, None, :]]  # [..., set, held, held]
        found, errors = block_residual(
            blocks, solved[..., rows, len(touched) :], np.expand_dims(error, -1)
        )
        require_digits(errors, ridge)
        for k, residual in zip(numbers, np.moveaxis(found, -3, 0)):
            residuals[k] = residual.reshape(*residual.shape[:-1], *labels.shape[1:])
    return residuals


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
            definite with ``ridge``; if fewer than six digits of the residuals would be right; if
            labels and Gram disagree in size; if ``held_out`` is empty, everything, repeated or out
            of range.
    """
    return leave_sets_out(gram, labels, [held_out], ridge=ridge)[0]


def leave_one_out(
    gram: Float[np.ndarray, "*batch points points"],
    labels: Float[np.ndarray, "points ..."],
    *,
    ridge: float,
) -> Float[np.ndarray, "..."]:
    r"""Residuals :math:`[\tilde K^{-1}y]_p/[\tilde K^{-1}]_{pp}`, each point left out alone.

    Args and errors are those of ``leave_out``, without the held-out set.
    """
    gram = require_gram(gram, ridge)
    labels = _check_labels(labels, gram.shape[-1])
    if len(labels) < 2:
        raise ValueError(
            "gram must hold at least two points to leave one out, got one; add the other orbit"
        )
    points = len(labels)
    columns = np.hstack([np.eye(points), labels.reshape(points, -1)])
    solved, error, _ = solve(gram, columns, ridge=ridge, refine_above=_PLAIN)
    require_digits(error, ridge)
    spread = np.diagonal(solved[..., :points], axis1=-2, axis2=-1)
    residual = solved[..., points:] / spread[..., None]
    return residual.reshape(*residual.shape[:-1], *labels.shape[1:])


def is_correct(
    residuals: Float[np.ndarray, "*batch"], labels: Float[np.ndarray, "*#batch"]
) -> Bool[np.ndarray, "*batch"]:
    """Whether points labelled ±1 are classified right: the sign of y - r is that of y."""
    return residuals * labels < 1
