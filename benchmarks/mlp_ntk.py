"""Exact and spectral errors of digit pairs at six numbers of rotations, against the paper's method.

The paper's method: SciPy's rotation for each image and angle, the kernel by neural-tangents in
float32, and a least-squares solve for each left-out point. Ours also gives the orbit-mean errors,
the projected and the quarter-turn forms and the geometry of the orbits, and is float64 throughout.
"""

import jax.numpy as jnp
import numpy as np
import pandas as pd
from scipy.ndimage import rotate

from benchmarks.case import Case
from symlib import data, tangents
from symlib.experiments.mlp_ntk import MlpNtk


def cases(pairs: int) -> list[Case]:
    """The whole experiment with one hidden layer."""
    settings = MlpNtk(pairs=pairs, hidden_layers=(1,), balanced=False)
    return [
        Case(
            name=f"mlp-ntk, {pairs} pairs, six N",
            ours=lambda: settings.run(),
            peer=lambda: as_published(settings),
            target="≥ 15",
            difference=lambda frame, published: _difference(frame, published, settings.counts),
        )
    ]


def _difference(frame: pd.DataFrame, published: np.ndarray, counts: tuple[int, ...]) -> str:
    by_count = frame.set_index(["count", "pair"]).loc[list(counts), ["exact_upright", "spectral"]]
    ours = by_count.to_numpy().reshape(published.shape)
    return f"largest difference of an error {np.abs(ours - published).max():.1e}"


def as_published(settings: MlpNtk) -> np.ndarray:
    """Upright and spectral errors, shape (N, pairs, 2)."""
    digits = data.load(settings.dataset)
    generator = np.random.default_rng(settings.seed)
    chosen = data.pairs_of_classes(digits.labels, settings.pairs, generator=generator)
    stax = tangents.load().stax
    layer = {"W_std": settings.weight_std, "b_std": settings.bias_std}
    kernel_fn = stax.serial(stax.Dense(512, **layer), stax.Relu(), stax.Dense(1, **layer))[2]

    results = []
    for count in settings.counts:
        labels = np.repeat([1.0, -1.0], count).astype("float32")
        for pair in digits.images[chosen]:
            points = np.stack(
                [
                    rotate(image, k * 360 / count, reshape=False, order=3)
                    for image in pair
                    for k in range(count)
                ]
            ).reshape(2 * count, -1)
            points -= points.mean(axis=1, keepdims=True)
            points /= np.linalg.norm(points, axis=1, keepdims=True)
            gram = np.asarray(kernel_fn(jnp.asarray(points, "float32"), None, "ntk"))
            results.append((_upright(gram, labels, settings.ridge), _spectral(gram)))
    return np.array(results).reshape(len(settings.counts), settings.pairs, 2)


def _upright(gram: np.ndarray, labels: np.ndarray, ridge: float) -> float:
    errors = []
    for left_out in (0, len(gram) // 2):
        kept = np.arange(len(gram)) != left_out
        regularized = gram[np.ix_(kept, kept)] + ridge * np.eye(kept.sum(), dtype="float32")
        weights = np.linalg.lstsq(regularized, labels[kept], rcond=None)[0]
        errors.append(abs(labels[left_out] - gram[left_out, kept] @ weights))
    return float(np.mean(errors))


def _spectral(gram: np.ndarray) -> float:
    points = len(gram)
    order = np.arange(points).reshape(2, -1).T.ravel()
    interleaved = gram[np.ix_(order, order)]
    row = np.mean([np.roll(interleaved[k], -k) for k in range(points)], axis=0)
    inverse = 1 / np.fft.fft(row).real
    return float(inverse[points // 2] / inverse.mean())
