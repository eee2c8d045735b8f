"""Types and shapes are enforced while testing; JAX computes in float64."""

import jax
import jaxtyping
import pytest

_hook = jaxtyping.install_import_hook("symlib", "beartype.beartype")
_hook.__enter__()
jax.config.update("jax_enable_x64", True)


@pytest.fixture
def untyped():
    """Let bad input past the type checker, to the function's own errors."""
    jaxtyping.config.update("jaxtyping_disable", True)
    yield
    jaxtyping.config.update("jaxtyping_disable", False)
