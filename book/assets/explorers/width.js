// The output of many random networks with one hidden layer, beside the Gaussian of infinite width.
"use strict";

{
  const { mean, normals, range } = numerics;
  const { axes, begin, format, linear, path, roundTicks, signed } = charts;
  const WIDTHS = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000];
  const NETWORKS = 2000;
  const VARIANCE = 2 / 3; // of f(x) and of a preactivation: σ_w² |x|² / d, as in the chapter
  const DEVIATION = Math.sqrt(VARIANCE);
  const BINS = 41;
  const HEIGHT = 260;

  const state = { step: 0, seed: 1 };
  const root = document.getElementById("live-width");
  root.innerHTML = `
    ${page.slider("width-m", "<i>m</i>, width of the hidden layer", 0, WIDTHS.length - 1, 1, 0)}
    <figure>
      <figcaption><b>The outputs <i>f</i>(<i>x</i>) of ${NETWORKS} random networks</b>
        <span class="key a">▮</span> and the Gaussian of infinite width, the line.</figcaption>
      <svg id="width-histogram"></svg>
    </figure>
    <div class="explorer-verdict" id="width-verdict"></div>
    <button type="button" id="width-again">Draw other networks</button>
    <p class="visually-hidden" role="status" id="width-spoken"></p>`;

  const figure = (id) => document.getElementById(`width-${id}`);
  const say = page.announcer(figure("spoken"));

  /**
   * The outputs of networks of this width, f = σ_w/√m Σ w_j max(z_j, 0) with σ_w² = 2. The
   * preactivations z_j of one input are Gaussian at any width, so one number is drawn for each.
   */
  function outputs(width, seed) {
    const draw = normals(seed * WIDTHS.at(-1) + width);
    const scale = Math.sqrt(2 / width) * DEVIATION;
    return range(NETWORKS).map(() => {
      let total = 0;
      for (let unit = 0; unit < width; unit++) total += Math.max(draw(), 0) * draw();
      return scale * total;
    });
  }

  const excessKurtosis = (values) =>
    mean(values.map((f) => f ** 4)) / mean(values.map((f) => f ** 2)) ** 2 - 3;
  const derivedKurtosis = (width) => 15 / width;

  function drawHistogram(drawn) {
    const end = 4 * DEVIATION;
    const bin = (2 * end) / BINS;
    const heights = Array(BINS).fill(0);
    for (const f of drawn) {
      const place = Math.floor((f + end) / bin);
      if (place in heights) heights[place] += 1 / (NETWORKS * bin);
    }
    const gaussian = (f) => Math.exp(-(f ** 2) / (2 * VARIANCE)) / (DEVIATION * Math.sqrt(2 * Math.PI));
    const limits = [0, 2.5 * gaussian(0)];
    const tallest = Math.max(...heights);
    const cut = tallest > limits[1];
    const { width, add } = begin(figure("histogram"), HEIGHT, "Outputs of random networks",
      `Histogram of ${NETWORKS} outputs from networks of width ${WIDTHS[state.step]}. At zero it ` +
      `has the density ${format(heights[(BINS - 1) / 2])}; the Gaussian has ${format(gaussian(0))}.`);
    const box = { left: 44, right: width - 12, top: 12, bottom: HEIGHT - 44 };
    const x = linear([-end, end], [box.left, box.right]);
    const y = linear(limits, [box.bottom, box.top]);
    axes(add, box, roundTicks([-end, end], 6).map(([value, text]) => [x(value), text]),
      roundTicks(limits, 5).map(([value, text]) => [y(value), text]), "f(x)");
    heights.forEach((height, place) => {
      const top = y(Math.min(height, limits[1]));
      add("rect", { class: "a bar", x: x(-end + place * bin) + 0.5, y: top,
        width: Math.max(1, x(bin) - x(0) - 1), height: box.bottom - top });
    });
    const grid = range(161).map((k) => -end + (k * end) / 80);
    add("path", { class: "curve limit", d: path(grid.map((f) => [x(f), y(gaussian(f))])) });
    if (cut) {
      add("text", { class: "halo", x: x(0) + 14, y: box.top + 10 },
        `cut off: it goes on to ${format(tallest)}`);
    }
  }

  function draw() {
    const width = WIDTHS[state.step];
    const drawn = outputs(width, state.seed);
    drawHistogram(drawn);
    const [measured, derived] = [excessKurtosis(drawn), derivedKurtosis(width)];
    const spread = Math.sqrt(24 / NETWORKS);
    const silent = drawn.filter((f) => f === 0).length / NETWORKS;
    figure("verdict").innerHTML = `<p class="formula">Excess kurtosis of these outputs:
        <b id="width-measured">${signed(measured.toFixed(3))}</b>. Derived, 15/<i>m</i> =
        <b id="width-derived">${derived.toFixed(3)}</b>. As many numbers from a Gaussian would have
        0 ± ${spread.toFixed(2)}.</p>
      ${silent ? `<p class="formula">${Number((100 * silent).toFixed(2))} % of the networks answer exactly 0: none of their
        hidden units is active.</p>` : ""}`;
    say(`Width ${width}: excess kurtosis ${signed(measured.toFixed(2))}, derived ` +
      `${derived.toFixed(2)}.`);
  }

  const paint = page.painter(root, draw);
  page.bindSlider("width-m", (step) => {
    state.step = step;
    paint();
    return String(WIDTHS[step]);
  });
  figure("again").addEventListener("click", () => {
    state.seed += 1;
    paint();
  });
}
