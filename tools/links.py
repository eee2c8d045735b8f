"""The links of the notebooks: ``python -m tools.links`` prints those that leave the book."""

from pathlib import Path

import nbformat
from markdown_it import MarkdownIt
from mdit_py_plugins.dollarmath import dollarmath_plugin

from tools import address, lower

ROOT = Path(__file__).parent.parent
BOOK = ROOT / "book"
PROSE = ("README.md", "CONTRIBUTING.md", "RELEASING.md", "CHANGELOG.md", "LICENSE-TEXT.md")


def in_markdown(text: str) -> list[str]:
    """Where the links and images of a Markdown text lead."""
    parser = MarkdownIt("commonmark").use(dollarmath_plugin)
    inline = [child for token in parser.parse(text) for child in token.children or ()]
    found = [token.attrGet("href") or token.attrGet("src") for token in inline]
    return [link for link in found if link]


def in_notebook(path: Path) -> list[str]:
    """Where the links and images of a notebook's text lead."""
    cells = nbformat.read(path, as_version=4).cells
    text = (cell.source for cell in cells if cell.cell_type == "markdown")
    return [link for source in text for link in in_markdown(source)]


def outside() -> list[str]:
    """Every address elsewhere that the book, its bibliography or the files beside it name."""
    place = address.read()
    cited = lower.collect({}, place.pages, BOOK / "references.bib").citations.values()
    found = [
        *(link for path in sorted(BOOK.glob("*.ipynb")) for link in in_notebook(path)),
        *(link for name in PROSE for link in in_markdown((ROOT / name).read_text("utf-8"))),
        *(link for _, _, link in cited),
    ]
    ours = (place.online, place.repository)
    return sorted({link for link in found if "://" in link and not link.startswith(ours)})


if __name__ == "__main__":
    print("\n".join(outside()))
