// Two images, drawn or picked, each turned N times: is the unseen upright one recognised?
"use strict";

{
  const { labelMeanError, leaveSetsOut, ntk, range, spectralError } = numerics;
  const { normalize, operatorOfTurns, rotations } = rotation;
  const { SIZE, fitted, imageFromText, imageOf, showImage, showOrbit, showWords } = drawing;
  const { format, formatError } = charts;
  const COUNTS = [2, 4, 8, 16, 32, 64];
  const MOST = 64; // turns; the orbits of fewer are every second, fourth, … of these
  const RIDGE = 1e-10;
  const COLOURS = { a: [0, 114, 178], b: [213, 94, 0] };
  const NAMES = { a: "A", b: "B" };
  const SHAPES = { a: "●", b: "■" };
  const EXAMPLES = digitExamples.map((images) => images.map(imageFromText));

  const operator = operatorOfTurns(SIZE, MOST);
  const state = { count: 4, leftOut: "both", a: pickedState(4), b: pickedState(7) };

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

  /**
   * Every error of two orbits, by N: the residuals of the upright images left out together and one
   * at a time, and what the spectrum predicts; nothing where float64 does not suffice.
   */
  function errorsOf(first, second) {
    const gram = ntk([...first, ...second]);
    return COUNTS.map((count) => {
      const kept = range(2 * count).map((k) => (k * MOST) / count);
      const sampled = kept.map((p) => kept.map((q) => gram[p][q]));
      const labels = kept.map((_, k) => (k < count ? 1 : -1));
      try {
        const [both, [aloneA], [aloneB]] =
          leaveSetsOut(sampled, labels, [[0, count], [0], [count]], RIDGE);
        return { count, both, aloneA, aloneB, ...spectralError(sampled, RIDGE) };
      } catch (problem) {
        if (!(problem instanceof RangeError)) throw problem;
        return { count, both: [NaN, NaN], aloneA: NaN, aloneB: NaN, error: NaN, balancedError: NaN };
      }
    });
  }

  const root = document.getElementById("live-draw-two-digits");
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
    ${page.choice("left-out", "Left out of training", [
      ["both", "both upright images"], ["a", "A's only"], ["b", "B's only"]], "both")}
    ${page.slider("count", "<i>N</i>, angles in a full turn", 1, 6, 1, 2)}
    <div class="explorer-columns narrow">${ring("a")}${ring("b")}</div>
    <div class="explorer-verdict" id="verdict"></div>
    <svg id="answers"></svg>
    <figure>
      <figcaption id="errors-caption"></figcaption>
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
          λ<sub>N</sub><sup>−1</sup> against <span id="mean-words"></span>, dashed.</figcaption>
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

  const isLeftOut = (side) => state.leftOut === "both" || state.leftOut === side;

  const ringInWords = (side) => (isLeftOut(side)
    ? `${nameOf(side)}, at ${state.count - 1} angles in a ring, with a gap at the top for the ` +
      "upright one, which is in the middle and never seen."
    : `${nameOf(side)}, at all ${state.count} angles in a ring, the upright one among them.`);

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
      showOrbit(canvas, range(state.count).map((k) => orbit[k * step]), colour, isLeftOut(side));
    } else {
      canvas.getContext("2d").clearRect(0, 0, canvas.width, canvas.height);
    }
    canvas.setAttribute("aria-label", image ? ringInWords(side) : "Nothing yet.");
  }

  /** What becomes of one side's upright image, y·r its error: to be shown and to be said. */
  function verdictOf(side, error) {
    const key = `<span class="key ${side}">${SHAPES[side]}</span>`;
    if (!isLeftOut(side)) {
      return { html: `${key} ${NAMES[side]}: seen at all ${state.count} angles`, spoken: "" };
    }
    const other = side === "a" ? "B" : "A";
    const right = error < 1;
    const words = right ? `recognised as ${NAMES[side]}` : `taken for ${other}`;
    return {
      html: `${key} Unseen upright ${NAMES[side]}:
        <b class="verdict ${right ? "right" : "wrong"}"><span class="sign">${right ? "✓" : "✗"}</span>
        ${words}</b><br>exact error ${formatError(error)}`,
      spoken: `unseen ${NAMES[side]} ${words}, error ${formatError(error)}`,
    };
  }

  const EPSILON_S = "ε<sub>s</sub> = λ<sub>N</sub><sup>−1</sup> / ⟨λ<sup>−1</sup>⟩";
  const EPSILON_BAL = "ε<sub>bal</sub> = λ<sub>N</sub><sup>−1</sup> / " +
    "⟨λ<sub>ω</sub><sup>−1</sup>(1 − cos(πω/N))⟩";
  const r = (name) => `<i>r</i><sub>${name}</sub>`;
  const half = `½(|${r("A")}| + |${r("B")}|)`;
  const meanSize = (first, second) => (Math.abs(first) + Math.abs(second)) / 2;

  /** The two protocols: which residuals, which prediction, and what is said about them. */
  const protocols = {
    both: {
      residuals: ({ both }) => both,
      caption: `both upright images left out: <span class="key a">●</span> A,
        <span class="key b">■</span> B, exact; from the spectrum <span class="key">▲</span>
        ε<sub>bal</sub>. Thin line: ε<sub>s</sub>, which is of one image left out.`,
      meanWords: "the mean in which frequency <i>ω</i> counts 1 − cos(π<i>ω</i>/<i>N</i>) times",
      spectrum: (here) => ({ symbol: "bal", density: here.balancedDensity,
        error: here.balancedError }),
      formula: (here) => `Predicted, ${EPSILON_BAL} = ${format(here.closeness, 4)} /
        ${format(here.balancedDensity, 4)} = <b id="spectral">${formatError(here.balancedError)}</b>.
        Exact, ${half} = <b id="exact">${formatError(meanSize(...here.both))}</b>.
        As many labels +1 as −1 are seen, so a guess from their mean errs by 1.`,
      series: (all) => [
        { name: "spectral error, one left out", kind: "other", values: all.map((e) => e.error) },
        { name: "A, exact", kind: "a", values: all.map(({ both }) => Math.abs(both[0])) },
        { name: "B, exact", kind: "b", values: all.map(({ both }) => Math.abs(both[1])) },
        { name: "balanced spectral error", kind: "both", values: all.map((e) => e.balancedError) },
      ],
    },
    a: protocolOfOne("a", "A", (here) => here.aloneA),
    b: protocolOfOne("b", "B", (here) => here.aloneB),
  };

  function protocolOfOne(side, name, residual) {
    const other = side === "a" ? "B" : "A";
    return {
      residuals: (here) => [here.aloneA, here.aloneB],
      caption: `only ${name}'s upright image left out: <span class="key ${side}">${SHAPES[side]}</span>
        ${name}, exact; from the spectrum <span class="key">▲</span> ε<sub>s</sub>. Dotted:
        2<i>N</i>/(2<i>N</i> − 1), the error of a guess from the mean of the labels.`,
      meanWords: "the mean of all",
      spectrum: (here) => ({ symbol: "s", density: here.density, error: here.error }),
      formula: (here) => `Predicted, ${EPSILON_S} = ${format(here.closeness, 4)} /
        ${format(here.density, 4)} = <b id="spectral">${formatError(here.error)}</b>.
        Exact, |${r(name)}| = <b id="exact">${formatError(Math.abs(residual(here)))}</b>; with A and
        B left out in turn, ${half} =
        <b id="in-turn">${formatError(meanSize(here.aloneA, here.aloneB))}</b>.
        There is one label more of ${other}: a guess from the labels' mean errs by
        2<i>N</i>/(2<i>N</i> − 1) = <b id="label-mean">${formatError(labelMeanError(here.count))}</b>.`,
      series: (all) => [
        { name: "mean of the labels", kind: "guess", values: COUNTS.map(labelMeanError) },
        { name: `${name}, exact`, kind: side, values: all.map((e) => Math.abs(residual(e))) },
        { name: "spectral error", kind: "both", values: all.map(({ error }) => error) },
      ],
    };
  }

  function draw() {
    showSide("a");
    showSide("b");
    const ready = state.a.image && state.b.image;
    const here = ready && errors.find(({ count }) => count === state.count);
    const computed = ready && !Number.isNaN(here.error);
    for (const id of ["answers", "errors", "row", "spectrum"]) {
      figure(id).classList.toggle("off", id === "errors" ? !ready : !computed);
    }
    const protocol = protocols[state.leftOut];
    figure("errors-caption").innerHTML = `<b>The error for every <i>N</i>,</b>
      ${protocol.caption} Click to choose <i>N</i>.`;
    figure("mean-words").innerHTML = protocol.meanWords;
    if (ready) drawErrors(protocol);
    if (!computed) {
      figure("verdict").innerHTML = ready
        ? `<p class="verdict"><span class="sign">?</span> Beyond float64</p><p>Some of these images
          are all but the same, and fewer than six digits of the answer would be right.</p>`
        : "<p>Draw or pick a digit on each side.</p>";
      figure("verdict-a").textContent = figure("verdict-b").textContent = "";
      return;
    }
    const [residualA, residualB] = protocol.residuals(here);
    const a = verdictOf("a", residualA);
    const b = verdictOf("b", -residualB);
    figure("verdict-a").innerHTML = a.html;
    figure("verdict-b").innerHTML = b.html;
    figure("verdict").innerHTML = `<p class="formula">${protocol.formula(here)}</p>`;
    const { symbol, density, error } = protocol.spectrum(here);
    const spoken = [a, b].map((side) => side.spoken).filter(Boolean).join("; ");
    say(`With ${state.count} angles: ${spoken}; predicted error ${formatError(error)}.`);
    charts.answers(figure("answers"), [
      { side: "a", kind: "a", name: "unseen A", value: 1 - residualA },
      { side: "b", kind: "b", name: "unseen B", value: -1 - residualB },
    ].filter(({ side }) => isLeftOut(side)));
    charts.firstRow(figure("row"), here.row, "in angle");
    charts.inverseSpectrum(figure("spectrum"), { ...here, density, error }, symbol);
  }

  function drawErrors(protocol) {
    countAt = charts.errors(figure("errors"), {
      counts: COUNTS,
      count: state.count,
      series: protocol.series(errors),
      logX: true,
      xLabel: "N, angles in a full turn",
    });
  }

  const paint = page.painter(root, draw);

  /** Puts an image on one side and asks for everything that follows from it. */
  function put(side, made) {
    state[side] = made;
    if (state.a.image && state.b.image) errors = errorsOf(state.a.points, state.b.points);
    paint();
  }

  page.bindChoice("left-out", (chosen) => {
    state.leftOut = chosen;
    paint();
  });
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
