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

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
from pydantic import NonNegativeFloat, PositiveFloat

from symlib import finite, pairs, regression, rotated
from symlib.experiments.of_pairs import OfPairs
from symlib.kernels import DenseNtk
from symlib.settings import Counts, Positive, Ridge, settings

__all__ = ["MlpTrained"]


def _regress(gram, labels, left_out, settings):
    """Predictions of kernel regression at the left-out points."""
    return labels[left_out] - regression.leave_out(gram, labels, left_out, ridge=settings.ridge)


def _stopped(gram, labels, kept, left_out, settings, rate):
    """Those of the same kernel after as many steps of gradient descent as the network makes."""
    return finite.momentum_prediction(
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


def _network(features, settings):
    return finite.dense(
        (features, settings.width, 1),
        weight_std=settings.weight_std,
        bias_std=settings.bias_std,
    )


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


def _train_all(points, gram, settings, *, seed):
    """Every way of training, averaged over the two upright images."""
    count = len(points) // 2
    labels = np.repeat([1.0, -1.0], count)
    rate = settings.rate / np.linalg.eigvalsh(gram)[-1]
    # Gaussian weights and gradient descent know inner products only, so that their network may
    # read coordinates in the span of the points. Adam works pixel by pixel, and gets the pixels.
    coordinates = np.linalg.qr(points.T, mode="r").T
    coordinates *= np.sqrt(coordinates.shape[1] / points.shape[1])  # the network divides by it
    network_kernel = finite.standard_ntk(points, width=settings.width)
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


@settings
class MlpTrained(OfPairs):
    """Width, loss, steps and rate of ``adam`` are the paper's, its network is not."""

    pairs: Positive = 64  # pairs of images of different digits
    chunk: Positive = 1  # pairs held in memory at once
    counts: Counts = (2, 4, 8, 16, 32, 64)  # rotations N of each image
    width: Positive = 512  # of the one hidden layer
    steps: Positive = 2000  # of Adam, on full batches
    learning_rate: PositiveFloat = 1e-3  # of Adam
    descent_steps: Positive = 1000  # of gradient descent, on full batches
    rate: PositiveFloat = 0.5  # of gradient descent, over the largest eigenvalue of the NTK
    momentum: NonNegativeFloat = 0.98  # of gradient descent
    weight_std: PositiveFloat = 1.0  # standard deviation of the weights
    bias_std: NonNegativeFloat = 1.0  # and of the biases
    ridge: Ridge = 1e-10  # absolute, of the predictions
    together: bool = False  # leave both upright images out at once, so that classes are balanced

    @classmethod
    def quick(cls) -> "MlpTrained":
        return cls(pairs=4, counts=(2, 4, 8, 16), steps=500)

    def rows(self, cell: int) -> pd.DataFrame:
        """Errors at the left-out upright images, predicted and trained.

        One row per pair and N: the columns of ``pairs.errors``; ``wide`` (infinite width with
        the same points left out), ``adam``, ``adam_kernel``, ``descent``, ``frozen``,
        ``frozen_stopped``, ``final`` and ``descent_wide``, mean |r| of the two upright images;
        ``…_correct``, the share classified right; ``…_loss``, the mean squared error on the
        training points.
        """
        kernel = DenseNtk(1, self.weight_std, self.bias_std)
        orbits = rotated.orbit_images(self.images(cell), max(self.counts))
        whole = rotated.orbit_gram(orbits, kernel)
        rows = []
        for count in self.counts:
            grams = rotated.sample_gram(whole, count)
            turned = orbits[:, :, :: max(self.counts) // count]
            predicted = pd.DataFrame(pairs.errors(grams, ridge=self.ridge)).to_dict("records")
            for pair, points, gram, row in zip(self.numbers(cell), turned, grams, predicted):
                seed = [self.seed, int(pair), count]
                trained = _train_all(points.reshape(2 * count, -1), gram, self, seed=seed)
                rows.append(row | trained | {"count": count, "pair": pair})
        return pd.DataFrame(rows)

    def cost(self, cell: int) -> float:
        trainings = (1 if self.together else 2) * len(self.numbers(cell))
        return 0.11 * trainings * sum(self.counts)
