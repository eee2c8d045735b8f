"""The page of the ledger: the verdicts on the paper's claims, and every row with what was measured.

The directive ``{verdicts}`` draws a card for each of the paper's claims, and ``{claims} GROUP`` the
table of a group of rows, as ``tools.claims`` reads them.
"""

import base64
import io
import json
from pathlib import Path

import nbformat
from docutils import nodes
from docutils.statemachine import StringList
from PIL import Image
from sphinx.application import Sphinx
from sphinx.util import logging
from sphinx.util.docutils import SphinxDirective

from tools import claims, lower, measured, outputs

logger = logging.getLogger(__name__)

THUMBNAIL = (560, 420)  # pixels at most
SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
COLUMNS = {"Claim": 38, "Measured in": 12, "Expected": 12, "Measured here": 24, "Verdict": 14}


def executed(app: Sphinx, name: str) -> Path:
    """The executed notebook of a chapter; the edition for a course has those of the whole book."""
    folder = app.config.executed or outputs.folder(Path(app.srcdir))
    return Path(folder) / f"{name}.ipynb"


class MeasuredCells(nodes.General, nodes.Element):
    """Stands for what a claim measured and its verdict, until the page is written."""


class ClaimsDirective(SphinxDirective):
    """The rows of one group of the ledger as a table."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """Lay out the table, all but the measured cells."""
        path = _ledger_path(self.env.app)
        self.env.note_dependency(str(path))
        ledger = [claim for claim in claims.load(path) if claim.group == self.arguments[0]]
        group = nodes.tgroup(cols=len(COLUMNS))
        group += [nodes.colspec(colwidth=width) for width in COLUMNS.values()]
        head, body = nodes.thead(), nodes.tbody()
        head += row([nodes.paragraph(text=title) for title in COLUMNS])
        for claim in ledger:
            sampled = "" if claim.unit == "none" else f" over {claim.unit}s"
            about = f"{claim.kind}{sampled} · {claim.source}"
            statement = _parsed(self, f"{claim.statement}\n\n*{about}*")
            chapter = _parsed(self, f"{{doc}}`{claim.chapter}`")
            line = row([statement, chapter, nodes.paragraph(text=_expected(claim))])
            line["ids"].append(f"claim-{claim.id}")
            line += MeasuredCells(claim=claim.id)
            body += line
        group += [head, body]
        table = nodes.table(classes=["ledger", "colwidths-given"])
        table += group
        return [MeasuredCells(summary=self.arguments[0]), table]


class VerdictsDirective(SphinxDirective):
    """The paper's claims, each with its verdict, the figure that shows it, and its rows."""

    def run(self) -> list[nodes.Node]:
        """Lay out a card for each."""
        app = self.env.app
        path = _ledger_path(app).with_name("verdicts.yml")
        self.env.note_dependency(str(path))
        cards = []
        for verdict in claims.load_verdicts(path, claims.load(_ledger_path(app))):
            text = (
                f"**{verdict.claim}**\n\n{verdict.because} {{numref}}`{verdict.figure}` shows it."
            )
            rows = nodes.paragraph("", "Rests on the rows ")
            for at, row_id in enumerate(verdict.rows):
                rows += nodes.Text(", " if at else "")
                rows += nodes.reference("", row_id, refid=f"claim-{row_id}", internal=True)
            word = nodes.inline(text=verdict.verdict, classes=["badge", _slug(verdict.verdict)])
            badge, said = nodes.paragraph(), nodes.container(classes=["said"])
            badge += word
            said += [badge, _parsed(self, text), rows]
            card = nodes.container(classes=["verdict"], ids=[f"verdict-{verdict.id}"])
            card += [self._drawn(verdict), said]
            cards.append(card)
        return cards

    def _drawn(self, verdict: claims.Verdict) -> nodes.image:
        """The figure, as the chapter's executed notebook has it."""
        for name, text in lower.with_code(lower.read_chapters(Path(self.env.srcdir))).items():
            if (number := lower.figures_of(text).get(verdict.figure)) is None:
                continue
            cells = nbformat.read(executed(self.env.app, name), as_version=4).cells[1:]
            code = [cell for cell in cells if cell.cell_type == "code"]
            pictures = (output.get("data", {}).get("image/png") for output in code[number].outputs)
            path = Path(self.env.srcdir, "_build", "verdicts", f"{verdict.figure}.png")
            path.parent.mkdir(parents=True, exist_ok=True)
            drawn = Image.open(io.BytesIO(base64.b64decode(next(filter(None, pictures)))))
            drawn.thumbnail(THUMBNAIL)
            drawn.convert("RGB").quantize(64).save(path, optimize=True)
            alt = f"The figure that shows it: {verdict.claim}"
            return nodes.image(uri=f"/_build/verdicts/{path.name}", alt=alt)
        raise ValueError(f"verdicts.yml: {verdict.id} must have a figure of a chapter")


