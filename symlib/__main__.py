"""``symlib run EXPERIMENT`` and ``symlib list``: the book's experiments from a terminal."""

import dataclasses
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click
import pydantic

from symlib import experiments
from symlib.data import DataError

__all__ = ["main"]


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="symlib-book", prog_name="symlib")
def main() -> None:
    """Can a deep network learn a symmetry from data? The experiments of the book."""


@main.command("list")
def list_experiments() -> None:
    """Name every experiment, with its settings."""
    for name in experiments.NAMES:
        summary = (experiments.find(name).__doc__ or "").splitlines()[0]
        click.echo(f"{click.style(name, bold=True)}: {summary}")
        settings = experiments.settings_of(name, scale="paper")
        shown = (f"{key}={_plain(value)}" for key, value in vars(settings).items())
        click.echo(click.wrap_text(" ".join(shown), 88, "    ", "    "))


@main.command()
@click.argument("experiment")
@click.option(
    "--scale",
    type=click.Choice(["quick", "paper"]),
    default="quick",
    show_default=True,
    help="Minutes on two CPU cores, or the sizes of the paper.",
)
@click.option("--seed", type=click.IntRange(min=0), help="Of everything random.")
@click.option(
    "--set",
    "changes",
    multiple=True,
    metavar="KEY=VALUE",
    help="Another value of one setting; commas between several, as in counts=2,8.",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    help="CSV file to store the results in, and to go on from. By default EXPERIMENT.csv here.",
)
@click.option(
    "--jobs",
    type=int,
    default=1,
    show_default=True,
    help="Processes to run at once, -1 for one per core.",
)
@click.option(
    "--cluster",
    metavar="ADDRESS",
    help="Dask scheduler to run on instead, as in tcp://10.0.0.1:8786.",
)
@click.option("--dry-run", is_flag=True, help="Say what would be run, and do not.")
def run(
    experiment: str,
    scale: str,
    seed: int | None,
    changes: tuple[str, ...],
    out: Path | None,
    jobs: int,
    cluster: str | None,
    dry_run: bool,
) -> None:
    """Run EXPERIMENT and store a table of its results.

    An interrupted run goes on where it stopped when the same command is given again.
    """
    try:
        module = experiments.find(experiment)
        settings = _settings(experiment, scale, seed, changes)
        path = Path(f"{experiment}.csv") if out is None else out
        if path.suffix != ".csv" or path.is_dir():
            raise ValueError(f"--out must name a .csv file, got {path}")
        cells, seconds = module.work(settings)
        shown = " ".join(f"{key}={_plain(value)}" for key, value in vars(settings).items())
        click.echo(f"{experiment}: {shown}")
        click.echo(f"{cells} cells, about {_duration(seconds)} on two CPU cores; to {path}")
        if dry_run:
            return
        with _where(cluster):
            frame = module.run(
                settings, progress=_progress, path=path, jobs=-1 if cluster else jobs
            )
    except (ValueError, DataError, OSError) as error:
        raise click.ClickException(" ".join(str(error).split())) from error
    except KeyboardInterrupt:
        click.echo(f"interrupted; the same command goes on from {path}", err=True)
        sys.exit(130)
    click.echo(f"{len(frame)} rows of {cells} cells in {path}")


def _settings(experiment: str, scale: str, seed: int | None, changes: tuple[str, ...]) -> Any:
    """Settings of the scale, with what the command line changes of them."""
    settings = experiments.settings_of(experiment, scale=scale)
    kinds: dict[str, Any] = {field.name: field.type for field in dataclasses.fields(settings)}
    given: dict[str, Any] = {}
    for change in changes:
        key, equals, value = change.partition("=")
        if not equals or key not in kinds:
            raise ValueError(
                f"--set must be KEY=VALUE with a key among {', '.join(kinds)}, got {change!r}"
            )
        given[key] = value
    if seed is not None:
        if not {"seed", "seeds"} & set(kinds):
            raise ValueError(f"--seed has no meaning here: nothing in {experiment} is random")
        given |= {"seed": seed} if "seed" in kinds else {"seeds": (seed,)}
    converted = {}
    for key, value in given.items():
        several = isinstance(value, str) and isinstance(getattr(settings, key), tuple)
        parsed = [part for part in value.split(",") if part] if several else value
        adapter: pydantic.TypeAdapter = pydantic.TypeAdapter(kinds[key])
        try:
            converted[key] = adapter.validate_python(None if parsed == "none" else parsed)
        except pydantic.ValidationError as error:
            reason = error.errors()[0]["msg"]
            raise ValueError(f"--set {key}={value}: {reason}") from error
    return dataclasses.replace(settings, **converted)


@contextmanager
def _where(cluster: str | None) -> Iterator[None]:
    """Float64, on this machine or on the workers of a Dask cluster."""
    import jax

    jax.config.update("jax_enable_x64", True)
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
    from tqdm import tqdm

    return tqdm(cells, desc=description, total=total, disable=None)


def _plain(value: Any) -> str:
    """A setting as ``--set`` takes it."""
    if isinstance(value, tuple):
        return ",".join(map(str, value))
    return "none" if value is None else str(value)


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{max(seconds, 1):.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


if __name__ == "__main__":
    main(prog_name="symlib")
