"""Every page in a real browser: nothing from outside, no errors, readable in the dark and small."""

from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe

pytestmark = pytest.mark.slow
HTML = Path(__file__).parents[2] / "_build" / "html"
PAGES = [
    *sorted(str(path.relative_to(HTML)) for path in HTML.glob("book/*.html")),
    "index.html",
    "genindex.html",
    "search.html",
]
CONTRAST_ALONE = {"runOnly": ["color-contrast"]}  # all that depends on the theme
NO_CONTRAST = {"rules": {"color-contrast": {"enabled": False}}}

SCROLLED_BY_KEY = """
() => [...document.querySelectorAll("pre")].every(
  code => code.scrollWidth <= code.clientWidth || code.tabIndex === 0)
"""

FADES = """
() => [...document.querySelectorAll(".bd-article *")].every(
  box => !["auto", "scroll"].includes(getComputedStyle(box).overflowX)
    || !box.checkVisibility()
    || box.scrollWidth <= box.clientWidth + 2
    || box.classList.contains("more"))
"""


def barriers(opened, options=None):
    """What axe finds on the page that keeps people from using it.

    Not among the words of code, which take it seconds a page: see ``code_contrasts``.
    """
    options = {"resultTypes": ["violations"], **(options or {})}
    found = Axe().run(opened, {"exclude": [["pre span"]]}, options).response["violations"]
    return [
        f"{violation['id']}: {node['html'][:120]}"
        for violation in found
        if violation["impact"] in ("serious", "critical") or violation["id"] == "heading-order"
        for node in violation["nodes"]
    ]


@pytest.fixture(scope="module", params=PAGES)
def visited(visit_once, request):
    """A page with its formulas set, opened once for all tests of it, and what came with it."""
    opened, outside, errors, size = visit_once(request.param, reduced_motion="reduce")
    sources = opened.locator("span.math, div.math").count()
    opened.wait_for_function(
        f"document.querySelectorAll('mjx-container').length >= {sources}", timeout=60_000
    )
    yield opened, outside, errors, size
    opened.context.close()


def choose(opened, theme="light", width=1200):
    """Show the page in this theme, chosen by the button of the page, and at this width."""
    opened.set_viewport_size({"width": 1200, "height": 900})
    for _ in range(3):  # light, dark and that of the system
        if opened.evaluate("document.documentElement.dataset.theme") == theme:
            break
        opened.click("button.theme-switch-button >> visible=true")
    assert opened.evaluate("document.documentElement.dataset.theme") == theme
    opened.set_viewport_size({"width": width, "height": 900})


def test_there_are_pages():
    assert len(PAGES) >= 12, "run make book first"


def test_page_is_whole_and_asks_no_other_host(visited):
    opened, outside, errors, size = visited
    choose(opened)
    assert outside == []
    assert errors == []
    assert size < 3e6
    broken = "images => images.filter(i => !i.complete || i.naturalWidth === 0).map(i => i.src)"
    assert opened.eval_on_selector_all("img", broken) == []
    assert opened.locator("mjx-merror, .MathJax_Error").count() == 0
    assert barriers(opened) == []
    assert min(code_contrasts(opened), default=21) >= 4.5


def test_no_code_scrolls_sideways(visited):
    opened = visited[0]
    choose(opened)
    wide = "cells => cells.filter(c => c.scrollWidth > c.clientWidth + 1).map(c => c.innerText)"
    assert opened.eval_on_selector_all("div.cell_input pre", wide) == []


def test_fits_a_phone(visited):
    opened = visited[0]
    choose(opened, width=390)
    assert opened.evaluate("document.documentElement.scrollWidth") <= 390
    wide = opened.locator("div.cell_output img.wide-figure")
    for number in range(wide.count()):  # its letters stay large enough, and it can be scrolled
        assert wide.nth(number).bounding_box()["width"] >= 600
    opened.wait_for_function(SCROLLED_BY_KEY)  # the theme sees to it a moment after the width
    opened.wait_for_function(FADES)
    assert barriers(opened, NO_CONTRAST) == []


