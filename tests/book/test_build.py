"""The build itself: an error in a cell, a claim not measured or a stale number must fail it."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from docutils import nodes, utils

import symlib
from tools import book_extension

ROOT = Path(__file__).parents[2]
BUILD = "import pathlib, sys\nfrom tools import build\nsys.exit(build.build(pathlib.Path({!r})))"

PAGE = """# Page

```{{code-cell}} python3
{code}
```
"""


LEDGER = """
- id: two
  statement: Both are measured.
  source: this test
  chapter: page
  kind: fact
  unit: none
  key: page.{n}
  over: {n: [1, 2]}
  expect: {max: 3}
"""


def prepare(folder, contents):
    """A book with the settings of ours and no page yet."""
    shutil.copytree(ROOT / "book" / "assets", folder / "book" / "assets")
    shutil.copytree(ROOT / "tools", folder / "tools")
    shutil.copy(ROOT / "_config.yml", folder)
    shutil.copy(ROOT / "book" / "references.bib", folder / "book")
    (folder / "_build" / "assets").mkdir(parents=True)
    (folder / "_toc.yml").write_text(f"format: jb-book\nroot: book/page\n{contents}")
    return folder


def build(folder, code, published=None, prose=""):
    """Build the book with this code on its page, again if it was built before."""
    header = (ROOT / "book" / "welcome.md").read_text().split("# Can")[0]
    page, text = folder / "book" / "page.md", header + PAGE.format(code=code) + prose
    if not page.exists() or page.read_text() != text:
        page.write_text(text)
    unpublished = {name: value for name, value in os.environ.items() if name != "BOOK_TAG"}
    return subprocess.run(
        [sys.executable, "-c", BUILD.format(os.fspath(folder))],
        cwd=ROOT,
        env=unpublished | (published or {}),
        capture_output=True,
        text=True,
        check=False,
    )


def test_no_line_begins_with_the_stop_after_a_formula():
    x, y = nodes.math(text="x"), nodes.math(text="y")
    words = [nodes.Text(text) for text in ("Of ", ", ", "), it is ")]
    page = utils.new_document("page")
    page += nodes.paragraph("", "", words[0], nodes.strong(text="one"), words[1], x, words[2], y)
    book_extension.keep_stops(None, page, "page")
    assert [part.astext() for part in page[0]] == ["Of ", "one", ", ", "x),", " it is ", "y"]
    assert page[0][3]["classes"] == ["together"]


@pytest.mark.slow
def test_an_error_in_a_cell_fails_the_build(tmp_path):
    folder = prepare(tmp_path, "")
    for _ in range(2):  # also when nothing has changed since
        done = build(folder, "x = 0\n1 / x")
        assert done.returncode != 0
        assert "page: cell 2: ZeroDivisionError: division by zero" in done.stderr
        assert "----> 2 1 / x" in re.sub(r"\x1b\[[\d;]*m", "", done.stderr)
    assert build(folder, "1 / 1").returncode == 0


@pytest.mark.slow
def test_pages_follow_the_outputs(tmp_path):
    """When a chapter ran again although its text has not changed."""
    folder = prepare(tmp_path, "")
    page = folder / "_build" / "html" / "book" / "page.html"
    for taste in ("sweet", "sour"):
        (folder / "_build" / "executed" / "page.ipynb").unlink(missing_ok=True)
        code = "import os\n\nprint('It is', os.environ['TASTE'])"
        assert build(folder, code, {"TASTE": taste}).returncode == 0
        assert f"It is {taste}" in page.read_text()


@pytest.mark.slow
def test_a_warning_fails_the_build_until_it_is_mended(tmp_path):
    folder = prepare(tmp_path, "")
    for _ in range(2):
        done = build(folder, "1 / 1", prose="\nSee {ref}`nowhere`.\n")
        assert done.returncode != 0
        assert "nowhere" in done.stderr
    assert build(folder, "1 / 1").returncode == 0


@pytest.mark.slow
def test_numbers_of_the_prose_are_what_was_recorded(tmp_path):
    """In the page and the notebook; a stale, an unknown or a new number fails the build."""
    folder = prepare(tmp_path, "")
    kept = folder / "book" / "measured.csv"
    record = "from symlib.notebook import record\n\nrecord('page.share', {}, 0.13, 0.21)"
    prose = "\nIt is {measured}`page.share %`.\n"
    done = build(folder, record.format(0.17), prose=prose)
    assert done.returncode != 0
    assert "book/page.md:21: page.share is not in book/measured.csv; run make" in done.stderr

    kept.write_text("key,value,low,high\npage.share,0.17,0.13,0.21\n")
    assert build(folder, record.format(0.171), prose=prose).returncode == 0
    page = folder / "_build" / "html" / "book" / "page.html"
    assert "It is 17\u00a0% [13,\u00a021]." in page.read_text()
    assert "It is 17\u00a0% [13,\u00a021]." in (folder / "book" / "page.ipynb").read_text()

    done = build(folder, record.format(0.19), prose=prose)
    assert done.returncode != 0
    assert "book/page.md:21: page.share was 0.17 0.13 0.21 and is 0.19 0.13 0.21" in done.stderr
    kept.write_text("key,value,low,high\npage.share,0.19,0.13,0.21\n")
    assert build(folder, record.format(0.19), prose=prose).returncode == 0
    assert "It is 19\u00a0% [13,\u00a021]." in page.read_text()

    done = build(folder, record.format(0.19), prose=prose.replace("share", "shore"))
    assert done.returncode != 0
    assert "book/page.md:21: no chapter recorded page.shore" in done.stderr


@pytest.mark.slow
def test_a_claim_that_is_not_measured_fails_the_build(tmp_path):
    """All, some or none of its values recorded, the last over a build that recorded them all."""
    folder = prepare(tmp_path, "chapters: [{file: book/claims}]\n")
    (folder / "book" / "claims.md").write_text("# Ledger\n\n```{claims} ours\n```\n")
    (folder / "book" / "claims.yml").write_text(LEDGER)
    record = "from symlib.notebook import record\n"
    shown = folder / "_build" / "html" / "book" / "claims.html"

    assert build(folder, record + "record('page.1', 1)\nrecord('page.2', 2)").returncode == 0
    assert "All 1 rows hold." in shown.read_text()
    for code, missing in (("record('page.1', 1)", {2}), ("", {1, 2})):
        done = build(folder, record + code)
        assert done.returncode != 0
        reported = {n for n in (1, 2) if f"claim two: no chapter recorded page.{n}" in done.stderr}
        assert reported == missing
        assert "Extension error" not in done.stderr
        assert "not measured" in shown.read_text()
        assert "0 rows hold, 0 fail in part or whole, 1 lack a" in shown.read_text()


FORK = {
    "GITHUB_SERVER_URL": "https://git.example.org",
    "GITHUB_REPOSITORY": "someone/our-course",
    "BOOK_TAG": f"v{symlib.__version__}",
    "BOOK_ONLINE": "https://someone.example.org/our-course/",
}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("published", "repository", "online", "notebooks"),
    [
        (
            {},
            "https://github.com/symlib/symlib-book",
            "https://symlib.github.io/symlib-book",
            "symlib/symlib-book/blob/main/book",
        ),
        (
            FORK,
            "https://git.example.org/someone/our-course",
            "https://someone.example.org/our-course",
            f"someone/our-course/blob/notebooks/v{symlib.__version__}",
        ),
    ],
)
def test_buttons_lead_to_where_the_book_is_published(
    tmp_path, published, repository, online, notebooks
):
    folder = prepare(tmp_path, "")
    assert build(folder, "1 / 1", published).returncode == 0
    page = (folder / "_build" / "html" / "book" / "page.html").read_text()
    links = set(re.findall(r'href="(https://[^"]+)"', page))
    assert f"https://colab.research.google.com/github/{notebooks}/page.ipynb" in links
    assert f"{repository}/edit/main/book/page.md" in links
    assert f"{online}/book/page.html" in links
    assert any(link.startswith(f"{repository}/issues/new?") for link in links)
    if published:
        assert "symlib/symlib-book" not in page
