r"""Trained networks of finite width on pairs of rotated digits, beside what the theory predicts.

Of each pair of orbits the upright image of one class is left out, then that of the other: the
paper's protocol, in which the left-out image's class has one label fewer. With ``together`` both
are left out at once and the classes are balanced. Two ways to train on the rest:

- ``adam``: Adam at the paper's rate and number of steps on the squared error of a network that is
  initialised by He. The paper's own network differs: NTK parametrisation, uniform first weights;
- ``descent``: what the theory speaks of, in NTK parametrisation, on f - f₀. Gradient descent with
  momentum β, :math:`v \leftarrow \beta v + \nabla`, :math:`\theta \leftarrow \theta - \eta v`,
  which has the limit of plain gradient descent and reaches it sooner.

Three controls tell apart why ``descent`` may differ from kernel regression with the NTK:

- ``frozen``: the network's own NTK at initialisation, kept for ever: what finite width alone does;
- ``descent_wide``: infinite width, after as many steps: what stopping alone does. With dual weights
  a, :math:`a_{t+1} = a_t + \eta (y - K a_t) + \beta (a_t - a_{t-1})`;
- ``frozen_stopped``: the network's own first NTK after as many steps: what both do.

What is left is that the kernel moves while the network is trained; ``final`` is regression with
the network's own NTK after training. ``adam_kernel`` is regression with the NTK of the network
that Adam trains, not in NTK parametrisation: what of ``adam`` is due to the network, not to Adam.

Perin and Deny 2025, on trained networks.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
from jaxtyping import Float

from symlib import data, finite, kernels, regression, results, rotated
from symlib.experiments import mlp_ntk

__all__ = ["MlpTrained", "momentum_prediction", "run", "standard_ntk", "work"]


@dataclass(frozen=True)
class MlpTrained:
    """Settings; width, loss, steps and rate of ``adam`` are the paper's, its network is not."""

    pairs: int = 64  # pairs of images of different digits
    counts: tuple[int, ...] = (2, 4, 8, 16, 32, 64)  # rotations N of each image
    width: int = 512  # of the one hidden layer
    steps: int = 2000  # of Adam, on full batches
    learning_rate: float = 1e-3  # of Adam
    descent_steps: int = 1000  # of gradient descent, on full batches
    rate: float = 0.5  # of gradient descent, over the largest eigenvalue of the NTK
    momentum: float = 0.98  # of gradient descent
    weight_std: float = 1.0
    bias_std: float = 1.0
    ridge: float = 1e-10  # absolute, of the predictions
    dataset: str = "mnist-5000"
    seed: int = 0
    together: bool = False  # leave both upright images out at once, so that classes are balanced

    @classmethod
    def quick(cls) -> "MlpTrained":
        """For a page that is computed while it is built."""
        return cls(pairs=4, counts=(2, 4, 8, 16), steps=500)


