"""Results of long experiments: files that say what made them, and runs that resume.

A file is a CSV table below one comment line of JSON: experiment, settings, version, device, date
and seconds of computing. It is replaced whole after every finished cell of a sweep, so that an
interrupted run leaves a good file and loses at most the cell it was at.
"""

import json
import os
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import jax
import pandas as pd
from joblib import Parallel, delayed

__all__ = ["load", "stored", "sweep"]


def sweep(
    experiment: str,
    settings: Any,
    cells: Iterable[Any],
    compute: Callable[[Any], pd.DataFrame],
    *,
    path: str | Path | None = None,
    jobs: int = 1,
    progress: Callable = lambda cells, description, total: cells,
) -> pd.DataFrame:
    """One table of what ``compute`` gives for every cell; with a ``path``, stored and resumed.

    Args:
        experiment: its name, stored with the results.
        settings: a dataclass, stored with the results.
        cells: what to compute, each named by a number or string.
        compute: from a cell to its rows.
        path: where to store the table, or to find an unfinished one of the same settings.
        jobs: processes to compute cells in, each with its share of the threads; -1 for as many as
            there are cores. In ``joblib.parallel_config(backend="dask")``, those of the cluster.
        progress: wraps the loop over cells, as ``symlib.notebook.progress`` does.

    Raises:
        ValueError: if the file at ``path`` holds another experiment or other settings, or
            its folder does not exist or cannot be written to.
    """
    about = {"experiment": experiment, "settings": json.loads(json.dumps(asdict(settings)))}
    frame, seconds = pd.DataFrame(), 0.0
    if path is not None:
        path = Path(path)
        if not path.parent.is_dir():
            raise ValueError(f"path must be in a folder that exists, got {path}; make it first")
        if not os.access(path.parent, os.W_OK):
            raise ValueError(f"path must be in a folder you can write to, got {path}")
        if path.exists():
            frame, stored = load(path)
            _require_same(path, stored, about)
            seconds = stored["seconds"]
    done = set() if frame.empty else set(frame.cell)
    missing = [cell for cell in cells if cell not in done]
    frames = [] if frame.empty else [frame]
    start = time.perf_counter()
    x64 = jax.config.read("jax_enable_x64")
    finished = Parallel(n_jobs=jobs, return_as="generator_unordered", batch_size=1)(
        delayed(_compute)(compute, cell, x64) for cell in missing
    )
    for rows in progress(finished, experiment, total=len(missing)):
        frames.append(rows)
        frame = pd.concat(frames).sort_values("cell", kind="stable", ignore_index=True)
        if path is not None:
            spent = round(seconds + time.perf_counter() - start, 1)
            _store(path, frame, about | _circumstances() | {"seconds": spent})
    return frame


def _require_same(path: Path, stored: dict[str, Any], about: dict[str, Any]) -> None:
    """Refuse to add results of one experiment, or settings, to those of another."""
    if stored["experiment"] != about["experiment"]:
        raise ValueError(
            f"path must hold results of {about['experiment']!r}, got those of "
            f"{stored['experiment']!r} in {path}; choose another file"
        )
    ours, theirs = about["settings"], stored["settings"]
    differing = [key for key in ours | theirs if ours.get(key) != theirs.get(key)]
    if differing:
        key = differing[0]
        raise ValueError(
            f"path must hold results of the same settings, got {key} = {theirs.get(key)} rather "
            f"than {ours.get(key)} in {path}; choose another file"
        )


def _compute(compute: Callable, cell: Any, x64: bool) -> pd.DataFrame:
    jax.config.update("jax_enable_x64", x64)
    return compute(cell).assign(cell=cell)


def load(path: str | Path) -> tuple[pd.DataFrame, dict[str, Any]]:
    """A stored table, and what made it.

    Raises:
        ValueError: if the file was not written by ``sweep``.
    """
    with open(path, encoding="utf-8") as file:
        first = file.readline()
        try:
            about = json.loads(first.removeprefix("# "))
            return pd.read_csv(file), about
        except (json.JSONDecodeError, pd.errors.ParserError) as error:
            raise ValueError(
                f"path must hold results stored by symlib, got {path}, which begins with "
                f"{first[:40]!r}; choose another file"
            ) from error


def stored(experiment: str) -> tuple[pd.DataFrame, dict[str, Any]]:
    """The table that the book keeps of an experiment, and what made it.

    Raises:
        ValueError: if the book keeps none.
    """
    folder = Path(__file__).with_name("stored")  # where the package is installed
    if not folder.is_dir():
        folder = Path(__file__).parents[1] / "book" / "results"
    names = sorted(path.stem for path in folder.glob("*.csv"))
    if experiment not in names:
        raise ValueError(
            f"experiment must be one of {names}, got {experiment!r}; compute it with sweep"
        )
    return load(folder / f"{experiment}.csv")


def _circumstances() -> dict[str, Any]:
    import symlib

    return {
        "version": symlib.__version__,
        "device": f"{jax.devices()[0].device_kind}, {os.cpu_count()} cores",
        "date": datetime.now(UTC).date().isoformat(),
    }


def _store(path: Path, frame: pd.DataFrame, about: dict[str, Any]) -> None:
    part = path.with_name(path.name + ".part")
    with open(part, "w", encoding="utf-8") as file:
        file.write(f"# {json.dumps(about)}\n")
        frame.to_csv(file, index=False, float_format="%.8g")
    os.replace(part, path)
