"""``symlib run EXPERIMENT`` and ``symlib list``: the book's experiments from a terminal."""

import functools
import inspect
import operator
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, NoReturn

import jax
import tyro
from joblib.externals.loky.process_executor import TerminatedWorkerError
from tqdm import tqdm
from tyro.conf import subcommand

import symlib
from symlib import experiments
from symlib.data import DataError

__all__ = ["main"]

Scale = Literal["quick", "paper"]


@dataclass(frozen=True)
class _AtScale:
    scale: Scale = "quick"  # minutes on two CPU cores, or the sizes of the paper


def _description(name: str) -> str:
    return inspect.getdoc(sys.modules[experiments.find(name).__module__]) or ""


@dataclass(frozen=True)
class _List:
    """Name every experiment, and say whose it is and at which sizes it runs."""

    def __call__(self) -> None:
        for name in experiments.NAMES:
            found, about = experiments.find(name), _description(name)
            whose = "the paper's" if "Perin and Deny" in about else "this book's"
            smaller = found.at_scale("quick") != found.at_scale("paper")
            sizes = "smaller by default, in full with --scale paper" if smaller else "at one scale"
            print(f"{name}: {about.splitlines()[0]}\n    {whose}, {sizes}")


@contextmanager
def _where(cluster: str | None) -> Iterator[None]:
    """Float64, memory as needed, on this machine or on the workers of a Dask cluster."""
    jax.config.update("jax_enable_x64", True)
    os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")  # processes share a GPU
    if cluster is None:
        yield
        return
    try:
        from distributed import Client
    except ImportError as error:
        raise ValueError("--cluster needs Dask: pip install 'symlib-book[cluster]'") from error
    from joblib import parallel_config

    try:
        client = Client(cluster, timeout="10s")
    except (OSError, ValueError) as error:
        raise ValueError(
            f"--cluster must be a Dask scheduler, none answers at {cluster}"
        ) from error
    with client, parallel_config(backend="dask", wait_for_workers_timeout=60):
        yield


def _progress(cells, description: str, total: int):
    return tqdm(cells, desc=description, total=total, disable=None)


def _duration(seconds: float) -> str:
    """In words, and of what: a GPU is not probed."""
    took = f"{max(seconds, 1):.0f} s"
    if seconds >= 90:
        took = f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
    return f"{took} on this machine" + (
        "'s CPU; its GPU trains faster" if jax.default_backend() == "gpu" else ""
    )


def _run(scale: str) -> Any:
    """The command that runs an experiment, whose settings begin at this scale."""
    commands = {
        name: subcommand(
            name, default=experiments.find(name).at_scale(scale), description=_description(name)
        )
        for name in experiments.NAMES
    }
    each = [Annotated[experiments.find(name), command] for name, command in commands.items()]
    chosen: Any = functools.reduce(operator.or_, each)

    @dataclass(frozen=True, kw_only=True)
    class Run(_AtScale):
        """Run an experiment and store a table of its results.

        An interrupted run goes on where it stopped when the same command is given again.
        """

        experiment: chosen
        out: Path | None = None  # CSV file to store in and to go on from; else EXPERIMENT.csv here
        jobs: int = 1  # processes to run at once, -1 for one per core
        cluster: str | None = None  # Dask scheduler to run on instead, as in tcp://10.0.0.1:8786
        dry_run: bool = False  # say what would be run, and do not

        def __call__(self) -> None:
            path = self.out or Path(f"{self.experiment.name()}.csv")
            if path.suffix != ".csv" or path.is_dir():
                raise ValueError(f"--out must name a .csv file, got {path}")
            with _where(self.cluster):
                cells = len(self.experiment.cells())
                print(self.experiment)
                print(f"{cells} cells, about {_duration(self.experiment.seconds())}; to {path}")
                if not self.dry_run:
                    jobs = -1 if self.cluster else self.jobs
                    frame = self.experiment.run(_progress, path, jobs)
                    print(f"{len(frame)} rows of {cells} cells in {path}")

    return Run


def _leave(why: object) -> NoReturn:
    """End with one line, and the exit code of a usage that cannot be served."""
    print(f"Error: {' '.join(str(why).split())}", file=sys.stderr)
    sys.exit(2)


def main(arguments: Sequence[str] | None = None) -> None:
    """Read the command line, and do what it says.

    Raises:
        SystemExit: if it cannot be done, after one line that says why.
    """
    words = [*(sys.argv[1:] if arguments is None else arguments)]
    words = [experiments.FORMER_NAMES.get(word, word) for word in words]
    if words == ["--version"]:
        print(f"symlib {symlib.__version__}")
        return
    start, _ = tyro.cli(_AtScale, args=words, return_unknown_args=True, add_help=False)
    try:
        command: Any = Annotated[_List, subcommand("list")]
        command |= Annotated[_run(start.scale), subcommand("run")]
        tyro.cli(
            command,
            args=words,
            prog="symlib",
            description="Can a deep network learn a symmetry from data? The book's experiments.",
            config=(tyro.conf.OmitArgPrefixes, tyro.conf.CascadeSubcommandArgs),
        )()
    except (ValueError, OverflowError, DataError, OSError) as error:
        _leave(error)
    except ModuleNotFoundError as error:
        _leave(f"{error.name} is not installed: pip install 'symlib-book[torch]'")
    except TerminatedWorkerError:
        _leave(
            "a process was killed, perhaps for want of memory; what is stored is kept, and the "
            "same command goes on from there, with fewer --jobs"
        )
    except MemoryError as error:
        _leave(f"not enough memory: {error}; take smaller settings")
    except RuntimeError as error:
        if "out of memory" not in str(error).lower():
            raise
        _leave(f"not enough memory on the GPU, take fewer --jobs or smaller settings: {error}")
    except KeyboardInterrupt:
        print("interrupted; the same command goes on from where it was", file=sys.stderr)
        sys.exit(130)


if __name__ == "__main__":
    main()
