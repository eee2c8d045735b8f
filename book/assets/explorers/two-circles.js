// Two circles of points under a Gaussian kernel, one point of circle A left out.
"use strict";

{
  const { labelMeanError, range, rbf, spectralError, twoCircles } = numerics;
  const { begin, format, formatError, marker, path, timesPower } = charts;
  const COUNTS = range(31).map((k) => k + 2);
  const TILT = 0.5; // of the view, in radians
  const TURN = -0.42;
  const UNIT = 108; // pixels to the radius of a circle

  const state = { leftOut: "alone" };
  const root = document.getElementById("live-two-circles");
  root.innerHTML = `
    <div class="explorer-columns">
      <figure>
        <figcaption><b><span class="key a">●</span> circle A, <span class="key b">■</span> circle
          B,</b> and <span class="key">◌</span> what is left out. The thicker a line, the nearer the
          kernel finds that point to the unseen one of A. Drag ↕ to move circle B.</figcaption>
        <svg id="scene"></svg>
      </figure>
      <div>
        ${page.slider("count", "<i>N</i>, points on each circle", 2, 32, 1, 4)}
        ${page.slider("offset", "Δ, distance of the circles", 0, 1.5, 0.02, 0.5)}
        ${page.slider("inverse-length", "<i>L</i>: the larger, the narrower the kernel",
          0.5, 3, 0.05, 1)}
        ${page.slider("ridge", "ridge", 0, 13, 1, 0)}
        ${page.choice("left-out", "Left out of training", [
          ["alone", "a point of A"], ["pair", "with it, a neighbour on B"]], "alone")}
        <div class="explorer-verdict" id="verdict"></div>
        <svg id="answers"></svg>
      </div>
    </div>
    <div class="explorer-columns">
      <figure>
        <figcaption><b>First row of the Gram matrix.</b> Own class
          <span class="key a">●</span> and other class <span class="key b">■</span> take
          turns.</figcaption>
        <svg id="row"></svg>
      </figure>
      <figure>
        <figcaption><b>Inverse spectrum 1/λ</b>, <span class="key signal">▮</span>
          λ<sub>N</sub><sup>−1</sup> against <span id="mean-words"></span>, dashed.</figcaption>
        <svg id="spectrum"></svg>
      </figure>
    </div>
    <figure>
      <figcaption><b>The error for every <i>N</i></b>, these Δ, <i>L</i> and ridge<span
        id="errors-words"></span>. Click to choose <i>N</i>.</figcaption>
      <svg id="errors"></svg>
    </figure>
    <p class="visually-hidden" role="status" id="spoken"></p>`;

  const figure = (id) => document.getElementById(id);
  const say = page.announcer(figure("spoken"));
  const isPair = () => state.leftOut === "pair";
  let countAt;

  /**
   * The error of what is left out and its parts for N points on each circle, nothing where float64
   * does not suffice.
   */
  function errorAt(count) {
    const gram = rbf(twoCircles(count, state.offset), state.inverseLength);
    try {
      const { balancedDensity, balancedError, ...alone } = spectralError(gram, state.ridge);
      return isPair() ? { ...alone, density: balancedDensity, error: balancedError } : alone;
    } catch (problem) {
      if (problem instanceof RangeError) return { error: NaN };
      throw problem;
    }
  }

  function drawScene() {
    const { count, offset, inverseLength } = state;
    const height = 300;
    const { width, add } = begin(figure("scene"), height, "Two circles of points in space",
      `${count} points on each of two circles about one axis, circle B ${format(offset)} above ` +
      `circle A and turned by half a step. Lines join the unseen point of A to all seen points, ` +
      `thicker where the kernel is larger.${isPair() ? " The next point of B is unseen, too." : ""}`);
    const [centreX, centreY] = [width / 2, height - 76];
    const project = ([x, y, z]) => {
      const depth = x * Math.cos(TURN) + y * Math.sin(TURN);
      const across = y * Math.cos(TURN) - x * Math.sin(TURN);
      const up = z * Math.cos(TILT) - depth * Math.sin(TILT);
      return [centreX + UNIT * across, centreY - UNIT * up, depth];
    };
    const points = twoCircles(count, offset);
    const around = twoCircles(90, offset);
    for (const [kind, circle] of [["a", around.slice(0, 90)], ["b", around.slice(90)]]) {
      const outline = circle.map((point) => project(point).slice(0, 2));
      add("path", { class: `curve ${kind} faint`, d: `${path(outline)}Z` });
    }
    const [low, high] = [project([0, 0, 0]), project([0, 0, offset])];
    add("line", { class: "axis", x1: low[0], y1: low[1], x2: high[0], y2: high[1] });
    add("text", { x: low[0] + 8, y: (low[1] + high[1]) / 2 + 4 }, offset > 0.3 ? "Δ" : "");

    const kernel = rbf(points, inverseLength)[0];
    const thickest = 9 * Math.min(1, 8 / count);
    const placed = points.map((point, p) => ({
      kind: p < count ? "a" : "b", at: project(point), kernel: kernel[p],
    }));
    const unseen = placed.filter((_, p) => p === 0 || (isPair() && p === count));
    const others = placed.filter((point) => !unseen.includes(point));
    for (const { kind, at, kernel: weight } of others) {
      add("line", { class: `link ${kind}`, "stroke-width": thickest * weight,
        x1: placed[0].at[0], y1: placed[0].at[1], x2: at[0], y2: at[1] });
    }
    others.sort((p, q) => p.at[2] - q.at[2]);
    for (const { kind, at } of others) marker(add, kind, at[0], at[1], 5 + at[2]);
    for (const { kind, at } of unseen) {
      add("circle", { class: `unseen ${kind}`, cx: at[0], cy: at[1], r: 10 });
      add("text", { class: "strong", x: at[0], y: at[1] + 5, "text-anchor": "middle" }, "?");
    }
    add("circle", { class: "grip", cx: high[0], cy: high[1], r: 14 });
    add("text", { class: "grip-arrow", x: high[0], y: high[1] + 5, "text-anchor": "middle" }, "↕");
  }

  function verdictOf({ closeness, density, error }) {
    if (Number.isNaN(error)) {
      return {
        html: `<p class="verdict"><span class="sign">?</span> Beyond float64</p>
          <p>The kernel can hardly tell neighbouring points apart: the Gram matrix is so nearly
          singular that fewer than six digits would be right. Raise the ridge, or take fewer
          points.</p>`,
        spoken: "The Gram matrix is too nearly singular; raise the ridge.",
      };
    }
    const right = error < 1;
    const words = right ? "Recognised" : "Taken for the other class";
    const formula = isPair()
      ? "ε<sub>bal</sub> = λ<sub>N</sub><sup>−1</sup> / ⟨λ<sub>ω</sub><sup>−1</sup>(1 − cos(πω/N))⟩"
      : "ε<sub>s</sub> = λ<sub>N</sub><sup>−1</sup> / ⟨λ<sup>−1</sup>⟩";
    const guess = isPair()
      ? "As many labels +1 as −1 are seen: a guess from their mean errs by 1."
      : `There is one label more of B: a guess from the labels' mean errs by
        2<i>N</i>/(2<i>N</i> − 1) = <b id="label-mean">${formatError(labelMeanError(state.count))}</b>.`;
    return {
      html: `<p class="verdict ${right ? "right" : "wrong"}">
          <span class="sign">${right ? "✓" : "✗"}</span> ${words}</p>
        <p class="formula">${formula} =
          ${format(closeness, 4)} / ${format(density, 4)} = <b id="error">${formatError(error)}</b>.
          ${guess}</p>`,
      spoken: `${words}: error ${formatError(error)} with ${state.count} points on each circle, ` +
        `distance ${format(state.offset)}, L ${format(state.inverseLength)}.`,
    };
  }

  function draw() {
    const all = COUNTS.map(errorAt);
    const missing = all.some(({ error }) => Number.isNaN(error));
    const here = all[state.count - COUNTS[0]];
    const computed = !Number.isNaN(here.error);
    const { html, spoken } = verdictOf(here);
    figure("verdict").innerHTML = html;
    say(spoken);
    drawScene();
    figure("mean-words").innerHTML = isPair()
      ? "the mean in which frequency <i>ω</i> counts 1 − cos(π<i>ω</i>/<i>N</i>) times"
      : "the mean of all";
    figure("errors-words").innerHTML =
      `${isPair() ? "" : `; dotted, 2<i>N</i>/(2<i>N</i> − 1), the error of a guess from the mean of
        the labels`}${missing ? "; none where float64 does not give six digits" : ""}`;
    for (const id of ["answers", "row", "spectrum"]) figure(id).classList.toggle("off", !computed);
    if (computed) {
      charts.answers(figure("answers"), [
        { kind: "a", name: "unseen A", value: 1 - here.error },
        ...(isPair() ? [{ kind: "b", name: "unseen B", value: here.error - 1 }] : []),
      ]);
      charts.firstRow(figure("row"), here.row, "from the unseen point");
      charts.inverseSpectrum(figure("spectrum"), here, isPair() ? "bal" : "s");
    }
    countAt = charts.errors(figure("errors"), {
      counts: COUNTS,
      count: state.count,
      series: [
        ...(isPair() ? [] : [
          { name: "mean of the labels", kind: "guess", values: COUNTS.map(labelMeanError) }]),
        { name: "error", kind: "both", values: all.map(({ error }) => error) },
      ],
      xLabel: "N, points on each circle",
    });
  }

  const paint = page.painter(root, draw);
  const set = (name, describe) => (value) => {
    state[name] = value;
    paint();
    return describe(value);
  };
  const setCount = page.bindSlider("count", set("count", String));
  const setOffset = page.bindSlider("offset", set("offset", (value) => value.toFixed(2)));
  page.bindSlider("inverse-length", set("inverseLength", (value) => value.toFixed(2)));
  page.bindSlider("ridge", (step) => {
    const power = step - 13;
    return set("ridge", () => (step ? timesPower(1, power) : "none"))(step ? 10 ** power : 0);
  });

  page.bindChoice("left-out", (chosen) => {
    state.leftOut = chosen;
    paint();
  });
  page.onClick(figure("errors"), (place) => setCount(countAt(place)));

  let from;
  page.onDrag(figure("scene"), ".grip, .grip-arrow", (event) => {
    from = { y: event.clientY, offset: state.offset };
  }, (event) => {
    const up = (from.y - event.clientY) / (UNIT * Math.cos(TILT));
    setOffset(Math.min(1.5, Math.max(0, from.offset + up)));
  });
}
