"""The live explorers: they answer to keyboard and pointer, and compute what symlib computes."""

from pathlib import Path

import numpy as np
import pytest

from symlib import data, kernels, orbits, regression, spectral

HTML = Path(__file__).parents[2] / "_build" / "html"
EXPLORERS = ["two-circles", "draw-two-digits"]
COUNTS = (2, 4, 8, 16, 32, 64)
RIDGE = 1e-10  # of the page of digits
both = pytest.mark.parametrize("name", EXPLORERS)

CIRCLES = """
([count, offset, inverseLength, ridge]) =>
  numerics.spectralError(numerics.rbf(numerics.twoCircles(count, offset), inverseLength), ridge)
"""

DRAWN = """
() => drawing.imageOf(drawing.fitted([
  [[4, 3], [9, 2], [16, 4], [18, 9], [13, 13], [7, 20], [8, 23], [19, 22]], [[10, 12], [15, 13]],
]))
"""


@pytest.fixture
def explorer(visit):
    def opening(name, **options):
        opened, outside, errors, _ = visit(f"book/{name}.html", **options)
        yet_unseen.append((outside, errors))
        return opened

    yet_unseen = []
    yield opening
    for outside, errors in yet_unseen:
        assert outside == []
        assert errors == []


def settle(opened):
    """Wait until the page has drawn itself anew."""
    opened.evaluate("() => new Promise(done => requestAnimationFrame(() => setTimeout(done)))")


def shown(opened, name):
    """The number in an element."""
    settle(opened)
    return float(opened.inner_text(f"#{name}"))


def slider(opened, name):
    return opened.get_by_role("slider", name=name)


def array(opened, expression, argument=None):
    """What a function of the page returns, as an array of all digits."""
    returned = opened.evaluate(
        "([f, x]) => JSON.parse(JSON.stringify(eval(f)(x), (key, value) => "
        "ArrayBuffer.isView(value) ? Array.from(value) : value))",
        [expression, argument],
    )
    return np.array(returned)


@pytest.mark.parametrize("offset", [0.0, 0.5, 1.3])
@pytest.mark.parametrize(("inverse_length", "ridge"), [(1.0, 1e-6), (1.4, 1e-3), (3.0, 0.0)])
def test_circles_have_the_numbers_of_symlib(explorer, offset, inverse_length, ridge):
    opened = explorer("two-circles")
    for count in (2, 3, 8, 17, *([32] if ridge else [])):  # without, 32 lose six digits
        found = opened.evaluate(
            CIRCLES,
            [count, offset, inverse_length, ridge],
        )
        points = orbits.two_circles(count, offset).reshape(2 * count, 3)
        gram = np.asarray(kernels.rbf(points, inverse_length=inverse_length))
        expected = spectral.spectral_error(gram, ridge=ridge)
        for quantity in ("error", "closeness", "density"):
            assert found[quantity] == pytest.approx(getattr(expected, quantity), rel=1e-6)
        row = spectral.circulant_projection(spectral.interleave(gram + ridge * np.eye(len(gram))))
        np.testing.assert_allclose(found["row"], row, atol=1e-12)
        np.testing.assert_allclose(found["inverse"], 1 / np.fft.fft(row).real, rtol=1e-6)


def test_rotations_are_those_of_symlib(explorer):
    opened = explorer("draw-two-digits")
    image = np.random.default_rng(0).random((28, 28))
    for count in (1, 2, 3, 4, 12, 64):
        turned = array(
            opened,
            "([image, n]) => rotation.rotations(Float64Array.from(image), "
            "rotation.operatorOfTurns(28, n), n)",
            [image.ravel().tolist(), count],
        )
        expected = orbits.rotations(image, count).reshape(count, 784)
        np.testing.assert_allclose(turned, expected, atol=1e-12)
    for angle in (-30.0, 90.0, 201.7):
        turned = array(
            opened,
            "([image, angle]) => rotation.rotate(Float64Array.from(image), "
            "rotation.rotationOperator(28, [angle]))",
            [image.ravel().tolist(), angle],
        )
        expected = orbits.rotate(image, np.array([angle])).reshape(1, 784)
        np.testing.assert_allclose(turned, expected, atol=1e-12)


