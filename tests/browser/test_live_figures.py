"""The live figures in the chapters: they answer to keyboard and pointer, with symlib's numbers."""

import re
from pathlib import Path

import numpy as np
import pytest

from symlib import data, groups, kernels, orbits

pytestmark = pytest.mark.slow
HTML = Path(__file__).parents[2] / "_build" / "html"
CHAPTERS = {  # figure → the chapter that it stands in, its number of pictures, its sliders
    "gram": ("cyclic-groups", 1, 1),
    "circulant": ("circulant-matrices", 4, 7),
    "posterior": ("kernel-regression", 2, 2),
    "planes": ("orbits-of-digits", 3, 1),
    "width": ("wide-networks", 1, 1),
    "two-circles": ("kernel-regression", 5, 4),
    "draw-two-digits": ("rotated-digits", 4, 1),
}
every_figure = pytest.mark.parametrize("name", CHAPTERS)


@pytest.fixture
def figure(explorer):
    """A function that opens the chapter of a live figure."""
    return lambda name, **options: explorer(CHAPTERS[name][0], **options)


@pytest.fixture(scope="module")
def library(visit_once):
    """A page with the helpers of all figures, for what they return; tests leave it as it is."""
    return visit_once("book/orbits-of-digits.html")[0]


def settle(opened):
    """Wait until the page has drawn itself anew."""
    opened.evaluate("() => new Promise(done => requestAnimationFrame(() => setTimeout(done)))")


def number(text):
    """A number as the figures write it: −1.5 or 1.17·10⁻⁴."""
    plain = text.translate(str.maketrans("−⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "--0123456789"))
    return float(re.sub(r"·?10(?=-?\d+$)", "e", plain) if "⁻" in text else plain)


def numbers(text):
    return [number(found) for found in re.findall(r"−?\d+(?:\.\d+)?(?:·10[⁻⁰-⁹¹²³]+)?", text)]


def shown(opened, name):
    """The number in an element."""
    settle(opened)
    return number(opened.inner_text(f"#{name}"))


def description(opened, name):
    settle(opened)
    return opened.text_content(f"#{name}-description")


def slider(opened, name):
    return opened.get_by_role("slider", name=name, exact=True)


def press(opened, name, *keys):
    slider(opened, name).focus()
    for key in keys:
        opened.keyboard.press(key)


def drag(opened, start, end, touch):
    """From one place to another by mouse or finger."""
    steps = [np.array(start) * (1 - s) + np.array(end) * s for s in np.linspace(0, 1, 6)]
    if not touch:
        opened.mouse.move(*start)
        opened.mouse.down()
        for place in steps:
            opened.mouse.move(*place)
        opened.mouse.up()
        return
    session = opened.context.new_cdp_session(opened)
    for kind, place in [("touchStart", steps[0]), *(("touchMove", step) for step in steps)]:
        fingers = [{"x": float(place[0]), "y": float(place[1])}]
        session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": fingers})
    session.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})


def middle(opened, selector):
    """Where the middle of an element is on the screen."""
    found = opened.locator(selector).first
    found.scroll_into_view_if_needed()
    box = found.bounding_box()
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def said(opened, name, words):
    opened.wait_for_function(
        "([id, words]) => document.getElementById(id).textContent.includes(words)",
        arg=[f"{name}-spoken", words],
    )


def gram_of_quarter_turns():
    digits = data.load("mnist-5000")
    pair = np.stack([digits.images[digits.labels == digit][0] for digit in (4, 7)])
    points = orbits.normalize(orbits.quarter_turns(pair)).reshape(8, 784)
    return np.asarray(kernels.rbf(points, inverse_length=1.0))


def equal_entries(p, q):
    """What the theorem says: the same g⁻¹h in the same block, and the mirror images of these."""
    group = groups.cyclic(4)

    def kind(p, q):
        return p // 4, q // 4, group.table[group.inverses[p % 4], q % 4]

    return {8 * r + s for r, s in np.ndindex(8, 8) if kind(p, q) in (kind(r, s), kind(s, r))}


def outlined(opened):
    settle(opened)
    return opened.eval_on_selector_all(
        "#gram-matrix rect.outlined", "all => all.map(e => Number(e.dataset.entry))"
    )


