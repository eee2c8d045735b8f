"""What the book adds to Sphinx: outputs, the ledger of claims, pages that ask no other host.

The pages take their outputs, and what was recorded, from the notebooks that ``tools.outputs`` has
executed. The directive ``{claims}`` draws the ledger, and ``{measured}`` prints one number.
"""

import json
import os
import shutil
from pathlib import Path

import imagesize
import nbformat
from docutils import nodes
from docutils.statemachine import StringList
from myst_nb.core.read import read_myst_markdown_notebook
from sphinx.application import Sphinx
from sphinx.config import Config
from sphinx.util import logging
from sphinx.util.docutils import SphinxDirective, SphinxRole

from tools import address, claims, lower, measured, outputs

logger = logging.getLogger(__name__)

COLUMNS = {"Claim": 38, "Measured in": 12, "Expected": 12, "Measured here": 24, "Verdict": 14}
WIDE = 1.8  # width over height


def take_outputs(app: Sphinx) -> None:
    """Let the chapters with code be read with the outputs of their executed notebooks."""
    for name in lower.with_code(lower.read_chapters(Path(app.srcdir))):
        options = {"executed": os.fspath(_executed(app, name)), "config": app.env.myst_config}
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
    return notebook


def read_again(app: Sphinx, document: str, source: list[str]) -> None:
    """Let a chapter be read again when its executed notebook is a new one."""
    executed = _executed(app, Path(document).name)
    if executed.exists():
        app.env.note_dependency(os.fspath(executed))


def _executed(app: Sphinx, name: str) -> Path:
    """The executed notebook of a chapter; the edition for a course has those of the whole book."""
    folder = app.config.executed or outputs.folder(Path(app.srcdir))
    return Path(folder) / f"{name}.ipynb"


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


class MeasuredCells(nodes.General, nodes.Element):
    """Stands for what a claim measured and its verdict, until the page is written."""


class ClaimsDirective(SphinxDirective):
    """The whole ledger as a table."""

    def run(self) -> list[nodes.Node]:
        """Lay out the table, all but the measured cells."""
        path = _ledger_path(self.env.app)
        self.env.note_dependency(str(path))
        group = nodes.tgroup(cols=len(COLUMNS))
        group += [nodes.colspec(colwidth=width) for width in COLUMNS.values()]
        head, body = nodes.thead(), nodes.tbody()
        head += _row([nodes.paragraph(text=title) for title in COLUMNS])
        for claim in claims.load(path):
            sampled = "" if claim.unit == "none" else f" over {claim.unit}s"
            about = f"{claim.kind}{sampled} · {claim.source}"
            statement = self._parsed(f"{claim.statement}\n\n*{about}*")
            chapter = self._parsed(f"{{doc}}`{claim.chapter}`")
            row = _row([statement, chapter, nodes.paragraph(text=_expected(claim))])
            row += MeasuredCells(claim=claim.id)
            body += row
        group += [head, body]
        table = nodes.table(classes=["ledger", "colwidths-given"])
        table += group
        return [MeasuredCells(summary=True), table]

    def _parsed(self, text: str) -> nodes.container:
        cell = nodes.container()
        self.state.nested_parse(StringList(text.splitlines(), "claims.yml"), 0, cell)
        return cell


def _row(cells: list[nodes.Node]) -> nodes.row:
    row = nodes.row()
    for cell in cells:
        entry = nodes.entry()
        entry += cell
        row += entry
    return row


def _expected(claim: claims.Claim) -> str:
    expect = claim.expect
    parts = []
    if "equal" in expect:
        parts.append(str(expect["equal"]).lower())
    if "min" in expect:
        parts.append(f"≥ {expect['min']:g}")
    if "max" in expect:
        parts.append(f"≤ {expect['max']:g}")
    whole = ", whole interval" if expect.get("interval") else ""
    return ", ".join(parts) + whole + (", each" if len(claim.keys) > 1 else "")


def _ledger_path(app: Sphinx) -> Path:
    return Path(app.srcdir) / "book" / "claims.yml"


def _recorded(app: Sphinx) -> dict[str, claims.Measured]:
    """All that the chapters of this build recorded."""
    root = Path(app.srcdir)
    return measured.recorded(_executed(app, "").parent, lower.read_chapters(root))


def _verdicts(app: Sphinx) -> list[dict]:
    recorded = _recorded(app)
    ledger = []
    for claim in claims.load(_ledger_path(app)):
        measured = {key: recorded[key] for key in claim.keys if key in recorded}
        failing = [key for key, value in measured.items() if not claims.meets(value, claim.expect)]
        ledger.append(
            {
                "claim": claim,
                "measured": measured,
                "missing": [key for key in claim.keys if key not in recorded],
                "fails": failing,
                "on_record": set(failing) == claim.fails,
            }
        )
    return ledger


