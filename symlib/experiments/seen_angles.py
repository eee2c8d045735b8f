"""What teaches a wide network about an unseen upright digit: the gap to the nearest angle seen.

First, of many rotations an arc around upright is left out, of one image of a pair (``one``) or of
both (``both``, so that the labels stay balanced); beside it, all of fewer rotations, upright alone
left out, which leave the same gap. Second, the other class is seen as one image under all angles,
as unrelated images of its digit at one angle each, or as unrelated images all upright.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
from jaxtyping import Float, Int

from symlib import data, kernels, orbits, regression, results, rotated

__all__ = ["OTHERS", "SeenAngles", "run", "work"]

OTHERS = ("orbit", "unrelated", "upright")


@dataclass(frozen=True)
class SeenAngles:
    """Settings; the paper's network, and as many rotations as its densest orbits have."""

    pairs: int = 512  # pairs of images of different digits
    largest: int = 64  # rotations of which an arc is left out
    gaps: tuple[int, ...] = (1, 2, 4, 8, 16)  # from upright to the nearest angle seen, in steps
    counts: tuple[int, ...] = (4, 8)  # rotations N where the other class changes
    hidden_layers: int = 1
    ridge: float = 1e-10  # absolute
    dataset: str = "mnist-5000"
    seed: int = 0
    chunk: int = 64  # pairs held in memory at once


def run(
    settings: SeenAngles,
    progress: Callable = lambda chunks, description, total: chunks,
    path: str | Path | None = None,
    jobs: int = 1,
) -> pd.DataFrame:
    """Errors at the upright image of the first of each pair.

    Returns:
        A row for each ``pair``, ``protocol`` (``one``, ``both``) and ``way``: ``arc`` and ``all``
        with their ``gap`` in degrees, and ``OTHERS``; the number ``count`` of rotations of which
        it is made; ``error`` |r| and ``correct``.

    Raises:
        ValueError: if a gap does not divide the largest number of rotations, itself a multiple of
            four, or is half of it or more.
    """
    rotated.largest_count((*settings.gaps, settings.largest))
    if max(settings.gaps) >= settings.largest // 2:
        raise ValueError(
            f"gaps must be below half of the {settings.largest} rotations, got {settings.gaps}; "
            "something of the orbit must be seen"
        )
    digits = data.load(settings.dataset)
    generator = np.random.default_rng(settings.seed)
    pairs = data.pairs_of_classes(digits.labels, settings.pairs, generator=generator)
    kernel = partial(kernels.ntk, hidden_layers=settings.hidden_layers)

    def compute(start: int) -> pd.DataFrame:
        chunk = pairs[start : start + settings.chunk]
        frames = [*_gaps(digits.images[chunk], kernel, settings)]
        own = np.random.default_rng([settings.seed, start])
        for count in settings.counts:
            frames += _others(digits, chunk, count, kernel, settings, own)
        numbers = np.arange(start, start + len(chunk))
        return pd.concat([frame.assign(pair=numbers) for frame in frames])

    starts = range(0, settings.pairs, settings.chunk)
    return results.sweep(
        "seen-angles", settings, starts, compute, path=path, jobs=jobs, progress=progress
    )


def work(settings: SeenAngles) -> tuple[int, float]:
    """Number of chunks of pairs, and about how many seconds two CPU cores need for them."""
    seconds = 0.02 * settings.pairs * (settings.largest / 64) ** 2
    return -(-settings.pairs // settings.chunk), seconds


def _gaps(images, kernel, settings):
    """Arcs of every width left out of the densest orbits, and sparser orbits with the same gap."""
    largest = settings.largest
    gram = rotated.orbit_gram(rotated.orbit_images(images, largest), kernel)
    for steps in settings.gaps:
        arc = np.arange(1 - steps, steps) % largest
        arc = np.r_[0, arc[arc > 0]]  # upright comes first
        kept = np.arange(0, 2 * largest, steps)
        sparse = gram[:, kept[:, None], kept]
        for way, part, out, count in (
            ("arc", gram, arc, largest),
            ("all", sparse, np.array([0]), largest // steps),
        ):
            for frame in _both_protocols(part, out, count, settings.ridge):
                yield frame.assign(way=way, gap=steps * 360 / largest)


def _others(digits, chunk, count, kernel, settings, generator):
    """The other class as an orbit, and as unrelated images: as many images in all three."""
    ours = orbits.normalize(orbits.rotations(digits.images[chunk[:, 0]], count))
    theirs = np.empty((len(chunk), count, *digits.images.shape[1:]))
    theirs[:] = digits.images[chunk[:, 1], None]
    alike = [np.flatnonzero(digits.labels == digits.labels[second]) for second in chunk[:, 1]]
    drawn = np.array([generator.choice(which, count, replace=False) for which in alike])
    unrelated = digits.images[drawn]
    angles = np.arange(count) * 360 / count
    ways = {
        "orbit": _turn_each(theirs, angles),
        "unrelated": _turn_each(unrelated, angles),
        "upright": orbits.normalize(unrelated),
    }
    frames = []
    for way, other in ways.items():
        points = np.concatenate([ours, other], axis=1).reshape(len(chunk), 2 * count, -1)
        gram = np.asarray(kernel(points))
        for frame in _both_protocols(gram, np.array([0]), count, settings.ridge):
            frames.append(frame.assign(way=way))
    return frames


def _turn_each(images, angles):
    """Image k of each row turned by angle k alone."""
    turned = [orbits.rotate(images[:, k], angles[k : k + 1])[:, 0] for k in range(len(angles))]
    return orbits.normalize(np.stack(turned, axis=1))


def _both_protocols(
    gram: Float[np.ndarray, "pairs points points"],
    out: Int[np.ndarray, " held"],
    count: int,
    ridge: float,
):
    """The first point of ``out``, with those points of its orbit left out or of both orbits."""
    labels = np.repeat([1.0, -1.0], count)
    sets = {"one": out, "both": np.r_[out, count + out]}
    for protocol, held_out in sets.items():
        first = regression.leave_out(gram, labels, held_out, ridge=ridge)[:, 0]
        columns = {"error": np.abs(first), "correct": regression.is_correct(first, np.ones(1))}
        yield pd.DataFrame(columns).assign(count=count, protocol=protocol)
