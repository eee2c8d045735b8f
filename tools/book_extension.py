"""What the book adds to Sphinx: outputs, measured numbers, pages that ask no other host.

The pages take their outputs, and what was recorded, from the notebooks that ``tools.outputs`` has
executed. The role ``{measured}`` prints one number, and ``{stored}`` links a table.
"""

import base64
import io
import os
import re
import shutil
from pathlib import Path

import imagesize
import nbformat
from docutils import nodes
from myst_nb.core.read import read_myst_markdown_notebook
from PIL import Image
from sphinx.application import Sphinx
from sphinx.config import Config
from sphinx.util import logging
from sphinx.util.docutils import SphinxRole

from tools import address, claims, ledger, live, lower, measured, status

logger = logging.getLogger(__name__)

WIDE = 1.8  # width over height
BROAD = 850  # pixels: eight inches
NARROW = 650  # pixels: what a phone may shrink
WORDS_A_MINUTE = 130  # of a text with formulas


def take_outputs(app: Sphinx) -> None:
    """Let the chapters with code be read with the outputs of their executed notebooks."""
    for name in lower.with_code(lower.read_chapters(Path(app.srcdir))):
        options = {"executed": os.fspath(ledger.executed(app, name)), "config": app.env.myst_config}
        reader = ("book_extension.read_with_outputs", options, False)
        app.env.mystnb_config.custom_formats[f"/book/{name}.md"] = reader


def read_with_outputs(text: str, executed: str, **options) -> nbformat.NotebookNode:
    """A chapter as a notebook, with the outputs of the executed one, which may have more cells.

    Raises:
        ValueError: if that is of other code, or not there.
    """
    notebook = read_myst_markdown_notebook(text, add_source_map=True, **options)
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    path = Path(executed)
    ran = nbformat.read(path, as_version=4).cells[1:] if path.exists() else []
    if [cell.source for cell in cells] != [cell.source for cell in ran[: len(cells)]]:
        raise ValueError(f"{path} must hold the outputs of this chapter's code; run make book")
    for cell, done in zip(cells, ran):
        cell.outputs = done.outputs
        for figure in (output.get("data", {}) for output in cell.outputs):
            if "image/png" in figure:
                figure["image/png"] = _lighter(figure["image/png"])
    return notebook


def _lighter(png: str) -> str:
    """The picture in 256 colours of its own, a third of the bytes: figures have few."""
    image = Image.open(io.BytesIO(base64.b64decode(png))).convert("RGB")
    packed = io.BytesIO()
    image.quantize(256, dither=Image.Dither.NONE).save(packed, "png", optimize=True)
    return base64.b64encode(packed.getvalue()).decode()


def read_again(app: Sphinx, document: str, source: list[str]) -> None:
    """Let a chapter be read again when its executed notebook is a new one."""
    executed = ledger.executed(app, Path(document).name)
    if executed.exists():
        app.env.note_dependency(os.fspath(executed))


class MeasuredRole(SphinxRole):
    """A number that a chapter recorded, with its interval."""

    def run(self) -> tuple[list[nodes.Node], list[nodes.system_message]]:
        """Print it as the notebooks do."""
        root = Path(self.env.srcdir)
        self.env.note_dependency(os.fspath(root / measured.KEPT))
        try:
            return [nodes.Text(measured.show(self.text, measured.read(root)))], []
        except ValueError as error:
            logger.warning(str(error), location=self.get_location())
            return [], []


class StoredRole(SphinxRole):
    """A link to a stored table."""

    def run(self) -> tuple[list[nodes.Node], list[nodes.system_message]]:
        """Name its file, and refuse one that is not there."""
        root, file = Path(self.env.srcdir), f"{self.text}.csv"
        if not (root / "book" / "results" / file).exists():
            logger.warning(f"no table {file} is stored", location=self.get_location())
        address_of = f"{address.read(root=root).tables}/{file}"
        return [nodes.reference("", file, refuri=address_of)], []


def take_address(app: Sphinx, config: Config) -> None:
    """Let the pages name the place where this build is published."""
    place = address.read(root=Path(app.srcdir))
    config.html_baseurl = place.online
    config.html_theme_options["repository_url"] = place.repository
    config.html_theme_options["repository_branch"] = place.branch
    config.html_theme_options["repository_provider"] = "github"  # on a server of any name


def open_published_notebooks(app, page, template, context, doctree) -> None:
    """Let the Colab button open the notebook of this version, where there are several."""
    place = address.read(root=Path(app.srcdir))
    for group in context["header_buttons"]:
        for button in group.get("buttons", ()):
            if button["text"] == "Colab":
                theirs, ours = f"/blob/{place.branch}/book/", f"/blob/{place.notebooks}/"
                button["url"] = button["url"].replace(theirs, ours)


