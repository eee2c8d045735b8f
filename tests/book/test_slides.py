"""The slides of the course: what stands out of each chapter, once, and no solution."""

import re
from pathlib import Path

import pytest
from bs4 import BeautifulSoup

from tools import slides, syllabus

ROOT = Path(__file__).parents[2]
BUILT = ROOT / "_build" / "html"

CELL = "<td><p>{}</p></td>"
ROW = f"<tr>{CELL}{CELL}<td><p>talk</p></td>{CELL}{CELL}</tr>"
CHAPTER = '<a href="one.html">One</a>'
EXERCISE = '<a href="one.html#ex-1">Exercise 1</a>'
PAGE = r"""<html><head>
<script>window.MathJax = {}</script><script src="../_static/mathjax/tex.js"></script>
</head><body><article><section id="one">
<h1>One<a class="headerlink" href="#one">#</a></h1><p class="how-long">About 5 minutes.</p>
<p>Why <a href="two.html#x">two</a>?</p>
<section id="aims"><h2>Aims</h2><p>You will</p><ul><li><p>see;</p></li><li><p>act.</p></li></ul>
</section>
<section id="middle"><h2>Middle</h2><p>Prose that is on no slide.</p>
<figure id="fig-a"><img alt="A line" src="../_images/a.png"><figcaption><p>
<span class="caption-number">Fig. 1 </span><span class="caption-text"><strong>It rises.</strong> In
steps.</span></p></figcaption></figure>
<div class="tip admonition"><p class="admonition-title">Predict before you run</p>
<p>Which?</p></div>
<div class="tip admonition"><p class="admonition-title">A tip</p><p>Not this.</p></div>
<div class="proof theorem admonition" id="thm-a"><p class="admonition-title">
<span class="caption-number">Theorem 1 </span> (On \((x)\))</p>
<section id="proof-content"><p>It holds.</p></section></div>
<div class="proof admonition" id="proof"><p>Proof. Since it must.</p></div>
<div id="live-tall" class="explorer"></div>
<noscript><img src="../_static/explorers/tall.svg"></noscript>
<script src="../_static/explorers/tall.js" defer></script>
<div id="live-low" class="explorer"></div>
<noscript><img src="../_static/explorers/low.svg"></noscript>
<script src="../_static/explorers/low.js" defer></script>
</section>
<section id="what-we-measured"><h2>What we measured</h2><ul><li><p>Much.</p></li></ul></section>
<section id="exercises"><h2>Exercises</h2>
<div class="exercise admonition" id="ex-1"><p class="admonition-title">Exercise 1</p>
<section><p>Show it.</p></section></div>
<div class="solution admonition"><p>Solution</p><section><p>It is seen.</p>
<figure id="fig-b"></figure></section></div>
<div class="exercise admonition" id="ex-2"><p class="admonition-title">Exercise 2</p>
<section><p>Show more.</p></section></div>
</section></section></article></body></html>"""


def book(folder, *rows, columns=syllabus.COLUMNS):
    """A built book with a chapter, a page of a live figure, and these weeks."""
    pages = folder / "_build" / "html" / "book"
    pages.mkdir(parents=True)
    head = "".join(f"<th><p>{column}</p></th>" for column in columns)
    body = "".join(ROW.format(*row) for row in rows)
    table = f"<article><table><tr>{head}</tr>{body}</table></article>"
    (pages / "teaching.html").write_text(table)
    (pages / "one.html").write_text(PAGE)
    (pages / "tall.html").write_text("<article></article>")
    return folder


def deck(folder, week=1):
    return BeautifulSoup(
        (folder / "_build" / "html" / "slides" / f"week-{week}.html").read_text(), "html.parser"
    )


@pytest.fixture
def made(tmp_path):
    """The slides of a week with one chapter."""
    slides.main(book(tmp_path, ("1", CHAPTER, EXERCISE, "<em>Work</em>")))
    return deck(tmp_path)


def test_slides_are_what_stands_out_in_order(made):
    titles = [section.find(["h1", "h2"]).get_text() for section in made.select("main > section")]
    assert titles == [
        "Week 1",
        "One",
        "Aims",
        "It rises.",
        "Predict before you run",
        r"Theorem 1. On \((x)\)",
        "Middle",
        "Middle",
        "What we measured",
        "Exercises",
    ]
    text = made.get_text()
    for shown in ("talk", "Why", "act.", "steps.", "Which?", "It holds.", "Much.", "Show it."):
        assert text.count(shown) == 1, shown
    for left_out in ("About", "Prose", "A tip", "Proof", "It is seen", "Show more", "#"):
        assert left_out not in text, left_out
    assert made.select("main > section")[-1].get_text(" ", strip=True).startswith("Exercises")
    assert "Handed out: Work" in text


