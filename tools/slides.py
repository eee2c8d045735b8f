"""Slides for the weeks of the course, from the built pages: ``python -m tools.slides``.

A deck takes of each chapter what stands out of its text: the opening question and the aims; the
figures, theorems and predictions in their order; what was measured. The week's exercises come last.
``slides.html`` beside this file is its page, ``book/assets/slides.*`` its looks and its keys.
"""

import re
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from bs4 import Tag
from jinja2 import Template

from tools.syllabus import TEACHING, Page, Week, inner, own_page, read, weeks

ROOT = Path(__file__).parent.parent
SYLLABUS = f"{TEACHING}#six-weeks"
PREDICTION = "Predict before you run"
FULL = 1000  # letters that fill a slide: more are split or set smaller, fewer are set larger
LARGEST = 1.2
TEMPLATE = Template(Path(__file__).with_suffix(".html").read_text("utf-8"))


@dataclass(frozen=True)
class Slide:
    """One slide, and its place in the book."""

    title: str
    body: str
    link: str
    place: str
    kind: str = "text"

    @property
    def size(self) -> float:
        """Of its letters."""
        return min(LARGEST, (FULL / weight(self.body)) ** 0.5)


def main(root: Path = ROOT) -> None:
    """Write a deck for each week into the built book.

    Raises:
        ValueError: if the book is not built, or its syllabus names what is not in it.
    """
    html = root / "_build" / "html"
    for week in weeks(html):
        (html / "slides").mkdir(exist_ok=True)
        (html / "slides" / f"week-{week.number}.html").write_text(deck(week, html), "utf-8")


def deck(week: Week, html: Path) -> str:
    """The slides of a week, as a page."""
    links = [link.partition("#")[0] for link in (*week.chapters, *week.exercises)]
    pages = {link: read(html, link) for link in dict.fromkeys(links)}
    chapters = [pages[link] for link in week.chapters]
    slides = [
        title_slide(week, chapters),
        *(slide for page in chapters for slide in chapter_slides(page, html)),
        *exercise_slides(week, pages),
    ]
    scripts = dict.fromkeys(script for page in chapters for script in page.scripts)
    return TEMPLATE.render(week=week.number, slides=slides, scripts=scripts)


def title_slide(week: Week, chapters: list[Page]) -> Slide:
    """The chapters of a week, and what is done in class."""
    listed = "".join(f'<li><a href="{page.link}">{page.title}</a></li>' for page in chapters)
    body = f"<ul>{listed}</ul><p><b>In class:</b> {week.in_class}</p>"
    return Slide(f"Week {week.number}", body, SYLLABUS, "Teaching with this book", "title")


def chapter_slides(page: Page, html: Path) -> Iterator[Slide]:
    """What stands out of the text of a chapter."""
    opening = "".join(f"<p>{inner(tag)}</p>" for tag in page.text.select(":scope > section > p"))
    yield Slide(page.title, opening, page.link, page.title, "title")
    yield from section_slides(page, "aims")
    for tag in page.text.select("figure[id], .explorer, .proof.admonition, .admonition.tip"):
        heading = tag.select_one(":scope > .admonition-title")
        if tag.name == "figure":
            yield figure_slide(tag, page)
        elif "explorer" in tag["class"]:
            yield live_slide(tag, page, html)
        elif heading and heading.get_text() == PREDICTION:
            link = f"{page.link}#{tag.find_parent('section')['id']}"
            heading.extract()
            yield Slide(PREDICTION, inner(tag), link, page.title, "prediction")
        elif heading and "proof" in tag["class"]:
            yield statement_slide(tag, heading, page)
    yield from section_slides(page, "what-we-measured")


