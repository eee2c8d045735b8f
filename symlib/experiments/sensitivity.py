"""How far the error on rotated digits depends on what the paper holds fixed: one thing at a time.

Input norm, weights, biases, depth, ridge, interpolation and kernel are changed around the paper's
settings, and everything else stays. One upright image is left out at a time, as in the paper; or
both of a pair, so that the labels stay balanced; or one and the other image at another angle.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import scipy.ndimage
from jaxtyping import Float
from scipy.spatial.distance import cdist

from symlib import data, kernels, orbits, regression, results, rotated

__all__ = ["Sensitivity", "errors", "interpolated_orbits", "kernel_of", "run", "work"]


@dataclass(frozen=True)
class Sensitivity:
    """Settings: the values that each thing takes while the others keep the paper's."""

    pairs: int = 64  # pairs of images of different digits
    counts: tuple[int, ...] = (16, 32)  # rotations N of each image
    norm: tuple[float, ...] = (0.3, 1.0, 3.0, 10.0, 28.0, 100.0)  # of the inputs; 28 is √784
    weight_std: tuple[float, ...] = (0.3, 1.0, 3.0, 10.0, 28.0)
    bias_std: tuple[float, ...] = (0.0, 0.01, 0.036, 0.1, 0.33, 1.0, 3.0)
    hidden_layers: tuple[int, ...] = (1, 2, 3, 5, 10)
    ridge: tuple[float, ...] = (1e-10, 1e-6, 1e-5, 1e-4, 1e-3, 1e-2)  # absolute
    order: tuple[int, ...] = (0, 1, 2, 3, 4, 5)  # of the splines; 0 is the nearest pixel
    kernel: tuple[str, ...] = (
        "relu",
        "distance",
        "erf",
        "linear",
        "rbf 0.3",
        "rbf 1",
        "rbf 3",
        "nearest",
    )  # the number is L of exp(-L²|x - x'|²)
    dataset: str = "mnist-5000"
    seed: int = 0


_VARIED = ("norm", "weight_std", "bias_std", "hidden_layers", "ridge", "order", "kernel")
_PAPER: dict[str, Any] = {
    "norm": 1.0,
    "weight_std": 1.0,
    "bias_std": 1.0,
    "hidden_layers": 1,
    "ridge": 1e-10,
    "order": 3,
    "kernel": "relu",
}