def fill_in(app: Sphinx, doctree: nodes.document, document: str) -> None:
    """Replace the measured cells of the ledger by what was measured."""
    pending = list(doctree.findall(MeasuredCells))
    if not pending:
        return
    ledger = {verdict["claim"].id: verdict for verdict in _verdicts(app)}
    for node in pending:
        if node.get("summary"):
            missing = sum(bool(verdict["missing"]) for verdict in ledger.values())
            failing = sum(
                bool(verdict["fails"]) and not verdict["missing"] for verdict in ledger.values()
            )
            text = f"{len(ledger) - missing - failing} claims hold, {failing} fail in part or whole"
            text += f", {missing} lack a measurement." if missing else "."
            node.replace_self(nodes.paragraph(text=text))
            continue
        verdict = ledger[node["claim"]]
        for key in verdict["missing"]:
            logger.warning(f"claim {node['claim']}: no chapter recorded {key}", location=document)
        measured, judged = _row([_measured_cell(verdict), _verdict_cell(verdict)]).children
        node.replace_self([measured, judged])


def _measured_cell(verdict: dict) -> nodes.Node:
    measured = verdict["measured"]
    if not measured:
        return nodes.paragraph(text="—")
    if len(measured) == 1:
        return nodes.paragraph(text=_shown(*measured.values()))
    listed = nodes.bullet_list()
    prefix = ".".join(os.path.commonpath(key.replace(".", "/") for key in measured).split("/"))
    for key, value in measured.items():
        item = nodes.list_item()
        item += nodes.paragraph(text=f"{key[len(prefix) + 1 :]}: {_shown(value)}")
        listed += item
    values = [value.value for value in measured.values()]
    summary = f"{len(values)} values from {min(values):.4g} to {max(values):.4g}"
    cell = nodes.container()
    cell += nodes.raw("", f"<details><summary>{summary}</summary>", format="html")
    cell += listed
    cell += nodes.raw("", "</details>", format="html")
    return cell


def _shown(measured: claims.Measured) -> str:
    if isinstance(measured.value, bool):
        return str(measured.value).lower()
    interval = "" if measured.low is None else f" [{measured.low:.4g}, {measured.high:.4g}]"
    return f"{measured.value:.4g}{interval}"


def _verdict_cell(verdict: dict) -> nodes.Node:
    keys, failing = verdict["claim"].keys, verdict["fails"]
    text = "holds"
    if failing:
        text = "fails" if len(failing) == len(keys) else f"fails at {len(failing)} of {len(keys)}"
    if verdict["missing"]:
        text = "not measured"
    cell = nodes.paragraph()
    cell += nodes.inline(text=text, classes=["holds" if text == "holds" else "fails"])
    if not verdict["on_record"]:
        cell += nodes.strong(text=" (not what is on record)")
    return cell


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


def write_verdicts(app: Sphinx, error: Exception | None) -> None:
    """Leave ``claims.json`` beside the pages, for the tests and for readers' programs."""
    if error is not None or not _ledger_path(app).exists():
        return
    rows = [
        {
            "id": verdict["claim"].id,
            "measured": {key: vars(value) for key, value in verdict["measured"].items()},
            "missing": verdict["missing"],
            "fails": verdict["fails"],
            "on_record": verdict["on_record"],
        }
        for verdict in _verdicts(app)
    ]
    path = Path(app.outdir) / "claims.json"
    partial = path.with_suffix(".partial")
    partial.write_text(json.dumps(rows, indent=1))
    partial.replace(path)


def rewrite_ledger(app: Sphinx, env: object) -> list[str]:
    """The ledger is written anew in every build, for any chapter may have changed it."""
    return [name for name in app.env.found_docs if name == "book/claims"]


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
    """Name the figures that a phone may not shrink to its width: several panels in a row."""
    for image in doctree.findall(nodes.image):
        width, height = imagesize.get(Path(app.srcdir) / image["uri"])
        if width > WIDE * height > 0:  # both are -1 where the size is not known
            image["classes"].append("wide-figure")


def setup(app: Sphinx) -> dict:
    """Register all of the above."""
    makers = (__file__, address.__file__, claims.__file__, measured.__file__)
    content = [
        Path(path).read_text("utf-8") for path in (*makers, address.ROOT / "requirements.txt")
    ]
    app.add_config_value("page_makers", content, "env")  # when they change, so do pages
    app.add_config_value("executed", "", "env")
    app.connect("builder-inited", take_outputs, priority=900)
    app.connect("source-read", read_again)
    app.add_role("measured", MeasuredRole())
    app.add_node(MeasuredCells)
    app.add_directive("claims", ClaimsDirective)
    app.connect("config-inited", take_address)
    app.add_js_file("book.js", loading_method="defer")
    app.connect("env-updated", rewrite_ledger)
    app.connect("doctree-resolved", fill_in)
    app.connect("doctree-resolved", mark_wide_figures)
    app.connect("build-finished", write_verdicts)
    app.connect("build-finished", drop_icon_script)
    app.connect("build-finished", offer_plain_notebooks)
    app.connect("html-page-context", open_published_notebooks, priority=900)
    app.connect("html-page-context", drop_outside_scripts, priority=900)
    app.connect("html-page-context", mend_citation_list)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