def section_slides(page: Page, name: str) -> Iterator[Slide]:
    """A section of text, on as many slides as it takes."""
    found = page.text.select(f"#{name} > p, #{name} > ul > li")
    title = inner(page.text.select_one(f"#{name} > h2")) if found else ""
    entries = {"p": "<p>{}</p>", "li": "<ul><li>{}</li></ul>"}
    for body in portions(entries[tag.name].format(inner(tag)) for tag in found):
        yield Slide(title, body, f"{page.link}#{name}", page.title)


def figure_slide(figure: Tag, page: Page) -> Slide:
    """A figure below the first sentence of its caption, and above the rest."""
    number, caption = figure.select_one(".caption-number"), figure.select_one(".caption-text")
    title = inner(caption.strong.extract())
    kind = "figure" if figure.select_one(".wide-figure") else "figure narrow"
    body = f"{figure.img}\n<p>{inner(caption)}</p>"
    place = f"{page.title}, {number.get_text(strip=True)}"
    return Slide(title, body, f"{page.link}#{figure['id']}", place, kind)


def live_slide(live: Tag, page: Page, html: Path) -> Slide:
    """A live figure, or where it has a page of its own a link to that below a still one."""
    section, still = live.find_parent("section"), live.find_next("noscript")
    title, link = inner(section.find(["h2", "h3"])), f"{page.link}#{live['id']}"
    if own := own_page(html, live["id"].removeprefix("live-")):
        body = f'{still.img}\n<p><a href="{own}">Open the live figure</a></p>'
        return Slide(title, body, link, page.title, "figure")
    return Slide(title, f"{live}\n{still}", link, page.title, "live")


def statement_slide(box: Tag, heading: Tag, page: Page) -> Slide:
    """A definition, a theorem or the like."""
    number = heading.span.extract().get_text(strip=True)
    named = re.fullmatch(r"\s*\((.+)\)\s*", inner(heading), re.DOTALL)
    title = f"{number}. {named[1]}" if named else number
    body = inner(box.section)
    return Slide(title, body, f"{page.link}#{box['id']}", f"{page.title}, {number}", "statement")


def exercise_slides(week: Week, pages: dict[str, Page]) -> Iterator[Slide]:
    """The exercises of a week, on as many slides as they take, and what is handed out.

    Raises:
        ValueError: if an exercise of the syllabus is not on its page.
    """
    blocks = []
    for link in week.exercises:
        chapter, _, name = link.partition("#")
        found = pages[chapter].text.select(f".exercise[id='{name}']" if name else ".exercise")
        if not found:
            raise ValueError(f"the syllabus of book/teaching.md names no exercise by {link!r}")
        for box in found:
            heading = box.select_one(".admonition-title").extract()
            title = f'<a href="{chapter}#{box["id"]}">{inner(heading)}</a>'
            blocks.append(f"<p><b>{title}</b></p>{inner(box.section)}")
    if week.handed_out:
        blocks.append(f"<p class='handed-out'><b>Handed out:</b> {week.handed_out}</p>")
    for body in portions(blocks):
        yield Slide("Exercises", body, SYLLABUS, f"Week {week.number}")


def portions(blocks: Iterable[str]) -> list[str]:
    """The blocks, as many together as a slide holds."""
    together = [""]
    for block in blocks:
        if together[-1] and weight(together[-1] + block) > FULL:
            together.append("")
        together[-1] = (together[-1] + block).replace("</ul><ul>", "")
    return [body for body in together if body]


def weight(html: str) -> float:
    """How many letters would take as much room as this text with its formulas."""
    letters = re.sub(r"<[^>]+>", "", html)
    displayed = "".join(re.findall(r"\\\[.*?\\\]", letters, re.DOTALL))
    letters = re.sub(r"\\\[.*?\\\]", "", letters, flags=re.DOTALL)
    blocks = len(re.findall(r"<(?:p|li|pre)\b", html))
    return len(letters) + 35 * blocks + 300 * displayed.count("\\[") + 200 * displayed.count("\\\\")


if __name__ == "__main__":
    try:
        main()
    except ValueError as error:
        sys.exit(str(error))
