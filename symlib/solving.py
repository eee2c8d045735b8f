r"""Solving with a positive definite matrix to six right digits, or not at all.

:math:`(K + \text{ridge}\cdot I)\,X = B` by one Cholesky factorisation and, where the matrix is
nearly singular, by iterative refinement: the residual B − (K + ridge·I)X is computed in doubled
precision, solved for with the same factor, and added to X until it no longer matters. The inverse
is never formed. *Right* is meant for K as it is given in float64. Rows and columns are first scaled
to a diagonal near one, by powers of two and so without rounding, lest large points hide small ones.

Products of matrices come without rounding error when the matrices are cut into parts of so few bits
that float64 holds every sum of products exactly.

Source: Higham 2002, §12.2 (refinement); Demmel et al. 2006 (in doubled precision); Ozaki et al.
2012 (exact products of matrices); Knuth 1998, §4.2.2 (exact sums).
"""

from collections.abc import Iterator

import numpy as np
from jaxtyping import Float, Inexact
from scipy.linalg import lapack

from symlib._checks import EPS

__all__ = ["TOLERANCE", "largest_row_sum", "require_digits", "solve"]

#: The largest relative error that is not refused.
TOLERANCE = 1e-6

_STEPS = 20  # of refinement, at most
_PARTS = 4  # that a matrix is cut into
_FEW = (
    4  # points, at most, of matrices that LAPACK would take longer to be called for than to solve
)


