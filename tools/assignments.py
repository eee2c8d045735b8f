"""Build the assignments of the course, and grade what students hand in.

``build`` makes of every master, ``assignments/NAME.md``, what students get, the executed solution,
and what grades. ``grade`` runs each submission of a folder, one assignment's ``.ipynb`` or ``.zip``
files, in a process of its own that reaches nothing else, and appends to one table. ``feedback``
makes of that table a page for each student, and gradebooks for Canvas and Moodle.
"""

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor, as_completed
from multiprocessing import get_context
from pathlib import Path
from zipfile import ZipFile

import jupytext
import nbformat
import yaml
from tqdm import tqdm

from tools import address, confine, feedback, lower
from tools.grading import BY_HAND, Assignment, Limits, grade, grade_one

ROOT = Path(__file__).parent.parent
BUILT = ROOT / "_build" / "assignments"
_QUESTION = re.compile(r"^# BEGIN QUESTION\n(.*?)(?=^```|\Z)", re.MULTILINE | re.DOTALL)
_CHECKS = """

from pathlib import Path
from zipfile import ZipFile

if find_spec("otter") is None:  # with what it needs, and no other version of what is there
    %pip install --quiet --no-deps {checking}
if Path("student.zip").exists() and not Path("student_data.py").exists():
    with ZipFile("student.zip") as archive:
        archive.extractall(members=[name for name in archive.namelist() if ".ipynb" not in name])"""
CHECKING = ("otter-grader", "dill", "fica", "ipylab", "python-frontmatter", "wrapt")


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
        zipped = zipped.rename(made / "autograder" / "autograder.zip")
        with ZipFile(zipped, "a") as archive:
            archive.writestr(BY_HAND, json.dumps(_graded_by_hand(notebook)))

        solved = shutil.copytree(made / "autograder", work / "solved") / f"{name}.ipynb"
        _run_tool("jupyter", "nbconvert", "--to=notebook", "--inplace", "--execute", str(solved))
        _begin_with_installing(made / "student" / f"{name}.ipynb")
        _say_what_remains(made / "student" / "tests", made / "autograder")
        (made / "solution").mkdir()
        shutil.copy(solved, made / "solution")
        shutil.make_archive(str(made / "student"), "zip", made / "student")
        made = made.rename(work / name)
        _grades_in_full(name, made)

        shutil.rmtree(out, ignore_errors=True)
        out.parent.mkdir(parents=True, exist_ok=True)
        shutil.move(made, out)


def _run_tool(*command: str, cwd: Path | None = None) -> None:
    done = subprocess.run(
        command, cwd=cwd, env=_environment(), capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)} failed:\n{done.stdout}{done.stderr}")


def _environment() -> dict[str, str]:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return os.environ | {"PATH": path, "PYDEVD_DISABLE_FILE_VALIDATION": "1"}


def _graded_by_hand(notebook):
    """The points of each question without tests."""
    text = "\n".join(cell.source for cell in notebook.cells)
    questions = map(yaml.safe_load, _QUESTION.findall(text))
    return {each["name"]: each["points"] for each in questions if each.get("manual")}


def _begin_with_installing(path):
    """Put the cell in front that installs what Colab lacks, and unpacks what was uploaded."""
    notebook = nbformat.read(path, as_version=4)
    install = lower.INSTALL.format(requirement=address.read().requirement)
    checks = _CHECKS.format(checking=" ".join(CHECKING))
    notebook.cells.insert(0, nbformat.v4.new_code_cell(install + checks))
    nbformat.write(notebook, path)


def _say_what_remains(public: Path, autograder: Path) -> None:
    """Let a check that is passed say how many hidden tests of its question remain."""
    for path in sorted(public.glob("q*.py")):
        hidden = (autograder / "tests" / path.name).read_text("utf-8").count("hidden=True")
        before, decorator, last = path.read_text("utf-8").rpartition("@test_case(")
        if hidden and decorator:
            said = f"{hidden} hidden test{'s' * (hidden > 1)} of this question will be run too"
            path.write_text(f"{before}{decorator}success_message={said!r}, {last}", "utf-8")


def _grades_in_full(name: str, built: Path) -> None:
    """Refuse a solution that does not score what there is."""
    content = (built / "solution" / f"{name}.ipynb").read_bytes()
    assignment = Assignment.read(built.parent, name)
    limits = Limits(seconds=1200, confined=confine.version() > 0)
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        grading = pool.submit(grade_one, "instructor.ipynb", content, assignment, None, limits)
    graded = grading.result()
    failed = [test for test in graded.tests if test["points"] < test["of"]]
    said = [f"{test['test']} of {test['question']}: {test['message']}" for test in failed]
    if graded.row["problem"] or failed:
        said = said or [graded.row["problem"]]
        raise RuntimeError(f"the solution of {name} fails tests; {'; '.join(said)}")


def main(arguments: list[str] | None = None) -> int:
    """Build, grade or give feedback, and return the exit status."""
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
    grading.add_argument("folder", type=Path, help="submissions of one assignment, all below it")
    grading.add_argument("--out", type=Path, required=True, help="table to add to, a .csv file")
    grading.add_argument("--roster", type=Path, help=".csv file with all numbers, column 'student'")
    grading.add_argument("--assignment", default="", help="its name, if no notebook gives it")
    grading.add_argument("--built", type=Path, default=BUILT, help="what build has made")
    grading.add_argument("--timeout", type=float, default=300, help="seconds for a submission")
    grading.add_argument("--memory", type=float, default=4, help="gigabytes for a submission")
    grading.add_argument(
        "--again", action="store_true", help="also what the table has; former rows stay"
    )
    grading.add_argument(
        "--unconfined", action="store_true", help="let submissions read and write what you can"
    )
    telling = commands.add_parser("feedback", help="pages for students, and gradebooks")
    telling.add_argument("grades", type=Path, help="table that grade has written")
    telling.add_argument("--out", type=Path, required=True, help="folder to write to")
    telling.add_argument(
        "--title", help="of the assignment on your platform; else the table's name"
    )
    telling.add_argument(
        "--hidden", action="store_true", help="also the errors that hidden tests raised"
    )
    for command in (building, grading):
        command.add_argument("--jobs", type=int, default=2, help="how many to do at a time")
    options = parser.parse_args(arguments)
    try:
        if options.command == "build":
            build(options.masters, options.out, options.jobs)
            return 0
        if options.command == "feedback":
            title = options.title or options.grades.stem
            book = feedback.write(options.grades, options.out, title=title, hidden=options.hidden)
            print(f"{len(book)} pages, canvas.csv and moodle.csv in {options.out}")
            return 0
        table = grade(
            options.folder,
            options.out,
            options.built,
            assignment=options.assignment,
            roster=options.roster,
            jobs=options.jobs,
            limits=Limits(options.timeout, options.memory, not options.unconfined),
            again=options.again,
        )
    except (ValueError, RuntimeError) as error:
        print(error, file=sys.stderr)
        return 2
    count = {name: (table[name] != "").sum() for name in ("problem", "note")}
    print(
        f"{len(table)} rows in {options.out}, {count['problem']} without points, "
        f"{count['note']} with a note to look at"
    )
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
