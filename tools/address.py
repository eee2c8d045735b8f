"""Where the book is published: the one place that knows, and that all links come from.

By itself a build takes the addresses of ``_config.yml``. A job that publishes a version sets
``BOOK_TAG``, its tag, and ``BOOK_ONLINE``, where its pages will be served. The repository is then
the one that the job runs in, so that the buttons of a fork open the fork.
"""

import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import yaml

ROOT = Path(__file__).parent.parent

_REQUIRED = {
    "GITHUB_SERVER_URL": (r"https://[\w.-]+(:\d+)?", "https://github.com"),
    "GITHUB_REPOSITORY": (r"[\w.-]+/[\w.-]+", "owner/name"),
    "BOOK_ONLINE": (r"https?://[\w.-]+(:\d+)?(/[\w.~-]+)*/?", "https://owner.github.io/name"),
}


@dataclass(frozen=True)
class Address:
    """The addresses of one build of the book."""

    repository: str  # its web page
    branch: str  # what the edit buttons open
    online: str  # where the newest version is served
    tag: str = ""  # of the version that is being published, if one is

    @property
    def pages(self) -> str:
        """Where the pages of this very version stay."""
        return f"{self.online}/{self.tag}" if self.tag else self.online

    @property
    def notebooks(self) -> str:
        """Branch and folder of the notebooks that Colab opens."""
        return f"notebooks/{self.tag}" if self.tag else f"{self.branch}/book"

    @property
    def tables(self) -> str:
        """Where the stored tables of this version can be seen."""
        return f"{self.repository}/blob/{self.tag or self.branch}/book/results"

    @property
    def requirement(self) -> str:
        """What pip installs the package from."""
        pinned = f"@{self.tag}" if self.tag else ""
        return f"symlib-book @ git+{self.repository}{pinned}"


def read(environment: Mapping[str, str] = os.environ, root: Path = ROOT) -> Address:
    """The addresses of ``_config.yml`` in ``root``, or those of the job that publishes.

    Raises:
        ValueError: if ``BOOK_TAG`` is set, and it or a variable that goes with it is malformed.
    """
    settings = yaml.safe_load((root / "_config.yml").read_text("utf-8"))
    branch = settings["repository"]["branch"]
    tag = environment.get("BOOK_TAG", "")
    if not tag:
        return Address(settings["repository"]["url"], branch, settings["html"]["baseurl"])
    version = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["version"]
    if tag != f"v{version}":
        raise ValueError(
            f"BOOK_TAG must be 'v{version}', the version in pyproject.toml, got {tag!r}; "
            "publish from the tag of that version, or unset BOOK_TAG to build without publishing"
        )
    for name, (pattern, example) in _REQUIRED.items():
        value = environment.get(name, "")
        if not re.fullmatch(pattern, value):
            raise ValueError(
                f"{name} must be like {example!r} where BOOK_TAG is set, got {value!r}; "
                "set it, or unset BOOK_TAG to build without publishing"
            )
    repository = f"{environment['GITHUB_SERVER_URL']}/{environment['GITHUB_REPOSITORY']}"
    return Address(repository, branch, environment["BOOK_ONLINE"].rstrip("/"), tag)
