"""Grade what students hand in: whose it is, what its answers are worth, and what is left over.

Every file of the folder gets a row. The tests run here, and the code of a submission in a process
of its own (``tools.session``); the student that tests compute right answers for is the one that
the roster or the file name says.
"""

import hashlib
import json
import re
import sys
import tempfile
import zipfile
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from multiprocessing import get_context
from pathlib import Path, PurePath
from typing import Any

import pandas as pd
from filelock import FileLock, Timeout
from tqdm import tqdm

from symlib._checks import replacing
from tools import confine
from tools.hand_ins import (
    assignment_of,
    content_of,
    files_of,
    identity,
    numbers_given,
    one_line,
    read_roster,
    read_submission,
    same,
    usual_assignment,
)
from tools.session import Session, SubmissionError

PENDING = "not graded: the run was broken off"
BY_HAND = "by_hand.json"  # in autograder.zip
_CHECKED = re.compile(r"""\bgrader\s*\.\s*check\(\s*["'](q\d+)["']""")
_ROW = ("student", "file", "problem", "note", "submitted", "graded")


@dataclass(frozen=True)
class Assignment:
    """What grades one assignment.

    Attributes:
        name: of its notebook.
        tests: by question.
        files: that come with it.
        by_hand: points of the questions that have no tests.
    """

    name: str
    tests: dict[str, str]
    files: dict[str, bytes]
    by_hand: dict[str, float] = field(default_factory=dict)

    @classmethod
    def read(cls, built: Path, name: str) -> "Assignment":
        """The one that ``tools.assignments build`` has made.

        Raises:
            ValueError: if it was not built.
        """
        path = built / name / "autograder" / "autograder.zip"
        if not path.exists():
            raise ValueError(f"{path} must exist to grade by; run make assignments first")
        with zipfile.ZipFile(path) as archive:
            inside = {member: archive.read(member) for member in archive.namelist()}
        tests = {
            PurePath(member).stem: content.decode()
            for member, content in inside.items()
            if member.startswith("tests/") and member.endswith(".py")
        }
        files = {
            PurePath(member).name: content
            for member, content in inside.items()
            if member.startswith("files/") and not member.endswith("/")
        }
        by_hand = json.loads(inside.get(BY_HAND, b"{}"))
        return cls(name, dict(sorted(tests.items())), files, by_hand)

    @property
    def version(self) -> str:
        """A hash of all that decides what an answer is worth."""
        return _digest(json.dumps(self.tests).encode(), *self.files.values())


@dataclass(frozen=True)
class Limits:
    """What one submission may take.

    Attributes:
        seconds: in all.
        gigabytes: of memory, it and what it starts.
        confined: to its own folder, see ``tools.confine``.
    """

    seconds: float = 300
    gigabytes: float = 4
    confined: bool = True


@dataclass
class Graded:
    """One submission: its row of the table, and one row for each test."""

    row: dict[str, Any]
    tests: list[dict[str, Any]] = field(default_factory=list)


def grade_one(
    name: str, content: bytes, assignment: Assignment, roster: list[str] | None, limits: Limits
) -> Graded:
    """The row of one file, and of each of its tests: points, or the problem."""
    graded = Graded({"student": "", "file": name, "problem": "", "note": ""})
    try:
        notebook = read_submission(content, name, assignment.name)
        if (said := assignment_of(notebook)) not in ("", assignment.name):
            raise SubmissionError(f"the notebook is of {said}, and not of {assignment.name}")
        student, note = identity(name, numbers_given(notebook), roster)
        graded.row |= {"student": student, "note": note}
        tests, errors = _answers(notebook, student, assignment, limits)
    except SubmissionError as error:
        graded.row["problem"] = str(error)
        return graded
    graded.tests = [{"student": student, "file": name} | test for test in tests]
    for test in tests:
        graded.row[test["question"]] = graded.row.get(test["question"], 0) + test["points"]
    graded.row["total"] = sum(test["points"] for test in tests)
    if errors:
        cells = "a cell" if len(errors) == 1 else f"{len(errors)} cells"
        failed = f"{cells} raised an error, the first {str(errors[0])[:200]}"
        graded.row["note"] = "; ".join(filter(None, [note, failed]))
    return graded


