"""Partially observed orbits: images under all rotations, some of which one class misses.

A data set of n images under N turns has n·N samples, image i under turn t being number i·N + t.
Only the images are kept, on the device; a sample is turned when it is asked for, so that memory
does not grow with N. Perin and Deny 2025, on partially rotated MNIST; Unser 1999, on splines.
"""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import scipy.ndimage
import torch
from jaxtyping import Float, Int
from torch import Tensor

from symlib import orbits

__all__ = ["Split", "TurnedImages", "split"]


def _sparse(operator, device):
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Sparse")  # CSR is said to be in beta, and unchecked
        return torch.sparse_csr_tensor(
            torch.tensor(operator.indptr, dtype=torch.int32),
            torch.tensor(operator.indices, dtype=torch.int32),
            torch.tensor(operator.data, dtype=torch.float32),
            size=operator.shape,
            device=device,
        )


class TurnedImages:
    """Images under the rotations of C_N, made when asked for.

    A sample equals that of ``orbits.normalize(orbits.rotations(images, count))``, scaled to unit
    variance of its pixels rather than unit norm, and in float32. Not ``centred`` it is the turned
    image, of unit norm, as the published networks see it.

    Args:
        images: square images.
        count: number N of turns.
        device: where to keep and turn them.
        centred: subtract the mean of each sample, and scale it to unit variance.

    Raises:
        ValueError: if ``count`` is not a positive integer, or an image is constant, not square or
            not finite.
    """

    def __init__(
        self,
        images: Float[np.ndarray, "images size size"],
        count: int,
        device: str | torch.device = "cpu",
        *,
        centred: bool = True,
    ):
        if np.ndim(images) != 3:
            raise ValueError(
                f"images must have shape (images, size, size), got {np.shape(images)}; "
                "drop the axis of channels"
            )
        orbits.rotations(images[:1], count)  # refuses a bad count or shape
        orbits.normalize(images)  # refuses constant images
        self.count, self.size, self.centred = count, images.shape[-1], centred
        coefficients = images
        for axis in (1, 2):
            coefficients = scipy.ndimage.spline_filter1d(coefficients, axis=axis, mode="mirror")
        flat = coefficients.reshape(len(images), -1)
        self.coefficients = torch.tensor(flat, dtype=torch.float32, device=device)
        self.operators = [
            _sparse(orbits.rotation_operator(self.size, np.array([turn * 360 / count])), device)
            for turn in range(count)
        ]

    def __call__(self, samples: Int[Tensor, " samples"]) -> Float[Tensor, "samples 1 size size"]:
        """The samples of those numbers; soonest where these are sorted by turn.

        Raises:
            ValueError: if there is no such sample.
        """
        most = self.count * len(self.coefficients)
        if len(samples) and not 0 <= int(samples.min()) <= int(samples.max()) < most:
            raise ValueError(
                f"samples must be numbers from 0 to {most - 1}, image · count + turn, got some "
                f"from {int(samples.min())} to {int(samples.max())}"
            )
        turns, order = torch.sort(samples % self.count, stable=True)
        spread = self.coefficients[(samples // self.count)[order]].T  # (pixels, samples)
        sizes = torch.bincount(turns, minlength=self.count).tolist()
        parts = zip(self.operators, spread.split(sizes, dim=1), strict=True)
        made = [operator @ part for operator, part in parts if part.shape[1]]
        turned = torch.cat([spread[:, :0], *made], dim=1)
        if self.centred:
            turned -= turned.mean(dim=0)
        turned *= (self.size if self.centred else 1) / torch.linalg.vector_norm(turned, dim=0)
        images = turned.T
        if not torch.equal(order, torch.arange(len(order), device=order.device)):
            images = images[torch.argsort(order)]
        return images.reshape(-1, 1, self.size, self.size)


@dataclass(frozen=True)
class Split:
    """Numbers of the samples that a network is trained on, and of three sets to test it on.

    Attributes:
        train: what it learns from.
        in_distribution: samples left out at random; the network sees the same images turned
            otherwise, as in the paper.
        fresh: samples of images that it sees under no turn.
        held_out: the turns that one class misses, of images that it sees under the others.
    """

    train: Int[Tensor, " train"]
    in_distribution: Int[Tensor, " in_distribution"]
    fresh: Int[Tensor, " fresh"]
    held_out: Int[Tensor, " held_out"]


def split(
    labels: Int[np.ndarray, " images"],
    count: int,
    *,
    held_class: int | Sequence[int],
    held_turns: Sequence[int] = (0,),
    fresh: int = 0,
    share: float = 0.1,
    generator: np.random.Generator,
) -> Split:
    """The partially observed protocol: one class misses some turns, the others none.

    Args:
        labels: class of each image.
        count: number N of turns.
        held_class: the class that misses turns, or several that miss the same.
        held_turns: which turns it misses; 0 is upright. Of a class that misses all of them no
            image is seen; with none the split is one of fully observed orbits.
        fresh: how many of the images, the last ones, are not trained on at all.
        share: part of all other samples that is left out for the in-distribution test.
        generator: source of randomness.

    Raises:
        ValueError: if the class or a turn does not exist, every turn is held out, or nothing is
            left to train on.
    """
    labels = np.asarray(labels)
    known = len(labels) - fresh
    if not 0 <= fresh < len(labels):
        raise ValueError(
            f"fresh must be from 0 to {len(labels) - 1}, fewer than all images, got {fresh}"
        )
    held_classes = np.atleast_1d(held_class)
    if not (held_classes.size and np.isin(held_classes, labels[:known]).all()):
        raise ValueError(
            f"held_class must be one or more of the classes {np.unique(labels[:known]).tolist()}, "
            f"got {held_class}"
        )
    missed = np.unique(np.asarray(held_turns, int))
    if count < 2 or not np.isin(missed, range(count)).all():
        raise ValueError(
            f"held_turns must be turns from 0 to {count - 1} of at least two, "
            f"got {list(held_turns)} of {count}; with one turn there is nothing to hold out"
        )
    if not 0 <= share < 1:
        raise ValueError(f"share must be at least 0 and below 1, got {share}")
    held = np.zeros((known, count), bool)
    held[np.ix_(np.isin(labels[:known], held_classes), missed)] = True
    others = generator.permutation(np.flatnonzero(~held))
    tests = round(share * len(others))
    if tests == len(others):
        raise ValueError(
            f"share must leave something to train on, got {share} of {len(others)} samples; "
            "take a smaller share, or more images"
        )
    new = np.zeros((fresh, count), bool)
    new[np.ix_(np.isin(labels[known:], held_classes), missed)] = True
    return Split(
        train=torch.from_numpy(np.sort(others[tests:])),
        in_distribution=torch.from_numpy(np.sort(others[:tests])),
        fresh=torch.from_numpy(known * count + np.flatnonzero(~new)),
        held_out=torch.from_numpy(np.flatnonzero(held)),
    )
