"""Every page in a real browser: nothing from outside, no errors, readable in the dark and small."""

from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe

HTML = Path(__file__).parents[2] / "_build" / "html"
PAGES = [
    *sorted(str(path.relative_to(HTML)) for path in HTML.glob("book/*.html")),
    "index.html",
    "genindex.html",
    "search.html",
]
every_page = pytest.mark.parametrize("page", PAGES)


def barriers(opened):
    """What axe finds on the page that keeps people from using it."""
    found = Axe().run(opened).response["violations"]
    return [
        f"{violation['id']}: {node['html'][:120]}"
        for violation in found
        if violation["impact"] in ("serious", "critical") or violation["id"] == "heading-order"
        for node in violation["nodes"]
    ]


def test_there_are_pages():
    assert len(PAGES) >= 12, "run make book first"


@every_page
def test_page_is_whole_and_asks_no_other_host(visit, page):
    opened, outside, errors, size = visit(page)
    assert outside == []
    assert errors == []
    assert size < 3e6
    broken = "images => images.filter(i => !i.complete || i.naturalWidth === 0).map(i => i.src)"
    assert opened.eval_on_selector_all("img", broken) == []
    sources = opened.locator("span.math, div.math").count()
    opened.wait_for_function(
        f"document.querySelectorAll('mjx-container').length >= {sources}", timeout=60_000
    )
    assert opened.locator("mjx-merror, .MathJax_Error").count() == 0
    assert barriers(opened) == []


@every_page
def test_fits_a_phone(visit, page):
    opened, *_ = visit(page, width=390)
    assert opened.evaluate("document.documentElement.scrollWidth") <= 390
    wide = opened.locator("div.cell_output img.wide-figure")
    for number in range(wide.count()):  # its letters stay large enough, and it can be scrolled
        assert wide.nth(number).bounding_box()["width"] >= 600
    assert barriers(opened) == []


@pytest.mark.parametrize("page", [page for page in PAGES if page.startswith("book/")])
def test_no_code_scrolls_sideways(visit, page):
    opened, *_ = visit(page, width=1200)
    wide = "cells => cells.filter(c => c.scrollWidth > c.clientWidth + 1).map(c => c.innerText)"
    assert opened.eval_on_selector_all("div.cell_input pre", wide) == []


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


_CONTRAST = """
() => {
  const channel = c => (c /= 255) <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
  const luminance = rgb => {
    const [r, g, b] = rgb.match(/[0-9.]+/g).map(Number);
    return 0.2126 * channel(r) + 0.7152 * channel(g) + 0.0722 * channel(b);
  };
  const text = luminance(getComputedStyle(document.querySelector('article p')).color);
  const page = luminance(getComputedStyle(document.body).backgroundColor);
  return [page, (Math.max(text, page) + 0.05) / (Math.min(text, page) + 0.05)];
}
"""


@pytest.mark.parametrize("page", [page for page in PAGES if page.startswith("book/")])
def test_dark_mode_is_readable(visit, page):
    opened, *_ = visit(page, theme="dark")
    background, contrast = opened.evaluate(_CONTRAST)
    assert background < 0.1
    assert contrast >= 7
    assert barriers(opened) == []
    figures = opened.locator("div.cell_output img")
    for number in range(figures.count()):
        colour = figures.nth(number).evaluate("image => getComputedStyle(image).backgroundColor")
        assert colour == "rgb(255, 255, 255)"


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

    before = opened.evaluate("document.documentElement.dataset.theme")
    for _ in range(2):  # of light, dark and that of the system, one differs
        opened.click("button.theme-switch-button >> visible=true")
        if opened.evaluate("document.documentElement.dataset.theme") != before:
            break
    assert opened.evaluate("document.documentElement.dataset.theme") != before

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
