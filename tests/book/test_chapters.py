"""What every chapter must have, and the ledger of claims as the build left it."""

import json
import re
import sys
from pathlib import Path

import jupytext
import pytest
import yaml
from bs4 import BeautifulSoup

from tools import address, claims, ledger, lower, measured, outputs

ROOT = Path(__file__).parents[2]
CHAPTERS = sorted(
    path for path in (ROOT / "book").glob("*.md") if "```{code-cell}" in path.read_text()
)
every_chapter = pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)


def code_cells(path):
    return [cell for cell in jupytext.read(path).cells if cell.cell_type == "code"]


def test_table_of_contents_is_complete():
    listed = re.findall(r"(?:file|root): book/([\w-]+)", (ROOT / "_toc.yml").read_text())
    assert sorted(listed) == sorted(path.stem for path in (ROOT / "book").glob("*.md"))


@every_chapter
def test_notebook_is_in_sync(path):
    place = address.read()
    chapters = lower.read_chapters()
    targets = lower.collect(chapters, place.pages, ROOT / "book" / "references.bib")
    targets.numbers, targets.tables = measured.read(ROOT), place.tables
    duration = lower.read_durations().get(path.stem)
    assert duration, f"measure it: python -m tools.execute --keep --out out {path.stem}"
    expected = lower.lower(path.stem, chapters[path.stem], targets, place.requirement, duration)
    assert path.with_suffix(".ipynb").read_text() == expected, "run make notebooks"


@pytest.mark.slow
@every_chapter
def test_downloaded_notebook_is_the_plain_one(path):
    offered = ROOT / "_build" / "html" / "_sources" / "book" / f"{path.stem}.ipynb"
    assert offered.read_text() == path.with_suffix(".ipynb").read_text()


@pytest.mark.slow
@every_chapter
def test_equations_have_the_numbers_of_the_page(path):
    page = (ROOT / "_build" / "html" / "book" / f"{path.stem}.html").read_text()
    shown = re.findall(r'id="equation-[\w-]+">\s*<span class="eqno">\((\d+)\)', page)
    labelled = re.findall(r"\(eq-[\w-]+\)$|^:label: eq-", path.read_text(), re.MULTILINE)
    cells = [c.source for c in jupytext.read(path.with_suffix(".ipynb")).cells]
    assert re.findall(r"\\tag\{(\d+)\}", "\n".join(cells)) == shown
    assert len(shown) == len(labelled)


@pytest.mark.slow
@every_chapter
def test_figures_have_the_numbers_of_the_page(path):
    page = (ROOT / "_build" / "html" / "book" / f"{path.stem}.html").read_text()
    shown = re.findall(r'<span class="caption-number">(Fig\. \d+) *</span>', page)
    cells = [c.source for c in jupytext.read(path.with_suffix(".ipynb")).cells]
    assert re.findall(r"^\*\*(Fig\. \d+)\.\*\* ", "\n".join(cells), re.MULTILINE) == shown
    assert shown


@pytest.mark.slow
@every_chapter
def test_outputs_show_no_warning_traceback_or_path(path):
    page = (ROOT / "_build" / "html" / "book" / f"{path.stem}.html").read_text()
    outputs = BeautifulSoup(page, "html.parser").select("div.cell_output")
    assert not [o for shown in outputs for o in shown.select(".stderr, .traceback")]
    text = "\n".join(shown.get_text() for shown in outputs)
    assert not re.search(r"\w*Warning\b|Traceback|site-packages|/ipykernel_", text)
    assert f"{ROOT}/" not in text
    assert f"{sys.prefix}/" not in text


@every_chapter
def test_prose_is_finished(path):
    assert not re.search(r"\b(todo|fixme|tbd|xxx|lorem ipsum)\b", path.read_text(), re.I)


