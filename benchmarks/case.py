"""One comparison."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Case:
    """Two ways to do the same work, and the ratio of their times that we want."""

    name: str
    ours: Callable[[], object]
    peer: Callable[[], object]
    target: str
    difference: Callable[[Any, Any], str] = lambda ours, peer: ""  # of what both computed
