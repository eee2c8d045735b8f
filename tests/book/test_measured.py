"""Numbers in the prose: how they are rounded, and which of them a build refuses."""

import csv

import pytest

from tools import measured
from tools.claims import Measured

NUMBERS = {
    "share": Measured(0.1712, 0.1328, 0.2141),
    "sharp": Measured(0.9984, 0.9957, 1.0),
    "coarse": Measured(0.42, 0.30, 0.55),
    "gain": Measured(-0.0312, -0.0511, 0.0004),
    "one": Measured(0.0095, -0.0362, 0.0568),
    "sure": Measured(1.0, 1.0, 1.0),
    "less": Measured(-0.01),
    "plain": Measured(34.567),
    "small": Measured(0.0123456),
    "large": Measured(1234.5, 1100.2, 1400.9),
    "none": Measured(0.0),
}


@pytest.mark.parametrize(
    ("target", "shown"),
    [
        ("share %", "17~% [13,~21]"),
        ("share", "0.17 [0.13,~0.21]"),
        ("share % bare", "17~%"),
        ("sharp %", "99.8~% [99.6,~100.0]"),
        ("coarse %", "42~% [30,~55]"),
        ("gain points", "−3~points [−5,~0]"),
        ("one points", "1~point [−4,~6]"),
        ("one points bare", "1~point"),
        ("less points 1", "−1~point"),
        ("less points 2", "−1.0~points"),
        ("one %", "1~% [−4,~6]"),
        ("sure %", "100~%"),
        ("plain", "35"),
        ("plain 3", "34.6"),
        ("small", "0.012"),
        ("small 1", "0.01"),
        ("large", "1,230 [1,100,~1,400]"),
        ("none", "0.0"),
    ],
)
def test_rounding(target, shown):
    """A tilde stands for a space at which no line breaks."""
    assert measured.show(target, NUMBERS) == shown.replace("~", "\u00a0")


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("unknown %", "unknown must be in book/measured.csv .* run make numbers"),
        ("share percent", "must be among %, points, bare .* got 'percent' after share"),
    ],
)
def test_what_cannot_be_quoted_is_refused(target, message):
    with pytest.raises(ValueError, match=message):
        measured.show(target, NUMBERS)


CHAPTERS = {"page": "# Page\n\nIt is {measured}`share %`,\nnot {measured}`plain`."}


def test_numbers_on_record_are_no_problem():
    assert measured.problems(CHAPTERS, NUMBERS, NUMBERS) == []


@pytest.mark.parametrize(
    ("found", "stale"),
    [
        (Measured(0.1782, 0.1328, 0.2141), False),  # within a tenth of the interval
        (Measured(0.1812, 0.1328, 0.2141), True),
        (Measured(0.1712, 0.1328, 0.2341), True),
        (Measured(0.1712), True),
    ],
)
def test_stale_intervals(found, stale):
    wrong = measured.problems(CHAPTERS, NUMBERS, NUMBERS | {"share": found})
    assert len(wrong) == stale
    assert all(each.startswith("book/page.md:3: share was 0.1712 0.1328 0.2141") for each in wrong)


@pytest.mark.parametrize(("found", "stale"), [(34.59, False), (34.61, True), (-34.567, True)])
def test_stale_values(found, stale):
    wrong = measured.problems(CHAPTERS, NUMBERS, NUMBERS | {"plain": Measured(found)})
    assert len(wrong) == stale
    assert all(each.startswith("book/page.md:4: plain was 34.567 and is") for each in wrong)


def test_numbers_that_are_not_there():
    without = {key: value for key, value in NUMBERS.items() if key != "plain"}
    (one,) = measured.problems(CHAPTERS, without, NUMBERS)
    assert one == "book/page.md:4: plain is not in book/measured.csv; run make numbers"
    (one,) = measured.problems(CHAPTERS, NUMBERS, without)
    assert one == "book/page.md:4: no chapter recorded plain"
    (one,) = measured.problems(CHAPTERS, NUMBERS, NUMBERS | {"plain": Measured(True)})
    assert one == "book/page.md:4: plain is a yes or no, and cannot be quoted"


def test_only_what_differs_is_taken(tmp_path):
    """Of what the prose quotes, as it is read again."""
    found = NUMBERS | {"share": Measured(0.1711, 0.1328, 0.2141), "plain": Measured(40.0)}
    (tmp_path / "book").mkdir()
    (tmp_path / measured.KEPT).write_text(measured.table(CHAPTERS, NUMBERS, found))
    assert measured.read(tmp_path) == {"plain": Measured(40.0), "share": NUMBERS["share"]}
    with (tmp_path / measured.KEPT).open() as file:
        assert [row["key"] for row in csv.DictReader(file)] == ["plain", "share"]
