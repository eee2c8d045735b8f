"""Honest submissions are graded without help, forgeries score nothing, and each file has a row."""

import json
import os
import pickle
import socket
import subprocess
import sys
import unicodedata
import zipfile
from pathlib import Path

import nbformat
import pandas as pd
import pytest

from tools import assignments, confine, grading, hand_ins
from tools.answering import as_data
from tools.session import AnswerError, from_data

MASTERS = Path(__file__).parent / "masters"
FULL = {"q1": "3.0", "q2": "4.0", "q3": "3.0"}
NONE = {"q1": "", "q2": "", "q3": ""}
OWN_LOST = FULL | {"q2": "0.0"}
TWICE, OWN, SQUARES = "2 * number", "student_data.number(student)", "np.arange(5) ** 2"

# What an honest student may hand in: where, and what differs from the solution. Numbers are of
# four digits from 1001 on; "#" stands for the student's.
HONEST = {
    "#.ipynb": {},
    "#-upper.IPYNB": {},
    "late #.ipynb.txt": {},
    "#_small.ipynb.json": {},
    "#.zip": {},
    "#-upper.ZIP": {},
    "#/small.ipynb": {},
    "week 2/#/hand in/small.ipynb": {},
    unicodedata.normalize("NFD", "Zoë Müller (#)/Übung.ipynb"): {},
    "Zoë Müller-#.ipynb": {},
    "s#-kernel.ipynb".replace("s#", "#"): {"kernel": "ml-course"},
    "#-bom.ipynb": {"encoding": "utf-8-sig"},
    "#-utf16.ipynb": {"encoding": "utf-16"},
    "#-metadata.ipynb": {"metadata": {}},
    "#-unchecked.ipynb": {"grader.check(": "print("},
    "#-moved.ipynb": {"student = ": "import os\nos.chdir('/')\nstudent = "},
    "#-error.ipynb": {"student = ": "student = ", "first": "1 / 0"},
    "#-syntax.ipynb": {"first": "if"},
    "#-noise.ipynb": {"first": "print('x' * 10**7)"},
    "#-install.ipynb": {"first": "!pip uninstall -y numpy\n%pip install nothing\n!exit 1"},
    "#-magic.ipynb": {"first": "%matplotlib widget\n%load_ext nothing"},
    "#-await.ipynb": {"first": "import asyncio\nawait asyncio.sleep(0)"},
    "#-exit.ipynb": {"first": "import sys\nsys.exit(3)"},
    "#-quit.ipynb": {"first": "quit()"},
    "#-input.ipynb": {"first": "input('your name?')"},
    "#-subprocess.ipynb": {"first": "import subprocess\nsubprocess.run(['echo', 'a'])"},
    "#-file.ipynb": {"first": "open('a.txt', 'w').write('a'); assert open('a.txt').read() == 'a'"},
    "#-annotated.ipynb": {"student = ": "student: str = "},
    "#-list.ipynb": {TWICE: "[2 * n for n in number] if np.ndim(number) else 2 * number"},
    "#-tuple.ipynb": {TWICE: "tuple(2 * number) if np.ndim(number) else 2 * number"},
    "#-float32.ipynb": {TWICE: "np.float32(2) * number"},
    "#-jax.ipynb": {TWICE: "__import__('jax').numpy.asarray(number) * 2"},
    "#-inverse.ipynb": {TWICE: "number if number is None else np.add(number, number)"},
    "#-lambda.ipynb": {"axis = plt": "twice = lambda number: number + number\naxis = plt"},
    "#-partial.ipynb": {
        "my_number = ": "import functools\ntwice = functools.partial(np.multiply, 2)\nmy_number = "
    },
    "#-array.ipynb": {OWN: "np.array(student_data.number(student))"},
    "#-changed-later.ipynb": {"last": "twice = None"},
    "small-a.ipynb": {"note": "the student number is the notebook's alone"},
    "small-b.zip": {"note": "the student number is the notebook's alone"},
}

