"""Build the assignments of the course, and grade what students hand in.

``build`` makes of every master, ``assignments/NAME.md``, what students get, the executed solution,
and what grades. ``grade`` runs each submission of a folder, one assignment's ``.ipynb`` or ``.zip``
files, in a process of its own, without network or container, and writes one table.
"""

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections import Counter
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path

import jupytext
import nbformat
import pandas as pd
import psutil
from tqdm import tqdm

ROOT = Path(__file__).parent.parent
BUILT = ROOT / "_build" / "assignments"
_STUDENT = re.compile(r"""^student *= *["']([\w.@ -]+)["']""", re.MULTILINE)


class SubmissionError(Exception):
    """What keeps a submission from being graded, in one line for the table."""


def build(masters: Path, out: Path, jobs: int) -> None:
    """Build all assignments of a folder of masters."""
    names = sorted(path.stem for path in masters.glob("*.md"))
    if not names:
        raise ValueError(f"masters must be a folder of NAME.md files, got {masters}; see --help")
    with ThreadPoolExecutor(jobs) as pool:
        tasks = [pool.submit(build_one, masters, name, out / name) for name in names]
        for task in tqdm(as_completed(tasks), desc="assignments", total=len(tasks)):
            task.result()


def build_one(masters: Path, name: str, out: Path) -> None:
    """Make ``student``, ``student.zip``, ``solution`` and ``autograder`` of one master.

    Raises:
        RuntimeError: if the solution does not run, or fails one of its own tests.
    """
    with tempfile.TemporaryDirectory() as folder:
        work, made = Path(folder) / "work", Path(folder) / "work" / "made"
        shutil.copytree(masters, work, ignore=shutil.ignore_patterns("*.md", "__pycache__"))
        notebook = jupytext.read(masters / f"{name}.md")
        notebook.metadata.pop("jupytext", None)
        nbformat.write(notebook, work / f"{name}.ipynb")
        _run_tool("otter", "assign", "--no-run-tests", f"{name}.ipynb", "made", cwd=work)
        (zipped,) = made.glob("autograder/*.zip")
        zipped.rename(made / "autograder" / "autograder.zip")

        solved = shutil.copytree(made / "autograder", work / "solved") / f"{name}.ipynb"
        _run_tool("jupyter", "nbconvert", "--to=notebook", "--inplace", "--execute", str(solved))
        if failed := re.findall(r"Error at line \d+ in test (\w+)", solved.read_text("utf-8")):
            raise RuntimeError(f"the solution of {name} fails tests of {', '.join(failed)}")
        (made / "solution").mkdir()
        shutil.copy(solved, made / "solution")
        shutil.make_archive(str(made / "student"), "zip", made / "student")

        shutil.rmtree(out, ignore_errors=True)
        out.parent.mkdir(parents=True, exist_ok=True)
        shutil.move(made, out)


def grade(folder: Path, out: Path, built: Path, jobs: int, timeout: int) -> pd.DataFrame:
    """Grade all submissions of a folder, and write the table anew after each.

    Raises:
        ValueError: if the folder holds no submissions, or its assignment was not built.
    """
    paths = sorted(path for path in folder.iterdir() if path.suffix in (".ipynb", ".zip"))
    if not paths:
        raise ValueError(f"folder must hold .ipynb or .zip files, got none in {folder}")
    autograder = built / _assignment(paths) / "autograder" / "autograder.zip"
    if not autograder.exists():
        raise ValueError(f"{autograder} must exist to grade by; run make assignments first")
    rows: list[dict] = []
    with ThreadPoolExecutor(jobs) as pool:
        tasks = [pool.submit(grade_one, path, autograder, timeout) for path in paths]
        for task in tqdm(as_completed(tasks), desc="submissions", total=len(tasks)):
            rows.append(task.result())
            table = _table(rows)
            _write(out, table.to_csv(index=False))
    return table


def grade_one(path: Path, autograder: Path, timeout: int) -> dict[str, object]:
    """The row of one submission: its points, or its problem."""
    row: dict[str, object] = {"student": "", "file": path.name, "problem": ""}
    try:
        notebook = read_submission(path)
        row["student"] = student_number(notebook)
        row |= _points(notebook, autograder, timeout)
    except SubmissionError as error:
        row["problem"] = str(error)
    return row


def read_submission(path: Path) -> nbformat.NotebookNode:
    """The one notebook that was handed in, by itself or in an archive."""
    try:
        if path.suffix == ".zip":
            with zipfile.ZipFile(path) as archive:
                inside = [n for n in archive.namelist() if n.endswith(".ipynb")]
                names = [n for n in inside if not re.search(r"__MACOSX|\.ipynb_checkpoints", n)]
                if len(names) != 1:
                    raise SubmissionError(f"the archive holds {len(names)} notebooks, not one")
                text = archive.read(names[0]).decode()
        else:
            text = path.read_text("utf-8")
        return nbformat.reads(text, as_version=4)
    except SubmissionError:
        raise
    except Exception as error:  # whatever a student's file makes its readers raise
        raise SubmissionError(f"not a notebook: {type(error).__name__}: {_line(error)}") from error


