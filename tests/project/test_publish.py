"""Versions are published one after another into a repository on this machine."""

import subprocess
import sys
from pathlib import Path

import pytest

from tools import publish

ROOT = Path(__file__).parents[2]


def git(*arguments):
    command = ["git", *map(str, arguments)]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A way to publish a version with this text on its pages, and the repository it goes to."""
    for name in ("GIT_AUTHOR_NAME", "GIT_COMMITTER_NAME"):
        monkeypatch.setenv(name, "test")
    for name in ("GIT_AUTHOR_EMAIL", "GIT_COMMITTER_EMAIL"):
        monkeypatch.setenv(name, "test@example.org")
    remote = tmp_path / "remote.git"
    git("init", "--quiet", "--bare", remote)
    html, notebooks = tmp_path / "html", tmp_path / "book"
    (html / "book").mkdir(parents=True)
    notebooks.mkdir()

    def release(tag, text, page="welcome"):
        publish.replace(html, [])
        (html / "book").mkdir()
        (html / "index.html").write_text(text)
        (html / "book" / f"{page}.html").write_text(text)
        (notebooks / "welcome.ipynb").write_text(text)
        (notebooks / "welcome.md").write_text("source")
        out = tmp_path / f"out-{tag}-{text}"
        publish.publish(tag, html, notebooks, str(remote), out)
        return {
            str(path.relative_to(out / "site")): path.read_text()
            for path in (out / "site").rglob("*.html")
        }

    return release, remote


def stored(remote, branch):
    names = git("-C", remote, "ls-tree", "-r", "--name-only", branch).split()
    return {name: git("-C", remote, "show", f"{branch}:{name}") for name in names}


def test_the_first_version_begins_both_branches(place):
    release, remote = place
    site = release("v0.1.0", "one")
    assert site == dict.fromkeys(
        ("index.html", "book/welcome.html", "v0.1.0/index.html", "v0.1.0/book/welcome.html"), "one"
    )
    assert stored(remote, "pages") == dict.fromkeys(
        ("v0.1.0/index.html", "v0.1.0/book/welcome.html"), "one"
    )
    assert stored(remote, "notebooks") == dict.fromkeys(
        ("latest/welcome.ipynb", "v0.1.0/welcome.ipynb"), "one"
    )


def test_old_versions_stay_as_they_were(place):
    release, remote = place
    release("v0.9.0", "old", page="gone")
    site = release("v0.10.0", "new")
    assert {name for name, text in site.items() if text == "old"} == {
        "v0.9.0/index.html",
        "v0.9.0/book/gone.html",
    }
    assert site["index.html"] == "new"
    assert "book/gone.html" not in site
    notebooks = stored(remote, "notebooks")
    assert notebooks["v0.9.0/welcome.ipynb"] == "old"
    assert notebooks["v0.10.0/welcome.ipynb"] == notebooks["latest/welcome.ipynb"] == "new"


def test_publishing_again_replaces_that_version_alone(place):
    release, remote = place
    release("v0.1.0", "one")
    release("v0.2.0", "two")
    site = release("v0.1.0", "mended", page="other")
    assert site["index.html"] == "two"
    assert site["v0.1.0/index.html"] == "mended"
    assert "v0.1.0/book/welcome.html" not in site
    assert stored(remote, "notebooks")["latest/welcome.ipynb"] == "two"
    commits = git("-C", remote, "log", "--format=%s", "pages")
    assert commits.split("\n")[:3] == ["Publish v0.1.0", "Publish v0.2.0", "Publish v0.1.0"]


def test_what_cannot_be_published_is_refused(place, tmp_path):
    release, _ = place
    with pytest.raises(ValueError, match=r"tag must be a version like 'v1\.2\.3', got 'main'"):
        release("main", "one")
    with pytest.raises(ValueError, match="pages must be built to be published, found none"):
        publish.publish("v0.1.0", tmp_path / "none", tmp_path, "remote", tmp_path / "out")


def test_publishing_needs_no_installed_package(tmp_path):
    """It runs with the right to write to the repository, so by Python and git alone."""
    code = "import sys; sys.path.insert(0, sys.argv[1]); from tools import publish"
    subprocess.run([sys.executable, "-I", "-S", "-c", code, ROOT], check=True, cwd=tmp_path)
