"""What code computes something: modules of symlib, followed through their imports.

The hash of a module's code changes when the code does, and not with its docstrings, comments or
layout; so that what was computed and stored is computed anew only where it may differ.
"""

import ast
import functools
import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

__all__ = ["closure", "code_hash", "code_hashes", "imported"]

_ROOT = Path(__file__).parents[1]


def _path(name: str) -> Path:
    path = _ROOT.joinpath(*name.split("."))
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")


@functools.cache
def imported(source: str) -> frozenset[str]:
    """Names of the modules of symlib that this source text imports, also inside its functions."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    ours = (name for name in names if name.startswith("symlib."))
    return frozenset(name for name in ours if _path(name).exists())


def closure(names: Iterable[str]) -> list[str]:
    """These modules of symlib and all that they import, directly or not, in alphabetical order."""
    found: set[str] = set()
    waiting = list(names)
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting += imported(_path(name).read_text("utf-8"))
    return sorted(found)


@functools.cache
def _code(source: str) -> str:
    tree = ast.parse(source)
    node: Any
    for node in ast.walk(tree):
        documentable = isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef)
        if documentable and ast.get_docstring(node) is not None:
            node.body = node.body[1:] or [ast.Pass()]
    return ast.unparse(tree)


def code_hashes(names: Iterable[str]) -> dict[str, str]:
    """SHA-256, shortened, of the code of each of these modules and of all that they import."""
    return {
        name: hashlib.sha256(_code(_path(name).read_text("utf-8")).encode()).hexdigest()[:16]
        for name in closure(names)
    }


def code_hash(names: Iterable[str]) -> str:
    """SHA-256 of ``code_hashes`` of these modules."""
    return hashlib.sha256(repr(code_hashes(names)).encode()).hexdigest()