def _answers(notebook, student, assignment, limits):
    """One row for each test, and what cells raised."""
    cells = [cell.source for cell in notebook.cells if cell.cell_type == "code"]
    last = {question: at for at, cell in enumerate(cells) for question in _CHECKED.findall(cell)}
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made).resolve() / "submission"
        folder.mkdir()
        for name, content in assignment.files.items():
            (folder / name).write_bytes(content)
        memory = limits.gigabytes * 2**30
        how = {"seconds": limits.seconds, "memory": memory, "confined": limits.confined}
        rows, errors = [], []
        with Session(folder, **how) as session, _importable(assignment.files):
            for at, cell in enumerate(cells):
                if error := session.run(cell):
                    errors.append(error)
                for question in assignment.tests:
                    if last.get(question, len(cells) - 1) == at:
                        rows += _tests(assignment, question, session, student)
        return sorted(rows, key=lambda row: row["question"]), errors


def _tests(assignment, question, session, student):
    """One row for each test of a question, run against what the session holds now."""
    import jax
    from otter.test_files.exception_test import ExceptionTestFile

    jax.config.update("jax_enable_x64", True)
    file = ExceptionTestFile.from_string(assignment.tests[question], f"{question}.py")
    file.run(_Names(session, student))
    if session.lost:
        raise SubmissionError(session.lost)
    return [
        {
            "question": question,
            "test": result.test_case.body.test_func.__name__,
            "hidden": result.test_case.hidden,
            "points": float(result.test_case.points or 0) * result.passed,
            "of": float(result.test_case.points or 0),
            "message": "" if result.passed else _said(result.message),
        }
        for result in file.test_case_results
    ]


def _said(message):
    return one_line(message).removeprefix("AnswerError: ")[:500]


@dataclass(frozen=True)
class _Names:
    """The names of a submission, but for the student number, which is not its own to say."""

    session: Session
    student: str

    def get(self, name: str, default: object = None) -> object:
        return self.student if name == "student" else self.session.get(name, default)


@contextmanager
def _importable(files: dict[str, bytes]) -> Iterator[None]:
    """The files that come with an assignment, for the tests to import."""
    with tempfile.TemporaryDirectory() as folder:
        for name, content in files.items():
            (Path(folder) / name).write_bytes(content)
        sys.path.insert(0, folder)
        try:
            yield
        finally:
            sys.path.remove(folder)
            for name in files:
                sys.modules.pop(Path(name).stem, None)


def grade(
    folder: Path,
    out: Path,
    built: Path,
    *,
    assignment: str = "",
    roster: Path | None = None,
    jobs: int = 2,
    limits: Limits = Limits(),
    again: bool = False,
) -> pd.DataFrame:
    """Grade all submissions of a folder into a table, row by row, and its tests into another.

    A submission that the table has graded by the same tests stays as it is, unless ``again``. Rows
    and columns that others put there stay in any case. Questions without tests get an empty column,
    for an instructor to fill in, and a row without points in the table of tests.

    Raises:
        ValueError: if the folder holds no submissions, its assignment was not built, the table is
            not one of grades or is being written to, or this machine cannot confine submissions.
    """
    if limits.confined and not confine.version():
        raise ValueError(
            "this machine must be able to confine what submissions do, which takes Linux 5.13 or "
            "later; grade there, or pass --unconfined in a container that holds nothing else"
        )
    ours = {path.resolve() for path in (out, _beside(out), roster) if path}
    contents = {name: path for name, path in files_of(folder) if path.resolve() not in ours}
    contents = {name: content_of(name, path) for name, path in contents.items()}
    tested = Assignment.read(built, assignment or usual_assignment(contents))
    numbers = None if roster is None else read_roster(roster)
    with _table_at(out) as table:
        pending = table.problem.eq(PENDING)
        done = set() if again else set(zip(table.file, table.submitted))
        done -= set(zip(table.file[pending], table.submitted[pending]))
        marks = {name: f"{_digest(each)}-{tested.version}" for name, each in contents.items()}
        wanted = {name: each for name, each in contents.items() if (name, marks[name]) not in done}
        empty = dict.fromkeys(tested.by_hand, "")
        blank = {"student": "", "note": "", "problem": PENDING} | empty
        rows = {name: blank | {"file": name, "submitted": marks[name]} for name in wanted}
        former = table[~pending]
        table = _write(out, former, rows.values(), [])
        grading = partial(grade_one, assignment=tested, roster=numbers, limits=limits)
        for name, graded in _each(grading, wanted, jobs):
            now = datetime.now(UTC).isoformat(timespec="seconds")
            rows[name] = empty | graded.row | {"submitted": marks[name], "graded": now}
            _note_twice(rows)
            tests = [*graded.tests, *_without_tests(graded, tested.by_hand)]
            tests = [test | {"submitted": marks[name]} for test in tests]
            table = _write(out, former, rows.values(), tests)
    return table


