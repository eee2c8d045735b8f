"""Pages for students and gradebooks, from the tables that grading has written."""

import re

import pandas as pd
import pytest
from bs4 import BeautifulSoup

from tools import assignments

ROWS = """\
student,file,q1,q2,q3,total,problem,note,submitted,graded
1001,1001.ipynb,3.0,0.0,,3.0,,,a,t
1002,1002.ipynb,1.0,0.0,,1.0,,,b,t
1002,1002.ipynb,2.0,4.0,,6.0,,the notebook gives 1001,c,t
1003,1003.zip,,,,,it took longer than 300 s,,e,t
,x.ipynb,,,,,no student number,,d,t
"""
TESTS = """\
student,file,question,test,hidden,points,of,message,submitted
1001,1001.ipynb,q1,test_zero,False,3.0,3.0,,a
1001,1001.ipynb,q2,test_own_data,True,0.0,4.0,must be 7 <here>,a
1001,1001.ipynb,q3,by_hand,False,,5,,a
1002,1002.ipynb,q1,test_zero,False,1.0,3.0,zero,b
1002,1002.ipynb,q2,test_own_data,True,0.0,4.0,must be 8,b
1002,1002.ipynb,q1,test_zero,False,2.0,3.0,half & half,c
1002,1002.ipynb,q2,test_own_data,True,4.0,4.0,,c
1002,1002.ipynb,q3,by_hand,False,,5,,c
"""


@pytest.fixture
def grades(tmp_path):
    (tmp_path / "grades.csv").write_text(ROWS)
    (tmp_path / "grades.tests.csv").write_text(TESTS)
    return tmp_path / "grades.csv"


def shown(page):
    return " ".join(BeautifulSoup(page.read_text(), "html.parser").get_text(" ").split())


def test_a_page_for_each_student_and_two_gradebooks(grades, capsys):
    out = grades.parent / "out"
    given = ["feedback", str(grades), "--out", str(out), "--title", "Week 2"]
    assert assignments.main(given) == 0
    assert "2 pages" in capsys.readouterr().out
    assert sorted(path.name for path in out.iterdir()) == [
        "1001.html",
        "1002.html",
        "canvas.csv",
        "moodle.csv",
    ]
    first, second = shown(out / "1001.html"), shown(out / "1002.html")
    assert "3 of 7 points , without q3" in first
    assert "test own data (hidden) 0 of 4 not passed" in first
    assert "must be" not in first
    assert "6 of 7 points" in second
    assert "test zero 2 of 3 half & half" in second

    canvas = pd.read_csv(out / "canvas.csv", dtype=str, keep_default_na=False)
    assert canvas["Student"].tolist() == ["Points Possible", "1001", "1002"]
    assert canvas["Week 2"].tolist() == ["7.0", "3.0", "6.0"]
    moodle = pd.read_csv(out / "moodle.csv", dtype=str, keep_default_na=False)
    assert moodle["ID number"].tolist() == ["1001", "1002"]
    assert moodle["Week 2"].tolist() == ["3.0", "6.0"]


def test_notes_are_for_the_instructor(grades):
    write_feedback(grades)
    for path in (grades.parent / "out").iterdir():
        assert "notebook gives" not in path.read_text(), path.name


def write_feedback(grades):
    """The folder of feedback, and both gradebooks by student."""
    out = grades.parent / "out"
    assert assignments.main(["feedback", str(grades), "--out", str(out)]) == 0
    canvas = pd.read_csv(out / "canvas.csv").set_index("Student")["grades"].to_dict()
    moodle = pd.read_csv(out / "moodle.csv", dtype={"ID number": str})
    return out, canvas, moodle.set_index("ID number")["grades"].to_dict()


def change(grades, **cells):
    """Write into the table, as an instructor does: ``q1_0`` is the first row of q1."""
    table = pd.read_csv(grades, dtype=str, keep_default_na=False)
    for place, value in cells.items():
        column, row = place.rsplit("_", 1)
        table.loc[int(row), column] = value
    table.fillna("").to_csv(grades, index=False)


def test_open_questions_and_changed_points_count_everywhere(grades):
    change(grades, q3_0="3.5", q1_2="3")
    written = grades.read_bytes()
    out, canvas, moodle = write_feedback(grades)
    assert canvas == {"Points Possible": 12, "1001": 6.5, "1002": 7}
    assert moodle == {"1001": 6.5, "1002": 7}
    first, second = shown(out / "1001.html"), shown(out / "1002.html")
    assert "6.5 of 12 points q1" in first
    assert "q3: 3.5 of 5 Graded by hand." in first
    assert "7 of 12 points" in second
    assert "q1: 3 of 3" in second
    assert second.endswith("q3: not graded yet, of 5")
    assert grades.read_bytes() == written


def test_a_column_that_was_taken_out_can_be_added_again(grades):
    table = pd.read_csv(grades, dtype=str, keep_default_na=False)
    table.drop(columns="q3").assign(q3=["", "", "4", "", ""]).to_csv(grades, index=False)
    _, canvas, _ = write_feedback(grades)
    assert canvas == {"Points Possible": 12, "1001": 3, "1002": 10}


def test_a_file_without_points_can_be_graded_by_hand(grades):
    change(grades, problem_3="", q1_3="1", q2_3="2.5", q3_3="0")
    out, canvas, _ = write_feedback(grades)
    assert canvas == {"Points Possible": 12, "1001": 3, "1002": 6, "1003": 3.5}
    assert "3.5 of 12 points q1: 1 of 3" in shown(out / "1003.html")
    change(grades, total_3="3.5")
    assert write_feedback(grades)[1] == canvas


@pytest.mark.parametrize(
    ("cells", "message"),
    [
        ({"total_0": "6.5"}, "total of student 1001 .* changed to 6.5, .* sum to 3; change those"),
        ({"total_2": "good"}, "total of student 1002 .* changed to good, .* sum to 6; change"),
        (
            {"q3_2": "3,5"},
            "q3 of student 1002 .* must be a number such as 2.5, or empty, got '3,5'",
        ),
        ({"q4_0": "1"}, "points for q4, which the assignment does not have; name the column as"),
    ],
)
def test_what_would_be_lost_is_refused(grades, capsys, cells, message):
    change(grades, **cells)
    assert assignments.main(["feedback", str(grades), "--out", str(grades.parent / "out")]) == 2
    assert re.search(message, capsys.readouterr().err)


def test_hidden_messages_only_when_asked_for(grades):
    out = grades.parent / "out"
    assert assignments.main(["feedback", str(grades), "--out", str(out), "--hidden"]) == 0
    assert "must be 7 <here>" in shown(out / "1001.html")


def test_feedback_needs_both_tables(grades, capsys):
    grades.with_name("grades.tests.csv").unlink()
    assert assignments.main(["feedback", str(grades), "--out", str(grades.parent / "out")]) == 2
    assert "grades.tests.csv must exist; grade first" in capsys.readouterr().err
    assert not (grades.parent / "out").exists()
