"""What the two live explorers need and the build makes: example digits, figures without scripts.

The explorers themselves are ``book/assets/explorers``; this goes beside them, into
``_static/explorers`` of the built book.
"""

import base64
import json
from pathlib import Path

import jax
import numpy as np
from matplotlib.figure import Figure

from symlib import baselines, data, kernels, orbits, plotting, regression, spectral
from symlib.experiments.two_circles import TwoCircles

EXAMPLES = 4  # images of each digit
COUNTS = (2, 4, 8, 16, 32, 64)
PAIR = (4, 7)  # the digits that the page opens with
RIDGE = 1e-10


def make(folder: Path) -> None:
    """Write all of it into ``folder``."""
    jax.config.update("jax_enable_x64", True)
    plotting.use_style()
    folder.mkdir(parents=True, exist_ok=True)
    digits = data.load("mnist-5000")
    (folder / "digits.js").write_text(example_script(digits), "utf-8")
    pair = np.stack([digits.images[digits.labels == digit][0] for digit in PAIR])
    two_circles_figure().savefig(folder / "two-circles.svg")
    two_digits_figure(pair).savefig(folder / "draw-two-digits.svg")


def example_script(digits: data.Images) -> str:
    """The first images of each digit as a script, one byte a pixel."""
    pixels = np.rint(255 * digits.images).astype(np.uint8)
    examples = [
        [base64.b64encode(image.tobytes()).decode() for image in pixels[digits.labels == digit]]
        for digit in range(10)
    ]
    listed = json.dumps([images[:EXAMPLES] for images in examples], indent=0)
    note = "// MNIST, by Yann LeCun and Corinna Cortes, CC BY-SA 3.0: 28 × 28 bytes each, base64.\n"
    return f"{note}globalThis.digitExamples = {listed};\n"


def two_circles_figure(offset: float = 0.5, inverse_length: float = 1.0) -> Figure:
    """Error against N on two circles, and the inverse spectra of a failure and of a success."""
    counts = tuple(range(2, 13))
    frame = TwoCircles(counts, (offset,), inverse_length, ridge_per_point=0.0).run()
    figure = Figure(figsize=(9, 3))
    curve, *spectra = figure.subplots(1, 3)
    curve.plot(frame["count"], frame.spectral, "o-", markersize=4)
    curve.axhline(1, color="black", linestyle="--", linewidth=1)
    curve.set(xlabel="points on each circle $N$", ylabel=r"$\varepsilon_s$", ylim=(0, None))
    curve.set_title("above 1: the other class", fontsize=10)
    for axis, count in zip(spectra, (4, 8)):
        points = orbits.two_circles(count, offset).reshape(2 * count, 3)
        gram = np.asarray(kernels.rbf(points, inverse_length=inverse_length))
        show_inverse_spectrum(axis, gram, ridge=0.0)
    return figure


def two_digits_figure(pair: np.ndarray) -> Figure:
    """The orbits of two digits, and their errors against N."""
    most = max(COUNTS)
    turned = orbits.rotations(pair, most)
    points = orbits.normalize(turned).reshape(2 * most, -1)
    gram = np.asarray(kernels.ntk(points, hidden_layers=1))
    together, alone, predicted = [], [], []
    for count in COUNTS:  # every second, fourth, … angle of the most
        kept = np.arange(0, 2 * most, most // count)
        sampled = gram[kept[:, None], kept]
        labels = np.repeat([1.0, -1.0], count)
        upright = [0, count]
        together.append(regression.leave_out(sampled, labels, upright, ridge=RIDGE))
        alone.append(regression.leave_one_out(sampled, labels, ridge=RIDGE)[upright])
        predicted.append(spectral.balanced_error(sampled, ridge=RIDGE).error)
    figure = Figure(figsize=(9, 3.2))
    first, second, curve = figure.subplots(1, 3)
    plotting.show_orbit(first, turned[0, ::8])
    plotting.show_orbit(second, turned[1, ::8])
    guesses = [baselines.label_mean_error(count - 1, count) for count in COUNTS]
    curve.plot(COUNTS, np.abs(together).mean(axis=1), "o-", label="both left out")
    curve.plot(COUNTS, predicted, "^--", label=r"$\varepsilon_{bal}$")
    curve.plot(COUNTS, np.abs(alone).mean(axis=1), "s-", label="one left out")
    curve.plot(COUNTS, guesses, ":", label="mean of labels")
    curve.axhline(1, color="black", linestyle="--", linewidth=1)
    curve.set(ylabel="error", ylim=(0, None))
    plotting.count_axis(curve, COUNTS, "angles $N$")
    curve.legend(fontsize=8)
    return figure


def show_inverse_spectrum(axis, gram: np.ndarray, *, ridge: float) -> None:
    """Inverse eigenvalues against frequency, the one of the labels highlighted."""
    row = spectral.circulant_projection(spectral.interleave(gram))
    inverse = 1 / (np.fft.fft(row).real + ridge)
    half = len(inverse) // 2
    colours = np.where(np.arange(2 * half) == half, *reversed(plotting.ORBIT_COLOURS))
    axis.bar(np.arange(2 * half), inverse, color=colours)
    axis.axhline(inverse.mean(), color="black", linestyle="--", linewidth=1)
    error = spectral.spectral_error(gram, ridge=ridge).error
    axis.set_title(rf"$1/\lambda$ at $N = {half}$: $\varepsilon_s = {error:.2f}$", fontsize=10)
    axis.set(xlabel="frequency")
