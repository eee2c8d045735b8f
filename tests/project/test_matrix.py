"""The matrix of Pythons and versions: what it covers, and how it says that something failed."""

import sys
from pathlib import Path

import pytest
import yaml

from tools import matrix

ROOT = Path(__file__).parents[2]


def test_chapters_exist():
    assert len(matrix.CHAPTERS) >= 6
    assert all((ROOT / "book" / f"{name}.ipynb").exists() for name in matrix.CHAPTERS)


def test_continuous_integration_runs_every_combination():
    workflow = yaml.safe_load((ROOT / ".github" / "workflows" / "ci.yml").read_text())
    combinations = workflow["jobs"]["matrix"]["strategy"]["matrix"]
    assert tuple(combinations["python"]) == matrix.PYTHONS
    assert tuple(combinations["resolution"]) == matrix.RESOLUTIONS


def test_finds_interpreters():
    running = f"{sys.version_info.major}.{sys.version_info.minor}"
    assert Path(matrix.interpreter(running)).exists()
    assert matrix.interpreter("3.99") is None


@pytest.mark.parametrize(("tests", "status"), [("passed (1.0 min)", 0), ("FAILED (1.0 min)", 1)])
def test_table_and_status(tests, status, monkeypatch, capsys):
    monkeypatch.setattr(matrix, "check", lambda *pair: dict(zip(("python", "way"), pair)) | row)
    row = {"tests": tests}
    assert matrix.main(["--python", "3.11", "3.13", "--resolution", "highest"]) == status
    printed = capsys.readouterr().out
    assert printed == (
        f"python  way      tests\n3.11    highest  {tests}\n3.13    highest  {tests}\n"
    )


def test_absent_interpreter_is_a_failure(monkeypatch):
    monkeypatch.setattr(matrix, "interpreter", lambda version: None)
    assert "no such Python" in matrix.check("3.13", "highest")["environment"]
