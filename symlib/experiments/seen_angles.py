"""What teaches a wide network about an unseen upright digit: the gap to the nearest angle seen.

First, of many rotations an arc around upright is left out, of one image of a pair (``one``) or of
both (``both``, so that the labels stay balanced); beside it, all of fewer rotations, upright alone
left out, which leave the same gap. Second, the other class is seen as one image under all angles,
as unrelated images of its digit at one angle each, or as unrelated images all upright, or all
turned by 90 degrees.
"""

import numpy as np
import pandas as pd
import pydantic
from jaxtyping import Float, Int

from symlib import data, orbits, regression, rotated
from symlib.experiments.of_pairs import OfPairs
from symlib.kernels import DenseNtk
from symlib.settings import Positive, Ridge, Several, Turns, settings

__all__ = ["OTHERS", "SeenAngles"]

OTHERS = ("orbit", "unrelated", "upright", "sideways")


def _turn_each(images):
    """Image k of each row turned by the k-th of as many angles, alone."""
    count = images.shape[1]
    angles = np.arange(count) * 360 / count
    turned = [orbits.rotate(images[:, k], angles[k : k + 1])[:, 0] for k in range(count)]
    return orbits.normalize(np.stack(turned, axis=1))


def _both_protocols(
    gram: Float[np.ndarray, "pairs points points"], out: Int[np.ndarray, " held"], ridge: float
) -> list[pd.DataFrame]:
    """The first point of ``out``, with those points of its orbit left out or of both orbits."""
    count = gram.shape[-1] // 2
    labels = np.repeat([1.0, -1.0], count)
    frames = []
    for protocol, held_out in {"one": out, "both": np.r_[out, count + out]}.items():
        first = regression.leave_out(gram, labels, held_out, ridge=ridge)[:, 0]
        columns = {"error": np.abs(first), "correct": regression.is_correct(first, np.ones(1))}
        frames.append(pd.DataFrame(columns).assign(count=count, protocol=protocol))
    return frames


@settings
class SeenAngles(OfPairs):
    """The paper's network, and as many rotations as its densest orbits have."""

    largest: Turns = 64  # rotations of which an arc is left out
    gaps: Several[Positive] = (1, 2, 4, 8, 16)  # steps from upright to the nearest seen angle
    counts: Several[Turns] = (4, 8)  # rotations N where the other class changes
    network: DenseNtk = DenseNtk()
    ridge: Ridge = 1e-10  # absolute

    @pydantic.model_validator(mode="after")
    def _sees_something_of_the_orbit(self):
        if self.largest % 4 or any(self.largest % gap for gap in self.gaps):
            raise ValueError(
                f"gaps must divide largest, a multiple of 4, got {self.gaps} and {self.largest}"
            )
        if max(self.gaps) >= self.largest // 2:
            raise ValueError(
                f"gaps must be below half of the {self.largest} rotations, got {self.gaps}; "
                "something of the orbit must be seen"
            )
        return self

    def rows(self, cell: int) -> pd.DataFrame:
        """Errors at the upright image of the first of each pair.

        A row for each ``pair``, ``protocol`` (``one``, ``both``) and ``way``: ``arc`` and ``all``
        with their ``gap`` in degrees, and ``OTHERS``; the number ``count`` of rotations of which
        it is made; ``error`` |r| and ``correct``.
        """
        generator = np.random.default_rng([self.seed, cell])
        frames = self._gaps(self.images(cell))
        for count in self.counts:
            frames += self._others(self.drawn()[self.numbers(cell)], count, generator)
        return pd.concat([frame.assign(pair=self.numbers(cell)) for frame in frames])

    def cost(self, cell: int) -> float:
        return 0.027 * len(self.numbers(cell)) * (self.largest / 64) ** 2

    def _gaps(self, images):
        """Arcs of every width left out of dense orbits, and sparser orbits with the same gap."""
        gram = rotated.orbit_gram(rotated.orbit_images(images, self.largest), self.network)
        frames = []
        for steps in self.gaps:
            arc = np.arange(1 - steps, steps) % self.largest
            sparse = rotated.sample_gram(gram, self.largest // steps)
            gap = steps * 360 / self.largest
            for way, part, out in (
                ("arc", gram, np.r_[0, arc[arc > 0]]),  # upright comes first
                ("all", sparse, np.array([0])),
            ):
                both = _both_protocols(part, out, self.ridge)
                frames += [frame.assign(way=way, gap=gap) for frame in both]
        return frames

    def _others(self, drawn, count, generator):
        """The other class as an orbit, and as unrelated images: as many images in all of them."""
        digits = data.load(self.dataset)
        ours = orbits.normalize(orbits.rotations(digits.images[drawn[:, 0]], count))
        theirs = np.repeat(digits.images[drawn[:, 1], None], count, axis=1)
        alike = [np.flatnonzero(digits.labels == digits.labels[second]) for second in drawn[:, 1]]
        which = np.array([generator.choice(images, count, replace=False) for images in alike])
        unrelated = digits.images[which]
        ways = {
            "orbit": _turn_each(theirs),
            "unrelated": _turn_each(unrelated),
            "upright": orbits.normalize(unrelated),
            "sideways": orbits.normalize(np.rot90(unrelated, axes=(-2, -1))),
        }
        frames = []
        for way, other in ways.items():
            points = np.concatenate([ours, other], axis=1).reshape(len(drawn), 2 * count, -1)
            both = _both_protocols(self.network(points), np.array([0]), self.ridge)
            frames += [frame.assign(way=way) for frame in both]
        return frames
