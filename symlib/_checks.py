"""What the solvers ask of their input, each with one clear error; arrays that stay as they are."""

import os
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from numbers import Real
from pathlib import Path
from typing import Any

import numpy as np

EPS = np.finfo(np.float64).eps


def read_only(array: np.ndarray) -> np.ndarray:
    """A view of ``array`` that cannot be written to."""
    view = np.asarray(array).view()
    view.setflags(write=False)
    return view


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A new file beside ``path`` to write to, which takes its place once it is whole."""
    part = path.with_name(f".{path.name}.{uuid.uuid4().hex}.part")
    try:
        yield part
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)


def require_float64(name: str, array: Any) -> np.ndarray:
    """``array`` as NumPy float64, refusing lower precision and non-finite values."""
    if np.ma.is_masked(array):
        raise ValueError(f"{name} must have no masked entries, got a mask; drop those points first")
    array = np.asarray(array)
    if array.dtype != np.float64:
        raise ValueError(
            f"{name} must be float64, got {array.dtype}; leave-out errors lose their digits in "
            f"less, so compute {name} in float64 (symlib.notebook.setup() switches JAX to it)"
        )
    if not np.isfinite(array).all():
        raise ValueError(
            f"{name} must be finite, got NaN or infinity; look for constant or damaged inputs"
        )
    return array


def require_real(name: str, array: Any) -> np.ndarray:
    """``array`` as a NumPy array of finite real numbers, whatever their dtype."""
    if np.ma.is_masked(array):
        raise ValueError(f"{name} must have no masked entries, got a mask; fill those first")
    array = np.asarray(array)
    if array.dtype.kind not in "biuf":
        raise ValueError(
            f"{name} must hold real numbers, got {array.dtype}; convert with .astype('float64')"
        )
    if not np.isfinite(array).all():
        raise ValueError(f"{name} must be finite, got NaN or infinity; mend or drop those")
    return array


def require_number(name: str, value: Any, relation: str, remedy: str) -> None:
    """Refuse what is not one finite real number that is ``> 0`` or ``≥ 0``."""
    finite = isinstance(value, Real) and -np.inf < value < np.inf  # type: ignore[operator]
    if not finite or not (value > 0 if relation == "> 0" else value >= 0):
        raise ValueError(f"{name} must be a finite number {relation}, got {value!r}; {remedy}")


def require_ridge(ridge: float) -> None:
    """Refuse a ridge that is negative or not finite."""
    remedy = "it is absolute, added to the diagonal of the Gram matrix as it is"
    require_number("ridge", ridge, "≥ 0", remedy)


def require_positive(name: str, value: int, usual: int) -> None:
    """Refuse what is not a positive integer."""
    if not isinstance(value, int | np.integer) or value < 1:
        raise ValueError(f"{name} must be a positive integer, got {value!r}; try {usual}")


def require_square(gram: np.ndarray) -> np.ndarray:
    """``gram`` as a NumPy array, once its last two axes are of one length."""
    gram = np.asarray(gram)
    if gram.ndim < 2 or gram.shape[-1] != gram.shape[-2] or gram.shape[-1] == 0:
        raise ValueError(
            f"gram must be square in its last two axes, got shape {gram.shape}; "
            "pass the kernel of all points against all points"
        )
    return gram


def require_gram(gram: np.ndarray, ridge: float) -> np.ndarray:
    """``gram`` as NumPy float64, once it and ``ridge`` are fit for a solve."""
    gram = require_square(require_float64("gram", gram))
    require_ridge(ridge)
    asymmetry = np.abs(gram - np.swapaxes(gram, -1, -2)).max(axis=(-2, -1))
    worst = (asymmetry - 1e-8 * np.abs(gram).max(axis=(-2, -1))).argmax()
    if asymmetry.flat[worst] > 1e-8 * np.abs(gram).max(axis=(-2, -1)).flat[worst]:
        raise ValueError(
            f"gram must be symmetric, got entries that differ by {asymmetry.flat[worst]:.2g} from "
            "their mirror images; use (gram + gram.T) / 2 if that is only rounding"
        )
    return gram


def held_out_indices(held_out: np.ndarray | Sequence[int], count: int) -> np.ndarray:
    """``held_out`` as distinct indices below ``count``, some but not all of them."""
    indices = np.asarray(held_out)
    if indices.ndim != 1 or not np.issubdtype(indices.dtype, np.integer):
        raise ValueError(
            f"held_out must be a list of integer indices, got {indices.dtype} of shape "
            f"{indices.shape}; for one point p pass [p]"
        )
    if not 0 < len(indices) < count:
        raise ValueError(
            f"held_out must name at least one and fewer than all of the {count} points, "
            f"got {len(indices)}; keep something to train on"
        )
    if indices.min() < 0 or indices.max() >= count or len(np.unique(indices)) < len(indices):
        raise ValueError(
            f"held_out must hold distinct indices from 0 to {count - 1}, got {indices.tolist()}; "
            "count points from 0 and name each once"
        )
    return indices
