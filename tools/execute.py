"""Execute the generated notebooks and time them: ``python -m tools.execute --out FOLDER``."""

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path

import nbclient
import nbformat
import pandas as pd
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from tqdm import tqdm

BOOK = Path(__file__).parent.parent / "book"


def execute(notebook: Path, out: Path, timeout: int) -> dict[str, object]:
    """Run one notebook in an empty folder, keep it with its outputs, and say how it went."""
    content = nbformat.read(notebook, as_version=4)
    cell = 0  # counted from 1, text included

    def note(cell_index: int, **_: object) -> None:
        nonlocal cell
        cell = cell_index + 1

    start, problem = time.perf_counter(), ""
    with tempfile.TemporaryDirectory() as folder:
        client = nbclient.NotebookClient(
            content,
            timeout=timeout,
            kernel_name="python3",
            resources={"metadata": {"path": folder}},
            on_cell_start=note,
        )
        try:
            client.execute()
        except CellExecutionError as error:
            problem = f"cell {cell}: {error.ename}: {error.evalue}".splitlines()[0]
        except CellTimeoutError:
            problem = f"cell {cell}: took longer than {timeout} s"
        except DeadKernelError:
            problem = f"cell {cell}: the kernel died"
    seconds = time.perf_counter() - start
    _write(out / notebook.name, nbformat.writes(content))
    return {"notebook": notebook.stem, "seconds": round(seconds, 1), "problem": problem}


def main(arguments: list[str] | None = None) -> int:
    """Run the chosen notebooks, and return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tools.execute", description=__doc__)
    parser.add_argument("chapter", nargs="*", help="names of chapters (default: all)")
    parser.add_argument("--out", type=Path, required=True, help="folder for the executed notebooks")
    parser.add_argument("--book", type=Path, default=BOOK, help="folder of the notebooks")
    parser.add_argument("--timeout", type=int, default=7200, help="seconds a cell may take")
    options = parser.parse_args(arguments)
    notebooks = {path.stem: path for path in sorted(options.book.glob("*.ipynb"))}
    if unknown := set(options.chapter) - set(notebooks):
        parser.error(f"no chapter {', '.join(sorted(unknown))}; choose from {', '.join(notebooks)}")
    options.out.mkdir(parents=True, exist_ok=True)

    rows = []
    for name in tqdm(options.chapter or notebooks, desc="notebooks"):
        rows.append(execute(notebooks[name], options.out, options.timeout))
        _write(options.out / "timing.csv", pd.DataFrame(rows).to_csv(index=False))
    table = pd.DataFrame(rows)
    print(table.to_string(index=False))
    failed = table[table.problem != ""]
    for row in failed.itertuples():
        print(f"{row.notebook} failed: {row.problem}", file=sys.stderr)
    return int(len(failed) > 0)


def _write(path: Path, text: str) -> None:
    partial = path.with_name(path.name + ".partial")
    partial.write_text(text)
    os.replace(partial, path)


if __name__ == "__main__":
    raise SystemExit(main())
