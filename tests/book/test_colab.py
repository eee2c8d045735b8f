"""The install cell where Colab's packages are: it adds the book's, and changes none of theirs."""

import json
import os
import shutil
import subprocess
import sys
import tomllib
import zipfile
from importlib.metadata import distribution
from pathlib import Path

import nbclient
import nbformat
import pytest
from packaging.specifiers import SpecifierSet

from tools import address, assignments
from tools.matrix import PYTHONS, interpreter

ROOT = Path(__file__).parents[2]

# What Colab's runtime of August 2026 had, older than our lock; and what some day it may have.
THEN = {
    "einops": "0.8.2",
    "filelock": "3.18.0",
    "jax": "0.7.2",
    "jaxlib": "0.7.2",
    "joblib": "1.5.3",
    "matplotlib": "3.10.0",
    "mlxtend": "0.23.4",
    "mpmath": "1.3.0",
    "numpy": "2.1.3",
    "pandas": "2.2.3",
    "pydantic": "2.13.4",
    "scikit-learn": "1.6.1",
    "scipy": "1.16.3",
    "torch": "2.11.0",
    "torchvision": "0.26.0",
    "tqdm": "4.67.3",
    "typing_extensions": "4.15.0",
}
CHECKING_THEN = {
    "click": "8.2.1",
    "dill": "0.3.8",
    "ipykernel": "6.17.1",
    "ipython": "7.34.0",
    "ipywidgets": "7.7.1",
    "jinja2": "3.1.6",
    "nbconvert": "7.16.6",
    "nbformat": "5.10.4",
    "psutil": "5.9.5",
    "pyyaml": "6.0.2",
    "requests": "2.32.4",
    "wrapt": "1.17.3",
}
SOME_DAY = {name: f"{int(version.split('.')[0]) + 1}.0" for name, version in THEN.items()}
# All that pip may add beside the book.
MISSING = ("jaxtyping", "wadler_lindig", "tyro", "docstring_parser", "typeguard")

# And beside the assignments, for their checks.
CHECKING_MISSING = ("otter_grader", "fica", "ipylab", "python_frontmatter")


def environment(folder, python):
    subprocess.run([python, "-m", "venv", folder], check=True)
    return folder / "bin" / "python"


def installed(python):
    listed = subprocess.run(
        [python, "-m", "pip", "--disable-pip-version-check", "list", "--format", "json"],
        check=True,
        capture_output=True,
        text=True,
    )
    return {package["name"]: package["version"] for package in json.loads(listed.stdout)}


@pytest.fixture(scope="module")
def wheels(tmp_path_factory):
    """The package as built from the checkout, and what Colab does not have, as it is here."""
    folder = tmp_path_factory.mktemp("wheels")
    build = ["uv", "build", "--wheel", "--quiet", "--no-build-isolation", "--out-dir", folder, ROOT]
    subprocess.run([sys.executable, "-m", *build], check=True)
    for name in (*MISSING, *CHECKING_MISSING):
        found = distribution(name)
        with zipfile.ZipFile(folder / f"{name}-{found.version}-py3-none-any.whl", "w") as wheel:
            for file in found.files:
                if file.suffix != ".pyc" and ".." not in file.parts:
                    wheel.write(file.locate(), str(file))
    return folder


@pytest.fixture(scope="module")
def requirement(wheels):
    """What the install cell asks pip for, from the wheel in place of the repository."""
    (wheel,) = wheels.glob("symlib_book-*.whl")
    return f"symlib-book @ {wheel.as_uri()}"


def test_versions_of_python_are_supported():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    required = SpecifierSet(project["requires-python"])
    assert all(required.contains(f"{version}.0") for version in PYTHONS)


@pytest.mark.slow
@pytest.mark.parametrize("version", PYTHONS)
def test_pip_changes_nothing_that_is_there(version, wheels, requirement, tmp_path):
    """By its own account, with no other packages to be had than those that may be added."""
    if not (python := interpreter(version)):
        pytest.skip(f"no Python {version} here; the workflow colab runs the notebooks on it")
    python = environment(tmp_path / "venv", python)
    for packages in (THEN | CHECKING_THEN, SOME_DAY):
        colab = tmp_path / packages["jax"]
        for name, number in packages.items():
            metadata = colab / f"{name.replace('-', '_')}-{number}.dist-info" / "METADATA"
            metadata.parent.mkdir(parents=True)
            metadata.write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {number}\n")
        command = [python, "-m", "pip", "--disable-pip-version-check", "install", "--quiet"]
        options = ["--dry-run", "--no-index", "--find-links", wheels, "--report", colab / "report"]
        subprocess.run(
            [*command, *options, requirement],
            check=True,
            env=os.environ | {"PYTHONPATH": str(colab)},
        )
        assert planned(colab / "report") == {"symlib-book", *MISSING}
        if packages is SOME_DAY:
            continue
        subprocess.run(
            [*command, *options, "--no-deps", *assignments.CHECKING],
            check=True,
            env=os.environ | {"PYTHONPATH": str(colab)},
        )
        assert {name.replace("-", "_") for name in planned(colab / "report")} == {*CHECKING_MISSING}


