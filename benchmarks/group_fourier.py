"""Leave-out in the Fourier domain against dense factorisations of the same Gram matrix, n = 64."""

import numpy as np
import scipy.linalg

from benchmarks.case import Case
from symlib import groups, spectral


def cases(pairs: int) -> list[Case]:
    """M orbits of C_64: the kernel is given, one point of each of two orbits is left out."""
    return [
        case
        for orbits in (2, 16, 64)
        for case in (
            _case(orbits, "Cholesky", scipy.linalg.cho_factor, "≥ 80 at M = 64"),
            _case(orbits, "inverse", np.linalg.inv, "≥ 200 at M = 64"),
        )
    ]


def _case(orbits: int, name: str, factorise, target: str) -> Case:
    group = groups.cyclic(64)
    generator = np.random.default_rng(0)
    features = generator.normal(size=(orbits, 64, 4))
    circle = np.exp(-np.minimum(np.arange(64), 64 - np.arange(64)) / 4)
    smooth = np.einsum("iuf,jvf->ijuv", features, features)
    correlation = np.fft.ifft2(np.fft.fft2(smooth)).real[..., 0] / 64  # any symmetric cross part
    kernel = np.eye(orbits)[..., None] * circle + 1e-6 * (
        correlation + correlation.transpose(1, 0, 2)[..., group.inverses]
    )
    kernel = (kernel + kernel.transpose(1, 0, 2)[..., group.inverses]) / 2
    gram = spectral.invariant_gram(kernel, group)
    labels = np.repeat(generator.choice([-1.0, 1.0], orbits)[:, None], 64, axis=1)
    held_out = np.array([[0, 0], [1, 0]])
    return Case(
        name=f"group-Fourier leave-out, n = 64, M = {orbits}, {name}",
        ours=lambda: spectral.leave_out(group, kernel, labels, held_out, ridge=1e-3),
        peer=lambda: factorise(gram),
        target=target,
    )
