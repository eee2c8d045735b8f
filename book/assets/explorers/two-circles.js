// Two circles of points under a Gaussian kernel, one point of circle A left out.
"use strict";

{
  const { range, rbf, spectralError, twoCircles } = numerics;
  const { begin, format, formatError, marker, path, timesPower } = charts;
  const COUNTS = range(31).map((k) => k + 2);
  const TILT = 0.5; // of the view, in radians
  const TURN = -0.42;
  const UNIT = 108; // pixels to the radius of a circle

  const state = {};
  const root = document.getElementById("explorer");
  root.innerHTML = `
    <div class="explorer-columns">
      <figure>
        <figcaption><b><span class="key a">●</span> circle A, <span class="key b">■</span> circle
          B,</b> and <span class="key a">◌</span> the unseen point of A. The thicker a line, the
          nearer the kernel finds that point. Drag ↕ to move circle B.</figcaption>
        <svg id="scene"></svg>
      </figure>
      <div>
        ${page.slider("count", "<i>N</i>, points on each circle", 2, 32, 1, 4)}
        ${page.slider("offset", "Δ, distance of the circles", 0, 1.5, 0.02, 0.5)}
        ${page.slider("inverse-length", "<i>L</i>: the larger, the narrower the kernel",
          0.5, 3, 0.05, 1)}
        ${page.slider("ridge", "ridge", 0, 13, 1, 0)}
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
          λ<sub>N</sub><sup>−1</sup> against the mean of all, dashed.</figcaption>
        <svg id="spectrum"></svg>
      </figure>
    </div>
    <figure>
      <figcaption><b>The error for every <i>N</i></b>, these Δ, <i>L</i> and ridge. Click to choose
        <i>N</i>.</figcaption>
      <svg id="errors"></svg>
    </figure>
    <p class="visually-hidden" role="status" id="spoken"></p>`;

  const figure = (id) => document.getElementById(id);
  const say = page.announcer(figure("spoken"));
  let countAt;

  /** ε_s and its parts for N points on each circle, nothing where float64 does not suffice. */
  function errorAt(count) {
    const gram = rbf(twoCircles(count, state.offset), state.inverseLength);
    try {
      return spectralError(gram, state.ridge);
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
      "circle A and turned by half a step. Lines join the unseen point of A to all others, " +
      "thicker where the kernel is larger.");
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
    const [unseen, ...others] = points.map((point, p) => ({
      kind: p < count ? "a" : "b", at: project(point), kernel: kernel[p],
    }));
    for (const { kind, at, kernel: weight } of others) {
      add("line", { class: `link ${kind}`, "stroke-width": thickest * weight,
        x1: unseen.at[0], y1: unseen.at[1], x2: at[0], y2: at[1] });
    }
    others.sort((p, q) => p.at[2] - q.at[2]);
    for (const { kind, at } of others) marker(add, kind, at[0], at[1], 5 + at[2]);
    add("circle", { class: "unseen", cx: unseen.at[0], cy: unseen.at[1], r: 10 });
    add("text", { class: "strong", x: unseen.at[0], y: unseen.at[1] + 5, "text-anchor": "middle" },
      "?");
    add("circle", { class: "grip", cx: high[0], cy: high[1], r: 14 });
    add("text", { class: "grip-arrow", x: high[0], y: high[1] + 5, "text-anchor": "middle" }, "↕");
  }

  function verdictOf({ closeness, density, error }) {
    if (Number.isNaN(error)) {
      return {
        html: `<p class="verdict"><span class="sign">?</span> Beyond float64</p>
          <p>The kernel can no longer tell neighbouring points apart: the Gram matrix is singular
          to working precision. Raise the ridge, or take fewer points.</p>`,
        spoken: "The Gram matrix is singular to working precision; raise the ridge.",
      };
    }
    const right = error < 1;
    const words = right ? "Recognised" : "Taken for the other class";
    return {
      html: `<p class="verdict ${right ? "right" : "wrong"}">
          <span class="sign">${right ? "✓" : "✗"}</span> ${words}</p>
        <p class="formula">ε<sub>s</sub> = λ<sub>N</sub><sup>−1</sup> / ⟨λ<sup>−1</sup>⟩ =
          ${format(closeness)} / ${format(density)} = <b id="error">${formatError(error)}</b></p>`,
      spoken: `${words}: error ${formatError(error)} with ${state.count} points on each circle, ` +
        `distance ${format(state.offset)}, L ${format(state.inverseLength)}.`,
    };
  }

  function draw() {
    const all = COUNTS.map(errorAt);
    const here = all[state.count - COUNTS[0]];
    const computed = !Number.isNaN(here.error);
    const { html, spoken } = verdictOf(here);
    figure("verdict").innerHTML = html;
    say(spoken);
    drawScene();
    for (const id of ["answers", "row", "spectrum"]) figure(id).classList.toggle("off", !computed);
    if (computed) {
      charts.answers(figure("answers"), [{ kind: "a", name: "unseen point", value: 1 - here.error }]);
      charts.firstRow(figure("row"), here.row, "from the unseen point");
      charts.inverseSpectrum(figure("spectrum"), here);
    }
    countAt = charts.errors(figure("errors"), {
      counts: COUNTS,
      count: state.count,
      series: [{ name: "spectral error", kind: "both", values: all.map(({ error }) => error) }],
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

  page.onClick(figure("errors"), (place) => setCount(countAt(place)));

  const scene = figure("scene");
  let dragged = null;
  scene.addEventListener("pointerdown", (event) => {
    if (!event.target.matches(".grip, .grip-arrow")) return;
    scene.setPointerCapture(event.pointerId);
    dragged = { y: event.clientY, offset: state.offset };
    event.preventDefault();
  });
  scene.addEventListener("pointermove", (event) => {
    if (!dragged) return;
    const up = (dragged.y - event.clientY) / (UNIT * Math.cos(TILT));
    setOffset(Math.min(1.5, Math.max(0, dragged.offset + up)));
  });
  for (const end of ["pointerup", "pointercancel"]) {
    scene.addEventListener(end, () => { dragged = null; });
  }
}