def planned(report):
    """Names of the packages that pip would install."""
    return {step["metadata"]["name"] for step in json.loads(report.read_text())["install"]}


@pytest.fixture
def colab(tmp_path, monkeypatch):
    """A Python that has all of this environment but the package and what checks assignments."""
    python = environment(tmp_path / "venv", sys.executable)
    packages = tmp_path / "packages"
    packages.mkdir()
    apart = ("symlib", "_symlib", "pip", "setuptools", "otter", "fica", "ipylab")
    apart += ("frontmatter", "python_frontmatter")
    for path in Path(distribution("jax").locate_file("")).iterdir():
        if not path.name.startswith(apart):
            (packages / path.name).symlink_to(path)
    site = next((tmp_path / "venv" / "lib").glob("python*/site-packages"))
    (site / "colab.pth").write_text(str(packages))
    kernel = tmp_path / "kernels" / "colab" / "kernel.json"
    kernel.parent.mkdir(parents=True)
    argv = [str(python), "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    kernel.write_text(json.dumps({"argv": argv, "display_name": "", "language": "python"}))
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("SYMLIB_SCALE", "quick")
    monkeypatch.delenv("PYTHONPATH", raising=False)
    return python


def executed(notebook, requirement, folder):
    """The notebook's code cells after they ran there, the install cell with our wheel."""
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert address.read().requirement in cells[0].source
    cells[0].source = cells[0].source.replace(address.read().requirement, requirement)
    notebook.cells = cells
    options = {"kernel_name": "colab", "resources": {"metadata": {"path": str(folder)}}}
    nbclient.NotebookClient(notebook, timeout=120, **options).execute()
    return cells


@pytest.mark.slow
def test_first_cells_run_where_the_packages_are(colab, requirement, tmp_path):
    before = installed(colab)
    assert {"jax", "torch", "numpy"} <= set(before)
    assert "symlib-book" not in before
    notebook = nbformat.read(ROOT / "book" / "welcome.ipynb", as_version=4)
    first = [cell for cell in notebook.cells if cell.cell_type == "code"][:2]
    where = nbformat.v4.new_code_cell("import os, symlib; print(symlib.__file__, os.listdir())")
    notebook.cells = [*first, where]
    (tmp_path / "empty").mkdir()
    _, prelude, where = executed(notebook, requirement, tmp_path / "empty")
    printed = "".join(output.get("text", "") for output in prelude.outputs)
    assert "quick scale · float64 · JAX" in printed
    where, files = where.outputs[0].text.split(" ", 1)
    assert Path(where).is_relative_to(tmp_path / "venv")
    assert files == "[]\n"
    after = installed(colab)
    assert after.pop("symlib-book")
    assert after == before


@pytest.mark.slow
def test_an_assignment_begins_where_the_packages_are(
    colab, requirement, wheels, tmp_path, monkeypatch
):
    """Its archive beside it: what is missing is added, the checks work, and no work is lost."""
    monkeypatch.setenv("PIP_FIND_LINKS", str(wheels))
    before = installed(colab)
    built = ROOT / "_build" / "assignments" / "the-ntk-by-hand"
    folder = tmp_path / "content"
    folder.mkdir()
    shutil.copy(built / "student.zip", folder)
    worked_on = (built / "solution" / "the-ntk-by-hand.ipynb").read_bytes()
    (folder / "the-ntk-by-hand.ipynb").write_bytes(worked_on)
    notebook = nbformat.read(built / "student" / "the-ntk-by-hand.ipynb", as_version=4)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    check = next(cell for cell in code if "grader.check" in cell.source)
    notebook.cells = [*code[:2], check]
    assert "otter.Notebook" in code[1].source
    *_, check = executed(notebook, requirement, folder)
    assert "TypeError" in str(check.outputs), "nothing was answered, and the check says so"
    assert (folder / "the-ntk-by-hand.ipynb").read_bytes() == worked_on
    assert (folder / "student_data.py").exists()
    after = {name.replace("-", "_"): version for name, version in installed(colab).items()}
    assert {*CHECKING_MISSING, "symlib_book"} <= set(after)
    for name, version in before.items():
        assert after[name.replace("-", "_")] == version


@pytest.mark.slow
def test_another_symlib_is_noticed(tmp_path):
    notebook = nbformat.read(ROOT / "book" / "welcome.ipynb", as_version=4)
    (tmp_path / "symlib.py").write_text("")
    (tmp_path / "cell.ipy").write_text(notebook.cells[1].source)
    ran = subprocess.run(
        [sys.executable, "-m", "IPython", "cell.ipy"],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "Another package named symlib is installed" in ran.stdout + ran.stderr
