"""The book's experiments: each the settings of a table, and how its rows are computed."""

import importlib

from symlib.experiment import Experiment

__all__ = ["FORMER_NAMES", "NAMES", "find"]

NAMES = (
    "two-circles",
    "circulant-spectrum",
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
    "other-classes",
    "partially-rotated",
    "grokking",
    "richness",
    "class-separation",
    "foresight",
    "groups",
    "sensitivity",
)
FORMER_NAMES = {
    "toy": "two-circles",
    "sketch": "circulant-spectrum",
    "fig1": "partially-rotated",
}


def find(name: str) -> type[Experiment]:
    """The class of an experiment, by its name or a former one.

    Raises:
        ValueError: if there is none of that name.
    """
    name = FORMER_NAMES.get(name, name)
    if name not in NAMES:
        raise ValueError(f"experiment must be one of {', '.join(NAMES)}, got {name!r}")
    module = importlib.import_module(f"{__name__}.{name.replace('-', '_')}")
    wanted = name.title().replace("-", "")
    if not hasattr(module, wanted):
        raise ValueError(f"{module.__name__} must have the class {wanted}, named as its module is")
    return getattr(module, wanted)
