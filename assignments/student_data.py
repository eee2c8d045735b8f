"""The data of one student: the same student number always gives the same data, another gives other.

Assignments draw all that differs between students from here. While grading, this file replaces
whatever a submission brings along under its name.
"""

import hashlib
import unicodedata

import numpy as np

from symlib import data, orbits

__all__ = ["circles", "digit_pair", "generator", "network", "shapes", "two_classes"]

# Of the symmetries of the square, element k being r^k and 4 + k being r^k s.
_SUBGROUPS = ([0], [0, 2], [0, 4], [0, 5], [0, 1, 2, 3], [0, 2, 4, 6], list(range(8)))


def generator(student: str, purpose: str) -> np.random.Generator:
    """Randomness that is one student's own, for one purpose; case and spaces do not matter.

    Raises:
        ValueError: if ``student`` is not text.
    """
    if not isinstance(student, str) or not student.strip():
        raise ValueError(
            f"student must be your student number in quotes, such as '1234567', got {student!r}; "
            "fill it in at the top of the notebook and run that cell again"
        )
    same = " ".join(unicodedata.normalize("NFKC", student).casefold().split())
    digest = hashlib.sha256(f"{purpose} of {same}".encode()).digest()
    return np.random.default_rng(list(digest))


def digit_pair(student: str) -> np.ndarray:
    """Two real digits of different classes, shape (2, 28, 28), values from 0 to 1."""
    digits = data.load("mnist-5000")
    (pair,) = data.pairs_of_classes(digits.labels, 1, generator=generator(student, "digit pair"))
    return digits.images[pair]


def two_classes(student: str) -> tuple[np.ndarray, np.ndarray]:
    """Four digits of one class, four of another: points (8, 784) of length 28, labels ±1."""
    draw = generator(student, "two classes")
    digits = data.load("mnist-5000")
    classes = draw.choice(10, size=2, replace=False)
    chosen = np.concatenate(
        [draw.choice(np.flatnonzero(digits.labels == c), size=4, replace=False) for c in classes]
    )
    points = 28 * orbits.normalize(digits.images[chosen]).reshape(8, 784)
    return points, np.repeat([1.0, -1.0], 4)


def shapes(student: str) -> np.ndarray:
    """Six images, shape (6, 28, 28), each symmetric in its own way under the square's symmetries.

    Pixels are whole numbers, so that symmetric images are equal to the last bit.
    """
    draw = generator(student, "shapes")
    digits = data.load("mnist-5000")
    chosen = draw.choice(len(digits.images), size=6, replace=False)
    moved = orbits.dihedral_images(np.rint(255 * digits.images[chosen]))  # [image, g] = g·x
    kinds = draw.permutation(len(_SUBGROUPS))[:6]
    return np.stack([moved[i, _SUBGROUPS[kind]].sum(axis=0) for i, kind in enumerate(kinds)])


def circles(student: str) -> tuple[float, float]:
    """The distance Δ of two circles and the inverse length L of a kernel."""
    draw = generator(student, "circles")
    return round(draw.uniform(0.6, 1.7), 3), round(draw.uniform(1.0, 1.6), 3)


def network(student: str) -> dict[str, float]:
    """The standard deviations of a network's weights and biases."""
    draw = generator(student, "network")
    return {
        "weight_std": round(draw.uniform(1.1, 1.7), 3),
        "bias_std": round(draw.uniform(0.1, 0.6), 3),
    }
