"""The slides of each week in a real browser: they turn by keys, and fit the screen."""

import re
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from pypdf import PdfReader

pytestmark = pytest.mark.slow
HTML = Path(__file__).parents[2] / "_build" / "html"
DECKS = [f"slides/week-{week}.html" for week in range(1, 7)]
SCREEN = {"width": 1280, "height": 720}


@pytest.fixture(scope="module", params=DECKS)
def shown(visit_once, request):
    """A deck on a screen with its formulas set, opened once for all tests of it."""
    opened, outside, errors, _ = visit_once(request.param, reduced_motion="reduce")
    opened.set_viewport_size(SCREEN)
    settle(opened)
    yield opened, outside, errors
    opened.context.close()


def settle(opened):
    """Wait for the formulas, and for what is drawn after them."""
    sources = opened.locator("span.math, div.math").count()
    opened.wait_for_function(
        f"document.querySelectorAll('mjx-container').length >= {sources}", timeout=60_000
    )
    opened.evaluate("() => new Promise(done => requestAnimationFrame(() => setTimeout(done)))")


def barriers(opened):
    """What axe finds that keeps people from using the slides."""
    found = Axe().run(opened, options={"resultTypes": ["violations"]}).response["violations"]
    return [
        f"{violation['id']}: {node['html'][:120]}"
        for violation in found
        if violation["impact"] in ("serious", "critical") or violation["id"] == "heading-order"
        for node in violation["nodes"]
    ]


def test_deck_is_whole_and_asks_no_other_host(shown):
    opened, outside, errors = shown
    assert outside == []
    assert errors == []
    broken = "images => images.filter(i => !i.complete || i.naturalWidth === 0).map(i => i.src)"
    assert opened.eval_on_selector_all("img", broken) == []
    assert opened.locator("mjx-merror, .MathJax_Error").count() == 0
    for live in opened.locator(".live .explorer").all():
        assert live.locator("svg, canvas").count() > 0
    assert barriers(opened) == []


def test_no_slide_is_fuller_than_the_screen(shown):
    opened = shown[0]
    opened.set_viewport_size(SCREEN)
    overfull = """slides => slides.filter(slide => {
      const { scrollHeight, clientHeight, scrollWidth, clientWidth } = slide;
      return scrollHeight > clientHeight || scrollWidth > clientWidth;
    }).map(slide => slide.innerText.slice(0, 80))"""
    assert opened.eval_on_selector_all("main > section", overfull) == []
    height = "images => Math.min(...images.map(image => image.clientHeight))"
    assert opened.eval_on_selector_all(".figure img", height) > SCREEN["height"] / 3
    letters = "bodies => Math.min(...bodies.map(b => parseFloat(getComputedStyle(b).fontSize)))"
    assert opened.eval_on_selector_all("main > :not(.live) .body", letters) >= 18


def test_fits_a_phone(shown):
    opened = shown[0]
    opened.set_viewport_size({"width": 390, "height": 844})
    assert opened.evaluate("document.documentElement.scrollWidth") <= 390
    wide = "slides => slides.filter(s => s.scrollWidth > s.clientWidth).map(s => s.id)"
    assert opened.eval_on_selector_all("main > section", wide) == []


def test_keys_turn_the_slides(visit):
    opened, *_ = visit(DECKS[0])
    opened.set_viewport_size(SCREEN)
    settle(opened)
    last = opened.locator("main > section").count()
    for key, number in [
        ("ArrowRight", 2),
        ("ArrowDown", 3),
        ("Space", 4),
        ("ArrowLeft", 3),
        ("Shift+Space", 2),
        ("End", last),
        ("ArrowRight", last),
        ("Home", 1),
        ("PageUp", 1),
    ]:
        opened.keyboard.press(key)
        opened.wait_for_function(f"location.hash.slice(1) === '{number}'")
        assert opened.locator(f"[id='{number}']").bounding_box()["y"] == pytest.approx(0, abs=1)


def test_the_address_says_which_slide(visit):
    opened, *_ = visit(f"{DECKS[0]}#7")
    settle(opened)
    assert opened.locator("[id='7']").bounding_box()["y"] == pytest.approx(0, abs=1)
    opened.keyboard.press("ArrowRight")
    opened.wait_for_function("location.hash === '#8'")


def test_live_figures_keep_their_keys_and_pointer(visit):
    opened, *_ = visit(DECKS[1])
    opened.set_viewport_size(SCREEN)
    settle(opened)
    slide = opened.locator("section:has(#live-posterior)")
    slide.scroll_into_view_if_needed()
    points = opened.locator("#live-posterior input[type=range]").first
    before = points.input_value()
    points.focus()
    opened.keyboard.press("ArrowRight")
    assert points.input_value() != before
    opened.wait_for_function(f"location.hash === '#{slide.get_attribute('id')}'")


def test_dark_screens_and_white_paper(visit):
    opened, *_ = visit(DECKS[1], color_scheme="dark")
    settle(opened)
    assert opened.evaluate("document.documentElement.dataset.theme") == "dark"
    assert barriers(opened) == []
    ground = "getComputedStyle(document.body).backgroundColor"
    assert max(map(int, re.findall(r"\d+", opened.evaluate(ground)))) < 50
    opened.emulate_media(media="print", color_scheme="dark")
    assert opened.evaluate(ground) == "rgb(255, 255, 255)"


def test_prints_one_slide_a_page(visit, tmp_path):
    opened, *_ = visit(DECKS[0])
    settle(opened)
    opened.pdf(path=tmp_path / "week.pdf", print_background=True, prefer_css_page_size=True)
    assert len(PdfReader(tmp_path / "week.pdf").pages) == opened.locator("main > section").count()
