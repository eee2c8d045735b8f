"""Gram matrices that need not fit into memory."""

from collections.abc import Callable

import numpy as np
from jaxtyping import Float

from symlib._checks import require_float64, require_positive, require_real

__all__ = ["streamed_gram"]


def streamed_gram(
    kernel: Callable,
    x: Float[np.ndarray, "points ..."],
    *,
    out: Float[np.ndarray, "points points"] | None = None,
    block_size: int = 1024,
    progress: Callable = lambda blocks, description: blocks,
) -> Float[np.ndarray, "points points"]:
    """The Gram matrix block by block, each pair of blocks once: what fits on disk is enough.

    Args:
        kernel: ``kernel(x, other)``, any symmetric kernel.
        x: points along the first axis.
        out: where to write, ``np.lib.format.open_memmap`` for more points than memory holds.
        block_size: points in a block; beyond ``out``, memory holds a few blocks.
        progress: wraps the loop over pairs of blocks, as ``symlib.notebook.progress`` does.

    Raises:
        ValueError: if ``out`` has another shape or dtype, ``block_size`` is not positive, or the
            kernel's values are not finite float64.
    """
    x = require_real("x", x)
    out = np.empty((len(x), len(x))) if out is None else out
    if out.shape != (len(x), len(x)) or out.dtype != np.float64:
        raise ValueError(
            f"out must be float64 of shape {(len(x), len(x))}, got {out.dtype} of shape "
            f"{out.shape}; leave it out to have it made"
        )
    require_positive("block_size", block_size, 1024)
    blocks = [slice(start, start + block_size) for start in range(0, len(x), block_size)]
    pairs = [(row, column) for i, row in enumerate(blocks) for column in blocks[i:]]
    for row, column in progress(pairs, "blocks of the Gram matrix"):
        block = require_float64("kernel", kernel(x[row], x[column]))
        out[row, column] = block
        if row != column:
            out[column, row] = block.T
    return out
