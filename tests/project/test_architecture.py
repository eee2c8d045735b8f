"""ARCHITECTURE.md says the truth about who imports whom, and its example runs."""

import ast
import re
from pathlib import Path

import pytest

import symlib
from symlib import sources

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "ARCHITECTURE.md").read_text("utf-8")
ROWS = [re.findall(r"`([\w.*]+)`", row.split("|")[2]) for row in re.findall(r"^\| .*$", TEXT, re.M)]
MODULES = sorted(
    ".".join(path.relative_to(ROOT / "symlib").with_suffix("").parts)
    for path in (ROOT / "symlib").rglob("*.py")
    if path.name != "__init__.py"
)


def row_of(module):
    found = [n for n, row in enumerate(ROWS) if module in row or _kind(module) in row]
    assert len(found) == 1, f"{module} must stand in one row of the table in ARCHITECTURE.md"
    return found[0]


def _kind(module):
    return "experiments.*" if module.startswith("experiments") else module


@pytest.mark.parametrize("module", MODULES)
def test_modules_import_from_rows_above_their_own(module):
    text = (ROOT / "symlib" / f"{module.replace('.', '/')}.py").read_text("utf-8")
    above = [name.removeprefix("symlib.") for name in sources.imported(text)]
    same = {"experiments.*", "results", "experiment"}  # whose rows import within themselves
    for name in above:
        higher = row_of(name) < row_of(module)
        assert higher or (row_of(name) == row_of(module) and _kind(name) in same), name


@pytest.mark.parametrize("module", MODULES)
def test_modules_read_from_top_to_bottom(module):
    """What a function uses of its module is defined above it."""
    body = ast.parse((ROOT / "symlib" / f"{module.replace('.', '/')}.py").read_text("utf-8")).body
    definitions = [node for node in body if isinstance(node, ast.FunctionDef | ast.ClassDef)]
    below = {node.name for node in definitions}
    for node in definitions:
        below.remove(node.name)
        used = {name.id for name in ast.walk(node) if isinstance(name, ast.Name)}
        assert not used & below, f"{node.name} uses what stands below it: {used & below}"


@pytest.mark.parametrize("module", [name for name in MODULES if "." not in name and name[0] != "_"])
def test_the_package_names_its_modules(module):
    assert f"``{module}``" in symlib.__doc__


def test_the_example_of_an_experiment_runs(tmp_path):
    code = re.search(r"```python\n(.*?)```", TEXT, re.DOTALL)[1].replace("\n  ", "\n").strip()
    space: dict = {"__name__": "symlib.experiments.of_pairs"}  # whose code it is counted among
    exec(code, space)
    frame = space["MeanLabels"](pairs=2, chunk=2).run(path=tmp_path / "mean.csv")
    assert frame["count"].tolist() == [2, 4, 8]
    assert frame.error.round(3).tolist() == [1.333, 1.143, 1.067]
