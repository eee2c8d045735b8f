"""Lower the chapters to plain notebooks: ``python -m tools.lower`` writes ``book/*.ipynb``.

The chapters are MyST, which only the book understands. The notebooks beside them hold the same
text in Markdown that any notebook program shows, an install cell, and no outputs. A directive or
role that is not known here is an error, so that none ever reaches a reader raw.
"""

import csv
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

import jupytext
import nbformat
from pybtex.database import parse_file

from tools import address, measured
from tools.claims import Measured

ROOT = Path(__file__).parent.parent

INSTALL = """\
# Installs the book's package where it is missing, as on Colab; does nothing elsewhere.
from importlib.util import find_spec

if find_spec("symlib") is None:
    %pip install --quiet "{requirement}"
elif find_spec("symlib.notebook") is None:
    raise ImportError(
        "Another package named symlib is installed, an unrelated one for galaxy simulations. "
        "Run '%pip uninstall -y symlib', restart the kernel, and run this cell again."
    )"""

_FENCE = re.compile(r"^(?P<fence>`{3,}|:{3,})\{(?P<name>[\w:-]+)\} *(?P<argument>.*)$")
_OPTION = re.compile(r"^:(?P<key>[\w-]+): *(?P<value>.*)$")
_STRAY = re.compile(r"[`:~]{3,} *\{[\w:-]+\}")
_ROLE = re.compile(r"\{(?P<name>[\w:+-]+)\}`(?P<target>[^`]+)`")
_MATH = re.compile(r"^\$\$(?P<body>.*?)\$\$ *(?:\((?P<label>[\w-]+)\))?$", re.MULTILINE | re.DOTALL)

_FORMULA = re.compile(r"\$\$.+?\$\$|(?<![\\$])\$[^$]+?(?<!\\)\$", re.DOTALL)

_THEOREMS = ("theorem", "definition", "lemma", "proposition", "corollary", "example", "remark")
_ADMONITIONS = ("note", "tip", "warning", "important", "hint", "seealso", "caution", "attention")


class LoweringError(ValueError):
    """A construct that cannot be lowered, with the file, the line and what it was."""


@dataclass
class Targets:
    """What can be referred to, over all chapters."""

    online: str  # address of the book
    titles: dict[str, str] = field(default_factory=dict)  # chapter → its title
    labels: dict[str, tuple[str, str]] = field(default_factory=dict)  # label → chapter, text
    citations: dict[str, tuple[str, str, str]] = field(default_factory=dict)  # names, year, link
    terms: dict[str, str] = field(default_factory=dict)  # term in small letters → as it is written
    numbers: Mapping[str, Measured] = field(default_factory=dict)  # key → what was recorded
    tables: str = ""  # where the stored tables can be seen


def write(root: Path = ROOT) -> None:
    """Write the notebook of every chapter that has code, where it differs from what is there."""
    place = address.read(root=root)
    chapters = read_chapters(root)
    for path in sorted((root / "book").glob("*.md")):
        if path.stem not in chapters:
            raise LoweringError(f"book/{path.name} must be in _toc.yml; add a line for it there")
    targets = collect(chapters, place.pages, root / "book" / "references.bib")
    targets.numbers, targets.tables = measured.read(root), place.tables
    durations = read_durations(root)
    for name, text in with_code(chapters).items():
        lowered = lower(name, text, targets, place.requirement, durations.get(name, ""))
        path = root / "book" / f"{name}.ipynb"
        if not path.exists() or path.read_text("utf-8") != lowered:
            path.write_text(lowered, "utf-8")


def read_chapters(root: Path = ROOT) -> dict[str, str]:
    """The text of every chapter, in the order of the book, in which its equations are numbered."""
    listed = re.findall(r"(?:root|file): book/([\w-]+)", (root / "_toc.yml").read_text("utf-8"))
    return {name: (root / "book" / f"{name}.md").read_text("utf-8") for name in listed}


def with_code(chapters: Mapping[str, str]) -> dict[str, str]:
    """Those of these chapters that have code, and so a notebook."""
    return {name: text for name, text in chapters.items() if "```{code-cell}" in text}


def code_cells(text: str, requirement: str) -> list[nbformat.NotebookNode]:
    """The code cells of a chapter's notebook: the install cell, and those of its text."""
    cells = jupytext.reads(text, fmt="md:myst").cells
    code = [cell.source for cell in cells if cell.cell_type == "code"]
    install = INSTALL.format(requirement=requirement)
    return [nbformat.v4.new_code_cell(source) for source in (install, *code)]


