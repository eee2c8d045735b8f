"""Rotated digits under convolutional NTKs, with several images of each of two or of ten digits.

``cntk`` has one image of each of two digits. Here their number grows: the upright images of every
exemplar of a digit are left out together, of one digit or of all, flattened and pooled.
"""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd
from jaxtyping import Float, Int

from symlib import convolutions, data, groups, invariant, results, rotated
from symlib.experiments import cntk
from symlib.solving import solve

__all__ = ["PooledExemplars", "errors", "run", "unit_diagonal", "work"]


@dataclass(frozen=True)
class PooledExemplars:
    """Settings; the network is that of ``cntk``. The paper has no such experiment."""

    draws: int = 5  # of exemplars, of every digit of the data
    exemplars: tuple[int, ...] = (1, 2, 4, 8)  # images of each digit, the first few of a draw
    counts: tuple[int, ...] = (4, 8)  # rotations N of each image, multiples of four
    hidden_layers: int = 1
    filter_size: int = 3
    weight_std: float = 1.0
    ridges: tuple[float, ...] = (1e-12, 1e-5)  # relative to the largest kernel value
    dataset: str = "mnist-5000"
    seed: int = 0

    @classmethod
    def quick(cls) -> "PooledExemplars":
        """Quarter turns alone, which leave few distinct patches to compare."""
        return cls(draws=2, counts=(4,))


def run(
    settings: PooledExemplars,
    progress: Callable = lambda draws, description, total: draws,
    path: str | Path | None = None,
    jobs: int = 1,
) -> pd.DataFrame:
    """Which unseen upright images are recognised, for every draw, digit, N and kernel.

    Args:
        settings: what to run.
        progress: wraps the loop over draws, as ``symlib.notebook.progress`` does.
        path: where to store and resume.
        jobs: processes to run at once.

    Returns:
        The rows of ``errors``, with the draw, ``readout``, ``count``, ``diagonal`` (``"own"``, or
        ``"unit"`` for the kernel scaled to ones there, at the first ridge) and ``ridge``.

    Raises:
        ValueError: if an N is no multiple of four or does not divide the largest, a digit has too
            few images, or ``path`` holds other results.
    """
    largest = rotated.largest_count(settings.counts)
    if any(count % 4 for count in settings.counts):
        raise ValueError(f"counts must be multiples of four, got {settings.counts}; take 4 and 8")
    digits = data.load(settings.dataset)
    known, sizes = np.unique(digits.labels, return_counts=True)
    if not 1 <= min(settings.exemplars) <= max(settings.exemplars) <= sizes.min():
        raise ValueError(
            f"exemplars must be from 1 to {sizes.min()}, as many as the rarest digit has, "
            f"got {settings.exemplars}"
        )

    def compute(number: int) -> pd.DataFrame:
        generator = np.random.default_rng([settings.seed, number])
        most = max(settings.exemplars)
        which = np.concatenate(
            [generator.choice(np.flatnonzero(digits.labels == d), most, False) for d in known]
        )
        frames = []
        for readout in convolutions.READOUTS:

            def kernel(x, other, readout=readout):
                return cntk.image_kernel(readout, settings, x, other)[0]

            turned = rotated.turn_kernel(digits.images[which], largest, kernel)
            for count in settings.counts:
                own = rotated.sample_turns(turned, largest, count)
                cases = [("own", own / own.max(), ridge) for ridge in settings.ridges]
                cases += [("unit", unit_diagonal(own), settings.ridges[0])]
                frames += [
                    errors(kept, digits.labels[which], settings.exemplars, ridge=ridge).assign(
                        readout=readout, count=count, diagonal=diagonal, ridge=ridge
                    )
                    for diagonal, kept, ridge in cases
                ]
        return pd.concat(frames).assign(draw=number)

    return results.sweep(
        "pooled-exemplars",
        settings,
        range(settings.draws),
        compute,
        path=path,
        jobs=jobs,
        progress=progress,
    )


def work(settings: PooledExemplars) -> tuple[int, float]:
    """Number of draws, and about how many seconds two CPU cores need for them."""
    rows = 10 * max(settings.exemplars) * max(settings.counts) // 4
    return settings.draws, settings.draws * (5 + 80 * (rows / 160) ** 2)


def unit_diagonal(
    kernel: Float[np.ndarray, "orbits orbits turns"],
) -> Float[np.ndarray, "orbits orbits turns"]:
    """The invariant kernel scaled to k(x, x) = 1: cosines, blind to the size of each point."""
    size = np.sqrt(np.einsum("iit->it", kernel)[:, 0])
    return kernel / (size[:, None] * size)[..., None]


