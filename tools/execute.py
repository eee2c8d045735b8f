"""Execute the generated notebooks and time them: ``python -m tools.execute --out FOLDER``.

With ``--keep`` the times go to ``book/timing.csv`` too, from which the notebooks say how long they
take: on this device, beside what was measured on others.
"""

import argparse
import os
import subprocess
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

_DEVICE = """
import os, jax
device = jax.devices()[0]
cores = f"a CPU with {os.cpu_count()} cores"
print(cores if device.platform == "cpu" else device.device_kind)
"""


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


def keep(rows: list[dict[str, object]], path: Path) -> None:
    """Put what succeeded among the times in this file, in place of earlier ones on this device."""
    # JAX runs elsewhere: here it would take the memory of a GPU from the notebooks.
    command = [sys.executable, "-c", _DEVICE]
    device = subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()
    measured = pd.DataFrame(rows).query("problem == ''").assign(device=device)
    table = pd.concat([pd.read_csv(path), measured]) if path.exists() else measured
    table = table.drop_duplicates(["notebook", "device"], keep="last")
    table = table.sort_values(["notebook", "device"])[["notebook", "device", "seconds"]]
    _write(path, table.to_csv(index=False))


def main(arguments: list[str] | None = None) -> int:
    """Run the chosen notebooks, and return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tools.execute", description=__doc__)
    parser.add_argument("chapter", nargs="*", help="names of chapters (default: all)")
    parser.add_argument("--out", type=Path, required=True, help="folder for the executed notebooks")
    parser.add_argument("--book", type=Path, default=BOOK, help="folder of the notebooks")
    parser.add_argument("--timeout", type=int, default=7200, help="seconds a cell may take")
    parser.add_argument("--keep", action="store_true", help="keep the times beside the notebooks")
    options = parser.parse_args(arguments)
    notebooks = {path.stem: path for path in sorted(options.book.glob("*.ipynb"))}
    if unknown := set(options.chapter) - set(notebooks):
        parser.error(f"no chapter {', '.join(sorted(unknown))}; choose from {', '.join(notebooks)}")
    if options.keep and os.environ.get("SYMLIB_SCALE", "quick") != "quick":
        parser.error("--keep is for the quick scale, which readers run; unset SYMLIB_SCALE")
    options.out.mkdir(parents=True, exist_ok=True)

    rows = []
    for name in tqdm(options.chapter or notebooks, desc="notebooks"):
        rows.append(execute(notebooks[name], options.out, options.timeout))
        _write(options.out / "timing.csv", pd.DataFrame(rows).to_csv(index=False))
    if options.keep:
        keep(rows, options.book / "timing.csv")
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