@every_chapter
def test_has_what_a_chapter_has(path):
    text = path.read_text()
    for heading in ("## Aims", "## Further reading"):
        assert heading in text
    exercises = re.findall(r"\{exercise\}.*\n:label: ([\w-]+)", text)
    solutions = re.findall(r"\{solution(?:-start)?\} ([\w-]+)", text)
    assert exercises
    assert exercises == solutions
    assert "{cite:" in text
    assert code_cells(path)[0].source.endswith("setup()")


@every_chapter
def test_code_cells_are_short(path):
    for cell in code_cells(path):
        lines = cell.source.splitlines()
        assert len(lines) <= 25, cell.source
        assert max(map(len, lines)) <= 83, cell.source  # the width of the column


@every_chapter
def test_figures_are_described_numbered_and_referred_to(path):
    """Their code is folded under them."""
    drawing = re.compile(r"plt\.(subplots|figure)\(|plotting\.show_images\(")
    for cell in code_cells(path):
        about = cell.metadata.get("mystnb", {})
        if drawing.search(cell.source) or "image" in about:
            assert len(about.get("image", {}).get("alt", "")) > 40, cell.source
            assert len(about.get("figure", {}).get("caption", "")) > 40, cell.source
            assert f"{{numref}}`{about['figure']['name']}`" in path.read_text(), cell.source
            assert "hide-input" in cell.metadata["tags"], cell.source


@every_chapter
def test_figure_comes_before_code(path):
    """A page opens with its question and a figure, its code folded."""
    for cell in code_cells(path):
        if "image" in cell.metadata.get("mystnb", {}):
            return
        assert {"hide-cell", "hide-input"} & set(cell.metadata.get("tags", ())), cell.source


@every_chapter
def test_prose_quotes_no_measured_number(path):
    """Decimal numbers in running text are exact or settings; list what is allowed."""
    allowed = {"1.26", "1.41", "1.4", "0.5", "0.1", "0.6", "22.5", "0.2"}
    allowed |= {"0.7", "0.9", "0.98", "0.99", "0.995", "0.999"}  # momentum, and β of Adam
    cells = jupytext.read(path).cells
    captions = (c.metadata.get("mystnb", {}).get("figure", {}).get("caption", "") for c in cells)
    prose = "\n".join([*(c.source for c in cells if c.cell_type != "code"), *captions])
    prose = re.sub(r"^:alt: .*$|https?://\S+|§[\d.]+|\{[^}]*\}`[^`]*`", "", prose, flags=re.M)
    assert set(re.findall(r"(?<![\w.])\d+\.\d+(?![\w.])", prose)) <= allowed


def test_no_term_is_used_before_the_page_that_introduces_it():
    """Of two pages that the glossary names for a term, one comes first."""
    order = list(lower.read_chapters())
    entries = re.findall(
        r"^(\S.*)\n((?:  .*\n?|\n(?=  ))+)", lower.read_chapters()["glossary"], re.M
    )
    introduced = {
        entry.lower(): min(order.index(page) for page in re.findall(r"\{doc\}`([\w-]+)`", text))
        for entry, text in entries
    }
    assert len(introduced) > 30
    for chapter, text in lower.read_chapters().items():
        for shown, target in re.findall(r"\{term\}`(?:([^`<]+) <)?([^`>]+)>?`", text):
            at = introduced[target.lower()]
            assert at <= order.index(chapter) or chapter == "welcome", (chapter, target, shown)


@pytest.fixture(scope="module")
def built():
    path = ROOT / "_build" / "html" / "claims.json"
    assert path.exists(), "run make book first"
    return json.loads(path.read_text())


@pytest.mark.slow
def test_numbers_of_the_prose_are_those_measured():
    """And each row of the record is quoted."""
    chapters, kept = lower.read_chapters(), measured.read(ROOT)
    found = measured.recorded(outputs.folder(ROOT), chapters)
    assert measured.problems(chapters, kept, found) == []
    assert measured.table(chapters, kept, found) == (ROOT / measured.KEPT).read_text()


@pytest.mark.slow
def test_ledger_is_whole(built):
    rows = claims.load(ROOT / "book" / "claims.yml")
    assert len(rows) >= 20
    assert [row["id"] for row in built] == [claim.id for claim in rows]
    assert {claim.chapter for claim in rows} <= {path.stem for path in CHAPTERS}