def run(
    settings: MlpTrained,
    progress: Callable = lambda pairs, description, total: pairs,
    path: str | Path | None = None,
    jobs: int = 1,
) -> pd.DataFrame:
    """Errors at the left-out upright images, predicted and trained.

    Args:
        settings: what to run.
        progress: wraps the loop over pairs, as ``symlib.notebook.progress`` does.
        path: where to store and resume.
        jobs: processes to run at once.

    Returns:
        One row per pair and N: the columns of ``mlp_ntk.errors``; ``wide`` (infinite width with
        the same points left out), ``adam``, ``adam_kernel``, ``descent``, ``frozen``,
        ``frozen_stopped``, ``final`` and ``descent_wide``, mean |r| of the two upright images;
        ``…_correct``, the share classified right; ``…_loss``, the mean squared error on the
        training points.

    Raises:
        ValueError: if the largest N is not a multiple of four and of every other N, or ``path``
            holds other results.
    """
    largest = rotated.largest_count(settings.counts)
    digits = data.load(settings.dataset)
    generator = np.random.default_rng(settings.seed)
    pairs = data.pairs_of_classes(digits.labels, settings.pairs, generator=generator)

    def kernel(x, other):
        return kernels.ntk(
            x,
            other,
            hidden_layers=1,
            weight_std=settings.weight_std,
            bias_std=settings.bias_std,
        )

    def compute(number: int) -> pd.DataFrame:
        turned = rotated.orbit_images(digits.images[pairs[[number]]], largest)
        gram = rotated.orbit_gram(turned, kernel)
        rows = []
        for count in settings.counts:
            kept = np.arange(0, 2 * largest, largest // count)
            sub_gram = gram[:, kept[:, None], kept]
            predicted = mlp_ntk.errors(sub_gram, ridge=settings.ridge)
            points = turned.reshape(2 * largest, -1)[kept]
            trained = _train_all(points, sub_gram[0], settings, seed=[settings.seed, number, count])
            rows.append({key: value[0] for key, value in predicted.items()} | trained)
        return pd.DataFrame(rows).assign(count=settings.counts, pair=number)

    return results.sweep(
        "mlp-trained",
        settings,
        range(settings.pairs),
        compute,
        path=path,
        jobs=jobs,
        progress=progress,
    )


def work(settings: MlpTrained) -> tuple[int, float]:
    """Number of pairs, and about how many seconds two CPU cores need for them."""
    trainings = 1 if settings.together else 2
    return settings.pairs, 0.075 * trainings * settings.pairs * sum(settings.counts)


def momentum_prediction(
    gram: Float[np.ndarray, "train train"],
    cross_gram: Float[np.ndarray, "test train"],
    labels: Float[np.ndarray, " train"],
    *,
    rate: float,
    momentum: float,
    steps: int,
) -> Float[np.ndarray, " test"]:
    """What gradient descent with momentum on a network of infinite width predicts after ``steps``.

    Started at zero, on the loss ½ Σ (y - f)².
    """
    weights = before = np.zeros(len(labels))
    for _ in range(steps):
        step = rate * (labels - gram @ weights) + momentum * (weights - before)
        weights, before = weights + step, weights
    return cross_gram @ weights


def standard_ntk(
    x: Float[np.ndarray, "points features"], *, width: int
) -> Float[np.ndarray, "points points"]:
    """NTK of one hidden ReLU layer as PyTorch trains it: weights by He, biases from zero.

    Its weights carry their scale themselves, so that gradients do not: width · E[φφ'] comes from
    the readout's weights, 2 E[φ'φ'] (1 + x·x') from the layer's weights and biases, 1 from the
    readout's bias. Here inner products of images are not divided by their number of pixels.

    Args:
        x: one point per row.
        width: number of hidden units, large.
    """
    inner = x @ x.T
    before = 2 / x.shape[1] * inner  # covariance of the hidden units before φ
    variance = np.diagonal(before)
    kappa, slopes, *_ = kernels.EXPECTATIONS["relu"](before, variance[:, None], variance)
    return np.asarray(1 + width * kappa + 2 * slopes * (1 + inner))


def _train_all(points, gram, settings, *, seed):
    """Every way of training, averaged over the two upright images."""
    count = len(points) // 2
    labels = np.repeat([1.0, -1.0], count)
    rate = settings.rate / np.linalg.eigvalsh(gram)[-1]
    # Gaussian weights and gradient descent know inner products only, so that their network may
    # read coordinates in the span of the points. Adam works pixel by pixel, and gets the pixels.
    coordinates = np.linalg.qr(points.T, mode="r").T
    coordinates *= np.sqrt(coordinates.shape[1] / points.shape[1])  # the network divides by it
    network_kernel = standard_ntk(points, width=settings.width)
    rows = []
    for left_out in [[0, count]] if settings.together else [[0], [count]]:
        kept = np.delete(np.arange(2 * count), left_out)
        generator = np.random.default_rng([*seed, left_out[0]])
        ways = {
            "wide": _regress(gram, labels, left_out, settings),
            "adam_kernel": _regress(network_kernel, labels, left_out, settings),
            "descent_wide": _stopped(gram, labels, kept, left_out, settings, rate),
        }
        ways["adam"], adam_loss = _train_by_adam(
            points, labels, kept, left_out, settings, generator
        )
        descended, descent_loss = _train_by_descent(
            coordinates, labels, kept, left_out, settings, generator, rate
        )
        row = {"adam_loss": adam_loss, "descent_loss": descent_loss}
        for name, predicted in (ways | descended).items():
            residual = labels[left_out] - predicted
            row[name] = np.abs(residual).mean()
            row[f"{name}_correct"] = (residual * labels[left_out] < 1).mean()
        rows.append(row)
    return pd.DataFrame(rows).mean().to_dict()


def _regress(gram, labels, left_out, settings):
    """Predictions of kernel regression at the left-out points."""
    return labels[left_out] - regression.leave_out(gram, labels, left_out, ridge=settings.ridge)


def _stopped(gram, labels, kept, left_out, settings, rate):
    """Those of the same kernel after as many steps of gradient descent as the network makes."""
    return momentum_prediction(
        gram[np.ix_(kept, kept)],
        gram[np.ix_(left_out, kept)],
        labels[kept],
        rate=rate,
        momentum=settings.momentum,
        steps=settings.descent_steps,
    )


def _train_by_adam(points, labels, kept, left_out, settings, generator):
    """Predictions at the left-out points and mean squared training error, by Adam."""
    import torch

    torch.manual_seed(int(generator.integers(2**63)))
    network = torch.nn.Sequential(
        torch.nn.Linear(points.shape[1], settings.width),
        torch.nn.ReLU(),
        torch.nn.Linear(settings.width, 1),
    )
    for layer in network[::2]:
        torch.nn.init.kaiming_normal_(layer.weight)
        torch.nn.init.zeros_(layer.bias)
    x, y = (torch.tensor(array[kept], dtype=torch.float32) for array in (points, labels[:, None]))
    test = torch.tensor(points[left_out], dtype=torch.float32)
    torch.set_flush_denormal(True)  # once the loss is zero, Adam's moments decay for ever, slowly
    optimizer = torch.optim.Adam(network.parameters(), lr=settings.learning_rate, fused=True)
    for _ in range(settings.steps):
        optimizer.zero_grad()
        loss = torch.nn.functional.mse_loss(network(x), y)
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        return network(test)[:, 0].numpy().astype(float), loss.item()


def _train_by_descent(points, labels, kept, left_out, settings, generator, rate):
    """The same by gradient descent on f - f₀; and with its kernel at first, and at last, frozen."""
    init, apply = _network(points.shape[1], settings)
    start = init(jax.random.key(int(generator.integers(2**32))))
    frozen = np.asarray(finite.empirical_ntk(apply, start, points))
    start, x, y = jax.tree.map(lambda a: jnp.asarray(a, "float32"), (start, points, labels))
    trained = _descend(start, x[kept], y[kept], rate, settings)
    outputs = np.asarray(apply(trained, x) - apply(start, x))[:, 0].astype(float)
    trained = jax.tree.map(lambda a: jnp.asarray(a, "float64"), trained)
    final = np.asarray(finite.empirical_ntk(apply, trained, points))
    ways = {
        "descent": outputs[left_out],
        "frozen": _regress(frozen, labels, left_out, settings),
        "frozen_stopped": _stopped(frozen, labels, kept, left_out, settings, rate),
        "final": _regress(final, labels, left_out, settings),
    }
    return ways, np.square(labels - outputs)[kept].mean()


@partial(jax.jit, static_argnames="settings")
def _descend(start, x, y, rate, settings):
    _, apply = _network(x.shape[1], settings)
    target = y[:, None] + apply(start, x)
    gradient = jax.grad(lambda p: jnp.square(target - apply(p, x)).sum() / 2)

    def step(_, state):
        p, velocity = state
        velocity = jax.tree.map(lambda v, g: settings.momentum * v + g, velocity, gradient(p))
        p = jax.tree.map(lambda a, v: a - (rate * v).astype(a.dtype), p, velocity)
        return p, velocity

    still = jax.tree.map(jnp.zeros_like, start)
    return jax.lax.fori_loop(0, settings.descent_steps, step, (start, still))[0]


def _network(features, settings):
    return finite.dense(
        (features, settings.width, 1),
        weight_std=settings.weight_std,
        bias_std=settings.bias_std,
    )
