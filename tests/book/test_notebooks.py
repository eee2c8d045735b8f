"""Every generated notebook runs in an empty folder with only the installed package."""

import ast
import os
import re
import subprocess
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
WHERE = "import os\nimport symlib\nprint(symlib.__file__, os.listdir())"


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """A folder that holds the package as a reader installs it, built from the checkout."""
    target = tmp_path_factory.mktemp("site")
    command = ["uv", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation"]
    subprocess.run(
        [sys.executable, "-m", *command, "--python", sys.executable, "--target", target, ROOT],
        check=True,
    )
    return target


def test_notebooks_run_outside_the_repository(site, tmp_path):
    """In empty folders, by the tool that the GPU workflow uses, half of them at a time."""
    assert len(NOTEBOOKS) >= 7
    book, out = tmp_path / "book", tmp_path / "out"
    book.mkdir()
    for path in NOTEBOOKS:
        content = nbformat.read(path, as_version=4)
        content.cells.append(nbformat.v4.new_code_cell(WHERE, id="where"))
        nbformat.write(content, book / path.name)
    names = [path.stem for path in NOTEBOOKS]
    running = [
        subprocess.Popen(
            [
                sys.executable,
                "-m",
                "tools.execute",
                "--book",
                book,
                "--out",
                out / half,
                "--",
                *some,
            ],
            cwd=ROOT,
            env=os.environ | {"PYTHONPATH": str(site), "MPLBACKEND": "agg"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for half, some in (("first", names[::2]), ("second", names[1::2]))
    ]
    printed = [process.communicate()[0] for process in running]
    assert [process.returncode for process in running] == [0, 0], "\n".join(printed)
    for executed in out.glob("*/*.ipynb"):
        last = nbformat.read(executed, as_version=4).cells[-1].outputs[0].text
        assert last == f"{site / 'symlib' / '__init__.py'} []\n"
    assert len(list(out.glob("*/*.ipynb"))) == len(NOTEBOOKS)


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
