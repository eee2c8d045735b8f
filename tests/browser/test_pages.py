"""Every page in a real browser: nothing from outside, no errors, readable in the dark and small."""

import functools
import http.server
import os
import shutil
import threading
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import sync_playwright

HTML = Path(__file__).parents[2] / "_build" / "html"
PAGES = [
    *sorted(str(path.relative_to(HTML)) for path in HTML.glob("book/*.html")),
    "index.html",
    "genindex.html",
    "search.html",
]
BROWSER = next(
    (found for name in ("chromium", "google-chrome", "chrome") if (found := shutil.which(name))),
    None,
)
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
every_page = pytest.mark.parametrize("page", PAGES)

if BROWSER is None and not os.environ.get("CI"):
    pytest.skip("no Chromium: install it to test the pages", allow_module_level=True)


@pytest.fixture(scope="module")
def address():
    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *arguments):
            pass

    handler = functools.partial(Quiet, directory=str(HTML))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(scope="module")
def browser():
    assert BROWSER is not None, "continuous integration must have Chromium"
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=BROWSER, args=FLAGS)
        yield launched
        launched.close()


def visit(browser, address, page, theme="light", width=1200):
    """The open page, what it asked other hosts for, the errors it logged, its bytes."""
    context = browser.new_context(viewport={"width": width, "height": 900})
    context.add_init_script(
        f"localStorage.setItem('mode', '{theme}'); localStorage.setItem('theme', '{theme}')"
    )
    opened = context.new_page()
    outside, errors, sizes = [], [], []
    opened.on(
        "request",
        lambda request: (
            None
            if request.url.startswith((address, "data:", "blob:"))
            else outside.append(request.url)
        ),
    )
    opened.on(
        "console",
        lambda message: (
            errors.append(f"{message.text} {message.location}")
            if message.type == "error" and "favicon.ico" not in message.location["url"]
            else None
        ),
    )
    opened.on("pageerror", lambda error: errors.append(str(error)))
    opened.on("response", lambda r: sizes.append(int(r.headers.get("content-length", 0))))
    opened.goto(address + page, wait_until="load")
    opened.wait_for_load_state("networkidle")
    return opened, outside, errors, sum(sizes)


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
def test_page_is_whole_and_asks_no_other_host(browser, address, page):
    opened, outside, errors, size = visit(browser, address, page)
    assert outside == []
    assert errors == []
    assert size < 3e6
    broken = "images => images.filter(i => !i.complete || i.naturalWidth === 0).map(i => i.src)"
    assert opened.eval_on_selector_all("img", broken) == []
    sources = opened.locator("span.math, div.math").count()
    opened.wait_for_function(
        f"document.querySelectorAll('mjx-container').length >= {sources}", timeout=15_000
    )
    assert opened.locator("mjx-merror, .MathJax_Error").count() == 0
    assert barriers(opened) == []
    opened.context.close()


@every_page
def test_fits_a_phone(browser, address, page):
    opened, *_ = visit(browser, address, page, width=390)
    assert opened.evaluate("document.documentElement.scrollWidth") <= 390
    opened.context.close()


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
def test_dark_mode_is_readable(browser, address, page):
    opened, *_ = visit(browser, address, page, theme="dark")
    background, contrast = opened.evaluate(_CONTRAST)
    assert background < 0.1
    assert contrast >= 7
    assert barriers(opened) == []
    figures = opened.locator("div.cell_output img")
    for number in range(figures.count()):
        colour = figures.nth(number).evaluate("image => getComputedStyle(image).backgroundColor")
        assert colour == "rgb(255, 255, 255)"
    opened.context.close()


def test_search_finds_a_chapter(browser, address):
    opened, *_ = visit(browser, address, "search.html?q=circulant")
    opened.wait_for_selector("#search-results li a")
    assert "circulant" in opened.inner_text("#search-results").lower()
    opened.context.close()
