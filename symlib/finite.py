r"""Networks of finite width, and the kernel their gradients define.

In NTK parametrisation every layer divides by the square root of what it reads, so that gradients
keep their size as the width grows:

.. math:: z_{l+1} = \sigma_w\, W_l\, \phi(z_l)/\sqrt{m_l} + \sigma_b\, b_l ,
    \qquad W_l, b_l \sim N(0, 1) ,

and the parameters trained are W and b. The empirical NTK is the Gram matrix of the gradients,

.. math:: \hat\Theta(x, x') = \tfrac1c \textstyle\sum_{o=1}^{c}
    \nabla_\theta f_o(x) \cdot \nabla_\theta f_o(x') ,

which tends to ``kernels.ntk`` as the widths grow.

Source: Jacot et al. 2018.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.example_libraries import optimizers
from jax.scipy.special import erf
from jaxtyping import Array, Float, Int

from symlib._checks import require_positive
from symlib.kernels import check_network

__all__ = [
    "dense",
    "empirical_ntk",
    "torch_empirical_ntk",
    "train",
]

_NONLINEARITIES = {"relu": jax.nn.relu, "erf": erf}


def dense(
    widths: Sequence[int],
    *,
    weight_std: float = 1.0,
    bias_std: float = 1.0,
    nonlinearity: str = "relu",
) -> tuple[Callable, Callable]:
    """A dense network in NTK parametrisation, as a pair of functions ``init, apply``.

    ``init(key)`` draws the parameters, one pair (W, b) a layer; ``apply(parameters, x)`` takes
    points (points, features) to outputs (points, outputs).

    Args:
        widths: features, width of each hidden layer, outputs.
        weight_std: standard deviation of the weights.
        bias_std: standard deviation of the biases.
        nonlinearity: φ, one of ``kernels.NONLINEARITIES``.

    Raises:
        ValueError: if there are fewer than two widths or one is not a positive integer, a standard
            deviation is negative, or there is no such nonlinearity.
    """
    if len(widths) < 2 or any(not isinstance(m, int | np.integer) or m < 1 for m in widths):
        raise ValueError(
            "widths must be positive integers from features to outputs, got "
            f"{tuple(widths)}; (784, 512, 1) is one hidden layer of 512"
        )
    check_network(len(widths) - 2, weight_std, bias_std, nonlinearity)
    phi = _NONLINEARITIES[nonlinearity]

    def init(key: Array) -> list[tuple[Array, Array]]:
        if not jnp.issubdtype(key.dtype, jax.dtypes.prng_key):  # one of jax.random.PRNGKey
            key = jax.random.wrap_key_data(key)
        keys = jax.random.split(key, 2 * (len(widths) - 1)).reshape(-1, 2)
        return [
            (jax.random.normal(weight, (before, after)), jax.random.normal(bias, (after,)))
            for (weight, bias), before, after in zip(keys, widths, widths[1:])
        ]

    def apply(parameters: list[tuple[Array, Array]], x: np.ndarray | Array) -> Array:
        z = jnp.asarray(x)
        for layer, (weights, biases) in enumerate(parameters):
            z = z if layer == 0 else phi(z)
            z = weight_std * z @ weights / jnp.sqrt(len(weights)) + bias_std * biases
        return z

    return init, apply


def _by_blocks(gradients, contract, x, other, block_size):
    """Gram matrix of ``gradients``, holding those of two blocks at a time."""
    require_positive("block_size", block_size, 32)
    symmetric = other is None
    other = x if symmetric else other
    if len(x) == 0 or len(other) == 0:
        raise ValueError("x and other must hold at least one input each, got none; check the split")
    rows = [slice(start, start + block_size) for start in range(0, len(x), block_size)]
    columns = [slice(start, start + block_size) for start in range(0, len(other), block_size)]
    gram = np.empty((len(x), len(other)))
    for number, row in enumerate(rows):
        of_row = gradients(x[row])
        for column in columns[number if symmetric else 0 :]:
            same = symmetric and column == row
            block = contract(of_row, of_row if same else gradients(other[column]))
            gram[row, column] = block
            if symmetric:
                gram[column, row] = np.asarray(block).T
    if not np.isfinite(gram).all():
        raise ValueError("gradients must be finite, got NaN or infinity; check inputs and weights")
    return gram


@partial(jax.jit, static_argnums=0)  # compiled once for all parameters of a network
def _gradients(apply, parameters, points):
    def outputs(p, point):
        return jnp.ravel(apply(p, point[None])[0])

    jacobian = jax.vmap(jax.jacrev(outputs), (None, 0))(parameters, points)
    return [leaf.reshape(*leaf.shape[:2], -1) for leaf in jax.tree.leaves(jacobian)]


@jax.jit
def _contract(rows, columns):
    outputs = rows[0].shape[1]
    return sum(jnp.einsum("iop,jop->ij", r, c) for r, c in zip(rows, columns)) / outputs


def empirical_ntk(
    apply: Callable,
    parameters: Any,
    x: Float[np.ndarray | Array, "points ..."],
    other: Float[np.ndarray | Array, "others ..."] | None = None,
    *,
    block_size: int = 32,
) -> Float[Array, "points others"]:
    """The Gram matrix of the gradients of a network, averaged over its outputs.

    Args:
        apply: a pure function ``apply(parameters, x)``, from points to outputs (points, ...).
        parameters: any tree of arrays.
        x: inputs, one along the first axis.
        other: inputs to compare with; ``x`` itself by default.
        block_size: how many inputs' gradients to hold at a time, on either side.

    Raises:
        ValueError: if there are no inputs, ``block_size`` is not positive, or a gradient is not
            finite.
    """

    def gradients(points):
        return _gradients(apply, parameters, points)

    return jnp.asarray(_by_blocks(gradients, _contract, x, other, block_size))


def torch_empirical_ntk(
    module: Any,
    x: Any,
    other: Any = None,
    *,
    block_size: int = 32,
) -> Float[np.ndarray, "points others"]:
    """The empirical NTK of a ``torch.nn.Module``, over its parameters that require gradients.

    Args:
        module: called on a batch of inputs; put it in ``eval`` mode if it has dropout.
        x: tensor of inputs on the module's device.
        other: inputs to compare with; ``x`` itself by default.
        block_size: how many inputs' gradients to hold at a time, on either side.

    Raises:
        ValueError: if no parameter requires gradients, there are no inputs, ``block_size`` is not
            positive, or a gradient is not finite.
    """
    import torch
    from torch.func import functional_call, jacrev, vmap

    trained = {name: p.detach() for name, p in module.named_parameters() if p.requires_grad}
    if not trained:
        raise ValueError(
            "module must have parameters that require gradients, got none; unfreeze some"
        )

    def outputs(parameters, point):
        return functional_call(module, parameters, (point[None],))[0].reshape(-1)

    def gradients(points):
        jacobian = vmap(jacrev(outputs), (None, 0))(trained, points)
        return [leaf.reshape(*leaf.shape[:2], -1) for leaf in jacobian.values()]

    def contract(rows, columns):
        grams = (torch.einsum("iop,jop->ij", r, c) for r, c in zip(rows, columns))
        return (sum(grams) / rows[0].shape[1]).cpu().numpy()

    with torch.no_grad():
        return _by_blocks(gradients, contract, x, other, block_size)


@partial(jax.jit, static_argnames=("apply", "learning_rate", "steps", "momentum", "linearised"))
def train(
    apply: Callable,
    start: Any,
    x: Float[np.ndarray | Array, "points features"],
    labels: Float[np.ndarray | Array, " points"],
    kept: Int[np.ndarray | Array, " train"],
    *,
    learning_rate: float,
    steps: int,
    momentum: float | None = None,
    linearised: bool = False,
) -> tuple[Any, Float[Array, " points"]]:
    """Parameters and outputs after training on some points, on full batches and the squared error.

    Compiled once for each ``apply``, computed in the precision of ``start``.

    Args:
        apply: a pure function ``apply(parameters, x)``, from points to outputs (points, 1).
        start: its parameters, any tree of arrays.
        x: all points.
        labels: of all points.
        kept: indices of the points to train on.
        learning_rate: of the mean squared error.
        steps: of the optimiser.
        momentum: that of gradient descent; Adam if there is none.
        linearised: train the first-order expansion of the network about ``start`` instead.
    """

    def outputs(parameters):
        return apply(parameters, x)[:, 0]

    if linearised:
        first, change = jax.linearize(outputs, start)

        def outputs(parameters):
            return first + change(jax.tree.map(jnp.subtract, parameters, start))

    gradient = jax.grad(lambda p: jnp.square(labels - outputs(p))[kept].mean())
    init, update, parameters = (
        optimizers.adam(learning_rate)
        if momentum is None
        else optimizers.momentum(learning_rate, momentum)
    )

    def step(number, state):
        return update(number, gradient(parameters(state)), state)

    end = parameters(jax.lax.fori_loop(0, steps, step, init(start)))
    return end, outputs(end)
