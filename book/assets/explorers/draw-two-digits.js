// Two images, drawn or picked, each turned N times: is the unseen upright one recognised?
"use strict";

{
  const { leaveOneOut, ntk, range, spectralError } = numerics;
  const { normalize, operatorOfTurns, rotations } = rotation;
  const { SIZE, fitted, imageOf, showImage, showOrbit, showWords } = drawing;
  const { format, formatError } = charts;
  const COUNTS = [2, 4, 8, 16, 32, 64];
  const MOST = 64; // turns; the orbits of fewer are every second, fourth, … of these
  const RIDGE = 1e-10;
  const COLOURS = { a: [0, 114, 178], b: [213, 94, 0] };
  const NAMES = { a: "A", b: "B" };
  const SHAPES = { a: "●", b: "■" };
  const EXAMPLES = digitExamples.map((images) => images.map(imageFromText));

  const operator = operatorOfTurns(SIZE, MOST);
  const state = { count: 4, a: pickedState(4), b: pickedState(7) };

  function imageFromText(text) {
    return Float64Array.from(atob(text), (character) => character.charCodeAt(0) / 255);
  }

  function pickedState(digit, example = 0) {
    return withOrbit({ digit, example, strokes: null, image: EXAMPLES[digit][example] });
  }

  function drawnState(strokes) {
    if (!strokes.flat().length) return { strokes };
    return withOrbit({ strokes, image: imageOf(fitted(strokes)) });
  }

  function withOrbit(side) {
    const orbit = rotations(side.image, operator, MOST);
    return { ...side, orbit, points: orbit.map(normalize) };
  }

  /** Every error of two orbits, by N. */
  function errorsOf(first, second) {
    const gram = ntk([...first, ...second]);
    return COUNTS.map((count) => {
      const kept = range(2 * count).map((k) => (k * MOST) / count);
      const sampled = kept.map((p) => kept.map((q) => gram[p][q]));
      const labels = kept.map((_, k) => (k < count ? 1 : -1));
      const [residualA, residualB] = leaveOneOut(sampled, labels, [0, count], RIDGE);
      return { count, residualA, residualB, ...spectralError(sampled, RIDGE) };
    });
  }

  const root = document.getElementById("explorer");
  const pads = (side) => `
    <fieldset class="explorer-side ${side}">
      <legend><span class="key ${side}">${SHAPES[side]}</span> ${NAMES[side]}: draw or pick</legend>
      <div class="pad-and-digits">
        <canvas id="pad-${side}" class="pad" width="280" height="280" role="img"></canvas>
        <div>
          <div class="digits">${range(10).map((digit) => `
            <label><input type="radio" name="digit-${side}" value="${digit}"
              ${state[side].digit === digit ? "checked" : ""}><canvas width="56" height="56"
              aria-hidden="true"></canvas><span class="visually-hidden">${digit}</span></label>`).join("")}
          </div>
          <button type="button" id="another-${side}">Another</button>
          <button type="button" id="clear-${side}">Clear</button>
        </div>
      </div>
    </fieldset>`;
  const ring = (side) => `
    <figure class="ring">
      <canvas id="ring-${side}" width="640" height="640" role="img"></canvas>
      <figcaption id="verdict-${side}"></figcaption>
    </figure>`;
  root.innerHTML = `
    <div class="explorer-columns narrow">${pads("a")}${pads("b")}</div>
    ${page.slider("count", "<i>N</i>, how many angles the network has seen each at", 1, 6, 1, 2)}
    <div class="explorer-columns narrow">${ring("a")}${ring("b")}</div>
    <div class="explorer-verdict" id="verdict"></div>
    <svg id="answers"></svg>
    <figure>
      <figcaption><b>The error for every <i>N</i>.</b> Exact, unseen upright
        <span class="key a">●</span> A, <span class="key b">■</span> B; predicted from the spectrum
        <span class="key">▲</span> ε<sub>s</sub>. Click to choose <i>N</i>.</figcaption>
      <svg id="errors"></svg>
    </figure>
    <div class="explorer-columns">
      <figure>
        <figcaption><b>First row of the Gram matrix</b>, averaged to a circulant: same digit
          <span class="key a">●</span> and other digit <span class="key b">■</span> take
          turns.</figcaption>
        <svg id="row"></svg>
      </figure>
      <figure>
        <figcaption><b>Inverse spectrum 1/λ</b>, <span class="key signal">▮</span>
          λ<sub>N</sub><sup>−1</sup> against the mean of all, dashed.</figcaption>
        <svg id="spectrum"></svg>
      </figure>
    </div>
    <p class="visually-hidden" role="status" id="spoken"></p>`;

  const figure = (id) => document.getElementById(id);
  const say = page.announcer(figure("spoken"));
  let errors = [];
  let countAt;

  const nameOf = (side) => {
    const { digit } = state[side];
    return digit === undefined ? `drawing ${NAMES[side]}` : `${NAMES[side]}, a ${digit}`;
  };

  function showSide(side) {
    const { image, orbit, strokes, digit } = state[side];
    const colour = COLOURS[side];
    const pad = figure(`pad-${side}`);
    if (image) showImage(pad, strokes ? imageOf(strokes) : image, colour);
    else showWords(pad, "draw here", colour);
    pad.setAttribute("aria-label", image
      ? `${nameOf(side)}. Draw here with a pointer, or pick a digit beside.`
      : "Empty. Draw here with a pointer, or pick a digit beside.");
    for (const input of document.getElementsByName(`digit-${side}`)) {
      input.checked = Number(input.value) === digit;
    }
    figure(`another-${side}`).disabled = digit === undefined;
    const canvas = figure(`ring-${side}`);
    const step = MOST / state.count;
    if (image) {
      showOrbit(canvas, range(state.count).map((k) => orbit[k * step]), colour);
    } else {
      canvas.getContext("2d").clearRect(0, 0, canvas.width, canvas.height);
    }
    canvas.setAttribute("aria-label", image
      ? `${nameOf(side)}, at ${state.count - 1} angles in a ring, with a gap at the top for the ` +
        "upright one, which is in the middle and never seen."
      : "Nothing yet.");
  }

  function verdictOf(side, error) {
    const other = side === "a" ? "B" : "A";
    const right = error < 1;
    const words = right ? `recognised as ${NAMES[side]}` : `taken for ${other}`;
    return {
      html: `<span class="key ${side}">${SHAPES[side]}</span> Unseen upright ${NAMES[side]}:
        <b class="verdict ${right ? "right" : "wrong"}"><span class="sign">${right ? "✓" : "✗"}</span>
        ${words}</b><br>exact error ${formatError(error)}`,
      spoken: `unseen ${NAMES[side]} ${words}, error ${formatError(error)}`,
    };
  }

  function draw() {
    showSide("a");
    showSide("b");
    const ready = state.a.image && state.b.image;
    for (const id of ["answers", "errors", "row", "spectrum"]) {
      figure(id).classList.toggle("off", !ready);
    }
    if (!ready) {
      figure("verdict").innerHTML = "<p>Draw or pick a digit on each side.</p>";
      figure("verdict-a").textContent = figure("verdict-b").textContent = "";
      return;
    }
    const here = errors.find(({ count }) => count === state.count);
    const a = verdictOf("a", here.residualA);
    const b = verdictOf("b", -here.residualB);
    figure("verdict-a").innerHTML = a.html;
    figure("verdict-b").innerHTML = b.html;
    const exact = (Math.abs(here.residualA) + Math.abs(here.residualB)) / 2;
    figure("verdict").innerHTML = `
      <p class="formula">Predicted, ε<sub>s</sub> = λ<sub>N</sub><sup>−1</sup> / ⟨λ<sup>−1</sup>⟩ =
      ${format(here.closeness)} / ${format(here.density)} =
      <b id="spectral">${formatError(here.error)}</b>. Exact, ½(|<i>r</i><sub>A</sub>| +
      |<i>r</i><sub>B</sub>|) = <b id="exact">${formatError(exact)}</b>.</p>`;
    say(`With ${state.count} angles: ${a.spoken}; ${b.spoken}; spectral error ` +
      `${formatError(here.error)}.`);
    charts.answers(figure("answers"), [
      { kind: "a", name: "unseen A", value: 1 - here.residualA },
      { kind: "b", name: "unseen B", value: -1 - here.residualB },
    ]);
    const series = [
      { name: "A, exact", kind: "a", values: errors.map(({ residualA }) => Math.abs(residualA)) },
      { name: "B, exact", kind: "b", values: errors.map(({ residualB }) => Math.abs(residualB)) },
      { name: "spectral error", kind: "both", values: errors.map(({ error }) => error) },
    ];
    countAt = charts.errors(figure("errors"), {
      counts: COUNTS,
      count: state.count,
      series,
      logX: true,
      xLabel: "N, angles",
    });
    charts.firstRow(figure("row"), here.row, "in angle");
    charts.inverseSpectrum(figure("spectrum"), here);
  }

  const paint = page.painter(root, draw);

  /** Puts an image on one side and asks for everything that follows from it. */
  function put(side, made) {
    state[side] = made;
    if (state.a.image && state.b.image) errors = errorsOf(state.a.points, state.b.points);
    paint();
  }

  const setCount = page.bindSlider("count", (step) => {
    state.count = 2 ** step;
    paint();
    return String(state.count);
  });
  page.onClick(figure("errors"), (place) => setCount(Math.log2(countAt(place))));

  for (const side of ["a", "b"]) {
    document.getElementsByName(`digit-${side}`).forEach((input, digit) => {
      showImage(input.nextElementSibling, EXAMPLES[digit][0], COLOURS[side]);
      input.addEventListener("change", () => put(side, pickedState(digit)));
    });
    figure(`another-${side}`).addEventListener("click", () => {
      const { digit, example } = state[side];
      put(side, pickedState(digit, (example + 1) % EXAMPLES[digit].length));
    });
    figure(`clear-${side}`).addEventListener("click", () => put(side, drawnState([])));

    const pad = figure(`pad-${side}`);
    const pointOf = (event) => {
      const { left, top, width } = pad.getBoundingClientRect();
      return [event.clientX - left, event.clientY - top].map((v) => (v / width) * SIZE - 0.5);
    };
    let drawing = false;
    let strokes = [];
    let waiting = false;
    const update = () => {
      if (waiting) return; // one picture a frame, however fast the pointer
      waiting = true;
      requestAnimationFrame(() => {
        waiting = false;
        put(side, drawnState(strokes));
      });
    };
    pad.addEventListener("pointerdown", (event) => {
      event.preventDefault();
      pad.setPointerCapture(event.pointerId);
      drawing = true;
      strokes = [...(state[side].strokes ?? []), [pointOf(event)]];
      update();
    });
    pad.addEventListener("pointermove", (event) => {
      if (!drawing) return;
      const seen = event.getCoalescedEvents?.() ?? [];
      strokes.at(-1).push(...(seen.length ? seen : [event]).map(pointOf));
      update();
    });
    for (const end of ["pointerup", "pointercancel"]) {
      pad.addEventListener(end, () => { drawing = false; });
    }
  }

  put("a", state.a);
  // For a reader's console, and the tests.
  const pick = (side, digit) => put(side, pickedState(digit));
  globalThis.drawTwoDigits = { errorsOf, examples: EXAMPLES, pick, state };
}
