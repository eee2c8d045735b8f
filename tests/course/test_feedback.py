"""Pages for students and gradebooks, from the tables that grading has written."""

import pandas as pd
import pytest
from bs4 import BeautifulSoup

from tools import assignments

ROWS = """\
student,file,q1,q2,total,problem,note,submitted,graded
1001,1001.ipynb,3.0,0.0,3.0,,,a,t
1002,1002.ipynb,1.0,0.0,1.0,,,b,t
1002,1002.ipynb,2.0,4.0,6.0,,handed in more than once,c,t
,x.ipynb,,,,no student number,,d,t
"""
TESTS = """\
student,file,question,test,hidden,points,of,message,submitted
1001,1001.ipynb,q1,test_zero,False,3.0,3.0,,a
1001,1001.ipynb,q2,test_own_data,True,0.0,4.0,must be 7 <here>,a
1002,1002.ipynb,q1,test_zero,False,1.0,3.0,zero,b
1002,1002.ipynb,q2,test_own_data,True,0.0,4.0,must be 8,b
1002,1002.ipynb,q1,test_zero,False,2.0,3.0,half & half,c
1002,1002.ipynb,q2,test_own_data,True,4.0,4.0,,c
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
    assert "3.0 of 7 points" in first
    assert "test own data (hidden) 0.0 of 4.0 not passed" in first
    assert "must be" not in first
    assert "6.0 of 7 points" in second
    assert "test zero 2.0 of 3.0 half & half" in second
    assert "Note: handed in more than once." in second

    canvas = pd.read_csv(out / "canvas.csv", dtype=str, keep_default_na=False)
    assert canvas["Student"].tolist() == ["Points Possible", "1001", "1002"]
    assert canvas["Week 2"].tolist() == ["7.0", "3.0", "6.0"]
    moodle = pd.read_csv(out / "moodle.csv", dtype=str, keep_default_na=False)
    assert moodle["ID number"].tolist() == ["1001", "1002"]
    assert moodle["Week 2"].tolist() == ["3.0", "6.0"]


def test_hidden_messages_only_when_asked_for(grades):
    out = grades.parent / "out"
    assert assignments.main(["feedback", str(grades), "--out", str(out), "--hidden"]) == 0
    assert "must be 7 <here>" in shown(out / "1001.html")


def test_feedback_needs_both_tables(grades, capsys):
    grades.with_name("grades.tests.csv").unlink()
    assert assignments.main(["feedback", str(grades), "--out", str(grades.parent / "out")]) == 2
    assert "grades.tests.csv must exist; grade first" in capsys.readouterr().err
    assert not (grades.parent / "out").exists()