def _powers_of_two(diagonal):
    """Powers of two near one over the roots, and ones where there is none."""
    _, exponent = np.frexp(diagonal)
    return np.where(diagonal > 0, np.ldexp(1.0, -exponent // 2), 1.0)


def largest_row_sum(
    matrices: Inexact[np.ndarray, "*batch rows columns"],
) -> Float[np.ndarray, "*batch"] | float:
    """The largest sum of a row's absolute entries, not below the spectral norm if symmetric."""
    rows = matrices.reshape(-1, *matrices.shape[-2:])
    largest = [np.abs(matrix).sum(axis=-1).max() for matrix in rows]  # one copy at a time
    return np.reshape(largest, matrices.shape[:-2])[()]


def _scaled(gram, scale):
    """The matrices with rows and columns multiplied, in one copy."""
    scaled = scale * gram
    scaled *= scale.swapaxes(-1, -2)
    return scaled


def _cholesky(matrices, ridge):
    try:
        return np.linalg.cholesky(matrices)
    except np.linalg.LinAlgError:
        lowest = np.linalg.eigvalsh(matrices)[:, 0]
        scale = np.diagonal(matrices, axis1=-2, axis2=-1).real.max(axis=-1)
        worst = np.argmin(lowest + 100 * matrices.shape[-1] * EPS * scale)
        if lowest[worst] < -100 * matrices.shape[-1] * EPS * scale[worst]:
            raise ValueError(
                f"gram must be positive definite, got an indefinite one with ridge {ridge}: scaled "
                f"to a diagonal near one, its lowest eigenvalue is {lowest[worst]:.2g}; check the "
                "kernel, or raise ridge"
            ) from None
        raise ValueError(
            f"gram is singular to working precision with ridge {ridge}, so no leave-out error can "
            "be computed from it; raise ridge, or drop points that coincide"
        ) from None


def _substitute_together(factors, columns):
    """The same, row by row for all matrices at once."""
    points = factors.shape[-1]
    solution = np.array(columns, np.result_type(factors, columns))
    for lower, order in (
        (factors, range(points)),
        (np.swapaxes(factors.conj(), -1, -2), reversed(range(points))),
    ):
        done = []
        for p in order:
            for q in done:
                solution[:, p] -= lower[:, p, q, None] * solution[:, q]
            solution[:, p] /= lower[:, p, p, None]
            done.append(p)
    return solution


def _substitute(factors, columns):
    """Solutions from lower triangular factors, forward and back."""
    if factors.shape[-1] <= _FEW:
        return _substitute_together(factors, columns)
    solve_factored = lapack.zpotrs if np.iscomplexobj(factors) else lapack.dpotrs
    dtype = np.result_type(factors, columns)
    rows = np.array(np.swapaxes(columns.conj(), -1, -2), dtype, order="C")
    for factor, row in zip(factors, rows):  # transposed, in LAPACK's order: the conjugate problem
        solve_factored(factor.T, row.T, lower=0, overwrite_b=1)
    return np.swapaxes(rows, -1, -2).conj()


def _parts(matrix, axis, bits):
    """The matrix as a sum, of parts with at most ``bits`` bits beside the largest along an axis."""
    parts = []
    for _ in range(_PARTS):
        _, exponent = np.frexp(np.abs(matrix).max(axis=axis, keepdims=True))
        shift = np.ldexp(1.5, exponent + 52 - bits)
        parts.append((matrix + shift) - shift)
        matrix = matrix - parts[-1]
    return parts


def _products(gram, ridges, solution) -> Iterator[np.ndarray]:
    """Matrices whose sum is (K + diag(ridges))X, each without rounding error, the largest first."""
    bits = (53 - (gram.shape[-1] - 1).bit_length()) // 2
    rows, columns = _parts(gram, -1, bits), _parts(solution, -2, bits)
    halves = _parts(ridges, -1, 26)[:2]
    for order in range(_PARTS):
        for i in range(order + 1):
            yield rows[i] @ columns[order - i]
    for half in halves:
        for column in columns:
            yield half * column


def _residual(gram, ridges, solution, columns):
    """B − (K + diag(ridges))X to about twice the digits of float64."""
    if np.iscomplexobj(gram):
        blocks = np.block([[gram.real, -gram.imag], [gram.imag, gram.real]])
        stacked = [np.concatenate([m.real, m.imag], axis=-2) for m in (solution, columns)]
        both = _residual(blocks, np.concatenate([ridges, ridges], axis=-2), *stacked)
        points = gram.shape[-1]
        return both[..., :points, :] + 1j * both[..., points:, :]
    high, low = columns, np.zeros_like(columns)
    for term in _products(gram, ridges, solution):
        total = high - term
        taken = total - high
        low += (high - (total - taken)) - (term + taken)
        high = total
    return high + low


def _refine(gram, ridges, factors, columns, solution):
    """Solutions with corrections added, and an estimate of their relative error.

    A correction shrinks the error by as much as it is smaller than the correction before.
    """
    error, previous = np.ones(len(gram)), 1.0
    for _ in range(_STEPS):
        correction = _substitute(factors, _residual(gram, ridges, solution, columns))
        largest = np.abs(solution).max(axis=-2, keepdims=True)
        relative = np.abs(correction) / np.where(largest > 0, largest, 1)
        size = relative.max(axis=(-2, -1))
        if not (size < previous / 2).any():
            break
        solution = solution + correction
        shrunk = size * (size / np.maximum(previous, EPS**2))
        error, previous = np.where(size < previous / 2, shrunk, error), size
        if (error < EPS).all():
            break
    return solution, np.maximum(error, EPS)


def solve(
    gram: Inexact[np.ndarray, "*batch points points"],
    columns: Inexact[np.ndarray, "..."],
    *,
    ridge: float,
    refine_above: float = 0.0,
) -> tuple[
    Inexact[np.ndarray, "*batch points columns"],
    Float[np.ndarray, "*batch"],
    Float[np.ndarray, "*batch"],
]:
    """X of (K + ridge·I)X = B, and how far from right it may be, for ``require_digits``.

    Args:
        gram: Hermitian positive definite K.
        columns: B, one for all of the batch or one each.
        ridge: absolute, added to the diagonal without rounding.
        refine_above: the estimated relative error of a plain solve above which it is refined.

    Returns:
        X; for each matrix an estimate of the relative error of X in its largest entries; and one of
        the norm of the inverse, by which errors of K itself are multiplied. The last two are of the
        matrix as scaled, with a diagonal from 1/4 to 1 and no larger entry.

    Raises:
        ValueError: if K + ridge·I is not positive definite to working precision.
    """
    batch, points = gram.shape[:-2], gram.shape[-1]
    columns = np.broadcast_to(columns, (*batch, *columns.shape[-2:]))
    gram, columns = gram.reshape(-1, points, points), columns.reshape(-1, *columns.shape[-2:])
    scale = _powers_of_two(np.einsum("mpp->mp", gram).real + ridge)[..., None]
    ridges, columns = ridge * scale**2, scale * columns
    regularized = _scaled(gram, scale)
    np.einsum("mpp->mp", regularized)[:] += ridges[..., 0]
    norm = largest_row_sum(regularized)
    factors = _cholesky(regularized, ridge)
    del regularized
    probes = np.random.default_rng(0).choice([-1.0, 1.0], (points, 3))
    probes = np.broadcast_to(probes, (len(gram), points, 3))
    solved = _substitute(factors, np.concatenate([columns, probes], axis=-1))
    solution, probed = solved[..., :-3], solved[..., -3:]
    # Random signs see the largest eigenvalue of the inverse: the mean of ‖K⁻¹s‖² is ‖K⁻¹‖²_F.
    inverse_norm = np.linalg.norm(probed, axis=-2).max(axis=-1)
    error = EPS * inverse_norm * norm
    poor = np.flatnonzero(error > refine_above)
    if len(poor):
        solution[poor], error[poor] = _refine(
            _scaled(gram[poor], scale[poor]),
            ridges[poor],
            factors[poor],
            columns[poor],
            solution[poor],
        )
    return (
        (scale * solution).reshape(*batch, *columns.shape[-2:]),
        error.reshape(batch),
        inverse_norm.reshape(batch),
    )


def require_digits(error: Float[np.ndarray, "..."] | float, ridge: float) -> None:
    """Refuse a result whose relative error is estimated above ``TOLERANCE``."""
    if not np.all(error <= TOLERANCE):
        raise ValueError(
            f"gram is singular to working precision with ridge {ridge}: the relative error of a "
            f"residual would be about {np.max(error):.1g}, more than {TOLERANCE:g}; raise ridge, "
            "or drop points that coincide"
        )