def errors(
    kernel: Float[np.ndarray, "orbits orbits turns"],
    classes: Int[np.ndarray, " images"],
    exemplars: tuple[int, ...],
    *,
    ridge: float,
) -> pd.DataFrame:
    """Shares of the unseen upright images of each digit that are recognised.

    Args:
        kernel: ``rotated.turn_kernel`` of the images, in order of their digits, as many of each.
        classes: the digit of each image.
        exemplars: how many of each digit to use, the first ones.
        ridge: absolute.

    Returns:
        One row per digit and number of exemplars. ``one_missing_all``: the digit's upright images
        are left out, those of all other digits are seen; ``one_missing_pair``: the same with one
        other digit only, averaged over it. ``all_missing_all``, ``all_missing_pair``: no digit is
        seen upright. ``nearest_all``, ``nearest_pair``: the digit of the nearest seen point in the
        kernel's distance, with one missing. ``nearest_turn``: share whose nearest seen point among
        all digits is another turn of the same image. ``weight`` and ``variance``: with all digits,
        the means of |[K̃⁻¹y]_p| for the digit's own output and of 1/[K̃⁻¹]_pp, whose product is the
        residual of an upright point p left out alone.
    """
    known = np.unique(classes)
    images, per_image = len(classes), len(kernel) // len(classes)
    each = images // len(known)
    place = np.arange(len(kernel)).reshape(len(known), each, per_image)
    rows = []
    for number in exemplars:
        used = place[:, :number]
        together = _recognised(_among(kernel, used), used.shape, ridge)
        by_pair = np.full((len(known), len(known), 3), np.nan)
        for pair in combinations(range(len(known)), 2):
            two = used[list(pair)]
            found = _recognised(_among(kernel, two), two.shape, ridge)
            by_pair[pair[0], pair[1]], by_pair[pair[1], pair[0]] = found[:, :3]
        paired = np.nanmean(by_pair, axis=1)
        names = ("one_missing", "all_missing", "nearest")
        columns = {f"{name}_all": together[:, k] for k, name in enumerate(names)}
        columns |= {f"{name}_pair": paired[:, k] for k, name in enumerate(names)}
        columns |= dict(zip(("nearest_turn", "weight", "variance"), together[:, 3:].T))
        rows.append(pd.DataFrame({"digit": known, "exemplars": number} | columns))
    return pd.concat(rows)


def _among(kernel, rows):
    return kernel[rows.reshape(-1, 1), rows.ravel()]


def _recognised(kernel, shape, ridge):
    """For each class: one missing, all missing, nearest, nearest is a turn, weight, variance."""
    classes, each, per_image = shape
    turns = kernel.shape[-1]
    own = np.repeat(np.arange(classes), each)
    outputs = np.where(np.repeat(own, per_image)[:, None] == np.arange(classes), 1.0, -1.0)
    labels = np.broadcast_to(outputs[:, None], (len(kernel), turns, classes))
    upright = np.arange(classes * each) * per_image
    sets = [np.stack([rows, np.zeros_like(rows)], axis=1) for rows in upright.reshape(classes, -1)]
    *one, everyone = invariant.leave_sets_out(
        groups.cyclic(turns), kernel, labels, [*sets, np.concatenate(sets)], ridge=ridge
    )
    truth = outputs[upright]
    first = (truth - np.concatenate(one)).argmax(axis=1) == own
    balanced = (truth - everyone).argmax(axis=1) == own
    nearest = _nearest(kernel, own, upright)

    transforms = np.moveaxis(np.fft.fft(kernel), -1, 0)
    weight = np.abs(solve(transforms[0].real, outputs, ridge=ridge)[0])[upright, own]
    inverse = solve(transforms, np.eye(len(kernel)), ridge=ridge, refine_above=1e-9)[0]
    inverse = inverse.mean(axis=0).real
    found = [first, balanced, own[nearest] == own, nearest == np.arange(len(own))]
    found += [weight, 1 / np.diag(inverse)[upright]]
    return np.stack(found, axis=1).reshape(classes, each, -1).mean(axis=1)


def _nearest(kernel, own, upright):
    """The image of the seen point nearest to each upright one, whose class is not seen upright."""
    size = np.einsum("iit->it", kernel)[:, 0]
    distance = size[upright, None, None] + size[:, None] - 2 * kernel[upright]
    rows, columns = np.nonzero(own[:, None] == own)
    distance[rows, upright[columns], 0] = np.inf
    points = len(kernel) // len(own) * kernel.shape[-1]  # of one image
    return distance.reshape(len(upright), -1).argmin(axis=1) // points