def test_dark_mode_is_readable(visited):
    opened = visited[0]
    choose(opened, theme="dark")
    background, contrast = opened.evaluate(_CONTRAST)
    assert background < 0.1
    assert contrast >= 7
    assert barriers(opened, CONTRAST_ALONE) == []
    assert min(code_contrasts(opened), default=21) >= 4.5
    figures = opened.locator("div.cell_output img")
    for number in range(figures.count()):
        colour = figures.nth(number).evaluate("image => getComputedStyle(image).backgroundColor")
        assert colour == "rgb(255, 255, 255)"


@pytest.mark.parametrize("page", ["book/networks-that-cannot-rotate.html", "book/two-circles.html"])
def test_prints_in_full_on_white(visit, page):
    opened, *_ = visit(page, theme="dark")
    opened.evaluate("dispatchEvent(new Event('beforeprint'))")
    opened.emulate_media(media="print")
    assert opened.evaluate(_CONTRAST)[0] == pytest.approx(1)
    cut = "cells => cells.filter(c => c.scrollWidth > c.clientWidth + 1).map(c => c.innerText)"
    assert opened.eval_on_selector_all("div.cell_input pre", cut) == []
    assert not opened.locator(".bd-sidebar-primary").is_visible()
    opened.evaluate("dispatchEvent(new Event('afterprint'))")
    assert opened.evaluate("document.documentElement.dataset.theme") == "dark"


_LUMINANCE = """
  const channel = c => (c /= 255) <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
  const luminance = rgb => {
    const [r, g, b] = rgb.match(/[0-9.]+/g).map(Number);
    return 0.2126 * channel(r) + 0.7152 * channel(g) + 0.0722 * channel(b);
  };
  const ratio = (one, other) => (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05);
"""

_CONTRAST = f"""
() => {{
  {_LUMINANCE}
  const text = document.querySelector("article p") ?? document.body;
  const page = luminance(getComputedStyle(document.body).backgroundColor);
  return [page, ratio(luminance(getComputedStyle(text).color), page)];
}}
"""


def code_contrasts(opened):
    """Contrast of every word of code with the box that it stands in."""
    return opened.eval_on_selector_all(
        "pre span",
        f"""words => {{
          {_LUMINANCE}
          return words.map(word => ratio(
            luminance(getComputedStyle(word).color),
            luminance(getComputedStyle(word.closest("pre")).backgroundColor),
          ));
        }}""",
    )


def test_search_finds_a_chapter(visit):
    opened, *_ = visit("search.html?q=circulant")
    opened.wait_for_selector("#search-results li a")
    assert "circulant" in opened.inner_text("#search-results").lower()


def test_a_reader_clicks_through(visit):
    """From the cover: search, another theme, a solution, the notebook to take away."""
    opened, outside, errors, _ = visit("book/welcome.html")
    opened.click("button.search-button-field")
    opened.keyboard.type("circulant")
    opened.keyboard.press("Enter")
    opened.click("#search-results li a[href*='circulant-matrices']")
    opened.wait_for_load_state("networkidle")
    assert "Circulant matrices" in opened.inner_text("h1")

    assert opened.evaluate("document.documentElement.dataset.theme") == "light"
    choose(opened, theme="dark")

    solution = opened.locator("div.solution").first
    assert not solution.locator("p").nth(1).is_visible()
    solution.locator("button.toggle-button").click()
    assert solution.locator("p").nth(1).is_visible()

    opened.click("div.dropdown-download-buttons > button")
    link = opened.locator("a.btn-download-notebook-button")
    link.evaluate("link => link.removeAttribute('target')")  # a new tab is lost to the test
    with opened.expect_download() as started:
        link.click()
    notebook = Path(started.value.path())
    original = HTML.parents[1] / "book" / "circulant-matrices.ipynb"
    assert notebook.read_text() == original.read_text()
    assert outside == []
    assert errors == []
