"""What students get back: a page for each, and the table that a learning platform takes in.

Made from the two tables that ``tools.assignments grade`` has written, with what an instructor
changed in the first: points, and the empty columns of questions without tests. A total is always
the sum of the points of its questions. Of several files of one student the last row counts. The
notes are the instructor's, and nothing here repeats them.
"""

import re
from pathlib import Path

import numpy as np
import pandas as pd
from jinja2 import Environment

from symlib._checks import replacing
from tools.grading import questions_of

_PAGE = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True).from_string(
    """\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{{ title }}, {{ row.student }}</title>
<style>
body { font: 16px/1.5 sans-serif; margin: 2rem auto; max-width: 44rem; padding: 0 1rem; }
table { border-collapse: collapse; width: 100%; }
td, th { border-bottom: 1px solid #bbb; padding: 0.3rem 0.6rem; text-align: left; }
td:nth-child(2), th:nth-child(2) { text-align: right; white-space: nowrap; }
</style>
</head>
<body>
<h1>{{ title }}</h1>
<p>Student {{ row.student }}, file {{ row.file }}</p>
<p><strong>{{ "%g of %g" % (total, possible) }} points</strong>
{{- ", without " + left_out if left_out }}</p>
{% for question, points, of, tests in questions %}
{% set given = points == points %}
<h2>{{ question }}: {{ "%g of %g" % (points, of) if given else "not graded yet, of %g" % of }}</h2>
{% if tests.points.notna().any() %}
<table>
<tr><th scope="col">Test</th><th scope="col">Points</th><th scope="col">What it found</th></tr>
{% for test in tests.itertuples() %}
<tr><td>{{ test.test.replace("_", " ") }}{{ " (hidden)" if test.hidden }}</td>
<td>{{ "%g of %g" % (test.points, test.of) }}</td>
<td>{{ "passed" if test.points == test.of else test.message }}</td></tr>
{% endfor %}
</table>
{% elif given %}
<p>Graded by hand.</p>
{% endif %}
{% endfor %}
</body>
</html>
"""
)


def write(grades: Path, out: Path, *, title: str, hidden: bool = False) -> pd.DataFrame:
    """Write a page for each graded student, and the gradebooks, into the folder ``out``.

    Args:
        grades: the table of grades; that of the tests is looked for beside it.
        out: folder of ``STUDENT.html``, ``canvas.csv`` and ``moodle.csv``.
        title: the assignment's, as the learning platform names it.
        hidden: also give the errors that hidden tests raised; else only that they were failed.

    Returns:
        The gradebook: ``student``, ``total`` and ``possible`` of each.

    Raises:
        ValueError: if there is no table of grades, or none of its tests; if points are no numbers
            or of no question; or if a total was changed, and is not the sum of its points.
    """
    tables = grades, grades.with_name(f"{grades.stem}.tests{grades.suffix}")
    for path in tables:
        if not path.exists():
            raise ValueError(f"{path} must exist; grade first, python -m tools.assignments grade")
    given, tests = (pd.read_csv(path, dtype=str, keep_default_na=False) for path in tables)
    tests["points"] = pd.to_numeric(tests.points)  # NaN where a question has no tests
    tests = tests.astype({"of": float})
    tests["hidden"] = tests.hidden.eq("True")
    if not hidden:
        failed = tests.hidden & (tests.points < tests.of)
        tests.loc[failed, "message"] = "not passed"
    tests = tests.drop_duplicates(["file", "submitted", "question", "test"], keep="last")
    given = given[given.problem.eq("") & given.student.ne("")]
    given = given.drop_duplicates("student", keep="last").set_index("student", drop=False)
    points = _points(given, tests, grades)
    _refuse_other_totals(given, points, tests, grades)
    usual = tests.groupby(["file", "submitted", "question"], sort=False).of.sum()
    usual = usual.groupby("question").last()
    left_out = ", ".join(question for question in usual.index if question not in points)
    out.mkdir(parents=True, exist_ok=True)
    book = []
    for student, row in given.iterrows():
        theirs = tests[tests.file.eq(row.file) & tests.submitted.eq(row.submitted)]
        of = usual.to_dict() | theirs.groupby("question").of.sum().to_dict()
        questions = [
            (question, number, of[question], theirs[theirs.question.eq(question)])
            for question, number in points.loc[student].items()
        ]
        total, possible = points.loc[student].sum(), sum(of[name] for name in points)
        page = _PAGE.render(
            title=title,
            row=row,
            questions=questions,
            total=total,
            possible=possible,
            left_out=left_out,
        )
        safe = re.sub(r"[^\w.-]+", "_", row.student)
        with replacing(out / f"{safe}.html") as part:
            part.write_text(page, "utf-8")
        book.append((student, total, possible))
    table = pd.DataFrame(book, columns=["student", "total", "possible"])
    _gradebooks(table, out, title)
    return table


def _points(given: pd.DataFrame, tests: pd.DataFrame, grades: Path) -> pd.DataFrame:
    """The points of each student and question, NaN where none are given.

    A question without tests counts as soon as somebody has points for it.
    """
    by_hand = set(tests.question[tests.points.isna()])
    points = pd.DataFrame(index=given.index)
    for question in questions_of(given):
        filled = given[question].ne("")
        numbers = pd.to_numeric(given[question], errors="coerce")
        for student, wrong in given[question][filled & numbers.isna()].items():
            raise ValueError(
                f"{question} of student {student} in {grades} must be a number such as 2.5, or "
                f"empty, got {wrong!r}"
            )
        if filled.any() and question not in set(tests.question):
            raise ValueError(
                f"{grades} has points for {question}, which the assignment does not have; name the "
                "column as the assignment names the question"
            )
        if filled.any() or question in set(tests.question) - by_hand:
            points[question] = numbers
    return points


def _refuse_other_totals(
    given: pd.DataFrame, points: pd.DataFrame, tests: pd.DataFrame, grades: Path
) -> None:
    """Refuse a total that an instructor changed: it would be lost in silence."""
    by_tests = tests.groupby(["file", "submitted"]).points.sum()
    for student, row in given[given.total.ne("")].iterrows():
        total = pd.to_numeric(row.total, errors="coerce")
        expected = points.loc[student].sum(), by_tests.get((row.file, row.submitted), 0)
        if not np.isclose(total, expected).any():
            raise ValueError(
                f"the total of student {student} in {grades} was changed to {row.total}, but the "
                f"points of its questions sum to {expected[0]:g}; change those, and leave the total"
            )


def _gradebooks(table: pd.DataFrame, out: Path, title: str) -> None:
    """What Canvas and Moodle import: both find students by the number."""
    most = table.possible.max() if len(table) else 0
    canvas = pd.DataFrame(
        {"Student": table.student, "ID": "", "SIS User ID": table.student, "Section": ""}
    )
    canvas[title] = table.total
    head = dict.fromkeys(canvas, "") | {"Student": "Points Possible", title: most}
    canvas = pd.concat([pd.DataFrame([head]), canvas], ignore_index=True)
    moodle = pd.DataFrame({"ID number": table.student, title: table.total})
    for name, each in {"canvas": canvas, "moodle": moodle}.items():
        with replacing(out / f"{name}.csv") as part:
            each.to_csv(part, index=False)
