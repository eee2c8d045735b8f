"""What every chapter begins with, and how it records what it measured.

A chapter starts with ``setup()`` and hands each number that its text relies on to ``record``.
The book collects those numbers in its ledger of claims; anywhere else they are just printed.
"""

import json
import os

import numpy as np

__all__ = ["progress", "record", "scale", "setup"]

_SCALES = ("quick", "paper")


def scale() -> str:
    """How large the experiments are: ``"quick"`` (default) or ``"paper"``, from ``SYMLIB_SCALE``.

    Raises:
        ValueError: if ``SYMLIB_SCALE`` is set to anything else.
    """
    chosen = os.environ.get("SYMLIB_SCALE", "quick")
    if chosen not in _SCALES:
        raise ValueError(
            f"SYMLIB_SCALE must be one of {_SCALES}, got {chosen!r}; "
            "set it to 'quick' for minutes on a CPU or 'paper' for the paper's sizes"
        )
    return chosen


def setup() -> None:
    """Compute in float64, draw in the book's style, and say what this machine will run."""
    import jax

    import symlib
    from symlib import plotting

    jax.config.update("jax_enable_x64", True)
    plotting.use_style()
    device = jax.devices()[0]
    print(
        f"symlib {symlib.__version__} · {scale()} scale · float64 · "
        f"JAX {jax.__version__} on {device.device_kind}"
    )


def _building() -> bool:
    return "SYMLIB_BUILDING" in os.environ


def progress(iterable, description: str, total: int | None = None):
    """A progress bar over ``iterable``, silent while the book is being built."""
    from tqdm import tqdm

    return tqdm(iterable, desc=description, total=total, disable=_building(), leave=False)


def record(
    key: str,
    value: float | bool,
    low: float | None = None,
    high: float | None = None,
    *,
    quiet: bool = False,
) -> None:
    """Print ``value``, and keep it under ``key`` for the ledger of claims and the prose.

    While the book is being built nothing is printed: its pages say the number. It travels with the
    notebook's outputs, so a cached chapter keeps what it measured.

    Args:
        key: ``"chapter.quantity"``, as in ``book/claims.yml``.
        value: what was measured.
        low: lower end of its interval, if it has one.
        high: upper end of its interval.
        quiet: never print, for numbers that the chapter shows in a table or figure.

    Raises:
        ValueError: if ``value`` is not finite or lies outside ``[low, high]``.
    """
    from IPython.display import display

    number = value if isinstance(value, bool | np.bool_) else float(value)
    if not np.isfinite(number):
        raise ValueError(f"value of {key!r} must be finite, got {value}; find out why it is not")
    ends = [end for end in (low, high) if end is not None]
    if len(ends) == 1 or (ends and not ends[0] <= number <= ends[1]):
        raise ValueError(
            f"interval of {key!r} must have two ends with the value between them, "
            f"got value {number}, low {low}, high {high}"
        )
    payload = {
        "key": key,
        "value": bool(number) if isinstance(number, bool | np.bool_) else number,
        "low": None if low is None else float(low),
        "high": None if high is None else float(high),
    }
    if not (quiet or _building()):
        interval = "" if low is None else f"  [{low:.4g}, {high:.4g}]"
        shown = str(payload["value"]) if isinstance(payload["value"], bool) else f"{number:.6g}"
        print(f"{key} = {shown}{interval}")
    prefix = "application/papermill.record/"
    display(
        {
            f"{prefix}text/plain": repr(payload["value"]),
            f"{prefix}application/json": json.dumps(payload),
        },
        raw=True,
        metadata={"scrapbook": {"name": key, "mime_prefix": prefix}},
    )
