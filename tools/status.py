"""When each chapter was last executed, and how each stored table was made.

The directive ``{status}`` has a row for each chapter with code, ``{stored-tables}`` one for each
table of ``book/results``, with the command that makes it.
"""

import os
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from importlib import metadata
from pathlib import Path
from platform import python_version

import nbformat
from docutils import nodes
from docutils.statemachine import StringList
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from symlib import experiments, results
from tools import address, ledger, lower

TABLES = {"Table": 16, "Command": 54, "Made on": 19, "Hours": 11}
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
        return [
            _table(COLUMNS, body),
            nodes.paragraph(text=f"These pages were built with {_versions()}."),
        ]


class StoredTablesDirective(SphinxDirective):
    """One row for each stored table."""

    def run(self) -> list[nodes.Node]:
        """Lay out the table."""
        root = Path(self.env.srcdir)
        body = nodes.tbody()
        for path in sorted((root / "book" / "results").glob("*.csv")):
            self.env.note_dependency(os.fspath(path))
            about = results.stored(path.stem)[1]
            where = f"{address.read(root=root).tables}/{path.name}"
            link, made = nodes.paragraph(), nodes.paragraph()
            link += nodes.reference("", path.stem, refuri=where)
            text = command(about)
            made += nodes.literal(text=text) if text else nodes.Text("made by an earlier version")
            hours = nodes.paragraph(text=f"{about['seconds'] / 3600:.2f}")
            body += ledger.row([link, made, nodes.paragraph(text=about["date"]), hours])
        return [_table(TABLES, body)]


def command(about: Mapping) -> str:
    """The command that makes a stored table, or nothing if today's settings have other names."""
    name = experiments.FORMER_NAMES.get(about["experiment"], about["experiment"])
    usual = dict(_flat(asdict(experiments.find(name).quick())))
    made = dict(_flat(about["settings"]))
    if set(made) - set(usual):
        return ""
    changed = [
        f"--{key.replace('_', '-')} {_words(value)}"
        for key, value in made.items()
        if _words(value) != _words(usual[key])
    ]
    return " ".join([f"symlib run {name}", *changed])


def _flat(settings: Mapping) -> Iterator[tuple[str, object]]:
    for key, value in settings.items():
        if isinstance(value, Mapping):
            yield from _flat(value)
        else:
            yield key, value


def _words(value: object) -> str:
    several = isinstance(value, list | tuple)
    return " ".join(map(str, value)) if several else str(value)


def _table(columns: Mapping[str, int], body: nodes.tbody) -> nodes.table:
    group = nodes.tgroup(cols=len(columns))
    group += [nodes.colspec(colwidth=width) for width in columns.values()]
    head = nodes.thead()
    head += ledger.row([nodes.paragraph(text=title) for title in columns])
    group += [head, body]
    table = nodes.table(classes=["colwidths-given"])
    table += group
    return table


def _versions() -> str:
    found = {name: metadata.version(name) for name in PACKAGES if _installed(name)}
    return ", ".join(
        [f"Python {python_version()}", *(f"{name} {each}" for name, each in found.items())]
    )


def _installed(name: str) -> bool:
    return bool(list(metadata.distributions(name=name)))


def setup(app: Sphinx) -> None:
    """Register the directives."""
    app.add_directive("status", StatusDirective)
    app.add_directive("stored-tables", StoredTablesDirective)