def student_number(notebook: nbformat.NotebookNode) -> str:
    """The number that a student wrote into the notebook."""
    for cell in notebook.cells:
        if cell.cell_type == "code" and (found := _STUDENT.search(cell.source)):
            return found[1].strip()
    raise SubmissionError("no student number in the notebook")


def _assignment(paths: Iterable[Path]) -> str:
    """The assignment that most of the notebooks say they are of."""
    named: Counter[str] = Counter()
    for path in paths:
        try:
            named[read_submission(path).metadata["otter"]["assignment_name"]] += 1
        except (SubmissionError, KeyError):
            continue
    if not named:
        raise ValueError("folder must hold a notebook that names its assignment; found none")
    return named.most_common(1)[0][0]


def _points(notebook: nbformat.NotebookNode, autograder: Path, timeout: int) -> dict[str, float]:
    """Points by question, and their total."""
    name = autograder.parent.parent.name
    notebook.metadata.setdefault("otter", {"assignment_name": name})  # some programs drop it
    named = notebook.metadata["otter"].get("assignment_name")
    if named != name:
        raise SubmissionError(f"the notebook is of {named}, and {name} is being graded")
    with tempfile.TemporaryDirectory() as folder:
        submission, results = Path(folder) / f"{name}.ipynb", Path(folder) / "results.json"
        nbformat.write(notebook, submission)
        command = ["otter", "run", "--no-logo", "-a", autograder, "-o", folder, submission]
        output = _run_within(command, timeout, Path(folder))
        if not results.exists():
            raise SubmissionError(f"it could not be run: {_line(output)}")
        tests = json.loads(results.read_text("utf-8"))["tests"]
    points = {test["name"]: test["score"] for test in tests if "max_score" in test}
    if not points:
        raise SubmissionError("it left no results: it ended the kernel or broke off the tests")
    return points | {"total": sum(points.values())}


def _run_within(command: list, timeout: int, folder: Path) -> str:
    """What a command prints; past the timeout, it and all that it started are ended."""
    log = folder / "log"
    with log.open("w", encoding="utf-8") as stream:
        environment = _environment() | {"TMPDIR": str(folder)}
        process = subprocess.Popen(
            list(map(str, command)), env=environment, stdout=stream, stderr=subprocess.STDOUT
        )
        try:
            process.wait(timeout)
        except subprocess.TimeoutExpired as error:
            started = psutil.Process(process.pid).children(recursive=True)
            for each in [psutil.Process(process.pid), *started]:
                each.kill()
            process.wait()
            raise SubmissionError(f"it took longer than {timeout} s") from error
    return log.read_text("utf-8")


def _run_tool(*command: str, cwd: Path | None = None) -> None:
    done = subprocess.run(
        command, cwd=cwd, env=_environment(), capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)} failed:\n{done.stdout}{done.stderr}")


def _environment() -> dict[str, str]:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return os.environ | {"PATH": path, "PYDEVD_DISABLE_FILE_VALIDATION": "1"}


def _table(rows: list[dict]) -> pd.DataFrame:
    """One row a submission, sorted by file; a student number that comes twice is a problem."""
    table = pd.DataFrame(sorted(rows, key=lambda row: row["file"]))
    twice = table.student.duplicated(keep=False) & (table.student != "")
    table.loc[twice & (table.problem == ""), "problem"] = "student number handed in twice"
    questions = sorted(column for column in table if re.fullmatch(r"q\d+", column))
    return table.reindex(columns=["student", "file", *questions, "total", "problem"])


def _line(message: object) -> str:
    """The last line that says something."""
    return next((line.strip() for line in reversed(str(message).splitlines()) if line.strip()), "")


def _write(path: Path, text: str) -> None:
    partial = path.with_name(path.name + ".partial")
    partial.write_text(text, "utf-8")
    os.replace(partial, path)


def main(arguments: list[str] | None = None) -> int:
    """Build or grade, and return the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m tools.assignments",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(dest="command", required=True)
    building = commands.add_parser("build", help="make the versions of every assignment")
    building.add_argument(
        "--masters", type=Path, default=ROOT / "assignments", help="folder of the masters"
    )
    building.add_argument("--out", type=Path, default=BUILT, help="where the versions go")
    grading = commands.add_parser("grade", help="grade a folder of submissions")
    grading.add_argument("folder", type=Path, help=".ipynb and .zip files of one assignment")
    grading.add_argument("--out", type=Path, required=True, help="table to write, a .csv file")
    grading.add_argument("--built", type=Path, default=BUILT, help="what build has made")
    grading.add_argument("--timeout", type=int, default=300, help="seconds a submission may take")
    for command in (building, grading):
        command.add_argument("--jobs", type=int, default=2, help="how many to do at a time")
    options = parser.parse_args(arguments)
    try:
        if options.command == "build":
            build(options.masters, options.out, options.jobs)
            return 0
        table = grade(options.folder, options.out, options.built, options.jobs, options.timeout)
    except (ValueError, RuntimeError) as error:
        print(error, file=sys.stderr)
        return 1
    print(f"{len(table)} submissions, {(table.problem != '').sum()} with a problem: {options.out}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
