"""Tables of experiments: files that say what made them, and runs that resume.

A file is a CSV table below one comment line of JSON: experiment, settings, version, device, date
and seconds of computing; and, of all that a cell depends on, hashes of its images and of the code
of every module that computes it, the types of the columns, and a checksum of the rows of each cell.
It is replaced whole after every finished cell, so that an interrupted run leaves a good file and
loses at most the cell it was at. Numbers are stored to the last digit. Lines end with a line feed,
so that a carriage return is text. A table of the book that was shortened says by ``without`` which
rows are gone.
"""

import glob
import hashlib
import inspect
import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jax
import pandas as pd
from filelock import FileLock, Timeout
from joblib import Parallel, delayed

from symlib import data, sources
from symlib._checks import replacing

if TYPE_CHECKING:
    from symlib.experiment import Experiment

__all__ = ["load", "stored", "sweep"]

_DEPENDS_ON = ("experiment", "settings", "images", "code")  # what rows are the same for
_COMPUTE_NOTHING = ("symlib.experiment", "symlib.results", "symlib.sources")


def _checksums(frame: pd.DataFrame) -> dict[str, str]:
    """SHA-256, shortened, of the rows of each cell as they are stored."""
    if frame.empty:
        return {}
    return {
        str(cell): hashlib.sha256(
            rows.to_csv(index=False, lineterminator="\n").encode()
        ).hexdigest()[:16]
        for cell, rows in frame.groupby("cell", sort=False)
    }


def _read(table: str, columns: dict[str, str] | None) -> pd.DataFrame:
    if columns is None:  # of an earlier symlib
        return pd.read_csv(StringIO(table))
    if not columns:  # nothing is finished yet
        return pd.DataFrame()
    frame = pd.read_csv(StringIO(table), dtype=str, keep_default_na=False, lineterminator="\n")
    for name, kind in columns.items():  # NumPy reads numbers to the last digit
        if kind == "bool":
            frame[name] = frame[name] == "True"
        elif kind != "str":
            frame[name] = frame[name].replace("", "nan").to_numpy(str).astype(kind)
    return frame


def load(path: str | Path) -> tuple[pd.DataFrame, dict[str, Any]]:
    """A stored table, and what made it.

    Raises:
        ValueError: if the file was not written by ``sweep``, or is damaged.
    """
    content = Path(path).read_bytes()
    try:
        first, _, table = content.decode().partition("\n")
        about = json.loads(first.removeprefix("# "))
        frame = _read(table, about.get("columns"))
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise ValueError(
            f"path must hold results stored by symlib, got {path}, which begins with "
            f"{content[:40]!r}; choose another file, or remove it to start afresh"
        ) from error
    sums = _checksums(frame) if "cells" in about else {}
    known = about.get("cells", {})
    damaged = [cell for cell in known | sums if sums.get(cell) != known.get(cell)]
    if damaged:
        raise ValueError(
            f"path must hold what was stored, got {path}, whose rows of {damaged} do not have "
            "their checksum; restore the file, or remove it to start afresh"
        )
    return frame, about


def _compute(experiment: "Experiment", cell: Any, path: Path | None, x64: bool) -> pd.DataFrame:
    jax.config.update("jax_enable_x64", x64)
    checkpoint = None if path is None else path.with_name(f"{path.name}.{cell}.checkpoint")
    return experiment.resume(cell, checkpoint).assign(cell=cell)


def _images_hash(experiment: Any) -> str | None:
    """Of the images and labels that it draws from, if it does."""
    name = getattr(getattr(experiment, "sample", experiment), "dataset", None)
    return None if name is None else data.load(name).checksum()


def _code_hashes(kind: type) -> dict[str, str]:
    """Of every module that computes its rows; of one outside symlib, that module's text."""
    if kind.__module__.startswith("symlib."):
        hashes = sources.code_hashes([kind.__module__])
    else:
        source = inspect.getsource(sys.modules[kind.__module__])
        own = hashlib.sha256(source.encode()).hexdigest()
        hashes = {kind.__module__: own} | sources.code_hashes(sources.imported(source))
    return {name: value for name, value in hashes.items() if name not in _COMPUTE_NOTHING}


def _device(code: dict[str, str]) -> str:
    """What the rows are computed on: by torch where networks are trained with it, else by JAX."""
    if "symlib.training" not in code:
        return jax.devices()[0].device_kind
    import torch

    return torch.cuda.get_device_name() if torch.cuda.is_available() else "cpu"


def _made_by(experiment: Any) -> dict[str, Any]:
    """What the table depends on, and where and when it is computed."""
    import symlib

    code = _code_hashes(type(experiment))
    return {
        "experiment": experiment.name(),
        "settings": json.loads(json.dumps(asdict(experiment))),
        "version": symlib.__version__,
        "device": f"{_device(code)}, {os.cpu_count()} cores",
        "date": datetime.now(UTC).date().isoformat(),
        "seconds": 0.0,
        "images": _images_hash(experiment),
        "code": code,
    }