def title_of(text: str) -> str:
    """The title of a chapter."""
    return re.search(r"^# (.+)$", text, re.MULTILINE)[1]


def figures_of(text: str) -> dict[str, int]:
    """The figures of a chapter by name, each with the number of its code cell."""
    cells = [c for c in jupytext.reads(text, fmt="md:myst").cells if c.cell_type == "code"]
    figures = (cell.metadata.get("mystnb", {}).get("figure") for cell in cells)
    return {figure["name"]: number for number, figure in enumerate(figures) if figure}


def read_durations(root: Path = ROOT) -> dict[str, str]:
    """How long each chapter takes on which device, in words, as ``tools.execute`` measured it."""
    durations: dict[str, str] = {}
    path = root / "book" / "timing.csv"
    if not path.exists():
        return durations
    with path.open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            took = f"{_rounded(float(row['seconds']))} on {row['device']}"
            known = durations.get(row["notebook"])
            durations[row["notebook"]] = f"{known}, {took}" if known else took
    return durations


def _rounded(seconds: float) -> str:
    if seconds <= 50:
        return f"{10 * math.ceil(seconds / 10)} seconds"
    minutes = math.ceil(seconds / 60)
    return "a minute" if minutes == 1 else f"{minutes} minutes"


def collect(chapters: dict[str, str], online: str, bibliography: Path) -> Targets:
    """Find the title, the labels and the citations of all chapters."""
    targets = Targets(online=online.rstrip("/"))
    numbers, figures = count(1), count(1)
    for name, text in chapters.items():
        targets.titles[name] = title_of(text)
        for match in re.finditer(
            r"^[`:]{3,}\{([\w:-]+)\} *(.*)\n:label: *([\w-]+)", text, re.MULTILINE
        ):
            kind, title, label = match.groups()
            targets.labels[label] = (name, title or kind.removeprefix("prf:").capitalize())
        for match in re.finditer(r"^\(([\w-]+)\)=\n+#+ (.+)$", text, re.MULTILINE):
            targets.labels[match[1]] = (name, match[2])
        for label in _equation_labels(text):
            targets.labels[label] = (name, f"({next(numbers)})")
        for label in figures_of(text):
            targets.labels[label] = (name, f"Fig. {next(figures)}")
        for glossary in re.findall(r"^```\{glossary\}\n(.+?)^```$", text, re.MULTILINE | re.DOTALL):
            entries = re.findall(r"^(\S.*)$", glossary, re.MULTILINE)
            targets.terms |= {entry.lower(): entry for entry in entries}
    for key, entry in parse_file(str(bibliography)).entries.items():
        authors = entry.persons["author"]
        names = [" ".join(author.prelast_names + author.last_names) for author in authors]
        if len(names) > 2:
            names = [f"{names[0]} et al."]
        doi = entry.fields.get("doi")
        link = f"https://doi.org/{doi}" if doi else entry.fields.get("url", "")
        targets.citations[key] = (" and ".join(names), entry.fields["year"], link)
    return targets


def lower(name: str, text: str, targets: Targets, requirement: str, duration: str = "") -> str:
    """The notebook of one chapter, as the text of an ``.ipynb`` file.

    Args:
        name: of the chapter.
        text: of the chapter.
        targets: what can be referred to.
        requirement: what the install cell hands to pip.
        duration: how long the chapter takes on which device.
    """
    source = f"{targets.online}/book/{name}.html"
    takes = f" To run, it takes about {duration}." if duration else ""
    cells = [
        nbformat.v4.new_markdown_cell(
            f"*A chapter of [Can a deep network learn a symmetry?]({source}), "
            f"where it can be read with its outputs.{takes}*"
        ),
        nbformat.v4.new_code_cell(INSTALL.format(requirement=requirement)),
    ]
    in_solution = False
    for cell in jupytext.reads(text, fmt="md:myst").cells:
        if cell.cell_type == "code":
            code = nbformat.v4.new_code_cell(cell.source)
            if in_solution:
                code.metadata = {"cellView": "form", "jupyter": {"source_hidden": True}}
            cells.append(code)
            if figure := cell.metadata.get("mystnb", {}).get("figure"):
                caption = _Lowerer(name, text, targets).figure(figure["name"], figure["caption"])
                cells.append(nbformat.v4.new_markdown_cell(caption))
            continue
        markdown = _Lowerer(name, text, targets).block(cell.source).strip()
        in_solution = (in_solution or "{solution-start}" in cell.source) and (
            "{solution-end}" not in cell.source
        )
        if markdown:
            cells.append(nbformat.v4.new_markdown_cell(markdown))
    for number, cell in enumerate(cells):
        cell.id = f"{name}-{number}"
    lowered = nbformat.v4.new_notebook(
        cells=cells,
        metadata={
            "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
            "language_info": {"name": "python"},
        },
    )
    nbformat.validate(lowered)
    return nbformat.writes(lowered, version=nbformat.NO_CONVERT) + "\n"


