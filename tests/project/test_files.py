"""The files around the code agree with one another."""

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import nbformat
import pytest
import yaml
from packaging.requirements import Requirement

from symlib import experiments
from tools import address

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
BIN = Path(sys.executable).parent


def direct_requirements():
    extras = PROJECT["project"]["optional-dependencies"].values()
    groups = PROJECT["dependency-groups"].values()
    listed = [PROJECT["project"]["dependencies"], *extras, *groups]
    return [Requirement(text) for requirements in listed for text in requirements]


def locked():
    lines = (ROOT / "requirements.txt").read_text().splitlines()
    return [Requirement(line) for line in lines if line and not line.startswith("#")]


def tracked(*patterns):
    names = subprocess.run(
        ["git", "ls-files", "-z", *patterns], cwd=ROOT, check=True, capture_output=True, text=True
    ).stdout
    return [ROOT / name for name in names.split("\0") if name and (ROOT / name).exists()]


@pytest.mark.parametrize("requirement", direct_requirements(), ids=lambda r: r.name)
def test_lock_satisfies_every_dependency(requirement):
    pins = [pin for pin in locked() if pin.name.lower() == requirement.name.lower()]
    assert pins, "run make lock"
    for pin in pins:
        (version,) = pin.specifier
        assert version.operator == "=="
        assert requirement.specifier.contains(version.version)


def test_conda_environment_wraps_the_same():
    environment = yaml.safe_load((ROOT / "environment.yml").read_text())
    conda = [entry for entry in environment["dependencies"] if isinstance(entry, str)]
    (pip,) = (e["pip"] for e in environment["dependencies"] if isinstance(e, dict))
    assert pip[0] == "--constraint requirements.txt"
    extras = re.fullmatch(r"--editable \.\[(.+)\]", pip[1])[1].split(",")
    assert set(extras) == set(PROJECT["project"]["optional-dependencies"])
    assert len(pip) == 2
    python = next(entry for entry in conda if entry.startswith("python="))
    assert PROJECT["project"]["requires-python"].startswith(f">={python.split('=')[1]}")
    for requirement in PROJECT["dependency-groups"]["oracle"]:
        assert Requirement(requirement).name in (ROOT / "environment.yml").read_text()


def test_versions_agree():
    import symlib

    version = PROJECT["project"]["version"]
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    newest = re.search(r"^## (\S+) – (\S+)$", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert symlib.__version__ == citation["version"] == newest[1] == version
    assert citation["date-released"] == newest[2]
    deposit = json.loads((ROOT / ".zenodo.json").read_text())
    assert deposit["version"] == version
    assert deposit["title"] == citation["title"]
    assert deposit["license"] == citation["license"] == PROJECT["project"]["license"]
    assert citation["identifiers"][0]["value"] == address.read(environment={}).online


def test_citation_is_valid():
    schema = ["--builtin-schema", "vendor.citation-file-format"]
    subprocess.run([BIN / "check-jsonschema", *schema, ROOT / "CITATION.cff"], check=True)


def test_readme_commands_and_links_exist():
    readme = (ROOT / "README.md").read_text()
    makefile = (ROOT / "Makefile").read_text()
    guides = ("CONTRIBUTING.md", "RELEASING.md")
    text = readme + "".join((ROOT / name).read_text() for name in guides)
    commands = re.findall(r"(?:^|`)make ([a-z][a-z ]*[a-z])(?=`|\s{2,}#)", text, re.MULTILINE)
    targets = {target for command in commands for target in command.split()}
    assert {"book", "test"} <= targets
    for target in targets:
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target
    for link in re.findall(r"\]\((?!https?://)([^)#]+)\)", readme):
        assert (ROOT / link).exists(), link
    place = address.read(environment={})
    for chapter in re.findall(r"/blob/main/book/([\w-]+)\.ipynb", readme):
        assert (ROOT / "book" / f"{chapter}.ipynb").exists()
    assert f"({place.online})" in readme
    assert f'"{place.requirement}"' in readme
    table = readme.split("| Of the paper")[1].split("\n\n")[0]
    for name in re.findall(r"`(?:symlib run )?([a-z-]+)`", table):
        assert name in experiments.NAMES, name


@pytest.mark.slow
def test_snippet_of_the_readme_runs():
    snippet = (ROOT / "README.md").read_text().split("```python\n")[1].split("```")[0]
    done = subprocess.run([sys.executable, "-c", snippet], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


GRANTED = {  # beyond reading the repository
    "publish.build": {"contents": "read", "pages": "read"},
    "publish.store": {"contents": "write"},
    "publish.deploy": {"pages": "write", "id-token": "write"},
}


def test_workflows_are_valid_and_safe():
    workflows = [str(path) for path in sorted((ROOT / ".github" / "workflows").glob("*.yml"))]
    assert len(workflows) >= 5
    schema = ["--builtin-schema", "vendor.github-workflows"]
    subprocess.run([BIN / "check-jsonschema", *schema, *workflows], check=True)
    subprocess.run([BIN / "zizmor", "--offline", "--quiet", *workflows], check=True)
    for workflow in workflows:
        used = re.findall(r"uses: \S+@(\S+)", Path(workflow).read_text())
        assert used
        assert all(re.fullmatch(r"[0-9a-f]{40}", commit) for commit in used)
        parsed = yaml.safe_load(Path(workflow).read_text())
        assert parsed["permissions"] == {}
        for name, job in parsed["jobs"].items():
            granted = GRANTED.get(f"{Path(workflow).stem}.{name}", {"contents": "read"})
            assert job["permissions"] == granted
            checkouts = [s for s in job["steps"] if "actions/checkout" in s.get("uses", "")]
            assert checkouts or "contents" not in granted
            assert all(step["with"]["persist-credentials"] is False for step in checkouts)
            assert not any("${{" in step.get("run", "") for step in job["steps"])


def test_nothing_speaks_of_one_machine():
    mine = re.compile(r"/(?:home|root|work|Users)/\w|/tmp/\w|/simple/|files\.pythonhosted")
    for path in tracked():
        if path.suffix == ".png" or path == Path(__file__):
            continue
        assert not mine.search(path.read_text()), path


def test_continuous_integration_is_the_readme():
    script = (ROOT / ".ci" / "run").read_text()
    assert "set -eo pipefail" in script
    assert "sudo" not in script
    assert script.rstrip().endswith("make lint\nmake test")
    assert ".ci/run" in (ROOT / ".github" / "workflows" / "ci.yml").read_text()


def test_gpu_runner_has_one_cuda():
    """JAX brings the CUDA of the locked torch: of two, each overwrites the other's libraries."""
    found = [re.search(r"-cu(\d+)$", pin.name) for pin in locked()]
    (cuda,) = {match[1] for match in found if match}
    for name in (".github/workflows/gpu.yml", "environment.yml"):
        assert set(re.findall(r"jax\[cuda(\d+)", (ROOT / name).read_text())) == {cuda}, name


def test_hooks_pass_on_what_is_committed():
    config = ROOT / ".pre-commit-config.yaml"
    subprocess.run([BIN / "pre-commit", "validate-config", config], check=True)
    hooks = yaml.safe_load(config.read_text())["repos"][0]["hooks"]
    (entry,) = (hook["entry"] for hook in hooks if hook["id"] == "nbstripout")
    command = [BIN / Path(entry.split()[0]).name, *entry.split()[1:]]
    subprocess.run([*command, *tracked("book/*.ipynb")], check=True)


def notebook(folder, name, *sources):
    cells = [nbformat.v4.new_code_cell(source, id=f"c{n}") for n, source in enumerate(sources)]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), folder / f"{name}.ipynb")


