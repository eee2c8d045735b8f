"""What students hand in: the notebooks in a folder, and whose they are."""

import ast
import io
import json
import re
import unicodedata
import zipfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import nbformat
import pandas as pd
from IPython.core.inputtransformer2 import TransformerManager

from tools.session import SubmissionError

_LARGEST = 50 << 20  # bytes of a notebook
_PASSED_OVER = re.compile(  # what systems leave, and what was handed out
    r"(^|/)(\._[^/]*|\.DS_Store|Thumbs\.db|desktop\.ini|__MACOSX|__pycache__|\.ipynb_checkpoints"
    r"|student_data\.py|tests/q\d+\.py)(/|$)",
    re.IGNORECASE,
)
_NOTEBOOK = re.compile(r"\.ipynb(\.(txt|json))?$", re.IGNORECASE)
_ARCHIVE = re.compile(r"\.zip$", re.IGNORECASE)


def files_of(folder: Path) -> Iterator[tuple[str, Path]]:
    """Every file that may be a submission, with its name below the folder."""
    if not folder.is_dir():
        raise ValueError(f"folder must be one of submissions, got {folder}, which is none")
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix().encode(errors="backslashreplace").decode()
        if not (path.is_dir() or _PASSED_OVER.search(name)):
            yield name, path


def content_of(name: str, path: Path) -> bytes:
    """The bytes of a file that can be a submission; none of what cannot."""
    known = _NOTEBOOK.search(name) or _ARCHIVE.search(name)
    readable = path.is_file() and not path.is_symlink() and path.stat().st_size <= 2 * _LARGEST
    return path.read_bytes() if known and readable else b""


def usual_assignment(contents: dict[str, bytes]) -> str:
    """The assignment that most of the notebooks say they are of."""
    named: Counter[str] = Counter()
    for name, content in contents.items():
        try:
            named[assignment_of(read_submission(content, name))] += 1
        except SubmissionError:
            continue
    named.pop("", None)
    if not named:
        raise ValueError(
            "folder must hold a notebook that names its assignment, found none; "
            "give --assignment NAME"
        )
    return named.most_common(1)[0][0]


def read_submission(content: bytes, name: str, assignment: str = "") -> nbformat.NotebookNode:
    """The one notebook that was handed in, by itself or in an archive.

    Args:
        content: of the file.
        name: of the file.
        assignment: which of several notebooks in an archive is meant.

    Raises:
        SubmissionError: if there is none, or more than one, or it cannot be read.
    """
    if not (_ARCHIVE.search(name) or _NOTEBOOK.search(name)):
        raise SubmissionError("neither a notebook nor a .zip archive of one")
    try:
        if not _ARCHIVE.search(name):
            return _notebook(content)
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            inside = [
                each
                for each in archive.infolist()
                if _NOTEBOOK.search(each.filename) and not _PASSED_OVER.search(each.filename)
            ]
            if any(each.file_size > _LARGEST for each in inside):
                raise SubmissionError("the archive holds a notebook of more than 50 MB")
            notebooks = [_notebook(archive.read(each)) for each in inside]
    except SubmissionError:
        raise
    except Exception as error:  # whatever a student's file makes its readers raise
        raise SubmissionError(
            f"not a notebook: {type(error).__name__}: {one_line(error)}"
        ) from error
    if len(notebooks) > 1:
        notebooks = [each for each in notebooks if assignment_of(each) == assignment]
    if len(notebooks) != 1:
        raise SubmissionError(f"the archive holds {len(inside)} notebooks, not one")
    return notebooks[0]


def _notebook(content):
    if len(content) > _LARGEST:
        raise SubmissionError("the notebook has more than 50 MB")
    notebook = nbformat.reads(content.decode(json.detect_encoding(content)), as_version=4)
    for cell in notebook.cells:
        cell.cell_type, cell.source = str(cell.cell_type), str(cell.source)
    return notebook


def assignment_of(notebook: nbformat.NotebookNode) -> str:
    """The assignment that a notebook says it is of."""
    otter = notebook.metadata.get("otter")
    return str(otter.get("assignment_name", "")) if isinstance(otter, dict) else ""


def numbers_given(notebook: nbformat.NotebookNode) -> list[str]:
    """The student numbers that the notebook's code assigns, distinct ones, in order."""
    found: dict[str, None] = {}
    for cell in notebook.cells:
        if cell.cell_type != "code":
            continue
        try:
            body = ast.parse(TransformerManager().transform_cell(cell.source)).body
        except (SyntaxError, ValueError, RecursionError):
            continue
        for statement in body:
            targets = statement.targets if isinstance(statement, ast.Assign) else []
            targets = [statement.target] if isinstance(statement, ast.AnnAssign) else targets
            value = getattr(statement, "value", None)
            named = any(isinstance(each, ast.Name) and each.id == "student" for each in targets)
            if named and isinstance(value, ast.Constant) and isinstance(value.value, str):
                found[value.value] = None
    return [number for number in found if same(number)]


def same(number: str) -> str:
    """A student number in the form in which two that mean the same are equal."""
    return " ".join(unicodedata.normalize("NFKC", str(number)).casefold().split())


def identity(path: str, given: list[str], roster: list[str] | None) -> tuple[str, str]:
    """Whose a submission is, and what an instructor should look at about that.

    Args:
        path: of the file, below the folder of submissions.
        given: numbers that the notebook assigns.
        roster: all student numbers of the course, if they are known.

    Raises:
        SubmissionError: if nothing says whose it is.
    """
    known = given if roster is None else roster
    named = [number for number in dict.fromkeys(known) if _mentions(path, number)]
    if len(named) > 1:
        longest = max(named, key=len)  # of student-12 and 12, the former
        named = [longest] if all(same(each) in same(longest) for each in named) else named
    if len(named) > 1:
        raise SubmissionError(f"the file name gives several students: {', '.join(named)}")
    if named:
        others = [number for number in given if same(number) != same(named[0])]
        note = f"the notebook gives {', '.join(others)}" if others else ""
        return named[0], note
    if len({same(number) for number in given}) > 1:
        raise SubmissionError(f"the notebook gives several student numbers: {', '.join(given)}")
    if not given:
        raise SubmissionError("no student number, neither in the file name nor in the notebook")
    if roster is not None:
        listed = [number for number in roster if same(number) == same(given[0])]
        if not listed:
            raise SubmissionError(f"student {given[0]} is not in the roster")
        return listed[0], "the student number is the notebook's alone"
    return given[0], "the student number is the notebook's alone"


def _mentions(path: str, number: str) -> bool:
    inside = re.escape(same(number)).replace(r"\ ", r"[\s_.-]*")
    return re.search(rf"(?<![^\W_]){inside}(?![^\W_])", same(path)) is not None


def read_roster(path: Path) -> list[str]:
    """The student numbers of a course.

    Raises:
        ValueError: if the file has no column of them, or one twice.
    """
    try:
        listed = pd.read_csv(path, dtype=str, keep_default_na=False, encoding="utf-8-sig")
        numbers = [number.strip() for number in listed["student"] if number.strip()]
    except (OSError, ValueError, KeyError) as error:
        raise ValueError(
            f"roster must be a .csv file with a column 'student', got {path}: {one_line(error)}"
        ) from error
    twice = [number for number, times in Counter(map(same, numbers)).items() if times > 1]
    if twice or not numbers:
        raise ValueError(f"roster must name each student once, got {twice or 'none'} in {path}")
    return numbers


def one_line(message: object) -> str:
    """The last line that says something."""
    return next((line.strip() for line in reversed(str(message).splitlines()) if line.strip()), "")
