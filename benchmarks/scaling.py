"""How time and memory grow with the numbers of images, rotations N, orbits M and layers."""

import time
import tracemalloc
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import jax
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import scipy.linalg
from matplotlib.ticker import NullFormatter

from symlib import convolutions, data, groups, invariant, kernels, orbits, plotting

TITLES = {
    "images": ("time of a Gram matrix", "images"),
    "layers": ("time of a Gram matrix", "hidden layers"),
    "rotations": ("time, 16 orbits", "rotations $N$"),
    "orbits": ("time, $N$ = 64", "orbits $M$"),
    "rotations, memory": ("memory, 16 orbits", "rotations $N$"),
    "orbits, memory": ("memory, $N$ = 64", "orbits $M$"),
}


def measure(progress: Callable) -> pd.DataFrame:
    """One row per point: panel, what, size, seconds or megabytes, and the exponent of theory."""
    rows = []
    for panel, what, size, exponent, run in progress(list(_points()), "how costs grow"):
        cost = _megabytes(run) if panel.endswith("memory") else seconds(run)
        rows.append((panel, what, size, cost, exponent))
    return pd.DataFrame(rows, columns=["panel", "what", "size", "cost", "exponent"])


def draw(costs: pd.DataFrame, path: Path) -> None:
    """A panel for each thing that costs grow with; dashed lines have the slope of theory."""
    plotting.use_style()
    plt.rcParams["svg.hashsalt"] = "scaling"
    figure, axes = plt.subplots(3, 2, figsize=(8, 9.5))
    for axis, (panel, (title, label)) in zip(axes.flat, TITLES.items()):
        unit = "megabytes" if panel.endswith("memory") else "seconds"
        for what, rows in costs[costs.panel == panel].groupby("what", sort=False):
            size, cost = rows["size"].to_numpy(), rows.cost.to_numpy()
            slope = np.log(cost[-1] / cost[-2]) / np.log(size[-1] / size[-2])
            theory = rows.exponent.iloc[0]
            (line,) = axis.loglog(
                size, cost, "o-", label=f"{what}: {slope:.1f} (theory {theory:g})"
            )
            guide = cost[-1] * (size / size[-1]) ** theory
            axis.loglog(size, guide, "--", color=line.get_color(), linewidth=1)
        sizes = costs[costs.panel == panel]["size"].unique()
        axis.set_xticks(sizes, [str(size) for size in sizes], fontsize=9)
        axis.set_xticks([], minor=True)
        axis.set(title=title, xlabel=label, ylabel=unit)
        axis.yaxis.set_minor_formatter(NullFormatter())
        if panel == "images":
            axis.set_ylim(top=4)  # the legend stands above the points
        axis.legend(fontsize=8)
    figure.savefig(path, metadata={"Date": None})


def _points() -> Iterator[tuple[str, str, int, float, Callable]]:
    """Panel, what, size, exponent and what to run; the largest sizes last."""
    digits = orbits.normalize(data.load("mnist-5000").images)
    flat = digits.reshape(len(digits), -1)
    small = digits.reshape(-1, 14, 2, 14, 2).mean((2, 4))[..., None]
    for count in (256, 512, 1024, 2048):
        yield "images", "dense NTK", count, 2, partial(kernels.ntk, flat[:count], hidden_layers=1)
    for count in (16, 32, 64, 128):
        pooled = partial(convolutions.conv_ntk, small[:count])
        yield "images", "pooled NTK, 14 × 14", count, 2, pooled
    for depth in (1, 2, 3, 4):
        dense = partial(kernels.ntk, flat[:1024], hidden_layers=depth)
        yield "layers", "dense NTK", depth, 1, dense
    for depth in (1, 2, 3, 4):
        pooled = partial(convolutions.conv_ntk, small[:16], hidden_layers=depth)
        yield "layers", "pooled NTK, 14 × 14", depth, 1, pooled
    for panel, sizes, time_slope, memory_slope in (
        ("rotations", [(16, order) for order in (16, 32, 64, 128, 256)], 2, 1),
        ("orbits", [(count, 64) for count in (4, 8, 16, 32, 64)], 3, 2),
    ):
        for count, order in sizes:
            size = order if panel == "rotations" else count
            ours, peer = _leave_out(count, order)
            yield panel, "group-Fourier", size, time_slope, ours
            yield panel, "Cholesky", size, 3, peer
            yield f"{panel}, memory", "group-Fourier", size, memory_slope, ours
            yield f"{panel}, memory", "Cholesky", size, 2, peer


def _leave_out(count: int, order: int) -> tuple[Callable, Callable]:
    group = groups.cyclic(order)
    noise = np.random.default_rng(0).normal(size=(order * count, order * count))
    kernel = invariant.projection(noise @ noise.T / len(noise), group)
    gram = invariant.gram_matrix(kernel, group) + np.eye(len(noise))
    labels = np.repeat(np.resize([1.0, -1.0], count)[:, None], order, axis=1)
    held_out = np.array([[0, 0], [1, 0]])
    ours = partial(invariant.leave_out, group, kernel, labels, held_out, ridge=1.0)
    return ours, partial(scipy.linalg.cho_factor, gram)


def seconds(run: Callable) -> float:
    """Of one run, the fastest of three turns."""
    jax.block_until_ready(run())
    taken = []
    for _ in range(3):
        start, runs = time.perf_counter(), 0
        while time.perf_counter() < start + 0.2:
            jax.block_until_ready(run())
            runs += 1
        taken.append((time.perf_counter() - start) / runs)
    return min(taken)


def _megabytes(run: Callable) -> float:
    """The most that NumPy's arrays took at once, above what was there before."""
    run()
    tracemalloc.start()
    run()
    peak = tracemalloc.get_traced_memory()[1] / 1e6
    tracemalloc.stop()
    return peak
