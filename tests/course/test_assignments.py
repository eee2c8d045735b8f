"""Assignments: solutions score in full, mistakes what they should, and students get no answers."""

import json
import re
import shutil
import sys
import zipfile
from pathlib import Path

import jupytext
import nbformat
import numpy as np
import pandas as pd
import pytest

from tools import address, assignments

ROOT = Path(__file__).parents[2]
BUILT = ROOT / "_build" / "assignments"
MASTERS = sorted((ROOT / "assignments").glob("*.md"))
every_assignment = pytest.mark.parametrize("master", MASTERS, ids=lambda path: path.stem)

sys.path.insert(0, str(ROOT / "assignments"))
import student_data  # noqa: E402

# By assignment and submission: the text of the solution, what a student wrote instead, and what
# that loses. Mistakes in one submission do not touch one another.
WRONG = {
    "cyclic-groups-and-circulants": {
        "sides": [
            # right action instead of left
            ("moves[:, moves]", "moves[:, moves].swapaxes(0, 1)", {"q1": 2}),
            # the Fourier transform with the other sign
            ("len(row) * np.fft.ifft(row)", "np.fft.fft(row)", {"q3": 2}),
            # diagonals of the transpose
            (
                "matrix[p[:, None], (p[:, None] + p) % len(matrix)]",
                "matrix[(p[:, None] + p) % len(matrix), p[:, None]]",
                {"q4": 2},
            ),
            # the ridge forgotten
            (".real + ridge)", ".real)", {"q5": 2}),
            # the ridge on every entry, not on the diagonal
            ("gram + ridge * np.eye(len(gram))", "gram + ridge", {"q6": 2}),
            # another student's data
            ("student_data.shapes(student)", "student_data.shapes('x')", {"q2": 1}),
        ],
        "means": [
            # 1/n forgotten
            (".mean(axis=0)  # [p, s]", ".sum(axis=0)", {"q4": 3}),
            # the residual of a point that was trained on
            (
                "(inverse @ labels)[p] / inverse[p, p]",
                "labels[p] - gram[p] @ inverse @ labels",
                {"q6": 4},
            ),
            # density over closeness
            (
                "inverse[len(row) // 2] / inverse.mean()",
                "inverse.mean() / inverse[len(row) // 2]",
                {"q5": 3},
            ),
            # another student's data
            ("student_data.circles(student)", "student_data.circles('x')", {"q7": 3}),
        ],
        "signs": [
            # the error in place of the residual
            (
                "(inverse @ labels)[p] / inverse[p, p]",
                "abs((inverse @ labels)[p] / inverse[p, p])",
                {"q6": 3},
            ),
            # the frequency beside that of the labels, which question 7 uses
            ("inverse[len(row) // 2]", "inverse[len(row) // 2 - 1]", {"q5": 3, "q7": 2}),
        ],
    },
    "the-ntk-by-hand": {
        "factors": [
            # variances taken for one
            ("kappa = scale * (np.sin", "kappa = (np.sin", {"q1": 2}),
            # correlation ignored
            (
                "generator.multivariate_normal(np.zeros(len(sigma)), sigma, size=samples)",
                "generator.normal(size=(samples, len(sigma))) * np.diagonal(sigma) ** 0.5",
                {"q2": 1},
            ),
            # κ̇ forgotten
            ("weight_std**2 * kappa_dot * theta", "weight_std**2 * theta", {"q3": 3}),
            # K⁻¹ forgotten, which question 7 uses
            ("np.exp(-values * time)) / values", "np.exp(-values * time))", {"q4": 3, "q7": 1}),
            # the kernel of a Bayesian network in place of the NTK
            (
                "limit = np.asarray(kernels.ntk(",
                "limit = np.asarray(kernels.nngp(",
                {"q5": 2},
            ),
            # the square root forgotten
            (
                "np.sqrt(labels @ np.linalg.solve(gram, labels) / width)",
                "labels @ np.linalg.solve(gram, labels) / width",
                {"q6": 2},
            ),
        ],
        "others": [
            # 1/d forgotten
            ("x @ x.T / x.shape[1]", "x @ x.T", {"q3": 4}),
            # another student's data
            (
                "student_data.two_classes(student)",
                "student_data.two_classes('x')",
                {"q5": 2, "q6": 1, "q7": 2},
            ),
        ],
    },
    "rotated-digits": {
        "shortcuts": [
            # the nearest pixel instead of splines
            ("order=3", "order=0", {"q1": 2}),
            # the formula of one point for several
            (
                "np.linalg.solve(block, (inverse @ labels)[held_out])",
                "(inverse @ labels)[held_out] / np.diagonal(block)",
                {"q2": 2},
            ),
            # 1/N forgotten
            ("np.diagonal(inverse.mean(axis=0))", "np.diagonal(inverse.sum(axis=0))", {"q4": 4}),
            # residuals drawn in place of predictions
            ("predicted = y - regression", "predicted = regression", {"q6": 2}),
            # a sum over the group in place of the mean
            (", 4).mean(axis=2)", ", 4).sum(axis=2)", {"q7": 2}),
        ],
        "omissions": [
            # the mean not removed
            ("rotated - rotated.mean(axis=(2, 3), keepdims=True)", "rotated", {"q1": 4}),
            # held-out points trained on
            (
                "np.linalg.solve(block, (inverse @ labels)[held_out])",
                "(labels - gram @ inverse @ labels)[held_out]",
                {"q2": 4},
            ),
            # upright error of one digit only, which question 5 uses
            ("residuals[[0, count]].mean()", "residuals[0]", {"q3": 2, "q5": 2}),
            # the ridge forgotten
            (" + ridge * np.eye(2)", "", {"q4": 3}),
            # another student's data
            (
                "(5, 3))\n# BEGIN SOLUTION\ny =",
                "(5, 3))\npair = student_data.digit_pair('x')\ny =",
                {"q6": 2},
            ),
        ],
        "signs": [
            # errors in place of residuals
            (
                "np.linalg.solve(block, (inverse @ labels)[held_out])",
                "abs(np.linalg.solve(block, (inverse @ labels)[held_out]))",
                {"q2": 3},
            ),
            # both left out, each by the formula of one point
            (
                "both_out = regression.leave_out(gram, y, [0, count], ridge=1e-10)",
                "both_out = regression.leave_one_out(gram, y, ridge=1e-10)[[0, count]]",
                {"q5": 2},
            ),
            # labels less errors in place of predictions
            (
                "y - regression.leave_one_out(my_gram(16), y, ridge=1e-10)",
                "y - abs(regression.leave_one_out(my_gram(16), y, ridge=1e-10))",
                {"q6": 2},
            ),
        ],
    },
}

