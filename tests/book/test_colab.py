"""The install cell where Colab's packages are: it adds the book's, and changes none of theirs."""

import json
import os
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

from tools import address
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
SOME_DAY = {name: f"{int(version.split('.')[0]) + 1}.0" for name, version in THEN.items()}
# All that pip may add beside the book.
MISSING = ("jaxtyping", "wadler_lindig", "tyro", "docstring_parser", "typeguard")


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
    for name in MISSING:
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
    for packages in (THEN, SOME_DAY):
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
        planned = json.loads((colab / "report").read_text())["install"]
        names = {step["metadata"]["name"] for step in planned}
        assert names == {"symlib-book", *MISSING}


@pytest.mark.slow
def test_first_cells_run_where_the_packages_are(requirement, tmp_path, monkeypatch):
    """In a kernel that has all of this environment but the package, in an empty folder."""
    python = environment(tmp_path / "venv", sys.executable)
    packages = tmp_path / "packages"
    packages.mkdir()
    for path in Path(distribution("jax").locate_file("")).iterdir():
        if not path.name.startswith(("symlib", "_symlib", "pip", "setuptools")):
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
    before = installed(python)
    assert {"jax", "torch", "numpy"} <= set(before)
    assert "symlib-book" not in before

    notebook = nbformat.read(ROOT / "book" / "welcome.ipynb", as_version=4)
    install, prelude = [cell for cell in notebook.cells if cell.cell_type == "code"][:2]
    assert address.read().requirement in install.source
    install.source = install.source.replace(address.read().requirement, requirement)
    where = nbformat.v4.new_code_cell("import os, symlib; print(symlib.__file__, os.listdir())")
    notebook.cells = [install, prelude, where]
    (tmp_path / "empty").mkdir()
    nbclient.NotebookClient(
        notebook,
        timeout=120,
        kernel_name="colab",
        resources={"metadata": {"path": str(tmp_path / "empty")}},
    ).execute()

    printed = "".join(output.get("text", "") for output in prelude.outputs)
    assert "quick scale · float64 · JAX" in printed
    assert where.outputs[0].text == f"{site / 'symlib' / '__init__.py'} []\n"
    after = installed(python)
    assert after.pop("symlib-book")
    assert after == before


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