class _Lowerer:
    """Lowers the text of one chapter."""

    def __init__(self, chapter: str, source: str, targets: Targets) -> None:
        self.chapter = chapter
        self.source = source
        self.targets = targets
        self.at = ""  # the construct being lowered, as it stands in the source

    def block(self, text: str) -> str:
        """Lower directives, outermost first, and the text between them."""
        lowered, plain, lines = [], [], iter(text.split("\n"))
        for line in lines:
            opening = _FENCE.match(line)
            verbatim = None if opening else re.match(r"^(`{3,})", line)
            self.at = line
            if not opening and _STRAY.search(line):
                raise self.error("a directive must begin its line with ``` or ::: and its name")
            if not opening and not verbatim:
                plain.append(line)
                continue
            lowered.append(self.inline("\n".join(plain)))
            plain = []
            fence = opening["fence"] if opening else verbatim[1]
            body = []
            for inner in lines:
                if inner.rstrip() == fence:
                    break
                body.append(inner)
            else:
                raise self.error(f"{line!r} is never closed")
            if verbatim:
                lowered.append("\n".join([line, *body, fence]))
            else:
                lowered.append(self.directive(opening["name"], opening["argument"].strip(), body))
        lowered.append(self.inline("\n".join(plain)))
        return re.sub(r"\n{3,}", "\n\n", "\n\n".join(part for part in lowered if part))

    def directive(self, name: str, argument: str, body: list[str]) -> str:
        """Lower one directive."""
        options = {}
        if body and body[0].strip() == "---":
            raise self.error(f"options of {{{name}}} must be written as :key: value")
        while body and (option := _OPTION.match(body[0])):
            options[option["key"]] = option["value"]
            body = body[1:]
        text = "\n".join(body).strip("\n")
        kind = name.removeprefix("prf:")
        if name.startswith("prf:") and kind in _THEOREMS:
            title = f" ({self.inline(argument)})" if argument else ""
            return _quote(f"**{kind.capitalize()}{title}.**\n\n{self.block(text)}")
        if name == "prf:proof":
            return f"*Proof.* {self.block(text)} ∎"
        if name == "exercise":
            return f"**Exercise ({self.inline(argument)}).** {self.block(text)}"
        if name == "solution":
            return f"<details>\n<summary>Solution</summary>\n\n{self.block(text)}\n\n</details>"
        if name == "solution-start":
            return f"**Solution ({self.find(argument)[1]}).**"
        if name == "solution-end":
            return ""
        if name == "dropdown":
            summary = self.inline(argument)
            return f"<details>\n<summary>{summary}</summary>\n\n{self.block(text)}\n\n</details>"
        if name in _ADMONITIONS or name == "admonition":
            title = argument if name == "admonition" else argument or name.capitalize()
            return _quote(f"**{self.inline(title)}**\n\n{self.block(text)}")
        if name == "math":
            return self.equation(text, options.get("label"))
        if name == "live":
            page = f"{self.targets.online}/book/{self.chapter}.html#live-{argument}"
            return f"*Online, a [live figure]({page}) stands here.*"
        if name in ("figure", "image"):
            online = f"{self.targets.online}/_images/{Path(argument).name}"
            address = argument if "://" in argument else online
            caption = f"\n\n*{self.block(text)}*" if text else ""
            return f"![{options.get('alt', '')}]({address}){caption}"
        raise self.error(f"directive {{{name}}} is not known; teach it to tools/lower.py")

    def figure(self, label: str, caption: str) -> str:
        """The caption below a figure, with its number."""
        self.at = label
        return f"**{self.find(label)[1]}.** {self.inline(caption.strip())}"

    def inline(self, text: str) -> str:
        """Lower roles, labelled equations and targets in running text."""
        text = re.sub(r"^\([\w-]+\)=\n", "", text, flags=re.MULTILINE)
        text = _MATH.sub(lambda match: self.equation(match["body"].strip(), match["label"]), text)
        return _ROLE.sub(self.role, text)

    def equation(self, body: str, label: str | None) -> str:
        """Display mathematics, with its number where it has a label."""
        tag = f" \\tag{{{self.find(label)[1].strip('()')}}}" if label else ""
        return f"$$\n{body}{tag}\n$$"

    def role(self, match: re.Match) -> str:
        """Lower one role."""
        name, target, self.at = match["name"], match["target"], match[0]
        explicit = re.match(r"^(.+?) *<([^>]+)>$", target)
        shown, target = explicit.groups() if explicit else (None, target)
        handlers: dict[str, Callable[[], str]] = {
            "cite": lambda: self.citation(target, parenthesised=True),
            "cite:p": lambda: self.citation(target, parenthesised=True),
            "cite:t": lambda: self.citation(target, parenthesised=False),
            "doc": lambda: self.to_chapter(target, shown),
            "math": lambda: f"${target}$",
            "measured": lambda: self.number(target),
            "stored": lambda: f"[{target}.csv]({self.targets.tables}/{target}.csv)",
            "term": lambda: self.to_term(target, shown),
        }
        references = ("eq", "numref", "prf:ref", "ref")
        handlers |= dict.fromkeys(references, lambda: self.to_label(target, shown))
        if name not in handlers:
            raise self.error(f"role {{{name}}} is not known; teach it to tools/lower.py")
        return handlers[name]()

    def citation(self, keys: str, *, parenthesised: bool) -> str:
        """Author and year, linked to the work where it has an address."""
        shown = []
        for key in (key.strip() for key in keys.split(",")):
            if key not in self.targets.citations:
                raise self.error(f"citation {key!r} is not in the bibliography")
            names, year, link = self.targets.citations[key]
            text = f"{names}, {year}" if parenthesised else f"{names} ({year})"
            shown.append(f"[{text}]({link})" if link else text)
        return f"({'; '.join(shown)})" if parenthesised else " and ".join(shown)

    def number(self, target: str) -> str:
        """What a chapter recorded, as the prose shows it."""
        try:
            return measured.show(target, self.targets.numbers)
        except ValueError as error:
            raise self.error(str(error)) from error

    def to_chapter(self, chapter: str, shown: str | None) -> str:
        """A link to a chapter of the online book."""
        if chapter not in self.targets.titles:
            raise self.error(f"there is no chapter {chapter!r}")
        return (
            f"[{shown or self.targets.titles[chapter]}]({self.targets.online}/book/{chapter}.html)"
        )

    def to_label(self, label: str, shown: str | None) -> str:
        """A link to a label of the online book; what this chapter numbers, by its number."""
        chapter, text = self.find(label)
        if chapter == self.chapter and text.startswith(("(", "Fig. ")):
            return text
        anchor = f"equation-{label}" if text.startswith("(") else label
        text = f"{text} of {self.targets.titles[chapter]}" if text.startswith("(") else text
        return f"[{shown or text}]({self.targets.online}/book/{chapter}.html#{anchor})"

    def to_term(self, term: str, shown: str | None) -> str:
        """A link to an entry of the online glossary."""
        if term.lower() not in self.targets.terms:
            raise self.error(f"there is no {term!r} in the glossary")
        entry = self.targets.terms[term.lower()].replace(" ", "-")
        return f"[{shown or term}]({self.targets.online}/book/glossary.html#term-{entry})"

    def find(self, label: str) -> tuple[str, str]:
        """The chapter that a label stands in, and its title or number."""
        if label not in self.targets.labels:
            raise self.error(f"label {label!r} is not defined in any chapter")
        return self.targets.labels[label]

    def error(self, problem: str) -> LoweringError:
        """An error that says which chapter and, by the first such construct, which line."""
        line = self.source.partition(self.at)[0].count("\n") + 1
        return LoweringError(f"book/{self.chapter}.md:{line}: {problem}")


def _equation_labels(text: str) -> list[str]:
    found = [(m.start(), m[1]) for m in re.finditer(r"\{math\}\n:label: *([\w-]+)", text)]
    found += [(m.start(), m["label"]) for m in _MATH.finditer(text) if m["label"]]
    return [label for _, label in sorted(found)]


def _quote(text: str) -> str:
    """A quotation; formulas on one line each, in which JupyterLab would show the marks ">"."""
    fenced = re.split(r"(^```.*?^```$)", text, flags=re.MULTILINE | re.DOTALL)
    for place in range(0, len(fenced), 2):  # what stands between blocks of code
        fenced[place] = _FORMULA.sub(lambda m: " ".join(m[0].split()), fenced[place])
    return "\n".join(f"> {line}".rstrip() for line in "".join(fenced).split("\n"))


if __name__ == "__main__":
    write()
