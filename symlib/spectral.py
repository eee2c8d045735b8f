r"""The paper's spectral error of two orbits of a cyclic group.

The orbits are interleaved and their Gram matrix averaged to a circulant; the error is one ratio of
its eigenvalues. ``invariant`` has the form for any finite group, number of orbits and labels.
Leading axes are a batch.

Source: Perin and Deny 2025; ``balanced_error`` is this book's.
"""

from dataclasses import dataclass

import numpy as np
from einops import rearrange
from jaxtyping import Float, Num

from symlib._checks import EPS, require_float64, require_gram, require_ridge, require_square
from symlib.solving import require_digits

__all__ = [
    "SpectralError",
    "balanced_error",
    "circulant_projection",
    "interleave",
    "spectral_error",
    "spectral_error_of_pairs",
]


@dataclass(frozen=True)
class SpectralError:
    r"""The paper's :math:`\varepsilon_s = \lambda_N^{-1} / \langle\lambda^{-1}\rangle`.

    Attributes, read-only where they are arrays:
        closeness: :math:`\lambda_N^{-1}` of the two classes, one over their separation.
        density: :math:`\langle\lambda^{-1}\rangle`, large when the orbits are densely sampled.
    """

    closeness: Float[np.ndarray, "*batch"] | float
    density: Float[np.ndarray, "*batch"] | float

    @property
    def separation(self) -> Float[np.ndarray, "*batch"] | float:
        r""":math:`\lambda_N`, large when the classes lie far apart."""
        return 1 / self.closeness

    @property
    def error(self) -> Float[np.ndarray, "*batch"] | float:
        """The predicted |y - ŷ| of a left-out point; above 1 the class is wrong."""
        return self.closeness / self.density


def interleave(
    gram: Num[np.ndarray, "*batch points points"],
) -> Num[np.ndarray, "*batch points points"]:
    """Reorder the points of two orbits from A0 A1 … B0 B1 … to A0 B0 A1 B1 ….

    Raises:
        ValueError: if ``gram`` is not square or the number of points is odd.
    """
    gram = require_square(gram)
    points = gram.shape[-1]
    if points % 2:
        raise ValueError(
            f"gram must hold two orbits of equal size, got {points} points; "
            "sample both classes at the same elements"
        )
    order = rearrange(np.arange(points), "(orbit g) -> (g orbit)", orbit=2)
    return gram[..., order[:, None], order]


def circulant_projection(
    gram: Float[np.ndarray, "*batch points points"],
) -> Float[np.ndarray, "*batch points"]:
    """First row of the nearest circulant: the mean of ``gram`` along each wrapped diagonal.

    Raises:
        ValueError: if ``gram`` is not square.
    """
    gram = require_square(gram)
    k = np.arange(gram.shape[-1])
    return gram[..., k[:, None], (k[:, None] + k) % len(k)].mean(axis=-2)


def _inverse_spectrum(row, ridge):
    """1/λ of the circulants with these first rows, and of their mirror images."""
    eigenvalues = np.fft.fft(row).real + ridge
    rounding = 4 * EPS * np.abs(row).sum(axis=-1)  # of the row, and of its transform
    smallest = eigenvalues.min(axis=-1)
    if (smallest < -rounding).any():
        raise ValueError(
            "gram, averaged to a circulant, must be positive definite, got an indefinite one with "
            f"ridge {ridge}: its lowest eigenvalue is {smallest.min():.2g}; raise ridge"
        )
    require_digits(rounding / np.maximum(smallest, rounding), ridge)
    return 1 / eigenvalues


def _ratio(inverse, weights):
    points = inverse.shape[-1]
    found = SpectralError(
        closeness=inverse[..., points // 2], density=(inverse * weights).mean(axis=-1)
    )
    found.closeness.setflags(write=False)
    found.density.setflags(write=False)
    return found


def spectral_error(
    gram: Float[np.ndarray, "*batch points points"], *, ridge: float
) -> SpectralError:
    r"""The paper's error for two orbits of C_N, one point left out, labels ±1.

    With λ the DFT of the first row of the interleaved, circulant-averaged Gram matrix, the
    alternating labels are the wave of frequency N, and
    :math:`\varepsilon_s = \lambda_N^{-1}/\langle\lambda^{-1}\rangle` (Perin and Deny 2025).

    Args:
        gram: kernel of the 2N points, orbit by orbit, float64.
        ridge: absolute, added to every λ.

    Raises:
        ValueError: as ``regression.leave_out``, or if the number of points is odd.
    """
    inverse = _inverse_spectrum(circulant_projection(interleave(require_gram(gram, ridge))), ridge)
    return _ratio(inverse, np.ones(inverse.shape[-1]))


def balanced_error(
    gram: Float[np.ndarray, "*batch points points"], *, ridge: float
) -> SpectralError:
    r"""``spectral_error`` with a point and its neighbour of the other class left out together.

    .. math:: \varepsilon_{bal} = \lambda_N^{-1} \big/
        \big\langle \lambda_\omega^{-1} (1 - \cos(\pi\omega/N)) \big\rangle

    As many labels +1 are seen as −1. The weight, the power of a point minus its neighbour at
    frequency ω, is nought for the constant mode, so that the mean of the labels has no part in the
    error. ``density`` is the weighted mean. Args and errors are those of ``spectral_error``.
    """
    inverse = _inverse_spectrum(circulant_projection(interleave(require_gram(gram, ridge))), ridge)
    points = inverse.shape[-1]
    return _ratio(inverse, 1 - np.cos(2 * np.pi * np.arange(points) / points))


def spectral_error_of_pairs(
    kernel: Float[np.ndarray, "orbits orbits count"], *, ridge: float
) -> SpectralError:
    r"""``spectral_error`` of every pair of orbits of C_N, from their invariant kernel.

    The circulant of orbits i and j has the first row
    :math:`c_{2g} = (k_{ii}(g) + k_{jj}(g))/2,\; c_{2g+1} = (k_{ij}(g) + k_{ji}(g+1))/2`.
    The diagonal, an orbit with itself, means nothing and is NaN.

    Raises:
        ValueError: as ``spectral_error``, or if ``kernel`` has another shape or is not symmetric.
    """
    require_ridge(ridge)
    kernel = require_float64("kernel", kernel)
    if kernel.ndim != 3 or kernel.shape[0] != kernel.shape[1]:
        raise ValueError(
            f"kernel must have shape (orbits, orbits, count), got {kernel.shape}; "
            "rotated.rotation_kernel makes one"
        )
    mirrored = np.roll(kernel[..., ::-1], 1, axis=-1).swapaxes(0, 1)
    if np.abs(kernel - mirrored).max() > 1e-8 * np.abs(kernel).max():
        raise ValueError(
            "kernel must be symmetric, k_ij(g) = k_ji(-g), and is not; check which side turns"
        )
    own = np.einsum("iig->ig", kernel)
    row = np.empty((*kernel.shape[:2], 2 * kernel.shape[2]))
    row[..., ::2] = (own[:, None] + own) / 2
    row[..., 1::2] = (kernel + np.roll(kernel.swapaxes(0, 1), -1, axis=-1)) / 2
    itself = np.arange(len(kernel))
    row[itself, itself] = np.eye(1, row.shape[-1])  # λ_N = 0 there, which would be refused
    inverse = _inverse_spectrum(row, ridge)
    inverse[itself, itself] = np.nan
    return _ratio(inverse, np.ones(inverse.shape[-1]))