def _without_tests(graded, by_hand):
    """Rows among the tests that say what an instructor can give for the other questions."""
    if graded.tests:
        blank = graded.tests[0] | {"test": "by_hand", "hidden": False, "points": "", "message": ""}
        for question, of in by_hand.items():
            yield blank | {"question": question, "of": of}


def _note_twice(rows):
    """Say where two files are of one student."""
    by_student: dict[str, list[dict]] = {}
    for row in rows.values():
        if row["student"]:
            by_student.setdefault(same(row["student"]), []).append(row)
    for row in (each for several in by_student.values() if len(several) > 1 for each in several):
        if "handed in more than once" not in row["note"]:
            row["note"] = "; ".join(filter(None, [row["note"], "handed in more than once"]))


def _each(grading, wanted, jobs):
    """What becomes of each submission, whichever is ready first."""
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
        tasks = {pool.submit(grading, name, each): name for name, each in wanted.items()}
        for task in tqdm(as_completed(tasks), desc="submissions", total=len(tasks)):
            name = tasks[task]
            try:
                yield name, task.result()
            except BrokenProcessPool:
                problem = "not graded: the process that grades was ended; grade this one by itself"
                yield name, Graded({"student": "", "file": name, "problem": problem, "note": ""})
            except Exception as error:  # of a test, which should refuse any answer in words
                problem = f"not graded: {type(error).__name__}: {one_line(error)[:200]}"
                yield name, Graded({"student": "", "file": name, "problem": problem, "note": ""})


@contextmanager
def _table_at(out: Path) -> Iterator[pd.DataFrame]:
    """The grades that are there already, while nobody else writes to them."""
    lock = out.with_name(f".{out.name}.lock")
    try:
        with FileLock(lock, blocking=False):
            yield _former(out)
    except Timeout:
        raise ValueError(f"out must be free, got {out}, which another run is writing to") from None
    except OSError as error:
        raise ValueError(f"out must be a file that can be written, got {out}: {error}") from error
    finally:
        lock.unlink(missing_ok=True)


def _former(out):
    if not out.exists():
        return pd.DataFrame(columns=list(_ROW), dtype=str)
    try:
        table = pd.read_csv(out, dtype=str, keep_default_na=False)
    except ValueError as error:
        raise ValueError(f"out must be a table of grades, got {out}: {one_line(error)}") from error
    if missing := set(_ROW) - set(table):
        raise ValueError(
            f"out must be a table of grades, got {out} without {', '.join(sorted(missing))}; "
            "choose another name, and nothing there is touched"
        )
    return table


def _write(
    out: Path, former: pd.DataFrame, rows: Iterable[dict], tests: Iterable[dict]
) -> pd.DataFrame:
    """Put rows below those that are there; and tests below theirs, in the file beside."""
    table = pd.concat([former, pd.DataFrame(rows, dtype=object)], ignore_index=True)
    questions = questions_of(table)
    first = ["student", "file", *questions, "total", "problem", "note", "submitted", "graded"]
    others = [name for name in former if name not in first]
    table = table.reindex(columns=[*first, *others]).astype(object).fillna("")
    with replacing(out) as partial_file:
        table.to_csv(partial_file, index=False)
    if tests:
        path = _beside(out)
        pd.DataFrame(tests).to_csv(path, mode="a", header=not path.exists(), index=False)
    return table


def questions_of(table: pd.DataFrame) -> list[str]:
    """The columns that hold points, in the order of their questions."""
    return sorted((name for name in table if re.fullmatch(r"q\d+", name)), key=lambda q: int(q[1:]))


def _beside(out):
    return out.with_name(f"{out.stem}.tests{out.suffix}")


def _digest(*contents: bytes) -> str:
    return hashlib.sha256(b"\0".join(contents)).hexdigest()[:12]