# As above, but what a student wrote is right, and loses nothing.
RIGHT = {
    "cyclic-groups-and-circulants": {
        "axes": [
            (
                "[g for g, moved in enumerate(orbit) if np.array_equal(moved, orbit[0])]",
                "list(np.flatnonzero((orbit == orbit[0]).all(axis=(1, 2))))",
            ),
            ("len(row) * np.fft.ifft(row)", "np.conj(np.fft.fft(row))"),
            ("np.fft.fft(row).real + ridge", "np.fft.fft(row) + ridge"),
            (
                "(inverse @ labels)[p] / inverse[p, p]",
                "labels[p] - np.delete(gram[p], p) @ np.linalg.solve(\n"
                "        np.delete(np.delete(gram, p, 0), p, 1) + ridge * np.eye(len(gram) - 1),\n"
                "        np.delete(labels, p),\n    )",
            ),
        ],
        "rows": [
            (
                "[g for g, moved in enumerate(orbit) if np.array_equal(moved, orbit[0])]",
                "[\n"
                "        g for g, same in enumerate(np.all(orbit == orbit[0], axis=(-2, -1)))\n"
                "        if same\n    ]",
            ),
            (
                "matrix[p[:, None], (p[:, None] + p) % len(matrix)].mean(axis=0)",
                "[np.trace(np.roll(matrix, -s, axis=1)) / len(matrix) for s in p]",
            ),
        ],
    },
    "the-ntk-by-hand": {
        "factors-and-powers": [
            (
                "generator.multivariate_normal(np.zeros(len(sigma)), sigma, size=samples)",
                "generator.normal(size=(samples, len(sigma))) @ np.linalg.cholesky(sigma).T",
            ),
            (
                "cross @ (modes * learned) @ (modes.T @ labels)",
                "cross @ (modes @ np.diag(learned) @ np.linalg.inv(modes)) @ labels",
            ),
            (
                "int(np.ceil(100 * labels @ np.linalg.solve(my_gram, labels)))",
                "jax.numpy.array(1)\n"
                "while laziness(my_gram, labels, my_width, 1.0) > 0.1:\n    my_width += 1",
            ),
        ],
    },
    "rotated-digits": {
        "axes": [
            ("axes=(2, 1)", "axes=(-1, -2)"),
            (
                "rotated - rotated.mean(axis=(2, 3), keepdims=True)",
                "rotated - rotated.mean((-2, -1))[..., None, None]",
            ),
            (
                "np.linalg.norm(rotated, axis=(2, 3), keepdims=True)",
                "np.sqrt((rotated**2).sum(axis=(-2, -1), keepdims=True))",
            ),
            (
                "np.linalg.solve(block, (inverse @ labels)[held_out])",
                "np.linalg.inv(block) @ (inverse[held_out] @ labels)",
            ),
            (
                "regression.leave_out(gram, y, [0, count], ridge=1e-10)",
                "leave_out(gram, y, [0, count], 1e-10)",
            ),
        ],
    },
}


