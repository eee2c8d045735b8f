"""Errors of pairs of orbits, one of each class: exactly, by each formula, and by protocol.

Points are those of orbit A, of label +1, and then those of orbit B, of label -1, beginning with the
upright image. In the protocol ``paper`` one upright image is left out at a time, so that the labels
of its class are one fewer; in ``balanced`` both are; in ``parted`` an upright image and one of the
other class at another angle, averaged over that angle, so that the labels are balanced and the
other class is still seen upright.
"""

from math import gcd

import numpy as np
from jaxtyping import Float, Int

from symlib import groups, invariant, regression, spectral

__all__ = ["PROTOCOLS", "balanced_errors", "errors", "held_out_sets", "unseen"]

PROTOCOLS = ("paper", "balanced", "parted")


def errors(
    gram: Float[np.ndarray, "pairs points points"], *, ridge: float
) -> dict[str, Float[np.ndarray, " pairs"]]:
    """Errors of pairs of orbits, exactly and by each formula.

    Returns:
        ``exact_upright`` and ``exact_mean``: |r| of the upright images, and of all points,
        each left out alone, from the dense Gram matrix; ``spectral``, ``closeness``,
        ``density``: the paper's formula; ``projected``: the group-Fourier form of C_N on the
        projected Gram; ``quarter_upright`` and ``quarter_mean``: that of the quarter turns
        (half turns where N is 2), with nothing projected away; ``correct_upright``: share of
        the two upright images that are classified right.
    """
    count = gram.shape[-1] // 2
    labels = np.repeat([1.0, -1.0], count)
    exact = regression.leave_one_out(gram, labels, ridge=ridge)
    upright = exact[:, [0, count]]
    paper = spectral.spectral_error(gram, ridge=ridge)

    rotations, turns = groups.cyclic(count), groups.cyclic(gcd(count, 4))
    kernel = invariant.projection(gram, rotations)
    projected = invariant.leave_one_out(rotations, kernel, labels.reshape(2, count), ridge=ridge)
    split = invariant.split_orbits(gram, order=count, subgroup_order=turns.order)
    kernel = invariant.projection(split, turns)
    by_turns = labels.reshape(-1, turns.order)
    quarters = invariant.leave_one_out(turns, kernel, by_turns, ridge=ridge)
    return {
        "exact_upright": np.abs(upright).mean(axis=1),
        "exact_mean": np.abs(exact).mean(axis=1),
        "correct_upright": regression.is_correct(upright, np.array([1.0, -1.0])).mean(axis=1),
        "spectral": paper.error,
        "closeness": paper.closeness,
        "density": paper.density,
        "projected": np.abs(projected).mean(axis=(1, 2)),
        "quarter_upright": np.abs(quarters[:, [0, count // turns.order], 0]).mean(axis=1),
        "quarter_mean": np.abs(quarters).mean(axis=(1, 2)),
    }


def balanced_errors(
    gram: Float[np.ndarray, "pairs points points"], *, ridge: float
) -> dict[str, Float[np.ndarray, " pairs"]]:
    """Errors of pairs of orbits with as many labels +1 seen as −1: both left out at the same angle.

    Returns:
        ``balanced_upright`` and ``balanced_mean``: |r| of the two upright images left out
        together, and averaged over all angles that both may miss; ``balanced_correct``: share of
        the two upright images classified right; ``spectral_balanced``: ε_bal; and
        ``projected_balanced``: the group-Fourier form of C_N, for which all angles are alike.
    """
    count = gram.shape[-1] // 2
    labels = np.repeat([1.0, -1.0], count)
    both = [[angle, count + angle] for angle in range(count)]
    residuals = np.stack(regression.leave_sets_out(gram, labels, both, ridge=ridge))
    rotations = groups.cyclic(count)
    projected = invariant.leave_out(
        rotations,
        invariant.projection(gram, rotations),
        labels.reshape(2, count),
        np.array([[0, 0], [1, 0]]),
        ridge=ridge,
    )
    return {
        "balanced_upright": np.abs(residuals[0]).mean(axis=1),
        "balanced_mean": np.abs(residuals).mean(axis=(0, 2)),
        "balanced_correct": regression.is_correct(residuals[0], np.array([1.0, -1.0])).mean(axis=1),
        "spectral_balanced": spectral.balanced_error(gram, ridge=ridge).error,
        "projected_balanced": np.abs(projected).mean(axis=1),
    }


def held_out_sets(protocol: str, count: int) -> list[Int[np.ndarray, " held"]]:
    """The sets of points left out together, of orbits A and B one after the other.

    The first point of each is upright, and the one whose prediction counts; in ``balanced`` both
    are, so that the set stands there twice, once for each.

    Raises:
        ValueError: if there is no such protocol.
    """
    other = range(1, count)
    sets: dict[str, list[list[int]]] = {
        "paper": [[0], [count]],
        "balanced": [[0, count], [count, 0]],
        "parted": [[0, count + k] for k in other] + [[count, k] for k in other],
    }
    if protocol not in sets:
        raise ValueError(f"protocol must be one of {PROTOCOLS}, got {protocol!r}; try 'balanced'")
    return [np.array(out) for out in sets[protocol]]


def _by_regression(gram, labels, sets, ridge) -> Float[np.ndarray, "sets pairs"]:
    """Residuals, times the label, of the first point of each set; every pair has labels of its own.

    The labels of all pairs are solved for as columns, and each pair keeps its own.
    """
    columns, inverse = np.unique(labels, axis=0, return_inverse=True)
    residuals = regression.leave_sets_out(gram, columns.T.copy(), sets, ridge=ridge)
    pairs = np.arange(len(gram))
    own = [r[pairs, 0, inverse] * labels[:, s[0]] for r, s in zip(residuals, sets, strict=True)]
    return np.array(own)


def _nearest(gram, labels, out):
    """The label of the nearest seen image, times that of the first unseen one."""
    likeness = gram[:, out[0]].copy()
    likeness[:, out] = -np.inf
    nearest = likeness.argmax(axis=1)
    return labels[np.arange(len(labels)), nearest] * labels[:, out[0]]


def _mean(gram, labels, out):
    return np.delete(labels, out, axis=1).mean(axis=1) * labels[:, out[0]]


def unseen(
    gram: Float[np.ndarray, "pairs points points"],
    labels: Float[np.ndarray, "pairs points"],
    protocol: str,
    *,
    by: str,
    ridge: float,
) -> dict[str, Float[np.ndarray, " pairs"]]:
    """What is predicted of the unseen upright images of pairs of orbits.

    Args:
        gram: of both orbits of each pair.
        labels: of all points, ±1.
        protocol: one of ``PROTOCOLS``.
        by: ``"nearest"`` for the label of the nearest seen image, of which the kernel is largest;
            ``"mean"`` for that of the seen labels; anything else for kernel regression.
        ridge: absolute.

    Returns:
        ``error``, the mean |r|, and ``correct``, the share recognised.
    """
    sets = held_out_sets(protocol, gram.shape[-1] // 2)
    if by in ("nearest", "mean"):
        guess = _nearest if by == "nearest" else _mean
        residual = np.array([1 - guess(gram, labels, out) for out in sets])
    else:
        residual = _by_regression(gram, labels, sets, ridge)
    right = regression.is_correct(residual, np.ones(1)) + 0.5 * (residual == 1)
    return {"error": np.abs(residual).mean(axis=0), "correct": right.mean(axis=0)}
