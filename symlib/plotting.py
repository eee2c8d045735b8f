"""The book's plotting style, and the few figures that more than one chapter draws."""

from collections.abc import Sequence
from typing import Any, Literal

import matplotlib.pyplot as plt
import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.ticker import LogLocator

__all__ = [
    "ORBIT_COLOURS",
    "count_axis",
    "show_gram",
    "show_image",
    "show_images",
    "show_orbit",
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
    "axes.titlesize": 11,
    "figure.constrained_layout.use": True,
    "figure.dpi": 110,
    "figure.facecolor": "white",
    "font.size": 11,
    "grid.alpha": 0.25,
    "image.cmap": "cividis",
    "legend.fontsize": 9,
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


def show_image(
    axis: Axes, image: Float[np.ndarray, "height width"], strongest: float | None = None
) -> None:
    """Draw an image as dark ink on light paper; what most of it is, its median, is the paper.

    Args:
        axis: to draw on, which loses its ticks.
        image: whose ink has values above its paper's.
        strongest: the value that is black; the largest of the image where none is given.
    """
    axis.imshow(image, cmap="gray_r", vmin=np.median(image), vmax=strongest)
    axis.grid(False)
    axis.set(xticks=[], yticks=[])
    axis.spines[:].set(visible=True, color="0.8", linewidth=0.8)


def show_images(
    images: Float[np.ndarray, "rows columns height width"], titles: list[str] | None = None
):
    """Draw a grid of images, dark ink on light paper, ``titles`` over its columns."""
    rows, columns = images.shape[:2]
    axes: Any
    figure, axes = plt.subplots(
        rows, columns, figsize=(0.95 * columns, 1.05 * rows + 0.25), squeeze=False
    )
    for row, column in np.ndindex(rows, columns):
        axis = axes[row, column]
        show_image(axis, images[row, column], strongest=images.max())
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
        show_image(inset, image)
        inset.spines[:].set(
            visible=True,
            color=ORBIT_COLOURS[int(k == unseen)],
            linewidth=3 if k == unseen else 1,
        )
    if unseen is not None:
        axis.text(0, 0, "framed:\nnever seen", ha="center", va="center")


def show_gram(
    axis: Axes,
    gram: Float[np.ndarray, "points points"],
    title: str = "",
    norm: Literal["linear", "log"] = "linear",
) -> None:
    """Draw a Gram matrix as a picture, with its colour bar; white where it has no number."""
    image = axis.imshow(gram, norm=norm)
    axis.grid(False)
    axis.set(title=title, xlabel="point", ylabel="point")
    scale: Any = {"ticks": LogLocator(subs=(1, 2, 5)), "format": "%g"} if norm == "log" else {}
    bar = axis.figure.colorbar(image, ax=axis, shrink=0.8, **scale)
    if norm == "log":
        bar.minorticks_off()
