"""The edition of the book for a course: the same pages without the solutions of their exercises.

Its sources are staged in a folder of their own, so that pages, search index, sources and notebooks
of this edition are all made from text that holds no solution.
"""

import os
import re
from pathlib import Path

import yaml

from tools import lower, outputs

_WITH_CODE = re.compile(
    r"^(`{3,}|:{3,})\{solution-start\}.*?^(`{3,}|:{3,})\{solution-end\} *\n\2 *$\n*",
    re.MULTILINE | re.DOTALL,
)
_SOLUTION = re.compile(r"^(`{3,}|:{3,})\{solution\}.*?^\1 *$\n*", re.MULTILINE | re.DOTALL)


def stage(root: Path, staged: Path) -> None:
    """Write the sources and notebooks of this edition; what has not changed stays untouched."""
    wanted = {staged / "_config.yml": settings(root).encode()}
    for path in [root / "_toc.yml", *(root / "book").rglob("*")]:
        if path.suffix == ".md":
            wanted[staged / path.relative_to(root)] = without_solutions(
                path.read_text("utf-8")
            ).encode()
        elif path.is_file() and path.suffix != ".ipynb":
            wanted[staged / path.relative_to(root)] = path.read_bytes()
    for path in (staged / "book").rglob("*"):
        source = path.with_suffix(".md") if path.suffix == ".ipynb" else path
        if path.is_file() and source not in wanted:
            path.unlink()
    for path, content in wanted.items():
        if not path.exists() or path.read_bytes() != content:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
    lower.write(staged)


def without_solutions(text: str) -> str:
    """A chapter without its solutions, those with code cells between their ends included.

    Raises:
        ValueError: if a solution is written so that it cannot be told where it ends.
    """
    shorter = _SOLUTION.sub("", _WITH_CODE.sub("", text))
    if left := re.search(r".*\{solution.*", shorter):
        raise ValueError(
            f"a solution must begin and end its own lines and be closed, got {left[0]!r}; "
            "write it as CONTRIBUTING.md says"
        )
    return shorter


def settings(root: Path) -> str:
    """The settings of the book, without the buttons that lead to sources with solutions.

    Colab opens the notebooks on a branch named course. The outputs are those of the whole book,
    whose chapters begin with the same code: no cell comes after the first solution.
    """
    config = yaml.safe_load((root / "_config.yml").read_text("utf-8"))
    config["repository"]["branch"] = "course"
    for button in ("use_edit_page_button", "use_issues_button", "use_repository_button"):
        config["html"][button] = False
    config["sphinx"]["config"]["executed"] = os.fspath(outputs.folder(root))
    config["sphinx"]["local_extensions"] = {"book_extension": os.fspath(root / "tools")}
    static = config["sphinx"]["config"]["html_static_path"]
    config["sphinx"]["config"]["html_static_path"] = [
        path if path.startswith("book/") else os.fspath(root / path) for path in static
    ]
    return yaml.safe_dump(config, sort_keys=False, allow_unicode=True)