def solution(name):
    return nbformat.read(BUILT / name / "autograder" / f"{name}.ipynb", as_version=4)


def replace(notebook, old, new):
    """The notebook with text replaced that stands in it exactly once."""
    holders = [cell for cell in notebook.cells if old in cell.source]
    assert len(holders) == 1, f"{old!r} is in {len(holders)} cells"
    assert holders[0].source.count(old) == 1, old
    holders[0].source = holders[0].source.replace(old, new)


def secrets(master):
    """Lines that only the instructor may see: of solutions, rubrics and hidden tests."""
    public, hidden, in_rubric = set(), set(), False
    for cell in jupytext.read(master).cells:
        in_solution = False
        for line in map(str.strip, cell.source.splitlines()):
            if cell.cell_type != "code":
                in_rubric = line != "# END SOLUTION" and (in_rubric or line == "# BEGIN SOLUTION")
                (hidden if in_rubric else public).add(line)
            elif line in ("# BEGIN SOLUTION", "# END SOLUTION"):
                in_solution = line == "# BEGIN SOLUTION"
            elif line.endswith("# SOLUTION"):
                hidden.add(line.removesuffix("# SOLUTION").partition("=")[2].strip())
            else:
                secret = in_solution or cell.source.startswith("# HIDDEN")
                (hidden if secret else public).add(line)
    shown = "\n".join(public)
    return {line for line in hidden if len(line) >= 15 and line not in shown}


def given_to_students(name):
    """Name and text of every file that students get, the members of the archive included."""
    folder = BUILT / name / "student"
    files = {path.name: path.read_text() for path in folder.rglob("*") if path.is_file()}
    with zipfile.ZipFile(BUILT / name / "student.zip") as archive:
        members = [member for member in archive.namelist() if not member.endswith("/")]
        files |= {f"zip {member}": archive.read(member).decode() for member in members}
    assert len(files) == 2 * sum(path.is_file() for path in folder.rglob("*"))
    return files


@pytest.mark.slow
@every_assignment
def test_points(master, tmp_path, monkeypatch):
    """Right answers score in full, the untouched notebook nothing, mistakes what they should."""
    monkeypatch.setenv("JAX_COMPILATION_CACHE_DIR", str(tmp_path / "compiled"))
    monkeypatch.setenv("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0")
    name, folder = master.stem, tmp_path / "submissions"
    folder.mkdir()
    nbformat.write(solution(name), folder / "solution.ipynb")
    untouched = nbformat.read(BUILT / name / "student" / f"{name}.ipynb", as_version=4)
    replace(untouched, "student = ...", "student = 'untouched'")
    nbformat.write(untouched, folder / "untouched.ipynb")
    for kind, mistakes in WRONG[name].items():
        notebook = solution(name)
        replace(notebook, 'student = "instructor"', f'student = "{kind}"')
        for old, new, _ in mistakes:
            replace(notebook, old, new)
        nbformat.write(notebook, folder / f"{kind}.ipynb")
    for kind, others in RIGHT[name].items():
        notebook = solution(name)
        replace(notebook, 'student = "instructor"', f'student = "{kind}"')
        for old, new in others:
            replace(notebook, old, new)
        nbformat.write(notebook, folder / f"{kind}.ipynb")

    out, command = tmp_path / "grades.csv", ["grade", str(folder), "--timeout", "1200"]
    assert assignments.main([*command, "--out", str(out)]) == 0
    grades = pd.read_csv(out, keep_default_na=False).set_index("student")
    questions = [f"q{number}" for number in range(1, 8)]
    assert (grades.pop("q8") == "").all()  # for the instructor to fill in
    assert [column for column in grades if column.startswith("q")] == questions
    assert (grades.problem == "").all(), grades.problem
    full = grades.loc["instructor", questions]
    assert full.sum() == grades.total["instructor"] == full_marks(master)
    assert (grades.loc["untouched", [*questions, "total"]] == 0).all()
    for kind in RIGHT[name]:
        assert grades.loc[kind, questions].to_dict() == full.to_dict(), kind
    assert sum(map(len, WRONG[name].values())) >= 4
    for kind, mistakes in WRONG[name].items():
        lost = pd.Series(0, questions)
        for *_, loss in mistakes:
            lost = lost.add(pd.Series(loss), fill_value=0)
        found = full - grades.loc[kind, questions]
        assert found.astype(int).to_dict() == lost.astype(int).to_dict(), kind


def full_marks(master):
    """The sum of all points that the master gives by tests."""
    listed = re.findall(r"^points: \[(.+)\]$", master.read_text(), re.MULTILINE)
    return sum(int(points) for question in listed for points in question.split(","))


