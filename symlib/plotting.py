"""The book's plotting style, and the few figures that more than one chapter draws."""

from collections.abc import Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes

__all__ = [
    "ORBIT_COLOURS",
    "count_axis",
    "show_gram",
    "show_images",
    "show_orbit",
    "show_points",
    "use_style",
]

#: Okabe and Ito's colour-blind safe blue and vermilion: orbit A, orbit B.
ORBIT_COLOURS = ("#0072B2", "#D55E00")

_PALETTE = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000"]

_STYLE: Any = {
    "axes.grid": True,
    "axes.prop_cycle": plt.cycler(color=_PALETTE),
    "axes.spines.right": False,
    "axes.spines.top": False,
    "figure.constrained_layout.use": True,
    "figure.dpi": 110,
    "figure.facecolor": "white",
    "font.size": 11,
    "grid.alpha": 0.25,
    "image.cmap": "cividis",
    "lines.linewidth": 1.8,
    "savefig.facecolor": "white",
}


def use_style() -> None:
    """Draw with the book's style from here on."""
    plt.rcParams.update(_STYLE)


def count_axis(axis: Axes, counts: Sequence[int], label: str = "rotations $N$") -> None:
    """Let the horizontal axis be logarithmic over numbers of rotations, each written out."""
    axis.set_xscale("log", base=2)
    axis.set_xticks(counts, [str(count) for count in counts])
    axis.set_xticks([], minor=True)
    axis.set_xlabel(label)


def show_images(
    images: Float[np.ndarray, "rows columns height width"], titles: list[str] | None = None
):
    """Draw a grid of images on one grey scale, ``titles`` over its columns."""
    rows, columns = images.shape[:2]
    axes: Any
    figure, axes = plt.subplots(
        rows, columns, figsize=(0.95 * columns, 1.05 * rows + 0.25), squeeze=False
    )
    bounds = {"vmin": images.min(), "vmax": images.max()}
    for row, column in np.ndindex(rows, columns):
        axis = axes[row, column]
        axis.imshow(images[row, column], cmap="gray", **bounds)
        axis.set_axis_off()
        if titles is not None and row == 0:
            axis.set_title(titles[column], fontsize=10)
    return figure


def show_orbit(axis: Axes, images: Float[np.ndarray, "count height width"], unseen: int | None = 0):
    """Draw an orbit as a ring of its images, the one that is never seen in a frame of its own."""
    axis.set(xlim=(-1.35, 1.35), ylim=(-1.35, 1.35), aspect="equal")
    axis.set_axis_off()
    half = min(0.3, 2 / len(images))
    for k, image in enumerate(images):
        angle = 2 * np.pi * k / len(images) + np.pi / 2
        x, y = np.cos(angle), np.sin(angle)
        inset = axis.inset_axes((x - half, y - half, 2 * half, 2 * half), transform=axis.transData)
        inset.imshow(image, cmap="gray_r", vmin=0)
        inset.set(xticks=[], yticks=[])
        inset.spines[:].set(
            visible=True,
            color=ORBIT_COLOURS[int(k == unseen)],
            linewidth=3 if k == unseen else 1,
        )
    if unseen is not None:
        axis.text(0, 0, "framed:\nnever seen", ha="center", va="center")


def show_gram(axis: Axes, gram: Float[np.ndarray, "points points"], title: str = "") -> None:
    """Draw a Gram matrix as a picture, with its colour bar."""
    image = axis.imshow(gram)
    axis.grid(False)
    axis.set(title=title, xlabel="point", ylabel="point")
    axis.figure.colorbar(image, ax=axis, shrink=0.8)


def show_points(
    axis: Axes,
    exact: Float[np.ndarray, " pairs"],
    predicted: Float[np.ndarray, " pairs"],
    title: str = "",
) -> None:
    """Scatter predicted against exact errors with the diagonal on which they agree."""
    axis.scatter(exact, predicted, s=9, alpha=0.5, linewidths=0)
    limit = 1.05 * max(exact.max(), predicted.max())
    axis.plot([0, limit], [0, limit], color="black", linewidth=0.8)
    axis.set(title=title, xlabel="exact error", ylabel="predicted error", aspect="equal")
