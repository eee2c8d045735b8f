"""What students get back: a page for each, and the table that a learning platform takes in.

Made from the two tables that ``tools.assignments grade`` has written, and the rows that an
instructor changed there. Of several files of one student the last row counts.
"""

import re
from pathlib import Path

import pandas as pd
from jinja2 import Environment

from symlib._checks import replacing

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
<p><strong>{{ row.total }} of {{ possible }} points</strong> by tests.</p>
{% if row.note %}
<p>Note: {{ row.note }}.</p>
{% endif %}
{% for question, points, of, tests in questions %}
<h2>{{ question }}: {{ points }} of {{ of }}</h2>
<table>
<tr><th scope="col">Test</th><th scope="col">Points</th><th scope="col">What it found</th></tr>
{% for test in tests %}
<tr><td>{{ test.test.replace("_", " ") }}{{ " (hidden)" if test.hidden }}</td>
<td>{{ test.points }} of {{ test.of }}</td>
<td>{{ "passed" if test.points == test.of else test.message }}</td></tr>
{% endfor %}
</table>
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
        hidden: also say what hidden tests found; else only that they were failed.

    Returns:
        The gradebook: ``student``, ``total``, ``possible`` and ``note`` of each.

    Raises:
        ValueError: if there is no table of grades, or none of its tests.
    """
    tables = grades, grades.with_name(f"{grades.stem}.tests{grades.suffix}")
    for path in tables:
        if not path.exists():
            raise ValueError(f"{path} must exist; grade first, python -m tools.assignments grade")
    given, tests = (pd.read_csv(path, dtype=str, keep_default_na=False) for path in tables)
    tests = tests.astype({"points": float, "of": float})
    tests["hidden"] = tests.hidden.eq("True")
    if not hidden:
        failed = tests.hidden & (tests.points < tests.of)
        tests.loc[failed, "message"] = "not passed"
    given = given[given.problem.eq("") & given.student.ne("")]
    given = given.drop_duplicates("student", keep="last")
    out.mkdir(parents=True, exist_ok=True)
    book = []
    for row in given.itertuples():
        theirs = tests[tests.file.eq(row.file) & tests.submitted.eq(row.submitted)]
        theirs = theirs.drop_duplicates(["question", "test"], keep="last")
        of = theirs.of.sum()
        questions = [
            (name, getattr(row, name), f"{part.of.sum():g}", list(part.itertuples()))
            for name, part in theirs.groupby("question")
        ]
        page = _PAGE.render(title=title, row=row, questions=questions, possible=f"{of:g}")
        safe = re.sub(r"[^\w.-]+", "_", row.student)
        with replacing(out / f"{safe}.html") as part:
            part.write_text(page, "utf-8")
        book.append((row.student, float(row.total), of, row.note))
    table = pd.DataFrame(book, columns=["student", "total", "possible", "note"])
    _gradebooks(table, out, title)
    return table


def _gradebooks(table: pd.DataFrame, out: Path, title: str) -> None:
    """What Canvas and Moodle import: both find students by the number."""
    most = table.possible.max() if len(table) else 0
    canvas = pd.DataFrame(
        {"Student": table.student, "ID": "", "SIS User ID": table.student, "Section": ""}
    )
    canvas[title] = table.total
    head = dict.fromkeys(canvas, "") | {"Student": "Points Possible", title: most}
    canvas = pd.concat([pd.DataFrame([head]), canvas], ignore_index=True)
    moodle = pd.DataFrame(
        {"ID number": table.student, title: table.total, "Feedback comments": table.note}
    )
    for name, each in {"canvas": canvas, "moodle": moodle}.items():
        with replacing(out / f"{name}.csv") as part:
            each.to_csv(part, index=False)