@every_assignment
def test_teaching_page_says_the_points(master):
    page = (ROOT / "book" / "teaching.md").read_text()
    titles = re.findall(r"^# ([A-Z][a-z].+)$", master.read_text(), re.MULTILINE)
    row = re.search(rf"^\| \*{titles[0]}\* \| \d \| (\d+) \| 4 \|", page, re.MULTILINE)
    assert int(row[1]) == full_marks(master)


@every_assignment
def test_links_name_the_chapters(master):
    """Chapters are called by their titles, at the addresses where they are."""
    links = re.findall(r"\[([^]]+)\]\((https://[^)]+/book/([\w-]+)\.html)\)", master.read_text())
    assert len(links) == 3
    for name, link, chapter in links:
        assert link.startswith(address.read().pages), link
        text = (ROOT / "book" / f"{chapter}.md").read_text()
        assert re.search(r"^# (.+)$", text, re.MULTILINE)[1] == name


def test_syllabus_names_every_chapter():
    page = (ROOT / "book" / "teaching.md").read_text()
    named = set(re.findall(r"\{doc\}`(?:[^`<]+<)?([\w-]+)>?`", page))
    chapters = re.findall(r"book/([\w-]+)$", (ROOT / "_toc.yml").read_text(), re.MULTILINE)
    apart = {"teaching", "glossary", "notation", "bibliography"}
    assert named == set(chapters) - apart
    exercises = "".join(path.read_text() for path in (ROOT / "book").glob("*.md"))
    for label in re.findall(r"\{ref\}`([\w-]+)`", page):
        assert f":label: {label}\n" in exercises, label


@pytest.mark.slow
@every_assignment
def test_students_get_no_answers(master):
    hidden = secrets(master)
    assert len(hidden) > 50
    seeds = re.findall(r"default_rng\((\d{4})", "\n".join(hidden))
    assert seeds
    tests = re.findall(r"^# HIDDEN\ndef (\w+)", master.read_text(), re.MULTILINE)
    assert len(tests) >= 7
    secret = {*hidden, *seeds, "hidden=True", "Rubric", "instructor"}
    secret |= {f"{test}(" for test in tests} - public_tests(master)
    for file, text in given_to_students(master.stem).items():
        for words in secret:
            assert words not in text, file
            assert json.dumps(words, ensure_ascii=False)[1:-1] not in text, file


def public_tests(master):
    """Names of tests that students have; a hidden one of another question may share its name."""
    cells = [cell.source for cell in jupytext.read(master).cells if cell.cell_type == "code"]
    return {f"{name}(" for cell in cells for name in re.findall(r"^def (test_\w+)", cell)}


@pytest.mark.slow
@every_assignment
def test_instructors_get_the_answers(master):
    """What students must not have is in the solution and in what grades."""
    folder = BUILT / master.stem
    executed = nbformat.read(folder / "solution" / f"{master.stem}.ipynb", as_version=4)
    text = "\n".join(cell.source for cell in executed.cells)
    assert "Rubric, 4 points" in text
    assert any(cell.get("outputs") for cell in executed.cells)
    with zipfile.ZipFile(folder / "autograder" / "autograder.zip") as archive:
        tests = [archive.read(f"tests/q{number}.py").decode() for number in range(1, 8)]
    assert all("hidden=True" in test for test in tests if "predict" not in test)


def test_students_differ():
    """The same number gives the same data, another number other data."""
    for draw in (student_data.digit_pair, student_data.shapes, student_data.circles):
        assert np.array_equal(draw("1234567"), draw(" 1234567 "))
        drawn = [np.asarray(draw(str(number))) for number in range(12)]
        assert len(np.unique([values.ravel() for values in drawn], axis=0)) == 12
    assert student_data.network("a") == student_data.network("a") != student_data.network("b")
    (points, labels), (others, _) = map(student_data.two_classes, ("a", "b"))
    assert points.shape == (8, 784)
    assert labels.tolist() == [1] * 4 + [-1] * 4
    assert not np.array_equal(points, others)
    for number in (..., 1234567, " "):
        with pytest.raises(ValueError, match="student must be your student number in quotes"):
            student_data.digit_pair(number)


@pytest.mark.slow
def test_a_solution_that_fails_is_refused(tmp_path, capsys):
    shutil.copytree(Path(__file__).parent / "masters", tmp_path / "masters")
    path = tmp_path / "masters" / "small.md"
    path.write_text(path.read_text().replace("2 * number", "3 * number"))
    command = ["build", "--masters", str(path.parent), "--out", str(tmp_path / "built")]
    assert assignments.main(command) == 2
    assert "the solution of small fails tests; test_three of q1" in capsys.readouterr().err
    assert not (tmp_path / "built" / "small").exists()
