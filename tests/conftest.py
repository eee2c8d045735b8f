"""Types and shapes are enforced while testing; JAX computes in float64."""

import os

import hypothesis
import jax
import jaxtyping
import pytest

_hook = jaxtyping.install_import_hook("symlib", "beartype.beartype")
_hook.__enter__()
jax.config.update("jax_enable_x64", True)

hypothesis.settings.register_profile("few", max_examples=20, deadline=None, derandomize=True)
hypothesis.settings.register_profile("many", max_examples=100, deadline=None)
hypothesis.settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "few"))


@pytest.fixture
def untyped():
    """Let bad input past the type checker, to the function's own errors."""
    jaxtyping.config.update("jaxtyping_disable", True)
    yield
    jaxtyping.config.update("jaxtyping_disable", False)


def pytest_terminal_summary(terminalreporter):
    """Say last what was not looked at for want of a browser, and how to get one."""
    skipped = terminalreporter.stats.get("skipped", [])
    unseen = sum("no Chromium" in str(report.longrepr) for report in skipped)
    if unseen:
        terminalreporter.write_line(
            f"{unseen} tests of the pages did not run for want of Chromium: install the package "
            "chromium of Debian, or run .venv/bin/playwright install chromium",
            yellow=True,
        )
