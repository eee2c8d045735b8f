"""The book's experiments: each a function of its frozen settings that returns a tidy data frame.

Every module has a settings dataclass, whose defaults are the paper's and whose ``quick()``, where
it has one, fits a page that is built in minutes; ``run(settings, progress, path, jobs)``; and
``work(settings)``, the number of cells of its sweep with a guess at the seconds it takes.
"""

import importlib
from types import ModuleType
from typing import Any

__all__ = ["NAMES", "find", "settings_of"]

NAMES = (
    "toy",
    "sketch",
    "orbits",
    "mlp-ntk",
    "protocols",
    "seen-angles",
    "mlp-trained",
    "cntk",
    "pooled-exemplars",
    "shifts",
    "exemplars",
    "multiclass",
    "fig1",
    "upright",
    "grokking",
    "foresight",
    "groups",
    "sensitivity",
)


def find(name: str) -> ModuleType:
    """The module of an experiment.

    Raises:
        ValueError: if there is none of that name.
    """
    if name not in NAMES:
        raise ValueError(f"experiment must be one of {', '.join(NAMES)}, got {name!r}")
    return importlib.import_module(f"{__name__}.{name.replace('-', '_')}")


def settings_of(name: str, *, scale: str = "quick") -> Any:
    """The settings of an experiment at one of the scales ``"quick"`` and ``"paper"``.

    Raises:
        ValueError: if there is no such experiment or scale.
    """
    if scale not in ("quick", "paper"):
        raise ValueError(f"scale must be quick or paper, got {scale!r}")
    settings = getattr(find(name), name.title().replace("-", ""))
    return settings.quick() if scale == "quick" and hasattr(settings, "quick") else settings()