def test_gram_outlines_what_invariance_makes_equal(figure):
    opened = figure("gram")
    gram = gram_of_quarter_turns()
    for entry in range(64):
        slider(opened, "Entry of the Gram matrix").fill(str(entry))
        p, q = divmod(entry, 8)
        assert shown(opened, "gram-value") == pytest.approx(gram[p, q], abs=5.1e-5)
        equal = equal_entries(p, q)
        assert set(outlined(opened)) == equal
        assert shown(opened, "gram-equal") == len(equal) - 1
        alike = np.flatnonzero(np.isclose(gram, gram[p, q], rtol=1e-12, atol=0))
        ones = {9 * k for k in range(8)}
        assert set(alike) == (ones if p == q else equal)
        assert opened.locator("text=for another reason").count() == (p == q)


def test_gram_answers_to_arrows_and_pointer(figure):
    opened = figure("gram")
    name = "Entry of the Gram matrix"
    press(opened, name, "Home", "ArrowUp", "ArrowDown", "ArrowDown", "ArrowRight", "ArrowUp")
    assert slider(opened, name).input_value() == str(8 + 1)
    words = "Row: the 4 after one quarter turn. Column: the 4 after one quarter turn."
    assert slider(opened, name).get_attribute("aria-valuetext") == words
    said(opened, "gram", "3 other entries")
    press(opened, name, "End", "ArrowDown")
    assert slider(opened, name).input_value() == "63"
    opened.mouse.move(*middle(opened, "#gram-matrix rect[data-entry='13']"))
    settle(opened)
    assert set(outlined(opened)) == equal_entries(1, 5)
    assert "the 7 after one quarter turn" in opened.inner_text("#gram-column-words")
    label = opened.get_attribute("#gram-row", "aria-label")
    assert label == "Handwritten digit: the 4 after one quarter turn."


def circulant_row(opened):
    names = ["entry 0", *(f"entries {s} and {12 - s}" for s in range(1, 6)), "entry 6"]
    half = [float(slider(opened, f"First row, {name}").input_value()) for name in names]
    return np.array(half + half[-2:0:-1])


def assert_circulant(opened):
    """The shown spectrum and inverse are those of the row that the sliders hold."""
    row = circulant_row(opened)
    eigenvalues = np.fft.fft(row).real
    inverse = np.linalg.inv(row[(np.arange(12) - np.arange(12)[:, None]) % 12])[0]
    for name, values in (("spectrum", eigenvalues), ("inverse", inverse)):
        written = numbers(description(opened, f"circulant-{name}").split(":")[1])
        for found, value in zip(written, values[:7], strict=True):
            assert found == pytest.approx(value, rel=6e-3, abs=1e-9)
    least = eigenvalues[np.abs(eigenvalues).argmin()]
    assert shown(opened, "circulant-least") == pytest.approx(least, rel=6e-3)
    verdict = opened.inner_text("#circulant-verdict p.verdict")
    assert ("Positive definite" in verdict) == (eigenvalues.min() > 0)


def test_circulants_have_the_numbers_of_numpy(library):
    generator = np.random.default_rng(0)
    for half in generator.normal(size=(20, 7)):
        row = np.concatenate([half, half[-2:0:-1]])
        found = library.evaluate("row => numerics.circulantEigenvalues(row)", row.tolist())
        np.testing.assert_allclose(found, np.fft.fft(row).real, atol=1e-12)
        inverse = library.evaluate("values => numerics.circulantInverse(values)", found)
        np.testing.assert_allclose(inverse, np.fft.ifft(1 / np.fft.fft(row)).real, rtol=1e-6)


def test_circulant_entries_move_by_keyboard(figure):
    opened = figure("circulant")
    assert_circulant(opened)
    press(opened, "First row, entries 2 and 10", *["ArrowDown"] * 5)
    assert circulant_row(opened)[[2, 10]] == pytest.approx(0.25)
    assert_circulant(opened)
    assert opened.locator("#circulant-row circle.held").count() == 2
    press(opened, "First row, entry 6", "Home")
    assert circulant_row(opened)[6] == -1
    assert_circulant(opened)
    said(opened, "circulant", "Not positive definite")
    focused = opened.locator("#circulant-row")
    assert focused.evaluate("e => getComputedStyle(e).outlineStyle") == "solid"


