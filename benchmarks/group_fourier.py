"""Leave-out in the Fourier domain against dense factorisations of the same Gram matrix, n = 64.

The Gram matrix is made before the clock starts, and so is the invariant kernel that it holds.
"""

import numpy as np
import scipy.linalg

from benchmarks.case import Case
from symlib import groups, invariant


def cases(pairs: int) -> list[Case]:
    """M orbits of C_64, one point of each of two of them left out."""
    peers = {"Cholesky": (scipy.linalg.cho_factor, 80), "inverse": (np.linalg.inv, 200)}
    made = []
    held_out = np.array([[0, 0], [1, 0]])
    for orbits in (16, 64):
        group = groups.cyclic(64)
        generator = np.random.default_rng(0)
        noise = generator.normal(size=(64 * orbits, 64))
        kernel = invariant.projection(noise @ noise.T / 64, group)
        gram = invariant.gram_matrix(kernel, group) + np.eye(64 * orbits)
        labels = np.repeat(generator.choice([-1.0, 1.0], orbits)[:, None], 64, axis=1)
        made += [
            Case(
                name=f"group-Fourier leave-out, n = 64, M = {orbits}, {name}",
                ours=lambda group=group, kernel=kernel, labels=labels: invariant.leave_out(
                    group, kernel, labels, held_out, ridge=1.0
                ),
                peer=lambda factorise=factorise, gram=gram: factorise(gram),
                target=f"≥ {target}" if orbits == 64 else "",
            )
            for name, (factorise, target) in peers.items()
        ]
    return made
