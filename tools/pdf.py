"""Print the built pages as PDF files: ``python -m tools.pdf``, into ``_build/html/pdf``.

Chromium prints each page as it looks on paper, into one file; ``book.pdf`` is all of them in the
order of the book.
"""

import functools
import http.server
import shutil
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright
from pypdf import PdfWriter
from tqdm import tqdm

from tools import lower

ROOT = Path(__file__).parent.parent
READY = "() => globalThis.MathJax?.startup?.promise ?? true"
PAPER = {
    "format": "A4",
    "print_background": True,
    "margin": dict.fromkeys(("top", "bottom"), "15mm"),
}


def main(root: Path = ROOT) -> None:
    """Print every page of the table of contents, and the whole book.

    Raises:
        ValueError: if the book is not built, or there is no Chromium.
    """
    pages = root / "_build" / "html"
    if not (pages / "book").is_dir():
        raise ValueError(f"{pages} must hold the built book; run make book first")
    out = pages / "pdf"
    out.mkdir(exist_ok=True)
    chapters = lower.read_chapters(root)
    with served(pages) as address, _chromium() as browser, PdfWriter() as book:
        for name, text in tqdm(chapters.items(), desc="pages"):
            print_page(browser, f"{address}/book/{name}.html", out / f"{name}.pdf")
            book.append(out / f"{name}.pdf", outline_item=lower.title_of(text))
        book.write(out / "book.pdf")


def print_page(browser: Browser, address: str, out: Path) -> None:
    """One page, once its formulas are set."""
    page = browser.new_page()
    page.goto(address, wait_until="load")
    page.evaluate(READY)
    page.emulate_media(media="print")
    page.pdf(path=out, **PAPER)
    page.close()


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """The address of a server of this folder."""

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *arguments) -> None:
            pass

    handler = functools.partial(Quiet, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def installed_browser() -> str | None:
    """Where Chromium is, if it is on the path under one of its names."""
    names = ("chromium", "google-chrome", "chrome")
    return next(filter(None, map(shutil.which, names)), None)


@contextmanager
def _chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        path = installed_browser() or playwright.chromium.executable_path
        if not Path(path).exists():
            raise ValueError(
                "Chromium must be installed to print pages: Debian's package chromium, or "
                "playwright install chromium"
            )
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield browser
        browser.close()


if __name__ == "__main__":
    try:
        main()
    except ValueError as error:
        sys.exit(str(error))