def test_an_inverse_that_is_none_is_refused(figure):
    opened = figure("circulant")
    before = circulant_row(opened)
    least = np.fft.fft(before).real.min()
    press(opened, "First row, entry 0", *["ArrowDown"] * round(least / 0.05))
    assert np.abs(np.fft.fft(circulant_row(opened)).real).min() < 1e-12
    said(opened, "circulant", "No inverse: eigenvalue 6 is zero")
    assert "zero to rounding" in opened.inner_text("#circulant-verdict")
    assert opened.locator("#circulant-inverse text").all_text_contents() == ["There is none."]
    press(opened, "First row, entry 0", "ArrowUp")
    settle(opened)
    assert_circulant(opened)


@pytest.mark.parametrize("touch", [False, True])
def test_circulant_entries_are_dragged(figure, touch):
    opened = figure("circulant", has_touch=touch)
    for place in (3, 9):  # either of the two that move together
        opened.reload()
        settle(opened)
        x, y = middle(opened, f"#circulant-row circle.catch >> nth={place}")
        drag(opened, (x, y), (x, y + 300), touch)
        assert circulant_row(opened)[[3, 9]] == pytest.approx(-1)
        assert_circulant(opened)
        assert opened.evaluate("document.activeElement.id") == "circulant-3"


def circle_gram(count, degrees=()):
    angles = np.deg2rad([*(np.arange(count) * 360 / count), *degrees])
    points = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    return np.asarray(kernels.rbf(points, inverse_length=1.4))


def test_posterior_variance_is_that_of_a_gaussian_process(figure):
    opened = figure("posterior")
    name = "N, points on the circle"
    press(opened, name, "Home")
    largest = []
    for count in range(2, 25):
        assert slider(opened, name).get_attribute("aria-valuetext") == str(count)
        eigenvalues = np.fft.fft(circle_gram(count)[0]).real
        variance = shown(opened, "posterior-variance")
        assert variance == pytest.approx(1 / (1 / eigenvalues).mean(), rel=6e-3)
        gram = circle_gram(count, range(361))
        unseen = round(count / 2 + 1e-9)  # at 180°, or the next
        seen = np.delete(np.arange(count), unseen)
        explained = np.linalg.solve(gram[np.ix_(seen, seen)], gram[seen])
        along = 1 - (gram[seen] * explained).sum(axis=0)[count:]
        written = numbers(description(opened, "posterior-curve"))
        assert written[0] == count - 1
        assert written[1] == pytest.approx(variance)
        assert written[2] == pytest.approx(along.max(), rel=6e-3)
        largest.append(written[2])
        press(opened, name, "ArrowRight")
    assert (np.diff(largest) <= 0).all()
    assert largest[-1] < 1e-3 < 0.9 < largest[0]
    said(opened, "posterior", "With 24 points")


def test_any_point_can_be_left_out(figure):
    opened = figure("posterior")
    slider(opened, "N, points on the circle").fill("8")
    before = shown(opened, "posterior-variance")
    assert "180 degrees" in description(opened, "posterior-circle")
    press(opened, "Point left out", "ArrowRight")
    assert shown(opened, "posterior-variance") == before
    assert "225 degrees" in description(opened, "posterior-circle")
    opened.locator("#posterior-circle circle[data-point='2']").click()
    assert shown(opened, "posterior-variance") == before
    assert "90 degrees" in description(opened, "posterior-circle")
    assert opened.locator("#posterior-circle .unseen").count() == 1
    slider(opened, "N, points on the circle").fill("4")
    assert "90 degrees" in description(opened, "posterior-circle")
    press(opened, "Point left out", "End", "ArrowRight")
    assert "270 degrees" in description(opened, "posterior-circle")


def planes_by_numpy():
    digits = data.load("mnist-5000")
    four = digits.images[digits.labels == 4][0]
    points = orbits.normalize(orbits.rotations(four, 64)).reshape(64, 784)
    for c in (np.fft.fft(points, axis=0) / 64)[1:4]:
        plane = np.stack([c.real, -c.imag], axis=1)
        yield (points - points.mean(axis=0)) @ (plane / np.linalg.norm(plane, axis=0))


