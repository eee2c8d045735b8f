"""Ten classes of 13 exemplars under N = 64 rotations, against ten dense solves as published.

The published way: for each class in turn, the kernels by neural-tangents in float32 and a dense
solve without the upright images of that class. Ours: the first quarter of each orbit against
everything, C_4's Fourier transform and one factorisation for all classes, in float64; it gives the
errors of the projected form and the averages over pairs as well. ``python -m benchmarks.multiclass
ours`` prints the peak memory of one way in MB, above what its imports and the images took.
"""

import re
import subprocess
import sys
from functools import partial
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks.case import Case
from symlib import one_vs_rest, orbits, rotated, tangents
from symlib.experiments.exemplars import Exemplars

COUNT = 64


def cases(pairs: int) -> list[Case]:
    """One draw of ``multiclass``, without its trained networks."""
    settings = Exemplars(classes=10)
    images, classes = settings.draw(0)
    return [
        Case(
            name=f"multiclass, 10 classes × 13 exemplars, N = {COUNT}",
            ours=partial(ours, images, classes, settings),
            peer=partial(as_published, images, classes, settings),
            target="≥ 25, memory ≤ 1/4",
            difference=_difference,
        )
    ]


def ours(images, classes, settings) -> np.ndarray:
    """Mean |r| of the upright images of each class, all trained on but these."""
    kernel = rotated.turn_kernel(images, COUNT, settings.network)
    return one_vs_rest.errors(kernel, classes, COUNT, ridge=settings.ridge).error.to_numpy()


def as_published(images, classes, settings) -> np.ndarray:
    """The same."""
    with jax.enable_x64(False):
        return _dense_solves(images, classes, settings)


def _dense_solves(images, classes, settings):
    stax = tangents.load().stax
    layer = {"W_std": settings.network.weight_std, "b_std": settings.network.bias_std}
    kernel_fn = stax.serial(stax.Dense(512, **layer), stax.Relu(), stax.Dense(1, **layer))[2]
    turned = orbits.normalize(orbits.rotations(images, COUNT)).reshape(len(images) * COUNT, -1)
    points = jnp.asarray(turned, "float32")
    digits = np.unique(classes)
    labels = np.where(np.repeat(classes, COUNT)[:, None] == digits, 1, -1).astype("float32")
    errors = []
    for number, digit in enumerate(digits):
        held_out = np.flatnonzero(classes == digit) * COUNT
        kept = np.delete(np.arange(len(points)), held_out)
        gram = np.array(kernel_fn(points[kept], None, "ntk"))
        assert gram.dtype == np.float32
        gram[np.diag_indices(len(kept))] += settings.ridge
        weights = np.linalg.solve(gram, labels[kept])
        predicted = np.asarray(kernel_fn(points[held_out], points[kept], "ntk")) @ weights
        errors.append(np.abs(labels[held_out] - predicted)[:, number].mean())
    return np.array(errors, float)


def _difference(ours: np.ndarray, peer: np.ndarray) -> str:
    memory = [
        float(subprocess.check_output([sys.executable, "-m", __name__, way], text=True))
        for way in ("ours", "as_published")
    ]
    return (
        f"largest difference of an error {np.abs(ours - peer).max():.1e}; "
        f"memory {memory[0]:.0f} MB against {memory[1]:.0f} MB"
    )


def _peak_memory() -> float:
    """In MB. (The peak that getrusage gives is inherited from the process that started this.)"""
    status = Path("/proc/self/status").read_text()
    return int(re.search(r"VmHWM:\s+(\d+) kB", status)[1]) / 1024


if __name__ == "__main__":
    jax.config.update("jax_enable_x64", True)
    (case,) = cases(0)
    run = case.ours if sys.argv[1] == "ours" else case.peer
    tangents.load()
    before = _peak_memory()
    run()
    print(_peak_memory() - before)
