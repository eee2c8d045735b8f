r"""Kernel regression with an invariant kernel and points left out, in the Fourier domain.

For any finite group, number of orbits, labels and held-out set, and exact: with an invariant kernel
:math:`K((i,g),(j,h)) = k_{ij}(g^{-1}h)`,
:math:`\hat K(\rho) = \sum_g k(g) \otimes \rho(g) + \text{ridge}\cdot I` and
:math:`Q(\rho) = \hat K(\rho)^{-1}`, in blocks :math:`Q_{ij}` of size d × d,

.. math::

    [\tilde K^{-1}]_{(i,g),(j,h)} &= \tfrac1n \sum_\rho d_\rho\,
        \mathrm{tr}[Q_{ij}(\rho)\,\rho(g^{-1}h)^{-1}] \\
    (\tilde K^{-1}y)_{(i,g)} &= \tfrac1n \sum_\rho d_\rho\,
        \mathrm{tr}[\textstyle\sum_j Q_{ij}(\rho)\,Y_j(\rho)\,\rho(g)],
        \quad Y_j(\rho) = \sum_h y_j(h)\,\rho(h)^{-1} ,

and the leave-out identity of ``regression`` does the rest.

Points are ordered orbit by orbit: element g of orbit i is row i·n + g of a Gram matrix.
A ``kernel`` is the array k of shape (orbits, orbits, n). Leading axes are a batch.
"""

from collections.abc import Sequence

import numpy as np
from einops import rearrange
from jaxtyping import Float, Int

from symlib._checks import EPS, held_out_indices, require_float64, require_ridge, require_square
from symlib.groups import Group
from symlib.regression import block_residual
from symlib.solving import TOLERANCE, require_digits, solve

__all__ = [
    "gram_matrix",
    "leave_one_out",
    "leave_out",
    "leave_sets_out",
    "projection",
    "split_orbits",
]

_PLAIN = 1e-9  # relative error of a plain solve that is small enough
_ENTRIES = 2**22  # of the blocks of irreps held at once, 64 megabytes


def projection(
    gram: Float[np.ndarray, "*batch points points"], group: Group
) -> Float[np.ndarray, "*batch orbits orbits order"]:
    r"""The nearest invariant kernel, :math:`k_{ij}(g)` = mean over h of K((i,h), (j,hg)).

    It loses nothing when the Gram matrix is invariant already.

    Raises:
        ValueError: if the points are not a whole number of orbits.
    """
    gram = require_float64("gram", gram)
    n = group.order
    if gram.ndim < 2 or gram.shape[-1] != gram.shape[-2] or gram.shape[-1] % n:
        raise ValueError(
            f"gram must be square, over whole orbits of {n} points each, got shape {gram.shape}; "
            f"sample every orbit at all {n} elements of {group.name}"
        )
    blocks = rearrange(gram, "... (i h) (j u) -> ... i j h u", h=n, u=n)
    return blocks[..., np.arange(n)[:, None], group.table].mean(axis=-2)


def _check_kernel(group: Group, kernel: np.ndarray) -> np.ndarray:
    kernel = require_float64("kernel", kernel)
    if kernel.ndim < 3 or kernel.shape[-3] != kernel.shape[-2] or kernel.shape[-1] != group.order:
        raise ValueError(
            f"kernel must have shape (…, orbits, orbits, {group.order}) for {group.name}, got "
            f"{kernel.shape}; projection makes one of a Gram matrix"
        )
    entries = (-3, -2, -1)
    scale = np.maximum(kernel.max(entries, initial=0), -kernel.min(entries, initial=0))
    for i in range(kernel.shape[-2]):
        mirrored = kernel[..., i, :][..., group.inverses]
        asymmetry = np.abs(kernel[..., i, :, :] - mirrored).max(axis=(-2, -1))
        if (asymmetry > 1e-8 * scale).any():
            raise ValueError(
                "kernel must be symmetric, k_ij(g) = k_ji(g⁻¹), and is not; check which side the "
                "group acts on, for a right action breaks this"
            )
    return kernel


def gram_matrix(
    kernel: Float[np.ndarray, "*batch orbits orbits order"], group: Group
) -> Float[np.ndarray, "*batch points points"]:
    r"""The Gram matrix :math:`K((i,g),(j,h)) = k_{ij}(g^{-1}h)` of an invariant kernel."""
    kernel = _check_kernel(group, kernel)
    return rearrange(kernel[..., group.differences], "... i j g h -> ... (i g) (j h)")


