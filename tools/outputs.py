"""What the chapters print and draw: each plain notebook executed once, and kept with its outputs.

``_build/executed/NAME.ipynb`` holds the code cells of ``book/NAME.ipynb`` and their outputs, from a
kernel in an empty folder outside the repository, in which the package is installed as a reader has
it. The pages show these outputs. A last cell says where the package was and what the folder held.

A chapter runs again when its code cells change, or the code of what they import of symlib, the
stored tables that they read, the lock, the scale or Python; not for prose or a docstring.

``python -m tools.outputs`` executes what changed, or what of the named chapters did, without the
pages; with ``--numbers`` it also takes the numbers of the prose from there, as
``tools/measured.py`` says.
"""

import argparse
import ast
import hashlib
import json
import math
import os
import platform
import subprocess
import sys
import tempfile
from collections.abc import Collection
from datetime import UTC, datetime
from pathlib import Path

import nbformat
import pandas as pd
import psutil
from IPython.core.inputtransformer2 import TransformerManager
from tqdm import tqdm

import symlib
from symlib import sources
from tools import address, execute, lower, measured

ROOT = Path(__file__).parent.parent
MEMORY = 3 * 2**30  # bytes that a chapter may take

_WHERE = "import os\n\nimport symlib\n\nprint(symlib.__file__, os.listdir())"


def folder(root: Path) -> Path:
    """Where the executed notebooks are."""
    return root / "_build" / "executed"


def refresh(root: Path = ROOT, only: Collection[str] = ()) -> list[execute.Outcome]:
    """Execute what must run again, and return what failed; each chapter is kept once it is done.

    Args:
        root: of the book.
        only: the chapters to look at; all where none is named.

    Raises:
        ValueError: if there is no such chapter.
    """
    folder(root).mkdir(parents=True, exist_ok=True)
    keys, notebooks = {}, {}
    chapters = lower.with_code(lower.read_chapters(root))
    if unknown := set(only) - set(chapters):
        raise ValueError(
            f"chapters must be among {', '.join(chapters)}, got {', '.join(sorted(unknown))}; "
            "a new one needs a line in _toc.yml"
        )
    for name in only or chapters:
        text = chapters[name]
        cells = lower.code_cells(text, address.read(root=root).requirement)
        keys[name] = key([cell.source for cell in cells], root)
        if _key_of(folder(root) / f"{name}.ipynb") != keys[name]:
            cells.append(nbformat.v4.new_code_cell(_WHERE))
            notebooks[name] = nbformat.v4.new_notebook(cells=cells)
    failed: list[execute.Outcome] = []
    if not notebooks:
        return failed
    with (
        tempfile.TemporaryDirectory() as site,
        tqdm(total=len(notebooks), desc="chapters") as bar,
    ):
        install(Path(site))

        def done(outcome: execute.Outcome) -> None:
            name = outcome.name
            bar.write(f"{name}: {outcome.problem or f'{outcome.seconds} s'}", file=sys.stderr)
            bar.update()
            if outcome.problem:
                failed.append(outcome)
                return
            about = {
                "key": keys[name],
                "seconds": outcome.seconds,
                "site": site,
                "date": datetime.now(UTC).date().isoformat(),
            }
            notebooks[name].metadata["execution"] = about
            text = nbformat.writes(notebooks[name])
            execute.write(folder(root) / f"{name}.ipynb", text)

        execute.execute(
            {name: notebooks[name] for name in longest_first(notebooks, root)},
            done,
            jobs=jobs(),
            timeout=900,
            threads=1,  # on every machine, for training a network is not the same in two
            environment=os.environ
            | {
                "PYTHONPATH": site,
                "PYDEVD_DISABLE_FILE_VALIDATION": "1",
                "SYMLIB_BUILDING": "1",
            },
        )
    return failed


def key(cells: list[str], root: Path = ROOT) -> str:
    """A hash of all that the outputs of these code cells depend on."""
    code = "\n".join(map(TransformerManager().transform_cell, cells))
    try:
        modules = sources.closure(sources.imported(code))
    except SyntaxError:  # running it will show where
        code, modules = "", []
    tables = {path.stem: path.read_bytes() for path in (root / "book" / "results").glob("*.csv")}
    digest = hashlib.sha256(
        json.dumps(
            [
                cells,
                sources.code_hash(modules),
                symlib.__version__,
                os.environ.get("SYMLIB_SCALE", "quick"),
                platform.python_version(),
                (ROOT / "requirements.txt").read_text("utf-8"),
            ]
        ).encode()
    )
    for name in sorted(stored_tables(code, set(tables))):
        digest.update(name.encode() + tables[name])
    return digest.hexdigest()


def stored_tables(code: str, every: set[str]) -> set[str]:
    """The tables of ``book/results`` that this code reads; all where a name is computed."""
    named = set()
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("stored"):
            if not (node.args and isinstance(node.args[0], ast.Constant)):
                return every
            named.add(node.args[0].value)
    return named & every


def longest_first(names, root: Path = ROOT) -> list[str]:
    """Chapters by the seconds that they took when they were timed; first those never timed."""
    path = root / "book" / "timing.csv"
    timed = pd.read_csv(path).groupby("notebook").seconds.max() if path.exists() else {}
    return sorted(names, key=lambda name: timed.get(name, math.inf), reverse=True)


def jobs() -> int:
    """How many chapters run at a time: one a core, unless there is memory for fewer."""
    return max(1, min(os.cpu_count() or 1, psutil.virtual_memory().available // MEMORY))


def install(site: Path) -> None:
    """Build the package from the checkout into a folder, as pip gives it to a reader."""
    command = ["uv", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation"]
    subprocess.run(
        [sys.executable, "-m", *command, "--python", sys.executable, "--target", site, ROOT],
        check=True,
    )


def _key_of(path: Path) -> str:
    """The key that an executed notebook was kept with, empty if there is none."""
    if not path.exists():
        return ""
    return nbformat.read(path, as_version=4).metadata["execution"]["key"]


def take_numbers(root: Path = ROOT) -> None:
    """Take the numbers of the prose from what the chapters recorded, and write the notebooks."""
    chapters = lower.read_chapters(root)
    found = measured.recorded(folder(root), chapters)
    content = measured.table(chapters, measured.read(root), found)
    execute.write(root / measured.KEPT, content)
    lower.write(root)


def main(arguments: list[str] | None = None) -> int:
    """Execute what changed, and return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tools.outputs", description=__doc__)
    parser.add_argument("chapter", nargs="*", help="names of chapters (default: all)")
    parser.add_argument("--numbers", action="store_true", help="take the numbers of the prose")
    options = parser.parse_args(arguments)
    if options.numbers and os.environ.get("SYMLIB_SCALE", "quick") != "quick":
        parser.error("--numbers is for the quick scale, which readers run; unset SYMLIB_SCALE")
    try:
        failed = refresh(only=options.chapter)
    except ValueError as error:
        parser.error(str(error))
    for outcome in failed:
        print(f"\n{outcome.name}: {outcome.problem}\n{outcome.details}", file=sys.stderr)
    if options.numbers and not failed:
        take_numbers()
    return int(bool(failed))


if __name__ == "__main__":
    raise SystemExit(main())
