"""How near the other classes are, and how far a turn goes: what the nearest image can tell.

A class that misses upright is recognised there, by comparing pixels alone, where a turned image of
its own is nearer than every image of another class. In pixels these are what the paper's ratio
weighs, class separation and orbit density. Perin and Deny 2025, on partially rotated MNIST.
"""

import itertools
from typing import Annotated

import numpy as np
import pandas as pd
from jaxtyping import Float
from pydantic import Field

from symlib.data import Sample
from symlib.experiment import Experiment
from symlib.settings import AnyCounts, Seed, Several, settings

__all__ = ["ClassSeparation"]


def _shrunk(
    images: Float[np.ndarray, "images 28 28"], side: int
) -> Float[np.ndarray, "images 28 28"]:
    """The images at so many pixels a side, in the middle of a black frame."""
    from torch import tensor
    from torch.nn.functional import interpolate, pad

    smaller = interpolate(tensor(images)[:, None], side, mode="bilinear", antialias=True)
    border = (28 - side) // 2
    return pad(smaller[:, 0], 2 * (border, 28 - side - border)).numpy()


@settings
class ClassSeparation(Experiment):
    """The images of ``PartiallyRotated``: those seen under N rotations, and those never seen."""

    counts: AnyCounts = (2, 4, 8, 16, 32, 64)  # rotations N of each image
    seeds: Several[Seed] = (0,)  # of images
    side: Annotated[int, Field(ge=8, le=28)] = 28  # pixels, to which images are shrunk first
    sample: Sample = Sample(2000, 2000, "mnist-5000")

    def cells(self) -> list[str]:
        self.sample.require_enough()
        return [f"{count}-{seed}" for count, seed in itertools.product(self.counts, self.seeds)]

    def rows(self, cell: str) -> pd.DataFrame:
        """Of the unseen images of each class, the ``digit``, what is near, and whether that helps.

        Medians of cosines: of an image with itself turned by 360/N, ``turned``; with the nearest
        seen upright image of its ``own`` class, and with that of an ``other``. And how many of the
        ``images`` the nearest seen sample recognises, with upright missing for their class:
        upright, ``missed``, and turned by half a turn, ``kept``.
        """
        import torch
        from torch.nn.functional import cosine_similarity

        from symlib import partial_orbits, training
        from symlib.recognition import Nearest

        count, seed = map(int, cell.split("-"))
        drawn, known = self.sample.draw(np.random.default_rng([seed, 0])), self.sample.images
        images, labels = _shrunk(drawn.images, self.side), drawn.labels
        turned = partial_orbits.TurnedImages(images, count, training.default_device())
        samples = torch.arange(known * count)
        upright, others = (
            Nearest(turned, part, labels[part.numpy() // count])
            for part in (samples[samples % count == 0], samples[samples % count > 0])
        )
        unseen = count * torch.arange(known, len(labels))
        points, half_turned = turned(unseen), turned(unseen + count // 2)
        own = torch.tensor(np.eye(10, dtype=bool)[labels[known:]], device=points.device)

        def of_others(cosines):
            return cosines.masked_fill(own, -1).amax(dim=1)

        def recognised(at_upright, at_others):
            return at_others[own] > of_others(torch.maximum(at_upright, at_others))

        near = upright(points)
        columns = {
            "turned": cosine_similarity(points.flatten(1), turned(unseen + 1).flatten(1)),
            "own": near[own],
            "other": of_others(near),
            "missed": recognised(near, others(points)),
            "kept": recognised(upright(half_turned), others(half_turned)),
        }
        frame = pd.DataFrame({name: values.cpu().numpy() for name, values in columns.items()})
        by_class = frame.groupby(labels[known:].astype(str))
        medians = by_class[["turned", "own", "other"]].median().round(5)
        sums = by_class[["missed", "kept"]].sum()
        table = medians.join(sums).assign(images=by_class.size(), count=count, seed=seed)
        return table.rename_axis("digit").reset_index()

    def cost(self, cell: str) -> float:
        count = int(cell.split("-")[0])
        return 2e-8 * self.sample.images * self.sample.fresh * count