def _require_writable(path: Path) -> None:
    folder = path.parent
    if path.exists() and not path.is_file():
        raise ValueError(f"path must be a file or not be there yet, got {path}, which is neither")
    if not folder.is_dir():
        raise ValueError(f"path must be in a folder that exists, got {folder}; make it first")
    if not os.access(folder, os.W_OK):
        raise ValueError(f"path must be in a folder you can write to, got {folder}; choose another")


@contextmanager
def _alone(path: Path | None) -> Iterator[None]:
    """Refuse to write to a file that another run is writing to."""
    if path is None:
        yield
        return
    _require_writable(path)
    lock = path.with_name(f".{path.name}.lock")
    try:
        with FileLock(lock, blocking=False):
            for stale in path.parent.glob(f".{glob.escape(path.name)}.*.part"):
                stale.unlink()  # of a run that was killed
            try:
                yield
            finally:
                lock.unlink(missing_ok=True)
    except Timeout:
        raise ValueError(
            f"path must be written to by one run at a time, got {path}, which another is writing "
            "to; wait for it, or choose another file"
        ) from None


def _flat(about: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in about.items():
        name = f"{prefix}{key}"
        if isinstance(value, dict):
            flat |= _flat(value, "" if name == "settings" else f"{name}.")
        else:
            flat[name] = value
    return flat


def _require_same(path: Path, before: dict[str, Any], about: dict[str, Any]) -> None:
    """Refuse to go on with cells that were computed otherwise."""
    if "code" not in before:
        difference = "a table of an earlier symlib, which can be read but not continued"
    else:
        ours, theirs = (_flat({k: a[k] for k in _DEPENDS_ON}) for a in (about, before))
        differing = [key for key in ours | theirs if ours.get(key) != theirs.get(key)]
        if not differing:
            return
        key = differing[0]
        difference = f"{key} = {theirs.get(key)} rather than {ours.get(key)}"
        if key.startswith("code."):
            names = ", ".join(key.removeprefix("code.") for key in differing)
            difference = f"cells that other code computed: {names} changed since"
    raise ValueError(
        f"path must hold results of the same settings, images and code, got {difference}, in "
        f"{path}; choose another file, or remove this one to start afresh"
    )


def _write(path: Path, frame: pd.DataFrame, about: dict[str, Any]) -> None:
    columns = {
        name: str(kind) if kind.kind in "iufb" else "str" for name, kind in frame.dtypes.items()
    }
    about = about | {"columns": columns, "cells": _checksums(frame)}
    with replacing(path) as part, open(part, "w", encoding="utf-8") as file:
        file.write(f"# {json.dumps(about)}\n")
        frame.to_csv(file, index=False, lineterminator="\n")


def _sweep(experiment, progress, path, jobs):
    cells = list(experiment.cells())
    if not cells:
        raise ValueError(
            f"settings must leave something to compute, got {experiment}, which has no cell; "
            "give what is empty a value"
        )
    frame, about = pd.DataFrame(), {"seconds": 0.0}
    if path is not None:
        about = _made_by(experiment)
        if path.exists():
            frame, before = load(path)
            _require_same(path, before, about)
            about["seconds"] = before["seconds"]
            devices = [*before["device"].split(" and "), about["device"]]
            about["device"] = " and ".join(dict.fromkeys(devices))
        else:
            _write(path, frame, about)
    frames = [] if frame.empty else [frame]
    done = set() if frame.empty else set(frame.cell)
    missing = [cell for cell in cells if cell not in done]
    start, x64 = time.perf_counter() - about["seconds"], jax.config.read("jax_enable_x64")
    finished = Parallel(n_jobs=jobs, return_as="generator_unordered", batch_size=1)(
        delayed(_compute)(experiment, cell, path, x64) for cell in missing
    )
    for rows in progress(finished, experiment.name(), total=len(missing)):
        frames.append(rows)
        frame = pd.concat(frames).sort_values("cell", kind="stable", ignore_index=True)
        if path is not None:
            about["seconds"] = round(time.perf_counter() - start, 1)
            _write(path, frame, about)
    return frame


def sweep(
    experiment: "Experiment",
    *,
    progress: Callable = lambda cells, description, total: cells,
    path: str | Path | None = None,
    jobs: int = 1,
) -> pd.DataFrame:
    """The rows of every cell of an experiment; with a ``path``, stored and resumed.

    Args:
        experiment: what to run.
        progress: wraps the loop over cells, as ``symlib.notebook.progress`` does.
        path: where to store the table, or to find an unfinished one of the same experiment.
        jobs: processes to compute cells in, as ``Experiment.run`` has them.

    Raises:
        ValueError: if the experiment has no cells, the file at ``path`` holds anything else, its
            folder does not exist or cannot be written to, or another run writes to it.
    """
    path = None if path is None else Path(path)
    with _alone(path):
        return _sweep(experiment, progress, path, jobs)


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
            f"experiment must be one of {names}, got {experiment!r}; compute it with symlib run"
        )
    return load(folder / f"{experiment}.csv")
