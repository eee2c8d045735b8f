"""Every generated notebook runs in an empty folder with only the installed package."""

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import nbclient
import nbformat
import pytest

ROOT = Path(__file__).parents[2]
NOTEBOOKS = sorted((ROOT / "book").glob("*.ipynb"))


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


def run(notebook, site, folder):
    content = nbformat.read(notebook, as_version=4)
    where = nbformat.v4.new_code_cell("import symlib\nprint(symlib.__file__)")
    content.cells.append(where)
    client = nbclient.NotebookClient(
        content, timeout=600, kernel_name="python3", resources={"metadata": {"path": str(folder)}}
    )
    client.execute(env=os.environ | {"PYTHONPATH": str(site), "MPLBACKEND": "agg"})
    return where.outputs[0].text.strip()


def test_notebooks_run_outside_the_repository(site, tmp_path):
    assert len(NOTEBOOKS) >= 7
    folders = [tmp_path / notebook.stem for notebook in NOTEBOOKS]
    for folder in folders:
        folder.mkdir()
    with ThreadPoolExecutor(2) as pool:
        used = list(pool.map(run, NOTEBOOKS, [site] * len(NOTEBOOKS), folders))
    assert {Path(path).parent for path in used} == {site / "symlib"}
    assert [list(folder.iterdir()) for folder in folders] == [[]] * len(folders)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebooks_are_plain(path):
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            assert not cell.outputs
            assert cell.execution_count is None
        else:
            assert "```{" not in cell.source
            assert ":::{" not in cell.source
    install = notebook.cells[1].source
    assert "pip install symlib" not in install.replace("symlib-book", "")
    assert "torch" not in install