@pytest.mark.slow
def test_every_claim_was_measured(built):
    assert {row["id"]: row["missing"] for row in built if row["missing"]} == {}


@pytest.mark.slow
def test_verdicts_are_those_on_record(built):
    changed = {row["id"]: row["fails"] for row in built if not row["on_record"]}
    assert changed == {}, "mend what changed, or put it on record under fails in book/claims.yml"


@pytest.mark.parametrize(
    ("measured", "expect", "verdict"),
    [
        (claims.Measured(0.5), {"min": 0.4, "max": 0.6}, True),
        (claims.Measured(0.5), {"min": 0.6}, False),
        (claims.Measured(0.5), {"max": 0.4}, False),
        (claims.Measured(0.5, 0.3, 0.7), {"min": 0.4}, True),
        (claims.Measured(0.5, 0.3, 0.7), {"min": 0.4, "interval": True}, False),
        (claims.Measured(0.5, 0.3, 0.7), {"max": 0.6, "interval": True}, False),
        (claims.Measured(0.5), {"min": 0.4, "interval": True}, False),
        (claims.Measured(True), {"equal": True}, True),
        (claims.Measured(False), {"equal": True}, False),
    ],
)
def test_verdicts(measured, expect, verdict):
    assert claims.meets(measured, expect) is verdict


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (1.249e-15, "1.249\u00a0×\u00a010⁻¹⁵"),
        (-1e-6, "−10⁻⁶"),
        (-0.1786, "−0.1786"),
        (57120.3, "57,120"),
        (1.0, "1"),
    ],
)
def test_numbers_of_the_ledger(value, shown):
    assert ledger.number(value) == shown


@pytest.mark.parametrize(
    ("values", "shown"),
    [
        ([True, True], "2 values, all true"),
        ([True, False], "2 values, 1 true"),
        ([False, False], "2 values, all false"),
        ([0.99999, 1.0], "2 values, all 1"),
        ([0.5, 0.25], "2 values, from 0.25 to 0.5"),
    ],
)
def test_many_values_of_a_row_are_summed_up(values, shown):
    assert ledger.summed_up(values) == shown


def test_no_statement_leans_on_the_row_above():
    rows = claims.load(ROOT / "book" / "claims.yml")
    leaning = ("It ", "Its ", "They ", "So ", "There ", "That of ", "More than half, ")
    assert [row.id for row in rows if row.statement.startswith(leaning)] == []


ROW = {"id": "x", "statement": "s", "source": "t", "chapter": "c", "kind": "fact", "unit": "none"}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"extra": 1}, "must have the fields"),
        ({"expect": {}}, "must expect some of"),
        ({"expect": {"about": 1}}, "must expect some of"),
        ({"fails": ["b"]}, "failures that are not among its keys"),
        ({"kind": "rumour"}, "must have a kind among"),
        ({"unit": "cat"}, "a unit among"),
        ({"kind": "equivalence"}, "claims an equivalence"),
    ],
)
def test_ledger_refuses_bad_rows(tmp_path, change, message):
    row = ROW | {"key": "a"}
    path = tmp_path / "claims.yml"
    path.write_text(yaml.safe_dump([row | {"expect": {"max": 1}} | change]))
    with pytest.raises(ValueError, match=message):
        claims.load(path)


def test_ledger_refuses_repeated_ids_and_spans_families(tmp_path):
    row = ROW | {"expect": {"max": 1}}
    path = tmp_path / "claims.yml"
    path.write_text(yaml.safe_dump([row | {"key": "a.{p}.{q}", "over": {"p": [1, 2], "q": ["u"]}}]))
    assert claims.load(path)[0].keys == ("a.1.u", "a.2.u")
    path.write_text(yaml.safe_dump([row | {"key": "a"}, row | {"key": "a"}]))
    with pytest.raises(ValueError, match="is there twice"):
        claims.load(path)