def test_digits_have_the_numbers_of_symlib(explorer):
    """Real digits as the page holds them, and a drawn one: gram, spectrum and exact residuals."""
    opened = explorer("draw-two-digits")
    digits = data.load("mnist-5000")
    drawn = array(opened, DRAWN)
    assert 30 < drawn.sum() < 200
    examples = {}
    for digit in (0, 4, 6, 7, 9):
        mine = array(opened, "digit => drawTwoDigits.examples[digit]", digit)
        theirs = digits.images[digits.labels == digit][: len(mine)].reshape(-1, 784)
        np.testing.assert_array_equal(mine, theirs)
        examples[digit] = mine[0]
    pairs = [(examples[4], examples[7]), (examples[6], examples[9]), (drawn, examples[0])]
    for first, second in pairs:
        found = opened.evaluate(
            """pair => {
              const operator = rotation.operatorOfTurns(28, 64);
              const orbitOf = image => rotation.rotations(Float64Array.from(image), operator, 64);
              return drawTwoDigits.errorsOf(...pair.map(x => orbitOf(x).map(rotation.normalize)));
            }""",
            [first.tolist(), second.tolist()],
        )
        assert tuple(row["count"] for row in found) == COUNTS
        for row in found:
            expected = errors_by_symlib(np.stack([first, second]), row["count"])
            for quantity, value in expected.items():
                assert row[quantity] == pytest.approx(value, rel=1e-6), (row["count"], quantity)


def errors_by_symlib(pair, count):
    turned = orbits.rotations(pair.reshape(2, 28, 28), count)
    points = orbits.normalize(turned).reshape(2 * count, 784)
    gram = np.asarray(kernels.ntk(points, hidden_layers=1))
    paper = spectral.spectral_error(gram, ridge=RIDGE)
    labels = np.repeat([1.0, -1.0], count)
    upright = [regression.leave_out(gram, labels, [p], ridge=RIDGE)[0] for p in (0, count)]
    return {
        "error": paper.error,
        "closeness": paper.closeness,
        "density": paper.density,
        "residualA": upright[0],
        "residualB": upright[1],
    }


def test_circles_answer_to_the_keyboard(explorer):
    opened = explorer("two-circles")
    assert shown(opened, "error") > 1
    assert "Taken for the other class" in opened.inner_text("#verdict")
    assert slider(opened, "points on each circle").get_attribute("aria-valuetext") == "4"
    slider(opened, "points on each circle").focus()
    before = [shown(opened, "error")]
    for _ in range(4):
        opened.keyboard.press("ArrowRight")
        before.append(shown(opened, "error"))
    assert len(set(before)) == 5
    expected = orbits.two_circles(8, 0.5).reshape(16, 3)
    gram = np.asarray(kernels.rbf(expected, inverse_length=1.0))
    assert before[-1] == pytest.approx(spectral.spectral_error(gram, ridge=0.0).error, abs=6e-4)
    assert "Recognised" in opened.inner_text("#verdict")
    assert opened.locator("#scene rect.b").count() == 8
    opened.wait_for_function("document.querySelector('#spoken').textContent.includes('Recognised')")

    slider(opened, "distance of the circles").press("Home")
    assert shown(opened, "error") > 1
    assert "above the dashed mean" in opened.text_content("#spectrum desc")
    slider(opened, "distance of the circles").press("End")
    assert shown(opened, "error") < 0.4
    slider(opened, "narrower the kernel").press("End")
    assert shown(opened, "error") == pytest.approx(1, abs=0.05)


def test_circles_say_when_float64_is_not_enough(explorer):
    opened = explorer("two-circles")
    slider(opened, "points on each circle").press("End")
    slider(opened, "narrower the kernel").press("Home")
    opened.wait_for_selector("text=singular to working precision")
    assert not opened.locator("#spectrum").is_visible()
    slider(opened, "ridge").press("End")
    assert opened.inner_text("#ridge-value") == "1"
    assert 0 < shown(opened, "error") < 1
    assert opened.locator("#spectrum").is_visible()


@pytest.mark.parametrize("touch", [False, True])
def test_circles_touch_when_dragged(explorer, touch):
    opened = explorer("two-circles", has_touch=touch)
    box = opened.locator("#scene .grip").bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    draw(opened, [(x, y + step) for step in range(0, 401, 50)], touch)
    assert opened.inner_text("#offset-value") == "0.00"
    assert shown(opened, "error") > 3
    opened.mouse.move(x, y)  # let go: no more dragging
    assert opened.inner_text("#offset-value") == "0.00"


@both
def test_clicking_the_curve_chooses_n(explorer, name):
    opened = explorer(name)
    width = opened.locator("#errors").bounding_box()["width"]
    opened.locator("#errors").click(position={"x": width - 30, "y": 100})
    assert opened.inner_text("#count-value") == {"two-circles": "32", "draw-two-digits": "64"}[name]


