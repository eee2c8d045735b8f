"""Each MyST construct lowered to plain Markdown, and what is not known refused."""

import nbformat
import pytest

from tools import lower
from tools.claims import Measured

BIBLIOGRAPHY = """
@article{one, author = {Solo, Han}, title = {T}, year = {1977}, doi = {10.1/x}}
@article{two, author = {Perin, A. and Deny, S.}, title = {T}, year = {2025}, url = {https://a.b/c}}
@book{three, author = {Aa, X. and Bb, Y. and Cc, Z.}, title = {T}, year = {2000}}
"""

OTHER = """# Another chapter

```{prf:theorem} Big
:label: thm-big
Text.
```

$$ a = b $$ (eq-other)

```{glossary}
Gram matrix
  A matrix.
```
"""


@pytest.fixture
def lowered(tmp_path):
    bibliography = tmp_path / "references.bib"
    bibliography.write_text(BIBLIOGRAPHY)

    def convert(text):
        chapters = {"this": "# This chapter\n\n" + text, "other": OTHER}
        targets = lower.collect(chapters, "https://book.org/", bibliography)
        targets.numbers = {"key.a": Measured(0.17, 0.13, 0.21)}
        targets.tables = "https://code.org/results"
        notebook = nbformat.reads(
            lower.lower("this", chapters["this"], targets, "the-book", "3 minutes"), as_version=4
        )
        assert notebook.cells[0].source.endswith(" To run, it takes about 3 minutes.*")
        assert notebook.cells[1].cell_type == "code"
        assert '%pip install --quiet "the-book"' in notebook.cells[1].source
        return notebook.cells[2:]

    return convert


FIGURE = """See {numref}`fig-one`.

```{code-cell} python3
---
mystnb:
  figure:
    caption: |
      **Two dots.** Of $x$, in {measured}`key.a %`.
    name: fig-one
tags: [hide-input]
---
draw()
```
"""


def test_figures_have_their_numbers_and_captions_below(lowered):
    text, code, caption = lowered(FIGURE)
    assert text.source.endswith("See Fig. 1.")
    assert code.source == "draw()"
    assert caption.source == "**Fig. 1.** **Two dots.** Of $x$, in 17\u00a0% [13,\u00a021]."


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        (
            "```{prf:theorem} Name\n:label: thm-x\n\nSays $x$.\n```",
            "> **Theorem (Name).**\n>\n> Says $x$.",
        ),
        ("```{prf:definition}\n:label: def-x\nD.\n```", "> **Definition.**\n>\n> D."),
        ("```{prf:proof}\nClear.\n```", "*Proof.* Clear. ∎"),
        ("```{exercise} Do it\n:label: ex-1\n\nNow.\n```", "**Exercise (Do it).** Now."),
        (
            "```{solution} ex-1\n:class: dropdown\n\nDone.\n```",
            "<details>\n<summary>Solution</summary>\n\nDone.\n\n</details>",
        ),
        (
            "```{admonition} Predict\n:class: tip\n\nWhat?\n```",
            "> **Predict**\n>\n> What?",
        ),
        (":::{note}\nMind.\n:::", "> **Note**\n>\n> Mind."),
        (  # JupyterLab shows the marks of a quotation inside formulas
            ":::{note}\nLet $a\n= b$, so\n\n$$\nx = 1 \\\\\ny\n$$\n:::",
            "> **Note**\n>\n> Let $a = b$, so\n>\n> $$ x = 1 \\\\ y $$",
        ),
        (
            ":::{note}\n```python\na = '$'\nb = '$'\n```\n:::",
            "> **Note**\n>\n> ```python\n> a = '$'\n> b = '$'\n> ```",
        ),
        (
            "```{dropdown} More\nHidden.\n```",
            "<details>\n<summary>More</summary>\n\nHidden.\n\n</details>",
        ),
        ("```{math}\n:label: eq-x\nx = 1\n```", "$$\nx = 1 \\tag{1}\n$$"),
        ("$$ x = 2 $$", "$$\nx = 2\n$$"),
        ("$$ x = 2 $$ (eq-y)\n\nBy {eq}`eq-y`.", "$$\nx = 2 \\tag{1}\n$$\n\nBy (1)."),
        (
            "See {eq}`eq-other`.",
            "See [(1) of Another chapter](https://book.org/book/other.html#equation-eq-other).",
        ),
        ("See {doc}`other`.", "See [Another chapter](https://book.org/book/other.html)."),
        ("See {doc}`it <other>`.", "See [it](https://book.org/book/other.html)."),
        ("By {prf:ref}`thm-big`.", "By [Big](https://book.org/book/other.html#thm-big)."),
        ("As {cite:t}`one`.", "As [Solo (1977)](https://doi.org/10.1/x)."),
        (
            "Known {cite:p}`two,three`.",
            "Known ([Perin and Deny, 2025](https://a.b/c); Aa et al., 2000).",
        ),
        ("It is {measured}`key.a %`.", "It is 17\u00a0% [13,\u00a021]."),
        ("Data: {stored}`a-b`.", "Data: [a-b.csv](https://code.org/results/a-b.csv)."),
        (
            "A {term}`Gram matrix`, {term}`two <gram matrix>`.",
            "A [Gram matrix](https://book.org/book/glossary.html#term-Gram-matrix), "
            "[two](https://book.org/book/glossary.html#term-Gram-matrix).",
        ),
        ("(here)=\n## Heading", "## Heading"),
        (
            "```{live} circles\n:scripts: a b\n:alt: Words.\n\nMissed.\n```",
            "*Online, a [live figure](https://book.org/book/this.html#live-circles) stands here.*",
        ),
        ("```python\n{doc}`kept`\n```", "```python\n{doc}`kept`\n```"),
        (
            "````{admonition} Outer\n```{note}\nInner.\n```\n````",
            "> **Outer**\n>\n> > **Note**\n> >\n> > Inner.",
        ),
        (
            "```{figure} assets/a.svg\n:alt: Words.\nCaption.\n```",
            "![Words.](https://book.org/_images/a.svg)\n\n*Caption.*",
        ),
    ],
)
def test_constructs(lowered, source, expected):
    text = lowered(source)[0].source
    assert text.removeprefix("# This chapter").strip() == expected


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("```{mystery}\nx\n```", r"book/this\.md:3: directive \{mystery\} is not known"),
        ("A\n\n{odd}`x`.", r"book/this\.md:5: role \{odd\} is not known"),
        ("```{note}\nA\n{odd-one}`x`.\n```", r"book/this\.md:5: role \{odd-one\} is not known"),
        ("- A\n\n  ```{note}\n  B\n  ```", r"book/this\.md:5: a directive must begin its line"),
        ("~~~{note}\nA\n~~~", r"book/this\.md:3: a directive must begin its line"),
        ("```{note}\n---\nclass: x\n---\nA\n```", r"book/this\.md:3: options of \{note\}"),
        ("A {cite:t}`nobody`.", "citation 'nobody' is not in the bibliography"),
        ("A {doc}`nowhere`.", "there is no chapter 'nowhere'"),
        ("A {eq}`nothing`.", "label 'nothing' is not defined"),
        ("A\n{measured}`key.b %`.", r"book/this\.md:4: key.b must be in book/measured.csv"),
        ("A {term}`word`.", "there is no 'word' in the glossary"),
        ("```{note}\nopen", "is never closed"),
    ],
)
def test_what_is_not_known_is_refused(lowered, source, message):
    with pytest.raises(lower.LoweringError, match=message):
        lowered(source)