@pytest.mark.slow
def test_executing_notebooks(tmp_path, capsys):
    from tools import execute

    book, out = tmp_path / "book", tmp_path / "out"
    book.mkdir()
    notebook(book, "good", "print(6 * 7)")
    notebook(book, "bad", "1 / 0", "print('never')")
    assert execute.main(["good", "--book", str(book), "--out", str(out)]) == 0
    done = nbformat.read(out / "good.ipynb", as_version=4)
    assert done.cells[0].outputs[0].text == "42\n"
    assert execute.main(["--book", str(book), "--out", str(out)]) == 1
    assert "bad failed: cell 1: ZeroDivisionError: division by zero" in capsys.readouterr().err
    timing = (out / "timing.csv").read_text().splitlines()
    assert timing[0] == "notebook,seconds,problem"
    assert len(timing) == 3
    notebook(book, "slow", "x = 1", "import time; time.sleep(60)")
    notebook(book, "dead", "import os; os._exit(1)")
    assert execute.main(["slow", "--book", str(book), "--out", str(out), "--timeout", "2"]) == 1
    assert "slow failed: cell 2: took longer than 2 s" in capsys.readouterr().err
    assert execute.main(["dead", "--book", str(book), "--out", str(out)]) == 1
    assert "dead failed: cell 1: the kernel died" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        execute.main(["missing", "--book", str(book), "--out", str(out)])
    assert "no chapter missing; choose from bad, dead, good, slow" in capsys.readouterr().err


@pytest.mark.slow
def test_times_are_kept(tmp_path, monkeypatch, capsys):
    from tools import execute

    notebook(tmp_path, "new", "1 + 1")
    notebook(tmp_path, "bad", "1 / 0")
    timing = tmp_path / "timing.csv"
    timing.write_text("notebook,device,seconds\nbad,a CPU,3.0\nnew,a CPU,7.0\nnew,a GPU,5.0\n")
    monkeypatch.setattr(execute, "_DEVICE", "print('a CPU')")
    assert execute.main(["--keep", "--book", str(tmp_path), "--out", str(tmp_path / "out")]) == 1
    rows = timing.read_text().splitlines()
    assert rows[:2] == ["notebook,device,seconds", "bad,a CPU,3.0"]
    assert rows[2].startswith("new,a CPU,")
    assert rows[2] != "new,a CPU,7.0"
    assert rows[3:] == ["new,a GPU,5.0"]
    monkeypatch.setenv("SYMLIB_SCALE", "paper")
    with pytest.raises(SystemExit):
        execute.main(["--keep", "--book", str(tmp_path), "--out", str(tmp_path / "out")])
    assert "--keep is for the quick scale" in capsys.readouterr().err


def test_gpu_check_names_the_blind(monkeypatch, capsys):
    torch = pytest.importorskip("torch")
    from tools import check_gpu

    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert "torch" in check_gpu.missing()
    assert check_gpu.main() == 1
    assert "no GPU seen by" in capsys.readouterr().err
