"""Execute the generated notebooks and time them: ``python -m tools.execute --out FOLDER``.

With ``--keep`` the times go to ``book/timing.csv`` too, from which the notebooks say how long they
take: on this device, beside what was measured on others.
"""

import argparse
import asyncio
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
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


@dataclass(frozen=True)
class Outcome:
    """How the execution of one notebook went."""

    name: str
    seconds: float
    problem: str  # in one line; empty if there was none
    details: str = ""  # of the problem: the cell and its traceback


def execute(
    notebooks: Mapping[str, nbformat.NotebookNode],
    done: Callable[[Outcome], None],
    *,
    jobs: int = 1,
    timeout: int = 7200,
    environment: Mapping[str, str] | None = None,
    threads: int | None = None,
) -> None:
    """Run notebooks, each in an empty folder and a kernel of its own, and give them their outputs.

    Args:
        notebooks: by name, in the order in which they start.
        done: called with each outcome as soon as it is known.
        jobs: how many run at a time.
        timeout: seconds that a cell may take.
        environment: variables of the kernels, by default those of this process.
        threads: that each may compute in, by default as many as their libraries choose.
    """
    variables = dict(os.environ if environment is None else environment)
    if threads:
        bounds = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NPROC")  # the last is JAX's
        variables |= dict.fromkeys(bounds, str(threads))
    places = asyncio.Semaphore(jobs)

    async def run(name: str) -> None:
        async with places:
            done(await _execute(name, notebooks[name], timeout, variables))

    async def run_all() -> None:
        async with asyncio.TaskGroup() as group:
            for name in notebooks:
                group.create_task(run(name))

    # In a thread of its own: in the main one, one of the notebooks would catch an interrupt.
    with asyncio.Runner() as runner, ThreadPoolExecutor(1) as pool:
        task = runner.get_loop().create_task(run_all())
        running = pool.submit(runner.get_loop().run_until_complete, task)
        try:
            running.result()
        except KeyboardInterrupt:
            runner.get_loop().call_soon_threadsafe(task.cancel)
            raise


async def _execute(
    name: str, content: nbformat.NotebookNode, timeout: int, variables: dict[str, str]
) -> Outcome:
    cell = 0  # counted from 1, text included

    def note(cell_index: int, **_: object) -> None:
        nonlocal cell
        cell = cell_index + 1

    start, problem, details = time.perf_counter(), "", ""
    with tempfile.TemporaryDirectory() as folder:
        client = nbclient.NotebookClient(
            content,
            timeout=timeout,
            kernel_name="python3",
            resources={"metadata": {"path": folder}},
            extra_arguments=["--IPKernelApp.log_level=ERROR"],  # not that it listens on TCP
            on_cell_start=note,
        )
        try:
            await client.async_execute(env=variables)
        except CellExecutionError as error:
            problem = f"cell {cell}: {error.ename}: {error.evalue}".splitlines()[0]
            details = str(error)
        except CellTimeoutError:
            problem = f"cell {cell}: took longer than {timeout} s"
        except DeadKernelError as error:
            task = asyncio.current_task()
            if task and task.cancelling():  # which nbclient takes for a kernel that died
                raise asyncio.CancelledError from error
            problem = f"cell {cell}: the kernel died"
    return Outcome(name, round(time.perf_counter() - start, 1), problem, details)


def keep(rows: list[dict[str, object]], path: Path) -> None:
    """Put what succeeded among the times in this file, in place of earlier ones on this device."""
    # JAX runs elsewhere: here it would take the memory of a GPU from the notebooks.
    command = [sys.executable, "-c", _DEVICE]
    device = subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()
    measured = pd.DataFrame(rows).query("problem == ''").assign(device=device)
    table = pd.concat([pd.read_csv(path), measured]) if path.exists() else measured
    table = table.drop_duplicates(["notebook", "device"], keep="last")
    table = table.sort_values(["notebook", "device"])[["notebook", "device", "seconds"]]
    write(path, table.to_csv(index=False))


def write(path: Path, text: str) -> None:
    """Write a file whole or not at all."""
    partial = path.with_name(path.name + ".partial")
    partial.write_text(text, "utf-8")
    os.replace(partial, path)


def main(arguments: list[str] | None = None) -> int:
    """Run the chosen notebooks, and return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tools.execute", description=__doc__)
    parser.add_argument("chapter", nargs="*", help="names of chapters (default: all)")
    parser.add_argument("--out", type=Path, required=True, help="folder for the executed notebooks")
    parser.add_argument("--book", type=Path, default=BOOK, help="folder of the notebooks")
    parser.add_argument("--timeout", type=int, default=7200, help="seconds a cell may take")
    parser.add_argument("--keep", action="store_true", help="keep the times beside the notebooks")
    options = parser.parse_args(arguments)
    paths = {path.stem: path for path in sorted(options.book.glob("*.ipynb"))}
    if unknown := set(options.chapter) - set(paths):
        parser.error(
            f"no chapter {', '.join(sorted(unknown))}; choose from {', '.join(paths)}; "
            "make notebooks writes those of new chapters"
        )
    if options.keep and os.environ.get("SYMLIB_SCALE", "quick") != "quick":
        parser.error("--keep is for the quick scale, which readers run; unset SYMLIB_SCALE")
    options.out.mkdir(parents=True, exist_ok=True)

    names = options.chapter or list(paths)
    notebooks = {name: nbformat.read(paths[name], as_version=4) for name in names}
    rows: list[dict[str, object]] = []
    with tqdm(total=len(notebooks), desc="notebooks") as bar:

        def done(outcome: Outcome) -> None:
            write(options.out / f"{outcome.name}.ipynb", nbformat.writes(notebooks[outcome.name]))
            row = {"seconds": outcome.seconds, "problem": outcome.problem}
            rows.append({"notebook": outcome.name} | row)
            write(options.out / "timing.csv", pd.DataFrame(rows).to_csv(index=False))
            bar.update()

        execute(notebooks, done, timeout=options.timeout)
    if options.keep:
        keep(rows, options.book / "timing.csv")
    table = pd.DataFrame(rows)
    print(table.to_string(index=False))
    failed = table[table.problem != ""]
    for row in failed.itertuples():
        print(f"{row.notebook} failed: {row.problem}", file=sys.stderr)
    return int(len(failed) > 0)


if __name__ == "__main__":
    raise SystemExit(main())
