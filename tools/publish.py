"""Put a built version beside those published before: ``python3 -m tools.publish --help``.

The branches ``pages`` and ``notebooks`` hold one folder a version, as it was built then, so that a
course of last year still finds its pages and notebooks. Old versions are not built again: what
they were built with may no longer install. The newest version is also what the root of the site
and the folder ``latest`` of the notebooks show.

Needs nothing but git and Python's own library, for it runs where it may write to the repository.
"""

import argparse
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
_VERSION = re.compile(r"v(\d+)\.(\d+)\.(\d+)")


def publish(tag: str, html: Path, notebooks: Path, remote: str, out: Path) -> None:
    """Store this version in both branches, push them, and lay out the site in ``out/site``.

    Args:
        tag: of the version, like ``v1.2.3``.
        html: the built pages.
        notebooks: the folder of the generated notebooks.
        remote: the repository to push to.
        out: a folder that does not exist yet.

    Raises:
        ValueError: if the tag is no version, or there is nothing built.
    """
    if not _VERSION.fullmatch(tag):
        raise ValueError(f"tag must be a version like 'v1.2.3', got {tag!r}; run at such a tag")
    built = {"pages": [*html.glob("*")], "notebooks": [*notebooks.glob("*.ipynb")]}
    for branch, files in built.items():
        if not files:
            raise ValueError(f"the {branch} must be built to be published, found none; make book")
    for branch, files in built.items():
        check_out(branch, remote, out / branch)
        replace(out / branch / tag, files)

    replace(out / "notebooks" / "latest", [*newest(out / "notebooks").iterdir()])
    for branch in built:
        push(branch, out / branch, f"Publish {tag}")
    root = [*newest(out / "pages").iterdir()]
    replace(out / "site", root + [path for path in (out / "pages").iterdir() if is_version(path)])


def check_out(branch: str, remote: str, folder: Path) -> None:
    """The branch in a folder of its own, empty where the remote has none yet."""
    if _git("ls-remote", "--heads", remote, f"refs/heads/{branch}"):
        _git("clone", "--quiet", "--depth", "1", "--branch", branch, remote, folder)
    else:
        _git("init", "--quiet", f"--initial-branch={branch}", folder)
        _git("-C", folder, "remote", "add", "origin", remote)


def push(branch: str, folder: Path, message: str) -> None:
    """Commit and push what changed, if anything did."""
    _git("-C", folder, "add", "--all", "--force")
    if _git("-C", folder, "status", "--porcelain"):
        _git("-C", folder, "commit", "--quiet", "--message", message)
        _git("-C", folder, "push", "--quiet", "origin", f"HEAD:refs/heads/{branch}")


def newest(folder: Path) -> Path:
    """The version that comes last."""
    versions = [path for path in folder.iterdir() if is_version(path)]
    return max(versions, key=lambda path: [int(n) for n in _VERSION.fullmatch(path.name).groups()])


def is_version(path: Path) -> bool:
    """Whether this is the folder of a version."""
    return bool(_VERSION.fullmatch(path.name))


def replace(folder: Path, content: list[Path]) -> None:
    """Make the folder hold copies of these files and folders alone."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for path in content:
        copy = shutil.copytree if path.is_dir() else shutil.copy2
        copy(path, folder / path.name)


def _git(*arguments: str | Path) -> str:
    command = ["git", *map(str, arguments)]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


def main(arguments: list[str] | None = None) -> int:
    """Publish, and return the exit status."""
    parser = argparse.ArgumentParser(prog="python3 -m tools.publish", description=__doc__)
    parser.add_argument("tag", help="of this version, like v1.2.3")
    parser.add_argument("--remote", required=True, help="address of the repository to push to")
    parser.add_argument("--out", type=Path, required=True, help="a new folder to work in")
    options = parser.parse_args(arguments)
    try:
        publish(options.tag, ROOT / "_build" / "html", ROOT / "book", options.remote, options.out)
    except ValueError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
