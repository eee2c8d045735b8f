"""What the live figures need and the build makes: example digits, figures without scripts.

The live figures themselves are ``book/assets/explorers``; this goes beside them, into
``_static/explorers`` of the built book.
"""

import base64
import json
from pathlib import Path

import jax
import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

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
    gram_figure(pair).savefig(folder / "gram.svg")
    circulant_figure().savefig(folder / "circulant.svg")
    posterior_figure().savefig(folder / "posterior.svg")
    planes_figure(pair[0]).savefig(folder / "planes.svg")
    width_figure().savefig(folder / "width.svg")


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


def gram_figure(pair: np.ndarray, row: int = 0, column: int = 6) -> Figure:
    """The Gram matrix of the quarter turns of two digits, and what is equal to one entry."""
    images = orbits.quarter_turns(pair).reshape(8, 28, 28)
    points = orbits.normalize(images).reshape(8, 784)
    gram = np.asarray(kernels.rbf(points, inverse_length=1.0))
    figure = Figure(figsize=(9, 3.4))
    matrix, first, second = figure.subplots(1, 3, width_ratios=(2, 1, 1))
    plotting.show_gram(matrix, np.where(np.eye(8), np.nan, gram))
    for p, q in zip(*np.nonzero(np.isclose(gram, gram[row, column], rtol=1e-12))):
        square = {"fill": False, "edgecolor": plotting.ORBIT_COLOURS[1], "linewidth": 2.5}
        matrix.add_patch(Rectangle((q - 0.42, p - 0.42), 0.84, 0.84, **square))
    matrix.plot(column, row, "o", color=plotting.ORBIT_COLOURS[1])
    names = [f"{digit}, {turns}" for digit in PAIR for turns in range(4)]
    matrix.set_xticks(range(8), names, fontsize=8)
    matrix.set_yticks(range(8), names, fontsize=8)
    matrix.set(xlabel="digit, quarter turns", ylabel="")
    for axis, point, name in ((first, row, "row"), (second, column, "column")):
        plotting.show_image(axis, images[point])
        axis.set_title(f"{name}: the {PAIR[point // 4]}, {point % 4} quarter turns", fontsize=9)
    return figure


def circulant_figure() -> Figure:
    """The first row of a circulant matrix, its eigenvalues, and the first row of the inverse."""
    half = np.array([1, 0.7, 0.5, 0.35, 0.25, 0.2, 0.15])
    row = np.concatenate([half, half[-2:0:-1]])
    eigenvalues = np.fft.fft(row).real
    inverse = np.fft.ifft(1 / eigenvalues).real
    figure = Figure(figsize=(9, 2.8))
    panels = {"first row": row, "eigenvalues": eigenvalues, "first row of the inverse": inverse}
    for axis, (title, values) in zip(figure.subplots(1, 3), panels.items()):
        axis.stem(values, basefmt="k-")
        axis.set_title(title, fontsize=10)
        axis.set(xlabel="frequency" if values is eigenvalues else "entry", xticks=range(0, 12, 3))
    return figure


def posterior_figure(inverse_length: float = 1.4) -> Figure:
    """The variance that all points of a circle except one leave, for three numbers of points."""
    figure = Figure(figsize=(9, 2.8))
    degrees = np.linspace(0, 360, 121)
    for axis, count in zip(figure.subplots(1, 3, sharey=True), (4, 8, 16)):
        seen = np.delete(np.arange(count) * 360 / count, count // 2)
        angles = np.deg2rad([*seen, *degrees])
        points = np.stack([np.cos(angles), np.sin(angles)], axis=1)
        covariances = np.asarray(kernels.rbf(points, inverse_length=inverse_length))[: len(seen)]
        explained = np.linalg.solve(covariances[:, : len(seen)], covariances)
        variance = (1 - (covariances * explained).sum(axis=0))[len(seen) :]
        unseen = variance[len(degrees) // 2]  # at 180°
        axis.fill_between(degrees, variance, alpha=0.3)
        axis.plot(degrees, variance)
        axis.plot(seen, 0 * seen, "o", markersize=4, clip_on=False)
        axis.plot(180, unseen, "o", fillstyle="none", markersize=9, color="black")
        axis.set_title(f"$N = {count}$: $v = {unseen:.3f}$", fontsize=10)
        axis.set(xlabel="angle (°)", xticks=range(0, 361, 90), ylim=(0, 1.05))
    return figure


def planes_figure(image: np.ndarray, count: int = 64, turn: int = 8) -> Figure:
    """A turned digit, and where its orbit is in the planes of three frequencies."""
    turned = orbits.rotations(image, count)
    points = orbits.normalize(turned).reshape(count, -1)
    coefficients = np.fft.fft(points, axis=0) / count
    figure = Figure(figsize=(9, 2.6))
    shown, *planes = figure.subplots(1, 4)
    plotting.show_image(shown, turned[turn])
    shown.set_title(f"turned by {360 * turn // count}°", fontsize=10)
    for frequency, axis in enumerate(planes, start=1):
        c = coefficients[frequency]
        plane = np.stack([c.real, -c.imag], axis=1)
        path = (points - points.mean(axis=0)) @ (plane / np.linalg.norm(plane, axis=0))
        axis.plot(*np.vstack([path, path[:1]]).T)
        axis.plot(*path[: turn + 1].T, color=plotting.ORBIT_COLOURS[1], linewidth=4)
        axis.plot(*path[0], "o", fillstyle="none", color="black")
        axis.plot(*path[turn], "o", color=plotting.ORBIT_COLOURS[1])
        axis.set(aspect="equal", xlim=(-0.7, 0.7), ylim=(-0.7, 0.7), xticks=[], yticks=[])
        axis.spines[:].set_visible(False)
        axis.set_title(f"frequency {frequency}", fontsize=10)
    return figure


def width_figure(networks: int = 2000) -> Figure:
    """The output of random networks with one hidden layer of three widths, beside the limit."""
    variance = 2 / 3  # of the output, and of each preactivation
    end = 4 * variance**0.5
    grid = np.linspace(-end, end, 200)
    gaussian = np.exp(-(grid**2) / (2 * variance)) / np.sqrt(2 * np.pi * variance)
    generator = np.random.default_rng(0)
    figure = Figure(figsize=(9, 2.8))
    for axis, width in zip(figure.subplots(1, 3, sharey=True), (1, 10, 100)):
        hidden, last = generator.normal(size=(2, networks, width))
        active = np.maximum(variance**0.5 * hidden, 0)
        outputs = (2 / width) ** 0.5 * (active * last).sum(axis=1)
        axis.hist(outputs, bins=41, range=(-end, end), density=True, alpha=0.6)
        axis.plot(grid, gaussian, color="black", linewidth=1)
        axis.set(xlabel="$f(x)$", ylim=(0, 2.5 * gaussian.max()))
        axis.set_title(f"width {width}", fontsize=10)
    return figure
