"""The door to neural-tangents: the library that computes the kernels of almost any architecture.

Its last release, 0.6.5, expects names that later versions of JAX have moved or removed. ``load``
puts them back while it is being imported, and leaves JAX as it found it afterwards. What it needs
TensorFlow for, one experimental module, is left out. symlib itself never uses it: it is the oracle
for our kernels, and the way on to other architectures.

Supported: ``stax`` (dense and convolutional layers, pooling, Relu, Erf, Gelu, LayerNorm, residual
branches), ``batch``, ``predict``, and the empirical kernels.

Source: Novak et al. 2020.
"""

import importlib
import importlib.util
import sys
import types
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import ModuleType

import numpy as np
from jaxtyping import Float

__all__ = ["gram", "load"]

_CORE_NAMES = (
    "AbstractValue",
    "Jaxpr",
    "JaxprEqn",
    "Literal",
    "Primitive",
    "ShapedArray",
    "Value",
    "Var",
)
_TENSORFLOW_MODULE = "neural_tangents.experimental"

# Repeated at every use of a layer, right or wrong, with the folder it is installed in; ``gram``
# says instead what they ask for.
_REMINDERS = (
    "`FanIn` layers assume independent inputs",
    "Linear scaling attention used",
)


def load() -> ModuleType:
    """The module ``neural_tangents``, opened on the JAX that is installed.

    Raises:
        ImportError: if it is not installed; it must be installed without its dependencies.
    """
    if "neural_tangents" in sys.modules:
        return sys.modules["neural_tangents"]
    if importlib.util.find_spec("neural_tangents") is None:
        raise ImportError(
            "neural-tangents is not installed; it is needed only as an oracle, without its own "
            "dependencies: pip install --no-deps neural-tangents frozendict"
        )
    with _old_jax_names(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return importlib.import_module("neural_tangents")


def gram(
    kernel_fn: Callable,
    x: Float[np.ndarray, "points ..."],
    other: Float[np.ndarray, "others ..."] | None = None,
    *,
    get: str = "ntk",
) -> Float[np.ndarray, "points others"]:
    """A kernel of neural-tangents as a float64 Gram matrix for our solvers.

    Nothing checks that the branches of a residual sum are independent: all but one of them must
    end in a layer with weights of its own. Attention with ``linear_scaling`` uses one matrix for
    queries and keys.

    Args:
        kernel_fn: third of what ``stax.serial`` returns.
        x: inputs of the network, its batch axis first.
        other: inputs to compare with; ``x`` itself by default.
        get: ``"ntk"`` or ``"nngp"``.

    Raises:
        ValueError: if ``get`` is neither, or JAX computes in float32.
    """
    if get not in ("ntk", "nngp"):
        raise ValueError(f"get must be 'ntk' or 'nngp', got {get!r}; ask for one kernel at a time")
    with warnings.catch_warnings():
        for reminder in _REMINDERS:
            warnings.filterwarnings("ignore", reminder)
        computed = np.asarray(kernel_fn(x, other, get))
    if computed.dtype != np.float64:
        raise ValueError(
            f"kernel_fn must compute in float64, got {computed.dtype}; pass float64 inputs and "
            "call symlib.notebook.setup() first"
        )
    return computed


@contextmanager
def _old_jax_names() -> Iterator[None]:
    """JAX with the names that neural-tangents imports, for as long as that takes."""
    import jax
    from jax._src import core, util
    from jax.interpreters import ad

    added: list[tuple[object, str]] = []

    def put_back(module: object, name: str, value: object) -> None:
        if not hasattr(module, name):
            setattr(module, name, value)
            added.append((module, name))

    modules_before = set(sys.modules)
    for name in _CORE_NAMES:
        put_back(jax.core, name, getattr(core, name, object))
    old_util = types.ModuleType("jax.util")
    old_util.safe_map, old_util.safe_zip = util.safe_map, util.safe_zip  # type: ignore[attr-defined]
    put_back(jax, "util", old_util)
    put_back(ad, "zeros_like_p", object())
    replaced = {"jax.util": old_util, _TENSORFLOW_MODULE: types.ModuleType(_TENSORFLOW_MODULE)}
    replaced = {name: module for name, module in replaced.items() if name not in sys.modules}
    sys.modules.update(replaced)
    try:
        yield
    except BaseException:
        for name in set(sys.modules) - modules_before:
            if name.startswith("neural_tangents"):
                del sys.modules[name]
        raise
    finally:
        for module, name in added:
            delattr(module, name)
        sys.modules.pop("jax.util", None) if "jax.util" in replaced else None
