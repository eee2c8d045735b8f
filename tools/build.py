"""Build the book: ``python -m tools.build``, or its edition without solutions.

First the chapters that changed are executed (``tools/outputs.py``), then the numbers of the prose
are compared with what they recorded (``tools/measured.py``); if all is well, pages are made, and of
these slides (``tools/slides.py``).
"""

import argparse
import os
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

from tools import address, edition, execute, lower, measured, outputs, slides

ROOT = Path(__file__).parent.parent
BUILD = ROOT / "_build"
COURSE = BUILD / "course"  # sources and pages of the edition without solutions
MATHJAX_FILES = ("tex-mml-chtml.js", "output/chtml/fonts", "input/tex/extensions")


def bring_mathjax() -> None:
    """Copy MathJax to where the book serves it from, so that pages ask no other host."""
    package = find_spec("mathjax")
    source = Path(package.submodule_search_locations[0]) / "static" / "mathjax" / "es5"
    target = BUILD / "assets" / "mathjax"
    if target.exists():
        return
    for name in MATHJAX_FILES:
        copy = shutil.copytree if (source / name).is_dir() else shutil.copy2
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        copy(source / name, target / name)


def bring_explorers() -> None:
    """Make the digits and still figures of the live explorers, unless they are of this code."""
    target = BUILD / "assets" / "explorers"
    stamp = BUILD / "explorers-key"
    key = outputs.key([(ROOT / "tools" / "explorers.py").read_text("utf-8")])
    if target.exists() and stamp.exists() and stamp.read_text("utf-8") == key:
        return
    from tools import explorers  # imports JAX, which takes seconds

    explorers.make(target)
    execute.write(stamp, key)


def main(arguments: list[str] | None = None) -> int:
    """Build, and return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tools.build", description=__doc__)
    parser.add_argument("edition", nargs="?", choices=("full", "course"), default="full")
    options = parser.parse_args(arguments)
    try:
        address.read()
    except ValueError as error:
        print(error, file=sys.stderr)
        return 1
    bring_mathjax()
    bring_explorers()
    course = COURSE if options.edition == "course" else None
    if failed := build(ROOT, course):
        return failed
    try:
        slides.main(course or ROOT)
    except ValueError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def build(root: Path, course: Path | None = None) -> int:
    """Build the book in a folder, or the edition for a course staged in another one."""
    if problems := execute_and_lower(root):
        print(*problems, sep="\n", file=sys.stderr)
        return 1
    if course:
        edition.stage(root, course)
    return make_pages(course or root)


def execute_and_lower(root: Path) -> list[str]:
    """Execute the chapters that changed and write all notebooks, or say what is wrong with them."""
    if failed := outputs.refresh(root):
        return [f"\n{outcome.name}: {outcome.problem}\n{outcome.details}" for outcome in failed]
    chapters = lower.read_chapters(root)
    if os.environ.get("SYMLIB_SCALE", "quick") == "quick":
        recorded = measured.recorded(outputs.folder(root), chapters)
        if wrong := measured.problems(chapters, measured.read(root), recorded):
            return wrong
    try:
        lower.write(root)
    except lower.LoweringError as error:
        return [str(error)]
    return []


def make_pages(root: Path) -> int:
    """Make the pages of the sources in a folder."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    command = ["jupyter-book", "build", str(root), "-W", "--keep-going", "-n"]
    done = subprocess.run(command, cwd=ROOT, env=os.environ | {"PATH": path}, check=False)
    if done.returncode:  # read all pages again next time: what was read brings no warning twice
        (root / "_build" / ".doctrees" / "environment.pickle").unlink(missing_ok=True)
    return done.returncode


if __name__ == "__main__":
    raise SystemExit(main())