def test_planes_are_those_of_the_fourier_components(figure):
    opened = figure("planes")
    expected = list(planes_by_numpy())
    for turn in (0, 1, 8, 21, 32, 63, 64):
        slider(opened, "The 4 is turned by").fill(str(turn))
        for frequency, plane in enumerate(expected, start=1):
            written = numbers(description(opened, f"planes-{frequency}"))
            np.testing.assert_allclose(written[-2:], plane[turn % 64], atol=5.1e-3)
            rounds = shown(opened, f"planes-rounds-{frequency}")
            assert rounds == pytest.approx(frequency * turn / 64, abs=5.1e-3)
    for frequency, plane in enumerate(expected, start=1):
        angle = np.unwrap(np.angle(plane @ [1, 1j]))
        assert (np.diff(angle) > 0).all()
        assert round((angle[-1] - angle[0]) * 64 / 63 / (2 * np.pi)) == frequency
        radius = np.linalg.norm(plane, axis=1)
        assert radius.max() < 1.1 * radius.min()  # nearly a circle


def test_planes_answer_to_keyboard_and_pointer(figure):
    opened = figure("planes")
    press(opened, "The 4 is turned by", "Home", *["ArrowRight"] * 16)
    assert slider(opened, "The 4 is turned by").get_attribute("aria-valuetext") == "90°"
    assert opened.get_attribute("#planes-image", "aria-label").endswith("anticlockwise by 90°.")
    said(opened, "planes", "0.75 rounds at frequency 3")
    for frequency in (2, 3, 1):
        plane = opened.locator(f"#planes-{frequency}")
        box = plane.bounding_box()
        above = {"x": box["width"] / 2, "y": 0.1 * box["height"]}  # a quarter of a round
        plane.click(position=above)
        assert shown(opened, f"planes-rounds-{frequency}") % 1 == pytest.approx(0.25, abs=0.03)


def test_normal_numbers_are_normal(library):
    drawn = np.array(
        library.evaluate(
            "() => { const draw = numerics.normals(7); return Array.from({length: 2e5}, draw); }"
        )
    )
    spread = 5 / np.sqrt(len(drawn))
    assert abs(drawn.mean()) < spread
    assert abs((drawn**2).mean() - 1) < np.sqrt(2) * spread
    assert abs((drawn**4).mean() - 3) < np.sqrt(96) * spread
    for lag in (1, 2, 3):
        assert abs((drawn[lag:] * drawn[:-lag]).mean()) < spread
        assert abs((drawn[lag:] ** 2 * drawn[:-lag] ** 2).mean() - 1) < 4 * spread


def kurtosis_of_networks(width, repetitions=200):
    """The excess kurtosis of the outputs of 2,000 networks, again and again."""
    generator = np.random.default_rng(width)
    found = []
    for _ in range(repetitions):
        first, last = generator.normal(size=(2, 2000, width))
        f = (np.maximum(first, 0) * last).sum(axis=1)
        found.append((f**4).mean() / (f**2).mean() ** 2 - 3)
    return found


def test_kurtosis_of_networks_is_as_derived_to_sampling(figure):
    opened = figure("width")
    name = "m, width of the hidden layer"
    widths = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)
    press(opened, name, "Home")
    measured, derived = [], []
    for width in widths:
        assert slider(opened, name).get_attribute("aria-valuetext") == str(width)
        measured.append(shown(opened, "width-measured"))
        derived.append(shown(opened, "width-derived"))
        assert derived[-1] == pytest.approx(3 * ((1 + 5 / width) - 1), abs=6e-4)
        if width <= 20:
            repeated = kurtosis_of_networks(width)
            assert min(repeated) <= measured[-1] <= max(repeated)
        silent = re.search(r"([\d.]+) % of the networks", opened.inner_text("#width-verdict"))
        share = float(silent[1]) / 100 if silent else 0
        assert share == pytest.approx(2.0**-width, abs=5 * np.sqrt(2.0**-width / 2000))
        press(opened, name, "ArrowRight")
    spread = np.sqrt(24 / 2000)
    assert np.abs(np.array(measured) - derived)[5:] == pytest.approx(0, abs=5 * spread)
    said(opened, "width", "Width 1000")


def test_other_networks_are_drawn_and_the_same_after_reloading(figure):
    opened = figure("width")
    first = shown(opened, "width-measured")
    opened.locator("#width-again").click()
    second = shown(opened, "width-measured")
    assert second != first
    opened.locator("#width-again").press("Enter")
    assert shown(opened, "width-measured") not in (first, second)
    opened.reload()
    assert shown(opened, "width-measured") == first
    heights = opened.eval_on_selector_all(
        "#width-histogram rect.bar", "bars => bars.map(bar => Number(bar.getAttribute('height')))"
    )
    assert len(heights) == 41
    assert heights[20] == max(heights)