def _parsed(directive: SphinxDirective, text: str) -> nodes.container:
    cell = nodes.container()
    directive.state.nested_parse(StringList(text.splitlines(), "claims.yml"), 0, cell)
    return cell


def _slug(words: str) -> str:
    return words.replace(" ", "-")


def row(cells: list[nodes.Node]) -> nodes.row:
    """A row of a table."""
    made = nodes.row()
    for cell in cells:
        entry = nodes.entry()
        entry += cell
        made += entry
    return made


def _expected(claim: claims.Claim) -> str:
    expect = claim.expect
    parts = []
    if "equal" in expect:
        parts.append(str(expect["equal"]).lower())
    if {"min", "max"} <= set(expect):
        parts.append(f"{number(expect['min'], 6)} to {number(expect['max'], 6)}")
    elif "min" in expect:
        parts.append(f"≥\u00a0{number(expect['min'], 6)}")
    elif "max" in expect:
        parts.append(f"≤\u00a0{number(expect['max'], 6)}")
    whole = ", whole interval" if expect.get("interval") else ""
    return ", ".join(parts) + whole + (", each" if len(claim.keys) > 1 else "")


def _ledger_path(app: Sphinx) -> Path:
    return Path(app.srcdir) / "book" / "claims.yml"


def _recorded(app: Sphinx) -> dict[str, claims.Measured]:
    """All that the chapters of this build recorded."""
    root = Path(app.srcdir)
    return measured.recorded(executed(app, "").parent, lower.read_chapters(root))


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
            rows = [v for v in ledger.values() if v["claim"].group == node["summary"]]
            missing = sum(bool(verdict["missing"]) for verdict in rows)
            failing = sum(bool(verdict["fails"]) and not verdict["missing"] for verdict in rows)
            text = f"{len(rows) - missing - failing} rows hold, {failing} fail in part or whole"
            text += f", {missing} lack a measurement." if missing else "."
            if not missing and not failing:
                text = f"All {len(rows)} rows hold."
            node.replace_self(nodes.paragraph(text=text))
            continue
        verdict = ledger[node["claim"]]
        for key in verdict["missing"]:
            logger.warning(f"claim {node['claim']}: no chapter recorded {key}", location=document)
        measured, judged = row([_measured_cell(verdict), _verdict_cell(verdict)]).children
        node.replace_self([measured, judged])


def _measured_cell(verdict: dict) -> nodes.Node:
    measured = verdict["measured"]
    if not measured:
        return nodes.paragraph(text="—")
    if len(measured) == 1:
        return nodes.paragraph(text=_shown(*measured.values()))
    labels = dict(zip(verdict["claim"].keys, verdict["claim"].labels))
    listed = nodes.bullet_list()
    for key, value in measured.items():
        item = nodes.list_item()
        item += nodes.paragraph(text=f"{labels[key]}: {_shown(value)}")
        listed += item
    summary = summed_up([value.value for value in measured.values()])
    cell = nodes.container()
    cell += nodes.raw("", f"<details><summary>{summary}</summary>", format="html")
    cell += listed
    cell += nodes.raw("", "</details>", format="html")
    return cell


def summed_up(values: list[float | bool]) -> str:
    """A line in place of a list of values."""
    count = len(values)
    if isinstance(values[0], bool):
        true = sum(values)
        said = {count: "all true", 0: "all false"}.get(true, f"{true} true")
        return f"{count} values, {said}"
    low, high = number(min(values)), number(max(values))
    return f"{count} values, {f'all {low}' if low == high else f'from {low} to {high}'}"


def number(value: float, digits: int = 4) -> str:
    """A number of the ledger: 0.0123, −2,050 or 1.2 × 10⁻⁸."""
    whole = value % 1 == 0 or abs(value) >= 10**digits
    text, *power = f"{value:{',.0f' if whole else f'.{digits}g'}}".split("e")
    if power:
        times = "" if text in ("1", "-1") else "\u00a0×\u00a0"
        text = (text if times else text[:-1]) + times + "10"
        text += str(int(power[0])).translate(SUPERSCRIPTS)
    return text.replace("-", "−")


def _shown(found: claims.Measured) -> str:
    if isinstance(found.value, bool):
        return str(found.value).lower()
    if found.low is None or found.low == found.high:
        return number(found.value)
    return measured.show("value", {"value": found})


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


def setup(app: Sphinx) -> None:
    """Register the directives, and what fills them in."""
    app.add_node(MeasuredCells)
    app.add_directive("claims", ClaimsDirective)
    app.add_directive("verdicts", VerdictsDirective)
    app.connect("env-updated", rewrite_ledger)
    app.connect("doctree-resolved", fill_in)
    app.connect("build-finished", write_verdicts)
