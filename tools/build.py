"""Build the executed book: ``python -m tools.build``, or its edition without solutions.

Chapters are executed once and their outputs cached. The cache knows only the text of the cells,
so it is emptied here whenever the library, the lock or the scale that they ran with has changed.
"""

import argparse
import hashlib
import os
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

from tools import address, edition, lower

ROOT = Path(__file__).parent.parent
BUILD = ROOT / "_build"
COURSE = BUILD / "course"  # sources and pages of the edition without solutions
MATHJAX_FILES = ("tex-mml-chtml.js", "output/chtml/fonts", "input/tex/extensions")


def execution_key() -> str:
    """A hash of everything outside the chapters that their outputs depend on."""
    digest = hashlib.sha256(os.environ.get("SYMLIB_SCALE", "quick").encode())
    stored = (ROOT / "book" / "results").glob("*.csv")
    for path in sorted([*(ROOT / "symlib").rglob("*.py"), *stored, ROOT / "requirements.txt"]):
        digest.update(str(path.relative_to(ROOT)).encode() + path.read_bytes())
    return digest.hexdigest()


def discard_stale_outputs() -> None:
    """Empty the caches of Sphinx and of the executed notebooks unless they are of this key."""
    stamp = BUILD / "execution-key"
    if stamp.exists() and stamp.read_text() == execution_key():
        return
    for cache in (".jupyter_cache", ".doctrees", "html", "course", "assets/explorers"):
        shutil.rmtree(BUILD / cache, ignore_errors=True)
    BUILD.mkdir(exist_ok=True)
    stamp.write_text(execution_key())


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
    """Make the digits and still figures of the live explorers, unless they are there."""
    target = BUILD / "assets" / "explorers"
    source = ROOT / "tools" / "explorers.py"
    if target.exists() and target.stat().st_mtime > source.stat().st_mtime:
        return
    from tools import explorers  # imports JAX, which takes seconds

    explorers.make(target)


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
    discard_stale_outputs()
    bring_mathjax()
    bring_explorers()
    lower.main()
    if options.edition == "course":
        edition.stage(ROOT, COURSE)
    return build(ROOT if options.edition == "full" else COURSE)


def build(root: Path) -> int:
    """Build the pages of the sources in a folder, and show what went wrong."""
    command = ["jupyter-book", "build", str(root), "-W", "--keep-going", "-n"]
    environment = os.environ | {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "PYDEVD_DISABLE_FILE_VALIDATION": "1",
        "SYMLIB_BUILDING": "1",
    }
    status = subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode
    if status:
        for report in sorted((root / "_build" / "html" / "reports").rglob("*.log")):
            print(f"\n{report.relative_to(root)}\n{report.read_text()}", file=sys.stderr)
    return status


if __name__ == "__main__":
    raise SystemExit(main())