def test_embedded_explorers_answer(figure):
    opened = figure("two-circles")
    slider(opened, "N, points on each circle").fill("8")
    assert 0 < shown(opened, "error") < 1
    assert slider(opened, "N, points on the circle").input_value() == "6"
    opened = figure("draw-two-digits")
    slider(opened, "N, angles in a full turn").press("End")
    settle(opened)
    assert "recognised as A" in opened.inner_text("#verdict-a")


@every_figure
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_figure_is_legible_on_a_phone(figure, contrasts, name, theme):
    opened = figure(name, theme=theme, width=390)
    assert opened.evaluate("document.documentElement.scrollWidth") <= 390
    root = f"#live-{name}"
    assert opened.locator(root).bounding_box()["width"] <= 390
    small = opened.eval_on_selector_all(
        f"{root} svg text",
        "texts => texts.filter(text => text.getBoundingClientRect().height < 11).length",
    )
    assert small <= 12  # subscripts
    outside = opened.eval_on_selector_all(
        f"{root} svg text",
        """texts => texts.filter(text => {
          const box = text.getBoundingClientRect();
          return box.left < 0 || box.right > 390;
        }).map(text => text.textContent)""",
    )
    assert outside == []
    written = contrasts(opened, f"{root} :is(svg text, label, figcaption, p, b)")
    assert len(written) > 5
    assert min(written) >= 7
    marks = f"{root} :is(circle.a:not(.unseen), circle.b, rect.b:not(.side), .bar, polygon.both)"
    assert min(contrasts(opened, marks), default=21) >= 3
    lines = f"{root} :is(.curve.a, .limit, .outlined, .gone)"
    strokes = opened.eval_on_selector_all(
        lines, "all => all.map(e => { e.style.fill = getComputedStyle(e).stroke; return e.id; })"
    )
    assert not strokes or min(contrasts(opened, lines)) >= 3


@every_figure
def test_every_picture_and_control_is_described(figure, name):
    opened = figure(name)
    _, pictures, sliders = CHAPTERS[name]
    root = f"#live-{name}"
    unnamed = """
      elements => elements.filter(e => e.getAttribute("aria-labelledby").split(" ")
        .some(id => document.getElementById(id).textContent.length < 10)).map(e => e.id)"""
    assert opened.locator(f"{root} svg[role=img]").count() == pictures
    assert opened.locator(f"{root} svg:not([role=img])").count() == 0
    assert opened.eval_on_selector_all(f"{root} svg", unnamed) == []
    canvases = opened.locator(f"{root} canvas:not([aria-hidden])")
    for place in range(canvases.count()):
        assert len(canvases.nth(place).get_attribute("aria-label")) > 20
    assert opened.locator(f"{root} input[type=range]").count() == sliders
    unlabelled = "inputs => inputs.filter(i => i.labels.length !== 1).length"
    assert opened.eval_on_selector_all(f"{root} input", unlabelled) == 0
    assert opened.locator(f"{root} [role=status]").count() == 1
    twice = """
      all => all.map(e => e.id)
        .filter(id => document.querySelectorAll("#" + CSS.escape(id)).length > 1)"""
    assert opened.eval_on_selector_all(f"{root} [id]", twice) == []
    opened.keyboard.press("Tab")
    for place in range(sliders):
        focused = opened.locator(f"{root} input[type=range]").nth(place)
        focused.focus()
        outlined = "e => [e, e.closest('figure')?.querySelector(':scope > svg')]"
        outlined += ".some(shown => shown && getComputedStyle(shown).outlineStyle === 'solid')"
        assert focused.evaluate(outlined)


@every_figure
def test_without_scripts_a_figure_stands_there(visit, name):
    opened, outside, errors, _ = visit(f"book/{CHAPTERS[name][0]}.html", java_script_enabled=False)
    still = opened.locator(f"img.explorer-still[src$='/{name}.svg']")
    assert still.is_visible()
    assert still.bounding_box()["height"] > 100
    assert len(still.get_attribute("alt")) > 100
    assert outside == errors == []


@every_figure
def test_figure_works_from_a_file(browser, name):
    opened = browser.new_page()
    errors = []
    opened.on("pageerror", lambda error: errors.append(str(error)))
    opened.goto((HTML / "book" / f"{CHAPTERS[name][0]}.html").as_uri())
    opened.wait_for_selector(f"#live-{name} svg[role=img]")
    assert errors == []
    opened.close()