def split_orbits(
    gram: Float[np.ndarray, "*batch points points"], *, order: int, subgroup_order: int
) -> Float[np.ndarray, "*batch points points"]:
    """Reorder orbits of C_order into orbits of its subgroup C_subgroup_order.

    Element k = q·s + r of orbit i, with s = order / subgroup_order, becomes element q of orbit
    i·s + r. With quarter turns, C_4, the kernel of rotated images is exactly invariant.

    Raises:
        ValueError: if ``gram`` is not square, or the orders do not divide the points and one
            another.
    """
    gram = require_square(gram)
    points = gram.shape[-1]
    if order % subgroup_order or points % order:
        raise ValueError(
            f"subgroup_order must divide order and order the number of points, got "
            f"{subgroup_order}, {order} and {points}; four divides N for quarter turns"
        )
    steps = order // subgroup_order
    index = rearrange(np.arange(points), "(i q r) -> (i r q)", q=subgroup_order, r=steps)
    return gram[..., index[:, None], index]


def _portions(group, orbits):
    """The dual, so few irreps at once that their blocks fit into memory, but for a single one."""
    for irreps, multiplicity in group.real_dual:
        size = max(1, _ENTRIES // (orbits * irreps.shape[-1]) ** 2)
        for start in range(0, len(irreps), size):
            yield irreps[start : start + size], multiplicity[start : start + size]


def _block_transform(functions, irreps):
    """Fourier transforms of functions [..., i, j, g] as matrices [..., r, i·d + a, j·d + b]."""
    if np.iscomplexobj(irreps):  # the functions are real, and not copied to be complex
        coefficients = np.empty((*functions.shape[:-1], *irreps[:, 0].shape), complex)
        coefficients.real = np.tensordot(functions, irreps.real, ([-1], [1]))
        coefficients.imag = np.tensordot(functions, irreps.imag, ([-1], [1]))
    else:
        coefficients = np.tensordot(functions, irreps, ([-1], [1]))
    return rearrange(coefficients, "... i j r a b -> ... r (i a) (j b)")


def _inverse(group, kernel, labels, touched, ridge, refine_above):
    """The invariant kernel of K̃⁻¹ among the touched orbits, K̃⁻¹y on them, their relative error."""
    orbits, n = labels.shape[:2]
    labels_of_inverse = rearrange(labels, "i g ... -> i (...) g")[..., group.inverses]
    diagonal = np.abs(np.diagonal(kernel, axis1=-3, axis2=-2))  # [..., g, i]
    rounding = EPS * diagonal.sum(axis=-2).max(axis=-1)  # of a Fourier transform
    inverse, weights, error = 0.0, 0.0, 0.0
    for irreps, multiplicity in _portions(group, orbits):
        d = irreps.shape[-1]
        transform = _block_transform(kernel, irreps)  # [..., r, i·d + a, j·d + b]
        ys = _block_transform(labels_of_inverse, irreps)  # [r, j·d + a, o·d + b]

        selected = (touched[:, None] * d + np.arange(d)).ravel()
        q, errors, inverse_norm = solve(
            transform,
            np.eye(orbits * d)[:, selected],
            ridge=ridge,
            refine_above=refine_above,
        )
        smallest = np.einsum("...pp->...p", transform).real.min(axis=-1) + ridge
        require_digits(errors + rounding[..., None] / smallest * inverse_norm, ridge)
        error = np.maximum(error, errors.max(axis=-1))
        q = q.conj().swapaxes(-1, -2)  # rows of the touched orbits, for Q is Hermitian
        qy = q @ ys

        share = (multiplicity * d / n)[:, None, None]
        apart = "... r (i a) (j b) -> ... i j r a b"
        q = rearrange(q[..., selected] * share, apart, a=d, b=d)
        qy = rearrange(qy * share, apart, a=d, b=d)
        inverse = inverse + np.tensordot(q, irreps.conj(), ([-3, -2, -1], [0, 2, 3])).real
        weights = weights + np.tensordot(qy, irreps, ([-3, -2, -1], [0, 3, 2])).real
    return inverse, np.moveaxis(weights, -2, -1), error  # [..., i, j, g] and [..., i, g, o]


def _check_held_out(group, held_out, orbits):
    held_out = np.asarray(held_out)
    if held_out.ndim != 2 or held_out.shape[1] != 2:
        raise ValueError(
            f"held_out must be rows (orbit, element), got shape {held_out.shape}; "
            "for element 0 of orbit 0 pass [[0, 0]]"
        )
    if ((held_out < 0) | (held_out >= [orbits, group.order])).any():
        raise ValueError(
            f"held_out must name orbits below {orbits} and elements below {group.order}, "
            f"got {held_out.tolist()}; count both from 0"
        )
    held_out_indices(held_out @ [group.order, 1], orbits * group.order)
    return held_out


def _check_problem(group, kernel, labels, ridge):
    require_ridge(ridge)
    kernel = _check_kernel(group, kernel)
    labels = require_float64("labels", labels)
    if labels.shape[:2] != kernel.shape[-2:]:
        raise ValueError(
            f"labels must have shape {kernel.shape[-2:]}, one for each element of each orbit, "
            f"got {labels.shape}; repeat a label that is constant on its orbit"
        )
    return kernel, labels


def leave_sets_out(
    group: Group,
    kernel: Float[np.ndarray, "*batch orbits orbits order"],
    labels: Float[np.ndarray, "orbits order ..."],
    held_out: Sequence[Int[np.ndarray, "_ 2"]],
    *,
    ridge: float,
) -> list[Float[np.ndarray, "..."]]:
    """As ``leave_out`` for one set after another, at the cost of one: K̃ is factorised once."""
    kernel, labels = _check_problem(group, kernel, labels, ridge)
    sets = [_check_held_out(group, rows, kernel.shape[-2]) for rows in held_out]
    touched = np.unique(np.concatenate(sets)[:, 0])
    for refine_above in (_PLAIN, 0.0):
        inverse, weights, error = _inverse(group, kernel, labels, touched, ridge, refine_above)
        residuals, worst = [], 0.0
        for rows in sets:
            place, element = np.searchsorted(touched, rows[:, 0]), rows[:, 1]
            steps = group.differences[element[:, None], element]
            residual, error_here = block_residual(
                inverse[..., place[:, None], place, steps], weights[..., place, element, :], error
            )
            residuals.append(residual.reshape(*residual.shape[:-1], *labels.shape[2:]))
            worst = max(worst, float(np.max(error_here)))
        if worst <= TOLERANCE:
            break
    require_digits(worst, ridge)
    return residuals


def leave_out(
    group: Group,
    kernel: Float[np.ndarray, "*batch orbits orbits order"],
    labels: Float[np.ndarray, "orbits order ..."],
    held_out: Int[np.ndarray, "held 2"],
    *,
    ridge: float,
) -> Float[np.ndarray, "..."]:
    r"""Residuals on ``held_out`` after training on the other points of an invariant kernel.

    Costs :math:`\sum_\rho (M d_\rho)^3 + |S|^3` rather than :math:`(Mn)^3`.

    Args:
        group: finite group G of order n.
        kernel: invariant kernel of M orbits, float64.
        labels: one for each element of each orbit, with any trailing axis of outputs.
        held_out: rows (orbit, element), left out together.
        ridge: absolute, added to the diagonal.

    Returns:
        y - ŷ at the held-out points.

    Raises:
        ValueError: if shapes disagree with the group, the kernel is not float64, finite,
            symmetric and positive definite with ``ridge``, fewer than six digits of the residuals
            would be right, or ``held_out`` is empty, everything, repeated or out of range.
    """
    return leave_sets_out(group, kernel, labels, [held_out], ridge=ridge)[0]


def leave_one_out(
    group: Group,
    kernel: Float[np.ndarray, "*batch orbits orbits order"],
    labels: Float[np.ndarray, "orbits order ..."],
    *,
    ridge: float,
) -> Float[np.ndarray, "..."]:
    """Residuals of all points, each left out alone. Args and errors as in ``leave_out``."""
    kernel, labels = _check_problem(group, kernel, labels, ridge)
    held_out_indices(np.zeros(1, int), labels.shape[0] * labels.shape[1])
    orbits = np.arange(len(labels))
    inverse, weights, _ = _inverse(group, kernel, labels, orbits, ridge, _PLAIN)
    residual = weights / inverse[..., orbits, orbits, 0][..., None, None]
    return residual.reshape(*residual.shape[:-1], *labels.shape[2:])