def offer_printed_pages(app, page, template, context, doctree) -> None:
    """Let the download menu of a published version offer what ``tools.pdf`` has printed."""
    if not address.read(root=Path(app.srcdir)).tag:
        return
    for group in context["header_buttons"]:
        buttons = group.get("buttons", [])
        for at, button in enumerate(buttons):
            if button.get("label") == "download-pdf-button":
                link = {"type": "link", "icon": button["icon"]}
                printed = context["pathto"]("pdf", 1)
                buttons[at : at + 1] = [
                    link
                    | {"text": text, "url": f"{printed}/{name}.pdf", "tooltip": tip, "label": label}
                    for text, name, tip, label in (
                        (".pdf", Path(page).name, "This page as PDF", "download-pdf-button"),
                        ("book.pdf", "book", "The whole book as PDF", "download-book-button"),
                    )
                ]
                break


def keep_stops(app: Sphinx, doctree: nodes.document, document: str) -> None:
    """Let no line begin with the full stop or comma after a formula."""
    for formula in list(doctree.findall(nodes.math)):
        after = formula.next_node(descend=False, siblings=True)
        if isinstance(after, nodes.Text) and (stops := re.match(r"[,.;:)!?]+", after)):
            parent, at = formula.parent, formula.parent.index(formula)
            together = nodes.inline("", "", formula, nodes.Text(stops[0]), classes=["together"])
            parent[at : at + 2] = [together, nodes.Text(after[stops.end() :])]


def say_how_long(app: Sphinx, doctree: nodes.document, document: str) -> None:
    """Below the title of a chapter: how long it takes to read."""
    chapters = lower.with_code(lower.read_chapters(Path(app.srcdir)))
    title = next(iter(doctree.findall(nodes.title)), None)
    if Path(document).name not in chapters or title is None:
        return
    words = sum(len(text.astext().split()) for text in doctree.findall(nodes.paragraph))
    minutes = 5 * max(1, round(words / WORDS_A_MINUTE / 5))
    line = nodes.paragraph(text=f"About {minutes} minutes to read.", classes=["how-long"])
    title.parent.insert(title.parent.index(title) + 1, line)


def drop_icon_script(app: Sphinx, error: Exception | None) -> None:
    """Empty the theme's largest script: the icons come from its web font, which is there too."""
    script = Path(app.outdir) / "_static" / "scripts" / "fontawesome.js"
    if script.exists():
        script.write_text("")


def offer_plain_notebooks(app: Sphinx, error: Exception | None) -> None:
    """Let the download button give the lowered notebook, not one with MyST in it."""
    for offered in (Path(app.outdir) / "_sources" / "book").glob("*.ipynb"):
        lowered = Path(app.srcdir) / "book" / offered.name
        if lowered.exists():
            shutil.copyfile(lowered, offered)


def drop_outside_scripts(app, page, template, context, doctree) -> None:
    """Leave out scripts that come from another host, and the unused one that would fetch them."""
    context["script_files"] = [
        script
        for script in context.get("script_files", [])
        if "://" not in str(getattr(script, "filename", script) or "")
        and "thebe" not in str(getattr(script, "filename", script) or "").lower()
        and "thebe" not in str(getattr(script, "attributes", {}).get("body", "")).lower()
    ]


def mend_citation_list(app, page, template, context, doctree) -> None:
    """Citations are not a list to screen readers, for links stand between them."""
    if "body" in context:
        listed, plain = '<div role="list" class="citation-list"', '<div class="citation-list"'
        context["body"] = context["body"].replace(listed, plain)


def mark_wide_figures(app: Sphinx, doctree: nodes.document, document: str) -> None:
    """Name the figures that a phone may not shrink to its width: large ones, panels in a row."""
    for image in doctree.findall(nodes.image):
        width, height = imagesize.get(Path(app.srcdir) / image["uri"])
        if width >= BROAD or (width >= NARROW and width > WIDE * height):
            image["classes"].append("wide-figure")


def setup(app: Sphinx) -> dict:
    """Register all of the above."""
    makers = (module.__file__ for module in (address, claims, ledger, live, measured, status))
    content = [
        Path(path).read_text("utf-8")
        for path in (__file__, *makers, address.ROOT / "requirements.txt")
    ]
    app.add_config_value("page_makers", content, "env")  # when they change, so do pages
    app.add_config_value("executed", "", "env")
    ledger.setup(app)
    live.setup(app)
    status.setup(app)
    app.connect("builder-inited", take_outputs, priority=900)
    app.connect("source-read", read_again)
    app.add_role("measured", MeasuredRole())
    app.add_role("stored", StoredRole())
    app.connect("config-inited", take_address)
    app.add_js_file("book.js", loading_method="defer")
    app.connect("doctree-resolved", mark_wide_figures)
    app.connect("doctree-resolved", keep_stops)
    app.connect("doctree-resolved", say_how_long)
    app.connect("build-finished", drop_icon_script)
    app.connect("build-finished", offer_plain_notebooks)
    app.connect("html-page-context", open_published_notebooks, priority=900)
    app.connect("html-page-context", offer_printed_pages, priority=900)
    app.connect("html-page-context", drop_outside_scripts, priority=900)
    app.connect("html-page-context", mend_citation_list)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