def test_slides_link_their_places_and_nothing_else(made):
    places = [tag["href"] for tag in made.select("footer a")]
    assert places == [
        "../book/teaching.html#six-weeks",
        "../book/one.html",
        "../book/one.html#aims",
        "../book/one.html#fig-a",
        "../book/one.html#middle",
        "../book/one.html#thm-a",
        "../book/one.html#live-tall",
        "../book/one.html#live-low",
        "../book/one.html#what-we-measured",
        "../book/teaching.html#six-weeks",
    ]
    assert made.select_one("section p a")["href"] == "../book/two.html#x"
    assert made.select_one(".figure img")["src"] == "../_images/a.png"
    named = [tag["id"] for tag in made.select("[id]")]
    assert sorted(named) == sorted([*map(str, range(1, 11)), "live-low"])


def test_live_figures_with_a_page_of_their_own_stand_still(made):
    scripts = [tag.get("src") for tag in made.select("script")]
    assert scripts[1:] == [None, "../_static/mathjax/tex.js", "../_static/explorers/low.js"]
    assert made.select_one(".live #live-low") is not None
    still = made.select("section.figure")[1]
    assert still.img["src"] == "../_static/explorers/tall.svg"
    assert still.p.a["href"] == "../book/tall.html"


def test_a_chapter_gives_all_its_exercises(tmp_path):
    slides.main(book(tmp_path, ("1", CHAPTER, CHAPTER, ""), ("2", CHAPTER, "", "")))
    assert "Show it." in deck(tmp_path).get_text()
    assert "Show more." in deck(tmp_path).get_text()
    assert "It is seen" not in deck(tmp_path).get_text()
    assert "Exercises" not in deck(tmp_path, week=2).get_text()


def test_long_lists_are_split_and_little_text_is_large():
    entries = [f"<ul><li>{'word ' * 60}</li></ul>"] * 5
    parts = slides.portions(entries)
    assert [part.count("<li>") for part in parts] == [2, 2, 1]
    assert all(part.count("<ul>") == 1 for part in parts)
    assert slides.portions([]) == []
    sizes = [slides.Slide("", f"<p>{'a' * length}</p>", "", "").size for length in (10, 965, 3965)]
    assert sizes == [slides.LARGEST, 1, 0.5]
    assert slides.weight(r"<p>\[ a \\ b \]</p>") > slides.weight(r"<p>\(a\) and \(b\)</p>")


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([("2", CHAPTER, "", "")], "row 1 .* must have the number 1 .* got '2'"),
        ([("1", "One", "", "")], "links to chapters, got '1' and 'One'"),
        ([("1", '<a href="no.html">No</a>', "", "")], "no.html must be among the pages"),
        ([("1", CHAPTER, '<a href="no.html#ex-1">1</a>', "")], "no.html must be among the pages"),
        ([("1", CHAPTER, '<a href="one.html#fig-a">1</a>', "")], "no exercise by .*#fig-a"),
    ],
)
def test_bad_syllabus_is_refused(tmp_path, rows, message):
    with pytest.raises(ValueError, match=message):
        slides.main(book(tmp_path, *rows))


def test_a_book_without_syllabus_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"teaching.html must be among the pages .* make book"):
        slides.main(tmp_path)
    with pytest.raises(ValueError, match="must have a table with the columns"):
        slides.main(book(tmp_path, columns=["Week", "Chapters"]))


def test_the_page_on_teaching_has_the_syllabus_and_links_the_slides():
    text = (ROOT / "book" / "teaching.md").read_text("utf-8")
    assert f"| {' | '.join(syllabus.COLUMNS)} |" in text
    weeks = re.findall(r"^\| (\d) \|", text, re.MULTILINE)
    assert re.findall(r'href="\.\./slides/week-(\d)\.html"', text) == weeks


@pytest.mark.slow
def test_every_week_shows_its_chapters_and_no_solution():
    text = (ROOT / "book" / "teaching.md").read_text("utf-8")
    rows = re.findall(r"^\| (\d) \| ([^|]+) \|[^|]+\| ([^|]+) \|", text, re.MULTILINE)
    assert len(rows) == 6
    for week, chapters, exercises in rows:
        path = BUILT / "slides" / f"week-{week}.html"
        shown = BeautifulSoup(path.read_text("utf-8"), "html.parser")
        places = [tag["href"] for tag in shown.select("footer a")]
        words = " ".join(shown.get_text().split())
        for name in re.findall(r"{doc}`([\w-]+)`", chapters):
            page = BeautifulSoup((BUILT / "book" / f"{name}.html").read_text(), "html.parser")
            assert f"../book/{name}.html" in places
            solutions = page.select(".solution")
            figures = {tag["id"] for tag in page.select("figure[id]")}
            hidden = {tag["id"] for solution in solutions for tag in solution.select("figure[id]")}
            for figure in figures:
                wanted = 0 if figure in hidden else 1
                assert places.count(f"../book/{name}.html#{figure}") == wanted, figure
            assert solutions
            for line in {" ".join(p.get_text().split()) for s in solutions for p in s.select("p")}:
                assert len(line) < 40 or line not in words, line
        for label in re.findall(r"{ref}`([\w-]+)`", exercises):
            assert len(shown.select(f"section a[href$='#{label}'] .caption-number")) == 1, label
