r"""Networks trained on pairs of rotated digits as published, beside regression with their kernels.

The paper's network: ReLU, NTK parametrisation, weights and biases of hidden layers uniform on
±1/√512, where 512 is the number of *outputs*, of the readout on ±1; Adam, full batches, squared
error. The published script trains one hidden layer whatever its flag of depth says; here all hidden
layers are drawn alike. It leaves out A upright and B at the last angle, from the same initial
weights; here both are left out upright, one after the other, each from weights of its own; or, with
``together``, both at once, so that the classes are balanced. Beside ``trained`` stand

- ``gaussian``: the kernel of the theory, the NTK of wide networks with standard normal weights;
- ``wide``: the NTK of wide networks that are drawn as those that are trained;
- ``frozen``: that of the network as drawn, with its first function: what finite width alone does;
- ``linearised``: the network's first-order expansion, trained as the network is, for as many steps:
  what the optimiser and stopping do as well, while the kernel stays;
- ``final``: the NTK of the network after training.

Under gradient descent, weights that begin at 1/√width change by several times their size, however
wide the network; from a ``bound`` that does not fall with the width, the less the wider it is. Five
hidden layers drawn so have kernels that are constant to ten digits; below that, the one ``frozen``
at width 512 holds nothing but rounding, and predicts the mean of the labels.

Perin and Deny 2025, on trained networks; github.com/Andrea-Perin/gpsymm, ``mlp_trained.py``,
``utils/net_utils.py`` and ``config.toml``.
"""

from functools import cache, partial

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
from pydantic import PositiveFloat

from symlib import finite, pairs, regression, rotated, uniform
from symlib.experiments.of_pairs import OfPairs
from symlib.kernels import DenseNtk
from symlib.settings import Counts, Positive, Ridge, settings

__all__ = ["MlpTrained"]

_dense = cache(finite.dense)  # JAX compiles once for each function that it is given


def _residuals(points, gram, left_out, settings, key):
    """Residuals at the left-out points by every way, and mean squared training error."""
    labels = np.repeat([1.0, -1.0], len(points) // 2)
    kept = np.delete(np.arange(len(points)), left_out)
    widths = points.shape[1], *[settings.width] * settings.hidden_layers, 1
    bounds = *[settings.bound or settings.width**-0.5] * settings.hidden_layers, 1.0
    _, apply = _dense(widths)
    start = uniform.parameters(key, widths, bounds)
    first = np.asarray(apply(start, points))[:, 0]
    single = jax.tree.map(lambda a: jnp.asarray(a, "float32"), (start, points, labels))
    train = partial(
        finite.train,
        apply,
        *single,
        kept,
        learning_rate=settings.learning_rate,
        steps=settings.steps,
        momentum=settings.momentum,
    )
    (end, trained), (_, linearised) = train(), train(linearised=True)
    end = jax.tree.map(lambda a: jnp.asarray(a, "float64"), end)

    def regress(gram, targets=labels):
        return regression.leave_out(np.asarray(gram), targets, left_out, ridge=settings.ridge)

    residuals = {
        "gaussian": regress(gram),
        "wide": regress(uniform.ntk(points, bounds=bounds)),
        "frozen": regress(finite.empirical_ntk(apply, start, points), labels - first),
        "linearised": (labels - np.asarray(linearised))[left_out],
        "final": regress(finite.empirical_ntk(apply, end, points)),
        "trained": (labels - np.asarray(trained))[left_out],
    }
    return residuals, np.square(labels - trained)[kept].mean()


def _row(points, gram, settings, seed):
    """Every way's error and share of right answers, averaged over the two upright images."""
    count = len(points) // 2
    rows = []
    for left_out in [[0, count]] if settings.together else [[0], [count]]:
        number = np.random.default_rng([*seed, left_out[0]]).integers(2**32)
        key = jax.random.key(int(number))
        residuals, loss = _residuals(points, gram, left_out, settings, key)
        signs = np.where(np.array(left_out) < count, 1.0, -1.0)
        row = {"loss": loss}
        for name, residual in residuals.items():
            row[name] = np.abs(residual).mean()
            row[f"{name}_correct"] = regression.is_correct(residual, signs).mean()
        rows.append(row)
    return pd.DataFrame(rows).mean().to_dict()


@settings
class MlpTrained(OfPairs):
    """The published network, loss, optimiser and number of steps."""

    chunk: Positive = 1  # pairs held in memory at once
    counts: Counts = (2, 4, 8, 16, 32, 64)  # rotations N of each image
    hidden_layers: Positive = 1  # of the network
    width: Positive = 512  # of each hidden layer
    bound: PositiveFloat | None = None  # of hidden weights and biases, 1/√width unless given
    steps: Positive = 2000  # of the optimiser, on full batches
    learning_rate: PositiveFloat = 1e-3  # of the optimiser
    momentum: PositiveFloat | None = None  # train by gradient descent with it, not by Adam
    ridge: Ridge = 1e-12  # absolute, of the predictions
    together: bool = False  # leave both upright images out at once, so that classes are balanced

    @classmethod
    def quick(cls) -> "MlpTrained":
        return cls(pairs=4, counts=(2, 4, 8), steps=500)

    def rows(self, cell: int) -> pd.DataFrame:
        """Errors at the left-out upright images, predicted and trained.

        One row per pair and N: the columns of ``pairs.errors`` with the kernel of the theory;
        ``gaussian``, ``wide``, ``frozen``, ``linearised``, ``final`` and ``trained``, mean |r| of
        the two upright images; ``…_correct``, the share classified right; ``loss``, the mean
        squared error on the training points.
        """
        orbits = rotated.orbit_images(self.images(cell), max(self.counts))
        whole = rotated.orbit_gram(orbits, DenseNtk(self.hidden_layers))
        rows = []
        for count in self.counts:
            grams = rotated.sample_gram(whole, count)
            turned = orbits[:, :, :: max(self.counts) // count]
            predicted = pd.DataFrame(pairs.errors(grams, ridge=self.ridge)).to_dict("records")
            for pair, points, gram, row in zip(self.numbers(cell), turned, grams, predicted):
                seed = [self.seed, int(pair), count]
                trained = _row(points.reshape(2 * count, -1), gram, self, seed)
                rows.append(row | trained | {"count": count, "pair": pair})
        return pd.DataFrame(rows)

    def cost(self, cell: int) -> float:
        trainings = (1 if self.together else 2) * len(self.numbers(cell))
        parameters = self.width * (784 + (self.hidden_layers - 1) * self.width)
        each = sum(2.9e-6 + 1.8e-7 * count for count in self.counts)
        return trainings * parameters * self.steps / 2000 * each
