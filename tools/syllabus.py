"""The weeks of the course and their pages, as the built book has them.

The syllabus is the table of ``book/teaching.md``. Links are such as lead from a folder beside that
of the pages, as ``../book/welcome.html``, and pages are read without code and solutions.
"""

import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urljoin, urlsplit

from bs4 import BeautifulSoup, Tag

TEACHING = "../book/teaching.html"
COLUMNS = ["Week", "Chapters", "In class", "Exercises", "Handed out"]
_SCRIPTS = re.compile(r"MathJax =|/mathjax/|/explorers/")


@dataclass(frozen=True)
class Page:
    """The text of a page, without code and solutions."""

    link: str
    text: Tag
    scripts: list[str]  # that set its formulas and draw its live figures

    @property
    def title(self) -> str:
        """Its heading."""
        return inner(self.text.h1)


@dataclass(frozen=True)
class Week:
    """A row of the syllabus."""

    number: int
    chapters: list[str]  # links
    in_class: str
    exercises: list[str]  # links to exercises, or to chapters that give all of theirs
    handed_out: str


def weeks(html: Path) -> list[Week]:
    """The weeks of the course, of the built book in this folder.

    Raises:
        ValueError: if the book is not built, or the syllabus not as it should be.
    """
    page = read(html, TEACHING)
    tables = [[row.select("th, td") for row in table.select("tr")] for table in page.text("table")]
    head = [[cell.get_text(strip=True) for cell in table[0]] for table in tables]
    if COLUMNS not in head:
        raise ValueError(f"book/teaching.md must have a table with the columns {COLUMNS}")
    found = []
    for week, row in enumerate(tables[head.index(COLUMNS)][1:], 1):
        number, chapters, in_class, exercises, handed_out = row
        if number.get_text(strip=True) != str(week) or not chapters("a"):
            raise ValueError(
                f"row {week} of the syllabus of book/teaching.md must have the number {week} and "
                f"links to chapters, got {number.get_text()!r} and {chapters.get_text()!r}"
            )
        links, asked = ([tag["href"] for tag in cell("a")] for cell in (chapters, exercises))
        found.append(Week(week, links, inner(in_class.p), asked, inner(handed_out.p)))
    return found


def read(html: Path, link: str) -> Page:
    """A page of the built book.

    Raises:
        ValueError: if there is no such page.
    """
    path = html / "book" / Path(link).name
    if not path.exists():
        raise ValueError(
            f"{path.name} must be among the pages in {path.parent}; "
            "run make book, or mend the syllabus of book/teaching.md"
        )
    soup = BeautifulSoup(path.read_text("utf-8"), "html.parser")
    for tag in soup.article.select(".solution, .cell_input, .headerlink, .how-long"):
        tag.decompose()
    for name in ("href", "src"):
        for tag in soup.article(**{name: True}):
            if not urlsplit(tag[name]).scheme:
                tag[name] = ".." + urljoin(f"/book/{path.name}", tag[name])
    scripts = []
    for tag in soup("script"):
        if _SCRIPTS.search(str(tag)) and not own_page(html, Path(tag.get("src", "")).stem):
            scripts.append(str(tag))
    return Page(link, soup.article, scripts)


def own_page(html: Path, name: str) -> str | None:
    """The link to the page that a live figure has of its own: it is too tall for a slide."""
    return f"../book/{name}.html" if (html / "book" / f"{name}.html").exists() else None


def inner(tag: Tag) -> str:
    """What is in a tag, without names of places, which are the page's."""
    for named in tag.select("[id]"):
        del named["id"]
    return tag.decode_contents().strip()