def test_digits_are_picked_by_keyboard(explorer):
    opened = explorer("draw-two-digits")
    assert "taken for B" in opened.inner_text("#verdict-a")
    assert "taken for A" in opened.inner_text("#verdict-b")
    opened.locator("input[name=digit-a]:checked").focus()
    opened.keyboard.press("ArrowRight")
    assert opened.locator("input[name=digit-a]:checked").get_attribute("value") == "5"
    digits = data.load("mnist-5000")
    images = [digits.images[digits.labels == digit] for digit in (5, 7)]
    expected = errors_by_symlib(np.stack([images[0][0], images[1][0]]), 4)
    assert shown(opened, "spectral") == pytest.approx(expected["error"], abs=6e-4)
    exact = (abs(expected["residualA"]) + abs(expected["residualB"])) / 2
    assert shown(opened, "exact") == pytest.approx(exact, abs=6e-4)

    slider(opened, "how many angles").press("End")
    settle(opened)
    assert "recognised as A" in opened.inner_text("#verdict-a")
    assert "recognised as B" in opened.inner_text("#verdict-b")
    opened.wait_for_function(
        "document.querySelector('#spoken').textContent.startsWith('With 64 angles')"
    )
    expected = errors_by_symlib(np.stack([images[0][1], images[1][0]]), 64)
    opened.locator("#another-a").press("Enter")
    assert shown(opened, "spectral") == pytest.approx(expected["error"], abs=6e-4)


@pytest.mark.parametrize("touch", [False, True])
def test_a_drawing_changes_the_verdict(explorer, touch):
    opened = explorer("draw-two-digits", has_touch=touch)
    slider(opened, "how many angles").press("Home")
    settle(opened)
    assert "taken for B" in opened.inner_text("#verdict-a")
    opened.locator("#clear-a").click()
    opened.wait_for_selector("text=Draw or pick a digit on each side")
    assert opened.locator("#another-a").is_disabled()
    box = opened.locator("#pad-a").bounding_box()
    angles = np.linspace(0, 2 * np.pi, 40)
    ring = np.stack([0.5 + 0.3 * np.cos(angles), 0.5 + 0.3 * np.sin(angles)], axis=1)
    draw(opened, np.array([box["x"], box["y"]]) + box["width"] * ring, touch)
    assert shown(opened, "spectral") < 1
    assert "recognised as A" in opened.inner_text("#verdict-a")
    assert opened.locator("input[name=digit-a]:checked").count() == 0
    drawn = array(opened, "() => drawTwoDigits.state.a.image")
    seven = array(opened, "() => drawTwoDigits.state.b.image")
    expected = errors_by_symlib(np.stack([drawn, seven]), 2)
    assert shown(opened, "spectral") == pytest.approx(expected["error"], abs=6e-4)
    assert abs(expected["residualA"]) < expected["error"] < abs(expected["residualB"])


def draw(opened, points, touch):
    if not touch:
        opened.mouse.move(*points[0])
        opened.mouse.down()
        for point in points:
            opened.mouse.move(*point)
        opened.mouse.up()
        return
    session = opened.context.new_cdp_session(opened)
    for kind, point in [("touchStart", points[0]), *(("touchMove", p) for p in points)]:
        fingers = [{"x": float(point[0]), "y": float(point[1])}]
        session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": fingers})
    session.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})


def test_a_drawing_is_centred_and_scaled(explorer):
    opened = explorer("draw-two-digits")
    image = array(opened, DRAWN).reshape(28, 28)
    assert image.min() == 0
    assert image.max() == 1
    rows, columns = np.mgrid[:28, :28]
    for axis in (rows, columns):
        assert (image * axis).sum() / image.sum() == pytest.approx(13.5, abs=0.15)
    extents = [np.ptp(axis[image > 0.5]) + 1 for axis in (rows, columns)]
    assert 19 <= max(extents) <= 21


