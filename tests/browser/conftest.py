"""The built book on a server of this machine, and pages of it open in Chromium."""

import os
from pathlib import Path

import pytest
from playwright.sync_api import sync_playwright

from tools import pdf

HTML = Path(__file__).parents[2] / "_build" / "html"
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture(scope="module")
def address():
    with pdf.served(HTML) as address:
        yield f"{address}/"


@pytest.fixture(scope="module")
def browser():
    with sync_playwright() as playwright:
        path = pdf.installed_browser() or playwright.chromium.executable_path
        if not Path(path).exists():
            assert not os.environ.get("CI"), "continuous integration must have Chromium"
            pytest.skip("no Chromium: install it to test the pages")
        launched = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield launched
        launched.close()


def _visits(browser, address):
    """A function that opens a page: the page, what it asked other hosts for, its errors, its bytes.

    Further arguments are those of the browser's context.
    """

    def opening(page, theme="light", width=1200, **context_options):
        context = browser.new_context(viewport={"width": width, "height": 900}, **context_options)
        contexts.append(context)
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
        # Formulas move what is below them.
        opened.evaluate("() => window.MathJax?.startup?.promise")
        return opened, outside, errors, sum(sizes)

    contexts = []
    yield opening
    for context in contexts:
        context.close()


visit = pytest.fixture(_visits, name="visit")
visit_once = pytest.fixture(_visits, name="visit_once", scope="module")  # open to the file's end


@pytest.fixture
def explorer(visit):
    """A function that opens a page with live figures, which asks no host and makes no error."""

    def opening(name, **options):
        opened, outside, errors, _ = visit(f"book/{name}.html", **options)
        yet_unseen.append((outside, errors))
        return opened

    yet_unseen = []
    yield opening
    for outside, errors in yet_unseen:
        assert outside == []
        assert errors == []


@pytest.fixture
def contrasts():
    """A function that gives the contrast of each of these elements of a page with its ground."""
    return lambda opened, selector: opened.eval_on_selector_all(selector, _CONTRASTS)


_CONTRASTS = """
elements => {
  const channel = c => (c /= 255) <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
  const luminance = rgb => {
    const [r, g, b] = rgb.match(/[0-9.]+/g).map(Number);
    return 0.2126 * channel(r) + 0.7152 * channel(g) + 0.0722 * channel(b);
  };
  const page = luminance(getComputedStyle(document.body).backgroundColor);
  return elements.map(element => {
    const style = getComputedStyle(element);
    const ink = luminance(element instanceof SVGElement ? style.fill : style.color);
    return (Math.max(ink, page) + 0.05) / (Math.min(ink, page) + 0.05);
  });
}
"""