def test_code_of_solutions_is_folded(lowered):
    cells = lowered(
        "```{exercise} E\n:label: ex-1\nDo.\n```\n\n"
        "```{solution-start} ex-1\n:class: dropdown\n```\n\n"
        "```{code-cell} python3\n1 + 1\n```\n\n"
        "```{solution-end}\n```\n\n"
        "```{code-cell} python3\n2 + 2\n```\n"
    )
    code = [cell for cell in cells if cell.cell_type == "code"]
    assert code[0].metadata["jupyter"] == {"source_hidden": True}
    assert "jupyter" not in code[1].metadata
    assert any("**Solution (E).**" in cell.source for cell in cells)


def test_equations_are_numbered_through_the_book(tmp_path):
    bibliography = tmp_path / "references.bib"
    bibliography.write_text(BIBLIOGRAPHY)
    chapters = {"zeta": OTHER, "alpha": "# A\n\n$$ x $$ (eq-x)\n\n$$ y $$ (eq-y)"}
    labels = lower.collect(chapters, "https://book.org", bibliography).labels
    assert labels["eq-other"] == ("zeta", "(1)")
    assert labels["eq-y"] == ("alpha", "(3)")


def test_lowering_is_deterministic(lowered):
    assert lowered("Text.") == lowered("Text.")


def test_durations_are_what_was_measured(tmp_path):
    rows = ("a,a CPU,0.2", "a,a GPU,10", "b,a CPU,50.1", "c,a CPU,61", "d,a CPU,49")
    (tmp_path / "book").mkdir()
    (tmp_path / "book" / "timing.csv").write_text("\n".join(("notebook,device,seconds", *rows)))
    assert lower.read_durations(tmp_path) == {
        "a": "10 seconds on a CPU, 10 seconds on a GPU",
        "b": "a minute on a CPU",
        "c": "2 minutes on a CPU",
        "d": "50 seconds on a CPU",
    }