def run(
    settings: Sensitivity,
    progress: Callable = lambda cells, description, total: cells,
    path: str | Path | None = None,
    jobs: int = 1,
) -> pd.DataFrame:
    """Errors of every pair while one thing is changed.

    Args:
        settings: what to run.
        progress: wraps the loop over settings, as ``symlib.notebook.progress`` does.
        path: where to store and resume.
        jobs: processes to run at once.

    Returns:
        One row per pair, N, ``varied`` (the name of what is changed) and ``value`` (as text),
        with the columns of ``errors``.

    Raises:
        ValueError: if the largest N is not a multiple of four and of every other N, or ``path``
            holds other results.
    """
    largest = rotated.largest_count(settings.counts)
    digits = data.load(settings.dataset)
    generator = np.random.default_rng(settings.seed)
    pairs = data.pairs_of_classes(digits.labels, settings.pairs, generator=generator)
    images = digits.images[pairs]

    def compute(cell: str) -> pd.DataFrame:
        varied, text = cell.split("=")
        chosen = _PAPER | {varied: type(_PAPER[varied])(text)}
        turned = interpolated_orbits(images, largest, order=chosen["order"])
        frames = []
        for count in settings.counts:
            points = turned[:, :, :: largest // count].reshape(len(pairs), 2 * count, -1)
            found = _errors_of(points * chosen["norm"], chosen)
            frames.append(pd.DataFrame(found).assign(pair=np.arange(len(pairs)), count=count))
        return pd.concat(frames).assign(varied=varied, value=text)

    return results.sweep(
        "sensitivity",
        settings,
        _cells(settings),
        compute,
        path=path,
        jobs=jobs,
        progress=progress,
    )


def work(settings: Sensitivity) -> tuple[int, float]:
    """Number of settings tried, and about how many seconds two CPU cores need for them."""
    cells = len(_cells(settings))
    return cells, 0.01 * cells * settings.pairs * (max(settings.counts) / 32) ** 2


def _cells(settings: Sensitivity) -> list[str]:
    return [f"{varied}={value}" for varied in _VARIED for value in getattr(settings, varied)]


def interpolated_orbits(
    images: Float[np.ndarray, "*batch size size"], count: int, *, order: int
) -> Float[np.ndarray, "*batch count size size"]:
    """``rotated.orbit_images`` with splines of any order, by SciPy: mean removed, unit norm.

    Args:
        images: square images.
        count: number N of rotations, a multiple of four.
        order: of the interpolating splines, 0 (the nearest pixel) to 5.

    Raises:
        ValueError: if ``count`` is not a multiple of four.
    """
    if count % 4:
        raise ValueError(
            f"count must be a multiple of 4, got {count}; quarter turns make the rest of an orbit"
        )
    quarter = [
        scipy.ndimage.rotate(images, 360 * step / count, axes=(-1, -2), reshape=False, order=order)
        for step in range(count // 4)
    ]
    first = orbits.normalize(np.stack(quarter, axis=-3))
    turned = np.moveaxis(orbits.quarter_turns(first), -3, -4)
    return turned.reshape(*images.shape[:-2], count, *images.shape[-2:])


def kernel_of(name: str, *, hidden_layers: int, weight_std: float, bias_std: float) -> Callable:
    """A kernel by its name: ``relu``, ``erf`` (NTKs), ``distance``, ``linear`` or ``rbf L``.

    Raises:
        ValueError: if there is none of that name.
    """
    kind, _, length = name.partition(" ")
    if kind in kernels.NONLINEARITIES:
        return partial(
            kernels.ntk,
            hidden_layers=hidden_layers,
            weight_std=weight_std,
            bias_std=bias_std,
            nonlinearity=kind,
        )
    if kind == "distance":
        return partial(kernels.distance, constant=1000.0)  # large: only differences count
    if kind == "linear":
        return partial(kernels.ntk, hidden_layers=0, weight_std=weight_std, bias_std=bias_std)
    if kind == "rbf":
        return partial(kernels.rbf, inverse_length=float(length))
    raise ValueError(f"name must be relu, erf, distance, linear or rbf with L, got {name!r}")


def _errors_of(points, chosen):
    if chosen["kernel"] == "nearest":
        return _errors_of_nearest(points)
    kernel = kernel_of(
        chosen["kernel"],
        hidden_layers=chosen["hidden_layers"],
        weight_std=chosen["weight_std"],
        bias_std=chosen["bias_std"],
    )
    return errors(np.asarray(kernel(points)), ridge=chosen["ridge"])


def errors(
    gram: Float[np.ndarray, "pairs points points"], *, ridge: float
) -> dict[str, Float[np.ndarray, " pairs"]]:
    """Errors of pairs of orbits at the upright images, by three protocols.

    Returns:
        ``upright`` and ``correct``: mean |r| and share classified right, each upright image
        left out alone; ``balanced`` and ``balanced_correct``: both left out together; ``parted``
        and ``parted_correct``: one upright, and of the other image another angle, averaged over
        that angle.
    """
    labels = np.repeat([1.0, -1.0], gram.shape[-1] // 2)

    def residuals(sets):
        return np.stack(regression.leave_sets_out(gram, labels, list(sets), ridge=ridge), axis=1)

    return _summary(residuals, gram.shape[-1] // 2)


def _errors_of_nearest(points):
    """As ``errors``, for the label of the nearest image seen."""
    count = points.shape[1] // 2
    labels = np.repeat([1.0, -1.0], count)
    distances = np.stack([cdist(pair, pair) for pair in points])

    def residuals(sets):
        unseen = np.zeros((len(sets), 2 * count), dtype=bool)
        np.put_along_axis(unseen, sets, True, axis=1)
        away = np.where(unseen[:, None], np.inf, distances[:, sets])  # pairs, sets, held, points
        return labels[sets] - labels[away.argmin(axis=-1)]

    return _summary(residuals, count)


def _summary(residuals, count):
    """Errors by each protocol, from the residuals (pairs, sets, held) of sets left out."""
    angles = np.arange(1, count)
    first, second = np.zeros_like(angles), np.full_like(angles, count)
    found = {
        "": residuals(np.array([[0], [count]])),
        "balanced": residuals(np.array([[0, count]])),
        "parted": residuals(np.stack([np.r_[first, second], np.r_[second + angles, angles]], 1)),
    }
    found["parted"] = found["parted"][:, :, :1]  # of the upright image only
    truth = {
        "": np.array([[1.0], [-1.0]]),
        "balanced": np.array([[1.0, -1.0]]),
        "parted": np.repeat([1.0, -1.0], count - 1)[:, None],
    }
    columns = {}
    for protocol, residual in found.items():
        right = regression.is_correct(residual, truth[protocol])
        prefix = f"{protocol}_" if protocol else ""
        columns[protocol or "upright"] = np.abs(residual).mean(axis=(1, 2))
        columns[f"{prefix}correct"] = right.mean(axis=(1, 2))
    return columns
