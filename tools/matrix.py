"""Test the package on every Python it supports, with the oldest and the newest of what it needs.

``python -m tools.matrix`` makes for each combination an environment in ``_build/matrix``, installs
the package into it, runs the unit tests and doctests, and executes a few chapters. Versions are
those of ``pyproject.toml`` that have a wheel; ``lowest-direct`` takes the lowest bound of each.
"""

import argparse
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parent.parent
BUILT = ROOT / "_build" / "matrix"
PYTHONS = ("3.11", "3.12", "3.13")
RESOLUTIONS = ("lowest-direct", "highest")
CHAPTERS = (  # short ones, and of every part of the book
    "circulant-matrices",
    "cyclic-groups",
    "foreseeing-failure",
    "orbits-of-digits",
    "reproduction-notes",
    "welcome",
)
UV = (sys.executable, "-m", "uv")
_SHOWN = ("jax", "numpy", "torch")


def interpreter(version: str) -> str | None:
    """A Python of this version on this machine, one of pyenv's included, if there is one."""
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    folders = [*map(str, pyenv.glob(f"versions/{version}.*/bin")), os.environ["PATH"]]
    found = subprocess.run(
        [*UV, "python", "find", "--system", "--no-python-downloads", version],
        env=os.environ | {"PATH": os.pathsep.join(folders)},
        capture_output=True,
        text=True,
        check=False,
    )
    return found.stdout.strip() or None


def needs(python: str, resolution: str) -> str:
    """What to install, a pinned version a line; torch where it has a wheel for this Python."""
    command = [*UV, "pip", "compile", "--quiet", "--no-annotate", "--no-header", "--python", python]
    options = ["--resolution", resolution, "--only-binary", ":all:", "pyproject.toml"]
    extras = ["--group", "oracle", "--extra", "test", "--extra", "cluster"]
    for torch in (["--extra", "torch"], []):
        compiled = subprocess.run(
            [*command, *options, *extras, *torch], cwd=ROOT, capture_output=True, text=True
        )
        if compiled.returncode == 0:
            return compiled.stdout
        print(compiled.stderr, file=sys.stderr)
    raise SystemExit(f"nothing to be had for {python} at the {resolution} versions")


def check(version: str, resolution: str) -> dict[str, str]:
    """One combination: a row of the table, each step ``passed`` or ``FAILED``."""
    row = {"python": version, "resolution": resolution}
    if not (python := interpreter(version)):
        return row | {"environment": "FAILED: no such Python here; pyenv install it"}
    folder = BUILT / f"{version}-{resolution}"
    folder.mkdir(parents=True, exist_ok=True)
    pins = needs(python, resolution)
    (folder / "needs.txt").write_text(pins)
    row |= {name: "".join(re.findall(rf"^{name}==(\S+)", pins, re.M)) for name in _SHOWN}
    outside = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "VIRTUAL_ENV")}
    outside["PYDEVD_DISABLE_FILE_VALIDATION"] = "1"  # which a kernel would report each time
    outside["OMP_NUM_THREADS"] = "1"  # a process a core
    for step, commands in steps(python, folder):
        start = time.perf_counter()
        codes = [subprocess.run(c, cwd=ROOT, env=outside, check=False).returncode for c in commands]
        minutes = (time.perf_counter() - start) / 60
        row[step] = f"{'FAILED' if any(codes) else 'passed'} ({minutes:.1f} min)"
        print(f"{version} {resolution}: {step} {row[step]}", flush=True)
        if step == "environment" and any(codes):
            break
    return row


def steps(python: str, folder: Path) -> Iterator[tuple[str, list[list[str]]]]:
    """The steps of one combination in order, each with its commands."""
    environment = folder / "environment"
    inside = str(environment / "bin" / "python")
    install = [*UV, "pip", "install", "--quiet", "--python", inside, "--no-deps"]
    yield (
        "environment",
        [
            [*UV, "venv", "--quiet", "--clear", "--python", python, str(environment)],
            [*install, "--requirement", str(folder / "needs.txt")],
            [*install, "--reinstall", str(ROOT)],
        ],
    )
    # The warnings of versions that were not made for one another are no failures.
    options = ["-q", "-n", "auto", "--dist", "worksteal", "-p", "no:cacheprovider", "-W", "ignore"]
    options += ["symlib", "tests/symlib"]
    yield "tests", [[inside, "-m", "pytest", *options]]
    execute = [inside, "-m", "tools.execute", "--out", str(folder / "notebooks"), *CHAPTERS]
    yield "chapters", [execute]


def table(rows: list[dict[str, str]]) -> str:
    """The rows in columns."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    cells = [names, *([row.get(name, "") for name in names] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*cells)]
    return "\n".join("  ".join(c.ljust(w) for c, w in zip(line, widths)).rstrip() for line in cells)


def main(arguments: list[str] | None = None) -> int:
    """Check the chosen combinations one after another, and return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tools.matrix", description=__doc__)
    parser.add_argument("--python", nargs="*", choices=PYTHONS, default=PYTHONS)
    parser.add_argument("--resolution", nargs="*", choices=RESOLUTIONS, default=RESOLUTIONS)
    options = parser.parse_args(arguments)
    rows = [check(python, way) for python in options.python for way in options.resolution]
    print(table(rows))
    return int(any("FAILED" in cell for row in rows for cell in row.values()))


if __name__ == "__main__":
    raise SystemExit(main())