def test_what_the_pages_tell_to_try_is_so(explorer):
    circles = explorer("two-circles")
    sweep = [circles.evaluate(CIRCLES, [count, 0.5, 1, 0]) for count in range(4, 17)]
    assert [count for count, found in zip(range(4, 17), sweep) if found["error"] > 1] == [4, 5, 6]
    assert (np.diff([found["density"] for found in sweep]) > 0).all()
    assert sweep[0]["closeness"] < 4 * sweep[-1]["closeness"]
    touching = [circles.evaluate(CIRCLES, [count, 0, 1, 0]) for count in (8, 10, 12)]
    for found in touching:
        assert found["closeness"] == max(found["inverse"])
    assert (np.diff([found["error"] for found in touching]) > 0).all()

    digits = explorer("draw-two-digits")

    def pick(first, second, step):
        digits.locator(f"input[name=digit-a][value='{first}']").check(force=True)
        digits.locator(f"input[name=digit-b][value='{second}']").check(force=True)
        digits.locator("#count").fill(str(step))
        return shown(digits, "spectral"), digits.inner_text(".ring >> nth=0 >> figcaption")

    assert pick(6, 9, 4)[0] > 1  # 16 angles
    assert "taken for B" in pick(6, 9, 4)[1]
    assert pick(0, 1, 2)[0] < 1  # four
    assert "recognised as A" in pick(0, 1, 2)[1]


def test_digits_respond_at_once(explorer):
    """Both orbits, the Gram matrix and six spectra and solves: the best of five is no accident."""
    opened = explorer("draw-two-digits")
    milliseconds = opened.evaluate(
        """() => Math.min(...[0, 1, 2, 3, 4].map(() => {
          const begun = performance.now();
          drawTwoDigits.pick("a", 3);
          return performance.now() - begun;
        }))"""
    )
    assert milliseconds < 200


@both
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_explorer_is_legible_on_a_phone(explorer, name, theme):
    opened = explorer(name, theme=theme, width=390)
    assert opened.evaluate("document.documentElement.scrollWidth") <= 390
    assert opened.locator("#explorer").bounding_box()["width"] <= 390
    small = opened.eval_on_selector_all(
        "#explorer svg text",
        "texts => texts.filter(text => text.getBoundingClientRect().height < 11).length",
    )
    assert small <= 12  # subscripts
    contrasts = opened.eval_on_selector_all(
        "#explorer svg text, #explorer label, #explorer figcaption, #explorer p", _CONTRASTS
    )
    assert len(contrasts) > 30
    assert min(contrasts) >= 7
    marks = opened.eval_on_selector_all("#explorer circle.a, #explorer rect.b", _CONTRASTS)
    assert min(marks) >= 3


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


@both
def test_every_figure_and_control_is_described(explorer, name):
    opened = explorer(name)
    unnamed = """
      elements => elements.filter(e => e.getAttribute("aria-labelledby").split(" ")
        .some(id => document.getElementById(id).textContent.length < 10)).map(e => e.id)"""
    assert opened.locator("#explorer svg[role=img]").count() >= 4
    assert opened.locator("#explorer svg:not([role=img])").count() == 0
    assert opened.eval_on_selector_all("#explorer svg", unnamed) == []
    pictures = opened.locator("#explorer canvas:not([aria-hidden])")
    for number in range(pictures.count()):
        assert len(pictures.nth(number).get_attribute("aria-label")) > 20
    unlabelled = "inputs => inputs.filter(i => i.labels.length !== 1).length"
    assert opened.eval_on_selector_all("#explorer input", unlabelled) == 0
    identifiers = opened.eval_on_selector_all("[id]", "all => all.map(e => e.id)")
    assert len(identifiers) == len(set(identifiers))
    opened.keyboard.press("Tab")
    focused = opened.locator("#explorer input[type=range]").first
    focused.focus()
    assert focused.evaluate("e => getComputedStyle(e).outlineStyle") == "solid"


@both
def test_without_scripts_a_figure_stands_there(visit, name):
    opened, outside, errors, _ = visit(f"book/{name}.html", java_script_enabled=False)
    still = opened.locator("img.explorer-still")
    assert still.is_visible()
    assert still.bounding_box()["height"] > 100
    assert len(still.get_attribute("alt")) > 100
    assert outside == errors == []


@both
def test_explorer_works_from_a_file(browser, name):
    opened = browser.new_page()
    errors = []
    opened.on("pageerror", lambda error: errors.append(str(error)))
    opened.goto((HTML / "book" / f"{name}.html").as_uri())
    opened.wait_for_selector("#errors .curve")
    assert errors == []
    opened.close()


def test_scripts_load_on_their_page_only(visit):
    opened, *_ = visit("book/kernel-regression.html")
    assert opened.locator("script[src*=explorers]").count() == 0


def test_example_digits_are_small():
    path = HTML / "_static" / "explorers" / "digits.js"
    assert 20_000 < path.stat().st_size < 100_000