# What is not one's own work, or does harm: what differs from a notebook with the wrong answers, or
# from the solution where its points are others', and what may be scored and said.
WRONG = {TWICE: "0", OWN: "0", SQUARES: "range(5)"}
EQUAL = "class Equal:\n    __eq__ = __gt__ = lambda *_: True\n    __hash__ = None\n"
FORGED = {
    "dies": {"first": "open('results.json', 'w').write('{}')\nimport os\nos._exit(1)"},
    "runner": {"first": "import otter\notter.Notebook.check = lambda *_: 'passed'"},
    "numpy": {"first": "import numpy as np\nnp.allclose = np.isclose = lambda *_, **__: True"},
    "builtins": {"first": "import builtins\nbuiltins.isinstance = lambda *_: True"},
    "equal": {"first": EQUAL, OWN: "Equal()", TWICE: "Equal()"},
    "array": {
        "first": "import numpy as np\nclass Same(np.ndarray):\n    __eq__ = lambda *_: True",
        OWN: "np.zeros(1).view(Same)",
        TWICE: "np.zeros(2).view(Same)",
    },
    "data": {"first": "import student_data\nstudent_data.number = lambda _: 0"},
    "data-file": {"first": "open('student_data.py', 'w').write('number = lambda _: 0')"},
    "pickle": {
        "first": "class Evil:\n    def __reduce__(self): return (print, ('x',))\n",
        OWN: "Evil()",
        TWICE: "Evil()",
    },
    "frames": {TWICE: "__import__('sys')._getframe(1).f_locals.get('expected', 0)"},
    "tests": {"first": "source = open(BUILT + '/small/autograder/autograder.zip').read()"},
    "solution": {
        "first": "import json\nfor cell in json.load(open(BUILT + '/small/solution/small.ipynb'))"
        "['cells']:\n    cell['cell_type'] == 'code' and exec(''.join(cell['source']))"
    },
    "grades": {"first": "open(GRADES, 'a').write('x')"},
    "others": {"first": "open(FOLDER + '/1001.ipynb', 'w').write('x')"},
    "packages": {"first": "import numpy as np\nopen(np.__file__, 'a').write('x')"},
    "kills-grader": {"first": "import os\nos.kill(os.getppid(), 9)"},
    "kills-all": {"first": "import os\nos.kill(-1, 9)"},
    "environment": {"first": "import os\nopen(f'/proc/{os.getppid()}/environ').read()"},
    "memory-of-grader": {"first": "import os\nopen(f'/proc/{os.getppid()}/mem', 'rb').read(1)"},
    "network": {"first": "import socket\nsocket.create_connection(('127.0.0.1', PORT))"},
    "self-referring": {"first": "loop = []\nloop.append(loop)", OWN: "loop", TWICE: "loop"},
    "endless-list": {TWICE: "__import__('itertools').count()", "problem": "it "},
    "hogs": {"first": "hog = bytearray(3 * 10**9)", "problem": "it held more than 2 GB"},
    "forks": {
        "first": "import os, time\nfor _ in range(80):\n    os.fork() or time.sleep(99)",
        "problem": "it started more than 64 processes",
    },
    "sleeps": {"first": "import time\ntime.sleep(999)", "problem": "it took longer than 60 s"},
    "answers-itself": {
        "first": "import os\nfor descriptor in range(3, 40):\n    try:\n"
        "        os.write(descriptor, b'\\0\\0\\0\\x02{}')\n    except OSError:\n        pass",
        "problem": "it answered in place of what runs it",
    },
    "large": {TWICE: "'x' * 300_000_000", "problem": "it "},
    "stays": {
        "first": "import os, time\nif os.fork() == 0:\n    os.setsid()\n    if os.fork() == 0:\n"
        "        time.sleep(999)\n    os._exit(0)\n"
        "time.sleep(1)"
    },
}
OTHERS = {
    "2001-report.pdf": (b"%PDF-", "neither a notebook nor a .zip"),
    "2002.ipynb": (b"", "not a notebook: "),
    "2003.ipynb": (b"\x89PNG\r\n", "not a notebook: "),
    "2004.ipynb": (b"[]", "not a notebook: "),
    "2005.ipynb": (b'{"cells": 3, "nbformat": 4}', "not a notebook: "),
    "2006.zip": (b"", "not a notebook: "),
    "2007.zip": (b"PK\x03\x04 broken", "not a notebook: "),
    "2008.tar.gz": (b"\x1f\x8b", "neither a notebook nor a .zip"),
    "2009.ipynb": (b'{"nbformat": 4, "metadata": [], "cells": [{}]}', "not a notebook: "),
}


