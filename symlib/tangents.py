"""The door to neural-tangents: the library that computes the kernels of almost any architecture.

Its last release, 0.6.5, expects names that later versions of JAX have moved or removed. ``load``
puts them back while it is being imported, and leaves JAX as it found it afterwards; what its own
modules look up at each use, they get for themselves. What it needs TensorFlow for, one
experimental module, is left out. symlib itself never uses it: it is the oracle for our kernels,
and the way on to other architectures.

What works was seen by its own tests, on a CPU with JAX 0.10, four sampled cases for each test as
by default, which skip what is large. 173 pass and none fails: ``predict`` 35, batching 33,
empirical kernels 27, Monte Carlo 24, ``stax`` 18, its combinators 12 and requirements, masking
among them, 13, the rules of structured derivatives 8, examples 3. Twelve of them assume the random
numbers of earlier JAX (``JAX_THREEFRY_PARTITIONABLE=0``). Not run to their end: the tests of
elementwise and of linear layers; not run at all: what needs TensorFlow or its data.

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


def _changed(module: ModuleType, **names: object) -> ModuleType:
    """A copy of the module with some names of it changed."""
    copy = ModuleType(module.__name__)
    vars(copy).update(vars(module) | names)
    return copy


def _mend() -> None:
    """Give its own modules, not JAX, the names that they look up each time they are used."""
    import jax
    import scipy.linalg
    from jax._src import core
    from jax._src.interpreters import ad
    from jax.extend import linear_util
    from neural_tangents._src import empirical, predict

    def eigvalsh(matrix, eigvals):
        return scipy.linalg.eigvalsh(matrix, subset_by_index=eigvals)

    def wrap_init(function):
        named = jax.api_util.debug_info("linearize", function, (), {})
        return linear_util.wrap_init(function, debug_info=named)

    def linearize(function, *primals, has_aux):
        outputs, tangent = jax.linearize(function.call_wrapped, *primals)
        program = jax.make_jaxpr(tangent)(*primals)
        unknown = types.SimpleNamespace(is_known=lambda: False)
        return outputs, [unknown] * len(outputs), program.jaxpr, program.consts

    def pull_back(equation, cotangent, *inputs):
        if equation is None:  # the identity
            return (cotangent,)
        places = [i for i, value in enumerate(inputs) if ad.is_undefined_primal(value)]
        found = [None] * len(inputs)

        def apply(*unknown):
            values = list(inputs)
            for i, value in zip(places, unknown):
                values[i] = value
            return equation.primitive.bind(*values, **equation.params)

        if not isinstance(cotangent, ad.Zero):
            transposed = jax.linear_transpose(apply, *(inputs[i].aval for i in places))
            for i, value in zip(places, transposed(cotangent)):
                found[i] = value
        return found

    def get_flops(function, optimize, *arguments, **options):
        lowered = jax.jit(function).lower(*arguments, **options)
        return (lowered.compile() if optimize else lowered).cost_analysis()["flops"]

    predict.sp = types.SimpleNamespace(linalg=types.SimpleNamespace(eigvalsh=eigvalsh))
    # What is computed once and kept must not hold tracers of the jit in which it was first wanted.
    predict.jax = _changed(jax, core=_changed(jax.core, eval_context=jax.ensure_compile_time_eval))
    empirical.lu = _changed(linear_util, wrap_init=wrap_init)
    empirical.core = _changed(core, DShapedArray=object)
    sizes = {"dtype": lambda array: array.dtype, "size": lambda array: array.size}
    empirical.jnp = _changed(jax.numpy, **sizes)
    empirical.ad = _changed(ad, linearize=linearize, config=jax.config)
    empirical._eqn_vjp_fn, empirical._get_flops = pull_back, get_flops


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
    old_util = sys.modules.get("jax.util", types.ModuleType("jax.util"))
    put_back(old_util, "safe_map", util.safe_map)
    put_back(old_util, "safe_zip", util.safe_zip)
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
        module = importlib.import_module("neural_tangents")
    _mend()
    return module


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
