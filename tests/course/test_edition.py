"""The edition for a course holds no solution, in pages, notebooks, sources or search index."""

import json
import re
import shutil
from pathlib import Path

import jupytext
import pytest

from tools import build, edition

ROOT = Path(__file__).parents[2]
CHAPTERS = sorted((ROOT / "book").glob("*.md"))

PAGE = """# Page

```{code-cell} python3
number = 6
```

```{exercise} Twice
:label: ex-page-1

Double it.
```

````{solution-start} ex-page-1
:class: dropdown
````

Add quokka to itself.

```{code-cell} python3
print("wombat", number + number)
```

````{solution-end}
````

```{exercise} Half
:label: ex-page-2

Halve it.
```

````{solution} ex-page-2
:class: dropdown

Divide the numbat:

```python
number / 2
```
````

## Further reading

The end.
"""


def staged_book(folder):
    """A book of one page with the settings of ours, staged as the edition for a course."""
    root, staged = folder / "book", folder / "course"
    (root / "book").mkdir(parents=True)
    (root / "_build" / "assets").mkdir(parents=True)
    shutil.copytree(ROOT / "book" / "assets", root / "book" / "assets")
    for name in ("tools", "_config.yml", "book/references.bib"):
        (root / name).symlink_to(ROOT / name)
    header = (ROOT / "book" / "welcome.md").read_text().split("# Can")[0]
    (root / "_toc.yml").write_text("format: jb-book\nroot: book/page\n")
    (root / "book" / "page.md").write_text(header + PAGE)
    edition.stage(root, staged)
    return root, staged


@pytest.mark.slow
def test_no_solution_is_anywhere_in_the_pages(tmp_path):
    root, staged = staged_book(tmp_path)
    assert build.build(root, staged) == 0
    html = staged / "_build" / "html"
    page = (html / "book" / "page.html").read_text()
    for kept in ("Double it", "Halve it", "The end"):
        assert kept in page
    files = [path for path in html.rglob("*") if path.is_file()]
    assert {"searchindex.js", "page.html", "page.ipynb"} <= {path.name for path in files}
    for path in files:
        content = path.read_bytes()
        for secret in (b"quokka", b"wombat", b"numbat"):
            assert secret not in content, path
    assert re.search(
        r"colab\.research\.google\.com/github/[\w/-]+/blob/course/book/page\.ipynb", page
    )
    assert "https://github.com/symlib" not in page


def test_staging_follows_the_sources(tmp_path):
    """What changed is written anew, what did not is left, and what went goes."""
    root, staged = staged_book(tmp_path)
    page, notebook = staged / "book" / "page.md", staged / "book" / "page.ipynb"
    before = page.stat().st_mtime_ns, notebook.stat().st_mtime_ns
    edition.stage(root, staged)
    assert (page.stat().st_mtime_ns, notebook.stat().st_mtime_ns) == before
    source = root / "book" / "page.md"
    source.rename(root / "book" / "renamed.md")
    (root / "_toc.yml").write_text("format: jb-book\nroot: book/renamed\n")
    edition.stage(root, staged)
    names = {path.name for path in (staged / "book").glob("*.*")}
    assert names == {"renamed.md", "renamed.ipynb", "references.bib"}


@pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)
def test_chapters_lose_their_solutions_and_nothing_else(path):
    text = path.read_text()
    shorter = edition.without_solutions(text)
    assert "{solution" not in shorter
    assert text.count("{exercise}") == shorter.count("{exercise}")
    kept = [line for line in shorter.splitlines() if line]
    lines = iter(line for line in text.splitlines() if line)
    assert all(line in lines for line in kept), "lines were changed or reordered"
    headings = re.compile(r"^#+ .*$", re.MULTILINE)
    assert headings.findall(shorter) == headings.findall(text)
    starts = len(re.findall(r"\{solution(?:-start)?\}", text))
    assert (len(text) - len(shorter) > 0) == (starts > 0)


@pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)
def test_no_code_needs_a_solution(path):
    """No cell comes after the first solution with code, so that the rest runs without."""
    text = path.read_text()
    *_, after = text.partition("{solution-start}")
    remaining = edition.without_solutions("```" + "{solution-start}" + after) if after else ""
    assert "{code-cell}" not in remaining


@pytest.mark.parametrize(
    "text",
    [
        "```{solution-start} a\n```\n\nText.\n",
        "```{solution} a\nText.\n",
        "- item\n\n  ```{solution} a\n  Text.\n  ```\n",
        "```{solution-start} a\n```\n\nText.\n\n```{solution-end}\n",
    ],
)
def test_solutions_without_an_end_are_refused(text):
    with pytest.raises(ValueError, match="a solution must begin and end its own lines"):
        edition.without_solutions(text)


@pytest.mark.slow
def test_build_chooses_the_edition(monkeypatch, tmp_path):
    done = []
    monkeypatch.setattr(build, "bring_mathjax", lambda: None)
    monkeypatch.setattr(build, "bring_explorers", lambda: None)
    monkeypatch.setattr(build, "execute_and_lower", lambda root: [])
    monkeypatch.setattr(build, "COURSE", tmp_path / "course")
    monkeypatch.setattr(build, "make_pages", lambda root: done.append(root) or 0)
    monkeypatch.setattr(build.slides, "main", lambda root: done.append((root, "slides")))
    assert build.main([]) == 0
    assert not (tmp_path / "course").exists()
    assert build.main(["course"]) == 0
    course = tmp_path / "course"
    assert done == [ROOT, (ROOT, "slides"), course, (course, "slides")]
    whole = {path.stem for path in (ROOT / "book").glob("*.ipynb")}
    notebooks = sorted((tmp_path / "course" / "book").glob("*.ipynb"))
    assert {path.stem for path in notebooks} == whole
    for path in notebooks:
        full = (ROOT / "book" / path.name).read_text()
        assert "Solution" in full
        assert len(path.read_text()) < len(full)
        assert "Solution" not in json.dumps(jupytext.read(path).cells)