@pytest.fixture(scope="session")
def built(tmp_path_factory):
    """What ``build`` makes of a small assignment."""
    folder = tmp_path_factory.mktemp("built")
    assert assignments.main(["build", "--masters", str(MASTERS), "--out", str(folder)]) == 0
    return folder


@pytest.fixture
def listener():
    """A port of this machine that takes connections."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def written(built, student, changes):
    """The solution as this student would hand it in, with some text replaced."""
    notebook = nbformat.read(built / "small" / "autograder" / "small.ipynb", as_version=4)
    changes = {'"instructor"': repr(student)} | changes
    for old, new in changes.items():
        if old == "first":
            notebook.cells.insert(0, nbformat.v4.new_code_cell(new))
        elif old == "last":
            notebook.cells.append(nbformat.v4.new_code_cell(new))
        elif old == "kernel":
            notebook.metadata["kernelspec"] = {"name": new, "display_name": new}
        elif old == "metadata":
            notebook.metadata = nbformat.from_dict(new)
        elif old not in ("note", "problem", "encoding"):
            assert any(old in cell.source for cell in notebook.cells), old
            for cell in notebook.cells:
                cell.source = cell.source.replace(old, new)
    return nbformat.writes(notebook).encode(changes.get("encoding", "utf-8"))


def hand_in(path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix.lower() != ".zip":
        path.write_bytes(content)
        return
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("work/small.ipynb", content)
        archive.writestr("__MACOSX/work/._small.ipynb", b"")
        archive.writestr("work/.ipynb_checkpoints/small-checkpoint.ipynb", content)


def graded(folder, built, out, *options):
    command = ["grade", str(folder), "--built", str(built), "--out", str(out), *options]
    assert assignments.main(command) == 0
    return pd.read_csv(out, keep_default_na=False, dtype=str).set_index("file", drop=False)


def write_roster(path, numbers):
    path.write_text("student,name\n" + "".join(f"{number},somebody\n" for number in numbers))
    return path


@pytest.mark.slow
def test_honest_submissions_are_graded_without_help(built, tmp_path):
    folder, numbers = tmp_path / "submissions", {}
    for number, (name, changes) in enumerate(HONEST.items(), 1001):
        numbers[name.replace("#", str(number))] = str(number)
        hand_in(folder / name.replace("#", str(number)), written(built, str(number), changes))
    for left in (".DS_Store", "1007/student_data.py", "1007/.ipynb_checkpoints/small.ipynb"):
        (folder / left).parent.mkdir(exist_ok=True, parents=True)
        (folder / left).write_bytes(b"x")
    roster = write_roster(tmp_path / "roster.csv", numbers.values())
    grades = graded(folder, built, tmp_path / "grades.csv", "--roster", str(roster))
    assert sorted(grades.file) == sorted(numbers)
    for (name, number), changes in zip(numbers.items(), HONEST.values()):
        row = grades.loc[name]
        assert row.problem == "", (name, row.problem)
        assert {question: row[question] for question in FULL} == FULL, (name, row.note)
        assert row.student == number, name
        assert changes.get("note", "") in row.note, name
        assert "raised" in row.note or row.note == changes.get("note", ""), name


@pytest.mark.slow
def test_no_forgery_scores(built, tmp_path, listener):
    folder, out = tmp_path / "submissions", tmp_path / "grades.csv"
    known = {"BUILT": str(built), "GRADES": str(out), "FOLDER": str(folder), "PORT": listener}
    numbers = {}
    for number, (name, changes) in enumerate(FORGED.items(), 3001):
        first = "".join(f"{each} = {value!r}\n" for each, value in known.items())
        changes = WRONG | changes | {"first": first + changes.get("first", "")}
        hand_in(folder / f"{number}-{name}.ipynb", written(built, str(number), changes))
        numbers[name] = str(number)
    friend = written(built, "4000", {})
    hand_in(folder / "4000.ipynb", friend)
    hand_in(folder / "4001.ipynb", friend)
    twice = {'"instructor"': '"4000"', "last": 'student = "4002"'}
    hand_in(folder / "4002.ipynb", written(built, "", twice))
    named = {'"instructor"': '"4000"', "first": '"""\nstudent = "4003"\n"""'}
    hand_in(folder / "4003.ipynb", written(built, "", named))
    hand_in(folder / "nameless.ipynb", written(built, "", {'"instructor"': "4004"}))
    hand_in(folder / "stranger.ipynb", written(built, "9999", {}))
    hand_in(folder / "4000 and 4001.ipynb", friend)
    for name, (content, _) in OTHERS.items():
        (folder / name).write_bytes(content)
    (folder / "4005.ipynb").symlink_to(folder / "4000.ipynb")
    os.mkfifo(folder / "4006.ipynb")
    with zipfile.ZipFile(folder / "4007.zip", "w") as archive:
        archive.writestr("a.ipynb", friend)
        archive.writestr("b.ipynb", friend)
    with zipfile.ZipFile(folder / "4008.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.ipynb", b" " * (60 << 20))
    other = nbformat.reads(friend.decode(), as_version=4)
    other.metadata.otter.assignment_name = "another"
    hand_in(folder / "4009.ipynb", nbformat.writes(other).encode())

    listed = [*numbers.values(), *range(4000, 4010), *range(2001, 2010)]
    roster = write_roster(tmp_path / "roster.csv", listed)
    before = {path: path.read_bytes() for path in folder.glob("*.ipynb") if path.is_file()}
    limits = ["--timeout", "60", "--memory", "2", "--roster", str(roster)]
    grades = graded(folder, built, out, *limits)

    assert {path: path.read_bytes() for path in before} == before
    assert len(grades) == len(FORGED) + len(OTHERS) + 12
    for name, changes in FORGED.items():
        row = grades.loc[f"{numbers[name]}-{name}.ipynb"]
        assert row.total in ("", "0.0", "1.0"), (name, row.total)  # 0 is twice 0: a public test
        assert row.problem.startswith(
            changes.get("problem", "it ended its own" if row.problem else "")
        )
    assert grades.loc["4000.ipynb", [*FULL]].to_dict() == FULL
    for file in ("4001.ipynb", "4002.ipynb", "4003.ipynb"):
        assert grades.loc[file, [*FULL]].to_dict() == OWN_LOST, file
        assert "the notebook gives 4000" in grades.note[file]
    problems = {file: said for file, (_, said) in OTHERS.items()} | {
        "nameless.ipynb": "no student number",
        "stranger.ipynb": "student 9999 is not in the roster",
        "4000 and 4001.ipynb": "the file name gives several students: 4000, 4001",
        "4005.ipynb": "not a notebook",
        "4006.ipynb": "not a notebook",
        "4007.zip": "the archive holds 2 notebooks",
        "4008.zip": "the archive holds a notebook of more than 50 MB",
        "4009.ipynb": "the notebook is of another, and not of small",
    }
    for file, problem in problems.items():
        assert grades.problem[file].startswith(problem), (file, grades.problem[file])
        assert grades.total[file] == "", file


@pytest.mark.slow
def test_nothing_stays_behind(built, tmp_path):
    content = written(built, "1", FORGED["stays"])
    read = grading.Assignment.read(built, "small")
    script = (
        "import pickle, sys, psutil\nfrom tools import grading\n"
        "arguments = pickle.load(sys.stdin.buffer)\n"
        "row = grading.grade_one(*arguments).row\n"
        "left = psutil.Process().children(recursive=True)\n"
        "left = [each for each in left if each.status() != psutil.STATUS_ZOMBIE]\n"
        "print(row['total'], len(left))"
    )
    arguments = pickle.dumps(("1.ipynb", content, read, None, grading.Limits()))
    done = subprocess.run([sys.executable, "-c", script], input=arguments, capture_output=True)
    assert done.stdout.decode().split() == ["10.0", "0"], done.stderr.decode()


@pytest.mark.slow
def test_grades_are_appended(built, tmp_path):
    """What an instructor wrote into the table stays, and only what is new or changed is graded."""
    folder, out = tmp_path / "submissions", tmp_path / "submissions" / "grades.csv"
    hand_in(folder / "1001.ipynb", written(built, "1001", {}))
    hand_in(folder / "1002.ipynb", written(built, "1002", {}))
    first = graded(folder, built, out)
    assert first.total.tolist() == ["10.0", "10.0"]
    table = pd.read_csv(out, dtype=str, keep_default_na=False)
    assert table.q4.tolist() == ["", ""]
    table["oral"] = ["passed", "late"]
    table.loc[0, ["q1", "q4"]] = ["2.5", "3"]
    table.to_csv(out, index=False)

    hand_in(folder / "1002.ipynb", written(built, "1002", {TWICE: "0"}))
    hand_in(folder / "1003.ipynb", written(built, "1003", {}))
    second = graded(folder, built, out)
    assert second.file.tolist() == ["1001.ipynb", "1002.ipynb", "1002.ipynb", "1003.ipynb"]
    assert second.q1.tolist() == ["2.5", "3.0", "1.0", "3.0"]
    assert second.q4.tolist() == ["3", "", "", ""]
    assert second.oral.tolist() == ["passed", "late", "", ""]
    unchanged = out.read_bytes()
    graded(folder, built, out)
    assert out.read_bytes() == unchanged
    tests = pd.read_csv(folder / "grades.tests.csv")
    assert len(tests) == 4 * 5
    assert tests[tests.points.isna()].question.tolist() == ["q4"] * 4
    assert sorted(tests.groupby(["file", "submitted"]).points.sum()) == [8, 10, 10, 10]

    broken_off = pd.read_csv(out, dtype=str, keep_default_na=False)
    broken_off.loc[3, ["problem", "total"]] = [grading.PENDING, ""]
    broken_off.to_csv(out, index=False)
    assert graded(folder, built, out).total.tolist() == ["10.0", "10.0", "8.0", "10.0"]

    assert assignments.main(["feedback", str(out), "--out", str(tmp_path / "back")]) == 0
    book = pd.read_csv(tmp_path / "back" / "canvas.csv").set_index("Student").grades
    assert book.to_dict() == {"Points Possible": 14, "1001": 12.5, "1002": 8, "1003": 10}


def test_grading_refuses_what_it_cannot_grade(built, tmp_path, capsys, monkeypatch):
    def refused(*options, out="grades.csv"):
        command = ["grade", str(folder), "--out", str(tmp_path / out), "--built", str(built)]
        assert assignments.main([*command, *options]) == 2
        return capsys.readouterr().err

    folder = tmp_path / "none"
    assert "folder must be one of submissions" in refused()
    folder = tmp_path / "some"
    folder.mkdir()
    (folder / "a.ipynb").write_text("{}")
    assert "give --assignment NAME" in refused()
    notebook = nbformat.v4.new_notebook(metadata={"otter": {"assignment_name": "unbuilt"}})
    nbformat.write(notebook, folder / "b.ipynb")
    assert "run make assignments first" in refused()
    (tmp_path / "other.csv").write_text("a,b\n1,2\n")
    assert "nothing there is touched" in refused("--assignment", "small", out="other.csv")
    (tmp_path / "folder").mkdir()
    assert "out must be a file that can be written" in refused(
        "--assignment", "small", out="folder"
    )
    for content in ("number\n1\n", "student\n1\n 1 \n", "student\n", "\x00"):
        (tmp_path / "roster.csv").write_text(content)
        said = refused("--assignment", "small", "--roster", str(tmp_path / "roster.csv"))
        assert "roster must" in said
    monkeypatch.setattr(confine, "version", lambda: 0)
    assert "pass --unconfined" in refused("--assignment", "small")
    assert not (tmp_path / "grades.csv").exists()
    assert (tmp_path / "other.csv").read_text() == "a,b\n1,2\n"


@pytest.mark.parametrize(
    ("path", "given", "roster", "expected"),
    [
        ("1001.ipynb", ["1001"], None, ("1001", "")),
        ("s1001.ipynb", ["1001"], None, ("1001", "the student number is the notebook's alone")),
        ("1001/a.ipynb", [], ["1001", "1002"], ("1001", "")),
        ("A.SMITH 7.ipynb", ["a.smith 7"], None, ("a.smith 7", "")),
        ("student-12.ipynb", ["12", "student-12"], None, ("student-12", "the notebook gives 12")),
        ("a.ipynb", ["S7"], ["s7"], ("s7", "the student number is the notebook's alone")),
        ("1002.ipynb", ["1001"], ["1001", "1002"], ("1002", "the notebook gives 1001")),
        (unicodedata.normalize("NFD", "Zoë.ipynb"), ["zoë"], None, ("zoë", "")),
    ],
)
def test_whose_it_is(path, given, roster, expected):
    assert hand_ins.identity(path, given, roster) == expected


@pytest.mark.parametrize(
    ("path", "given", "roster", "problem"),
    [
        ("a.ipynb", [], None, "no student number"),
        ("a.ipynb", ["1", "2"], None, "the notebook gives several"),
        ("a.ipynb", ["1"], ["2"], "not in the roster"),
        ("1 2.ipynb", ["1"], ["1", "2"], "the file name gives several"),
    ],
)
def test_whose_it_is_not(path, given, roster, problem):
    with pytest.raises(hand_ins.SubmissionError, match=problem):
        hand_ins.identity(path, given, roster)


def test_values_cross():
    import numpy as np

    values = [None, True, 3, 2.5, "text", (1, "a"), [1, [2]], {"a": 1, 2: (3,)}, float("inf")]
    for value in values:
        found = from_data(json.loads(json.dumps(as_data(value))))
        assert found == value
        assert type(found) is type(value)
    for array in (
        np.eye(2),
        np.arange(3) > 1,
        np.array(["ä", "b"]),
        np.ones((0, 2)),
        1j * np.eye(2),
    ):
        found = from_data(json.loads(json.dumps(as_data(array))))
        assert found.dtype == array.dtype
        assert np.array_equal(found, array)
    assert from_data(as_data(np.float32(2))).dtype == np.float32
    assert from_data(as_data(np.arange(2, dtype=">i4"))).tolist() == [0, 1]
    assert from_data(as_data(n**2 for n in range(3))) == [0, 1, 4]
    with pytest.raises(TypeError, match=r"the answer is still `\.\.\.`"):
        as_data(...)
    for bad in (object(), [object()], np.array([None])):
        with pytest.raises(TypeError, match="neither number"):
            as_data(bad)
    for bad in (
        {"array": "!", "dtype": "O", "shape": []},
        {"array": "", "dtype": "f8", "shape": [9]},
        {"mapping": [[{"list": []}, 1]]},
        {"unknown": 1},
        {},
    ):
        with pytest.raises(AnswerError, match="not a value"):
            from_data(bad)
