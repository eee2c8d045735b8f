"""A submission's process, as the grader sees it: it runs cells, and what it returns is only data.

The hidden tests stay here. They call functions of the submission as if these were their own; the
arguments cross to its process, and numbers, text and arrays come back.
"""

import base64
import contextlib
import ctypes
import json
import os
import pickle
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from multiprocessing import Pipe
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import psutil

import symlib

ROOT = Path(__file__).parent.parent
_LARGEST = 1 << 28  # bytes of one answer
_PROCESSES = 64  # of one submission
_ADOPT_ORPHANS, _UNREADABLE = 36, 4
_COMPILED = "JAX_COMPILATION_CACHE_DIR"
_KEPT = ("LANG", "LC_ALL", "LD_LIBRARY_PATH", "OMP_NUM_THREADS", _COMPILED)


class SubmissionError(Exception):
    """What keeps a submission from being graded, in one line for the table."""


class AnswerError(Exception):
    """What a submission's own code raised, or handed over in place of a value."""


class Axes(SimpleNamespace):
    """What a submission has drawn, read as matplotlib's axes are: ``lines``, ``get_title()``."""

    def __getattr__(self, name: str) -> Callable:
        asked = name.removeprefix("get_")
        if asked == name or asked not in vars(self):
            raise AttributeError(f"axes are handed over without {name}")
        return lambda: vars(self)[asked]


def from_data(data: Any) -> Any:
    """The value that ``answering.as_data`` made JSON of.

    Raises:
        AnswerError: if it is not of that form.
    """
    try:
        return _from_data(data)
    except (KeyError, TypeError, ValueError, RecursionError, MemoryError) as error:
        raise AnswerError(f"not a value: {type(error).__name__}") from error


def _from_data(data):
    if not isinstance(data, dict):
        return data
    ((kind, content), *_) = data.items()
    if kind == "array":
        if (dtype := np.dtype(data["dtype"])).kind not in "biufcUS":
            raise ValueError(dtype)
        array = np.frombuffer(base64.b64decode(content), dtype).reshape(data["shape"])
        return array.copy() if array.ndim else array[()]
    if kind == "mapping":
        return {_from_data(name): _from_data(value) for name, value in content}
    if kind == "axes":
        parts = _from_data(content).items()
        return Axes(
            **{
                name: [Axes(**each) for each in part] if isinstance(part, list) else part
                for name, part in parts
            }
        )
    return {"list": list, "tuple": tuple}[kind](map(_from_data, content))


class Session:
    """One submission's process; use as a context.

    Args:
        folder: its own, which it alone writes to.
        seconds: that it may take in all.
        memory: bytes that it and what it starts may hold.
        confined: by ``tools.confine``.

    Attributes:
        lost: why it answers no more; empty as long as it does.
    """

    def __init__(self, folder: Path, *, seconds: float, memory: float, confined: bool) -> None:
        self._limits = seconds, memory
        self._ended = self.lost = ""
        self._asked, theirs = Pipe()
        (package,) = symlib.__path__
        (folder / "symlib").symlink_to(package)
        readable = [sys.prefix, sys.base_prefix, package, os.environ.get(_COMPILED)]
        options = ["--writable", folder, "--readable", *filter(None, readable)]
        start = "from tools.answering import main; main()"
        command = [sys.executable, "-c", start, theirs.fileno(), *options]
        self._process = subprocess.Popen(
            [*map(str, command), *([] if confined else ["--unconfined"])],
            cwd=folder,
            env=_environment(folder),
            pass_fds=[theirs.fileno()],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        theirs.close()
        self._guard = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> "Session":
        _linux(_ADOPT_ORPHANS, 1)
        _linux(_UNREADABLE, 0)
        self._guard.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end("done")
        self._guard.join()
        self._asked.close()

    def run(self, source: str) -> str | None:
        """Run a cell; what it raised, in one line."""
        return self._ask(do="run", source=source)

    def get(self, name: str, default: object = None) -> Any:
        """The value of a name, or a function that has the submission's process call its own.

        Raises:
            AnswerError: if it is no value that can be handed over.
        """
        data = self._ask(do="get", name=name)
        if isinstance(data, dict) and "function" in data:
            return lambda *arguments, **keywords: from_data(
                self._ask(do="call", name=name, arguments=arguments, keywords=keywords)
            )
        value = from_data(data)
        return default if value is None else value

    def _ask(self, **request: object) -> Any:
        try:
            self._asked.send_bytes(pickle.dumps(request))
            reply = json.loads(self._asked.recv_bytes(_LARGEST))
            if "error" in reply:
                raise AnswerError(str(reply["error"])[:500])
            return reply["value"]
        except (EOFError, OSError) as error:
            self.lost = self._ended or "it ended its own process"
            raise SubmissionError(self.lost) from error
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            self.lost = "it answered in place of what runs it"
            raise SubmissionError(self.lost) from error

    def _watch(self) -> None:
        seconds, memory = self._limits
        last = time.monotonic() + seconds
        while not self._ended:
            started = _started()
            held = 0
            for process in started:
                with contextlib.suppress(psutil.Error):
                    held += process.memory_info().rss
            if time.monotonic() > last:
                self._end(f"it took longer than {seconds:g} s")
            elif held > memory:
                self._end(f"it held more than {memory / 2**30:g} GB of memory")
            elif len(started) > _PROCESSES:
                self._end(f"it started more than {_PROCESSES} processes")
            time.sleep(0.1)

    def _end(self, reason: str) -> None:
        """End the process and everything that it started, what left it included."""
        self._ended = self._ended or reason
        while started := list(_running()):
            for process in started:
                with contextlib.suppress(psutil.Error):
                    process.kill()
            psutil.wait_procs(started, timeout=1)
        self._process.wait()


def _started() -> list[psutil.Process]:
    return psutil.Process().children(recursive=True)


def _running() -> Iterator[psutil.Process]:
    for process in _started():
        with contextlib.suppress(psutil.Error):
            if process.status() != psutil.STATUS_ZOMBIE:
                yield process


def _linux(option: int, value: int) -> None:
    """Set what only Linux has: adopting what a child leaves behind, memory that no other reads."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(option, value, 0, 0, 0)


def _environment(folder: Path) -> dict[str, str]:
    kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.defpath}"
    own = {name: str(folder) for name in ("HOME", "TMPDIR", "IPYTHONDIR", "MPLCONFIGDIR")}
    settings = {"MPLBACKEND": "agg", "JAX_PLATFORMS": "cpu", "PYTHONUTF8": "1"}
    return kept | own | settings | {"PATH": path, "PYTHONPATH": str(ROOT)}
