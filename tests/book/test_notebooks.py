"""Every generated notebook is plain; that each ran outside the repository, test_outputs.py says."""

import ast
import re
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import nbformat
import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[2]
NOTEBOOKS = sorted((ROOT / "book").glob("*.ipynb"))
MYST = re.compile(  # a directive, a role, a target, the label of an equation, a break or comment
    r"[`:~]{3,} *\{|\{[\w:+-]+\}`|^\([\w-]+\)=|\$\$ *\([\w-]+\)$|^(?:\+\+\+|%)", re.MULTILINE
)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebooks_are_plain(path):
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            assert not cell.outputs
            assert cell.execution_count is None
        else:
            assert not MYST.findall(cell.source)
    assert "To run, it takes about" in notebook.cells[0].source
    install = notebook.cells[1].source
    assert "pip install symlib" not in install.replace("symlib-book", "")
    assert "torch" not in install


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebooks_import_what_comes_with_the_package(path):
    """Or torch, which is too large to come with it, and which Colab has."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    allowed = {Requirement(text).name for text in project["dependencies"]}
    allowed |= {"torch"}
    cells = nbformat.read(path, as_version=4).cells[2:]
    code = "\n".join(cell.source for cell in cells if cell.cell_type == "code")
    imported = set()
    for node in ast.walk(ast.parse(code)):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        names += [node.module] if isinstance(node, ast.ImportFrom) else []
        imported |= {name.partition(".")[0] for name in names} - sys.stdlib_module_names
    distributions = packages_distributions()
    assert {distributions[name][0] for name in imported - {"symlib"}} <= allowed
