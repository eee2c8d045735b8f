"""Every link of the notebooks, and every button of the pages, leads to something that is there."""

import re
from pathlib import Path
from urllib.parse import unquote

import pytest

from tools import address, links

ROOT = Path(__file__).parents[2]
HTML = ROOT / "_build" / "html"
NOTEBOOKS = sorted((ROOT / "book").glob("*.ipynb"))
every_notebook = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)


def anchors(page):
    return set(re.findall(r'\bid="([^"]+)"', page.read_text()))


def is_there(link):
    """Whether a page, an anchor, a picture or a file of the repository is there."""
    place = address.read()
    if link.startswith(place.pages):
        name, _, anchor = link.removeprefix(place.pages).lstrip("/").partition("#")
        page = HTML / (name or "index.html")
        return page.is_file() and (not anchor or unquote(anchor) in anchors(page))
    if link.startswith(place.repository):
        file = re.fullmatch(
            r"/(?:blob|tree|edit)/[^/]+/(.+?)(?:#.*)?", link[len(place.repository) :]
        )
        return file is None or (ROOT / file[1]).exists()
    return link.startswith("https://")


@pytest.mark.slow
@every_notebook
def test_links_of_notebooks_lead_somewhere(path):
    found = links.in_notebook(path)
    assert found
    assert [link for link in found if not is_there(link)] == []


@pytest.mark.slow
def test_dead_links_are_seen():
    place = address.read()
    assert is_there(f"{place.pages}/book/welcome.html#aims")
    assert is_there(f"{place.repository}/blob/main/README.md")
    for dead in (
        f"{place.pages}/book/nowhere.html",
        f"{place.pages}/book/welcome.html#nowhere",
        f"{place.pages}/_images/nowhere.svg",
        f"{place.repository}/blob/main/nowhere.md",
        "cyclic-groups.md",
        "#aims",
    ):
        assert not is_there(dead), dead


def test_links_are_found_in_text_not_in_mathematics():
    text = "[a](https://a.b) ![p](p.png) $k[i](x)$ `[c](d)`\n\n<https://e.f>\n\n$$\n[m](n)\n$$"
    assert links.in_markdown(text) == ["https://a.b", "p.png", "https://e.f"]


def test_links_outside_are_of_other_places(capsys):
    place = address.read()
    found = links.outside()
    assert "https://arxiv.org/abs/2412.11521" in found
    assert not [link for link in found if link.startswith((place.online, place.repository))]
    assert all(re.fullmatch(r"https?://\S+", link) for link in found)


@pytest.mark.slow
@every_notebook
def test_buttons_of_pages_lead_somewhere(path):
    place = address.read()
    page = (HTML / "book" / f"{path.stem}.html").read_text()
    owner = place.repository.removeprefix("https://").partition("/")[2]
    colab = f"https://colab.research.google.com/github/{owner}/blob/{place.notebooks}/{path.name}"
    edit = f"{place.repository}/edit/{place.branch}/book/{path.stem}.md"
    assert f'href="{colab}"' in page
    assert f'href="{edit}"' in page
    assert path.with_suffix(".md").exists()
