"""Rotated digits under convolutional NTKs, with several images of each of two or of ten digits.

``cntk`` has one image of each of two digits. Here their number grows: the upright images of every
exemplar of a digit are left out together, of one digit or of all, flattened and pooled.
"""

import itertools
from functools import partial
from typing import Annotated

import numpy as np
import pandas as pd
from jaxtyping import Float, Int
from pydantic import AfterValidator, Field

from symlib import convolutions, data, one_vs_rest, rotated
from symlib.convolutions import ConvNtk
from symlib.experiment import Experiment
from symlib.settings import Dataset, Positive, Ridge, Seed, Several, nested, settings
from symlib.solving import require_digits, solve

__all__ = ["PooledExemplars", "errors", "unit_diagonal"]

_COLUMNS = (
    *("one_missing_all", "all_missing_all", "nearest_all"),
    *("one_missing_pair", "all_missing_pair", "nearest_pair", "nearest_turn"),
)
Quarters = Annotated[int, Field(ge=4, multiple_of=4)]


def unit_diagonal(
    kernel: Float[np.ndarray, "orbits orbits turns"],
) -> Float[np.ndarray, "orbits orbits turns"]:
    """The invariant kernel scaled to k(x, x) = 1: cosines, blind to the size of each point."""
    size = np.sqrt(np.einsum("iit->it", kernel)[:, 0])
    return kernel / (size[:, None] * size)[..., None]


def _nearest(kernel, own, upright):
    """The image of the seen point nearest to each upright one, whose class is not seen upright."""
    size = np.einsum("iit->it", kernel)[:, 0]
    distance = size[upright, None, None] + size[:, None] - 2 * kernel[upright]
    rows, columns = np.nonzero(own[:, None] == own)
    distance[rows, upright[columns], 0] = np.inf
    points = len(kernel) // len(own) * kernel.shape[-1]  # of one image
    return distance.reshape(len(upright), -1).argmin(axis=1) // points


def _recognised(kernel, used, ridge):
    """For each class: one missing, all missing, nearest; and whether the nearest is a turn."""
    classes, each, _ = used.shape
    own = np.repeat(np.arange(classes), each)
    among = kernel[used.reshape(-1, 1), used.ravel()]
    found = one_vs_rest.left_out(among, own, ridge=ridge)
    image = np.arange(len(own))
    nearest = _nearest(among, own, used.shape[-1] * image)
    right, turn = (
        same.reshape(classes, each).mean(axis=1) for same in (own[nearest] == own, nearest == image)
    )
    return np.array([found["correct"], found["balanced_correct"], right]), turn


def _solved(gram, columns, ridge):
    solution, error, _ = solve(gram, columns, ridge=ridge, refine_above=1e-9)
    require_digits(error, ridge)
    return solution


def _weight_and_variance(kernel, used, ridge):
    classes, each, per_image = used.shape
    own = np.repeat(np.arange(classes), each)
    outputs = np.where(np.repeat(own, per_image)[:, None] == np.arange(classes), 1.0, -1.0)
    upright = per_image * np.arange(len(own))
    transforms = np.moveaxis(np.fft.fft(kernel[used.reshape(-1, 1), used.ravel()]), -1, 0)
    weight = np.abs(_solved(transforms[0].real, outputs, ridge))[upright, own]
    inverse = _solved(transforms, np.eye(len(outputs)), ridge).mean(axis=0).real
    columns = {"weight": weight, "variance": 1 / np.diag(inverse)[upright]}
    return {name: c.reshape(classes, each).mean(axis=1) for name, c in columns.items()}


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
    known, digits = np.unique(classes), len(np.unique(classes))
    place = np.arange(len(kernel)).reshape(digits, len(classes) // digits, -1)
    frames = []
    for number in exemplars:
        used = place[:, :number]
        by_pair = np.full((digits, digits, 3), np.nan)
        for pair in itertools.combinations(range(digits), 2):
            by_pair[pair, pair[::-1]] = _recognised(kernel, used[list(pair)], ridge)[0].T
        every, turn = _recognised(kernel, used, ridge)
        columns = dict(zip(_COLUMNS, [*every, *np.nanmean(by_pair, axis=1).T, turn]))
        columns |= _weight_and_variance(kernel, used, ridge)
        frames.append(pd.DataFrame({"digit": known, "exemplars": number} | columns))
    return pd.concat(frames)


@settings
class PooledExemplars(Experiment):
    """The network of ``cntk``. The paper has no such experiment."""

    draws: Positive = 5  # of exemplars, of every digit of the data
    exemplars: Several[Positive] = (1, 2, 4, 8)  # the first of a draw
    counts: Annotated[Several[Quarters], AfterValidator(nested)] = (4, 8)  # rotations N
    network: ConvNtk = ConvNtk()
    ridges: Several[Ridge] = (1e-12, 1e-5)  # of the largest kernel value
    dataset: Dataset = "mnist-5000"  # of which the images are
    seed: Seed = 0  # of the draws

    @classmethod
    def quick(cls) -> "PooledExemplars":
        """Quarter turns alone, which leave few distinct patches to compare."""
        return cls(draws=2, counts=(4,))

    def cells(self) -> range:
        self._draw(0)  # refuses too many exemplars
        return range(self.draws)

    def rows(self, cell: int) -> pd.DataFrame:
        """Which unseen upright images are recognised, for every draw, digit, N and kernel.

        The rows of ``errors``, with the draw, ``readout``, ``count``, ``diagonal`` (``"own"``, or
        ``"unit"`` for the kernel scaled to ones there, at the first ridge) and ``ridge``.
        """
        images, classes = self._draw(cell)
        largest, frames = max(self.counts), []
        for readout in convolutions.READOUTS:
            turned = rotated.turn_kernel(images, largest, partial(self.network, readout))
            for count in self.counts:
                own = rotated.sample_turns(turned, largest, count)
                cases = [("own", own / own.max(), ridge) for ridge in self.ridges]
                cases.append(("unit", unit_diagonal(own), self.ridges[0]))
                for diagonal, kernel, ridge in cases:
                    frame = errors(kernel, classes, self.exemplars, ridge=ridge)
                    named = {"readout": readout, "diagonal": diagonal, "ridge": ridge}
                    frames.append(frame.assign(count=count, **named))
        return pd.concat(frames).assign(draw=cell)

    def cost(self, cell: int) -> float:
        rows = 10 * max(self.exemplars) * max(self.counts) // 4
        return 64 * (rows / 160) ** 2

    def _draw(self, number):
        digits = data.load(self.dataset)
        generator = np.random.default_rng([self.seed, number])
        known, most = np.unique(digits.labels), max(self.exemplars)
        which = data.exemplars(digits.labels, known, most, generator=generator)
        return digits.images[which], digits.labels[which]
