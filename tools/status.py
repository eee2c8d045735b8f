"""The directive ``{status}``: when each chapter was last executed, how long it took, on what."""

import os
from importlib import metadata
from pathlib import Path
from platform import python_version

import nbformat
from docutils import nodes
from docutils.statemachine import StringList
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from tools import ledger, lower

COLUMNS = {"Chapter": 46, "Executed on": 16, "Seconds": 12, "On record": 26}
PACKAGES = ("symlib-book", "jax", "numpy", "scipy", "pandas", "torch", "neural-tangents")


class StatusDirective(SphinxDirective):
    """One row for each chapter with code, and the versions of what it ran on."""

    def run(self) -> list[nodes.Node]:
        """Lay out the table."""
        root = Path(self.env.srcdir)
        self.env.note_dependency(os.fspath(root / "book" / "timing.csv"))
        known = lower.read_durations(root)
        body = nodes.tbody()
        for name in lower.with_code(lower.read_chapters(root)):
            path = ledger.executed(self.env.app, name)
            self.env.note_dependency(os.fspath(path))
            ran = nbformat.read(path, as_version=4).metadata["execution"]
            chapter = nodes.container()
            self.state.nested_parse(StringList([f"{{doc}}`{name}`"], "status"), 0, chapter)
            seconds = f"{ran['seconds']:.0f}"
            texts = (ran.get("date", ""), seconds, known.get(name, ""))
            body += ledger.row([chapter, *(nodes.paragraph(text=text) for text in texts)])
        group = nodes.tgroup(cols=len(COLUMNS))
        group += [nodes.colspec(colwidth=width) for width in COLUMNS.values()]
        head = nodes.thead()
        head += ledger.row([nodes.paragraph(text=title) for title in COLUMNS])
        group += [head, body]
        table = nodes.table(classes=["colwidths-given"])
        table += group
        return [table, nodes.paragraph(text=f"These pages were built with {_versions()}.")]


def _versions() -> str:
    found = {name: metadata.version(name) for name in PACKAGES if _installed(name)}
    return ", ".join(
        [f"Python {python_version()}", *(f"{name} {each}" for name, each in found.items())]
    )


def _installed(name: str) -> bool:
    return bool(list(metadata.distributions(name=name)))


def setup(app: Sphinx) -> None:
    """Register the directive."""
    app.add_directive("status", StatusDirective)
