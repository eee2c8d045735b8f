// A Gaussian process on a circle, known at all of N points except one: how much is left to know?
"use strict";

{
  const { cholesky, posteriorVariance, range, rbf, sum } = numerics;
  const { axes, begin, format, linear, marker, path, roundTicks } = charts;
  const INVERSE_LENGTH = 1.4;
  const MOST = 24;
  const HEIGHT = 240;
  const GRID = range(361); // degrees

  const state = { count: 6, leftOut: 3 };
  let wanted = 180; // degrees at which a point is left out, as nearly as there is one
  const root = document.getElementById("live-posterior");
  root.innerHTML = `
    ${page.slider("posterior-count", "<i>N</i>, points on the circle", 2, MOST, 1, state.count)}
    <div class="explorer-columns">
      <figure>
        <figcaption><b>The points.</b> All are seen except the one marked <b>?</b>. Click another
          to leave that one out, or tab here and use the arrow keys.</figcaption>
        ${page.handle("posterior-left-out", "Point left out", 0, MOST - 1, 1, state.leftOut)}
        <svg id="posterior-circle"></svg>
      </figure>
      <figure>
        <figcaption><b>Posterior variance along the circle</b>, given the values at the seen
          points <span class="key a">●</span>.</figcaption>
        <svg id="posterior-curve"></svg>
      </figure>
    </div>
    <div class="explorer-verdict" id="posterior-verdict"></div>
    <p class="visually-hidden" role="status" id="posterior-spoken"></p>`;

  const figure = (id) => document.getElementById(`posterior-${id}`);
  const say = page.announcer(figure("spoken"));
  const pointAt = (degrees) => [Math.cos, Math.sin].map((wave) => wave((degrees * Math.PI) / 180));
  const degreesOf = (p) => (360 * p) / state.count;

  /** What is left of the variance 1 at each of these angles, given the values at the seen points. */
  function variances(seen, angles) {
    const factor = cholesky(rbf(seen.map(pointAt), INVERSE_LENGTH), 0);
    return angles.map((angle) => {
      const point = pointAt(angle);
      const covariances = seen.map((other) => Math.exp(-(INVERSE_LENGTH ** 2)
        * sum(pointAt(other).map((value, axis) => (value - point[axis]) ** 2))));
      return posteriorVariance(factor, covariances, 1);
    });
  }

  function drawCircle() {
    const { count, leftOut } = state;
    const { width, add } = begin(figure("circle"), HEIGHT, "Points on a circle",
      `${count} points at equal distances on a circle. The one at ${Math.round(degreesOf(leftOut))} ` +
      "degrees is left out, all others are seen.");
    const radius = HEIGHT / 2 - 22;
    const centre = [width / 2, HEIGHT / 2];
    add("circle", { class: "thin", cx: centre[0], cy: centre[1], r: radius });
    for (const p of range(count)) {
      const [x, y] = pointAt(degreesOf(p));
      const [across, down] = [centre[0] + radius * x, centre[1] - radius * y];
      if (p === leftOut) {
        add("circle", { class: "unseen a", cx: across, cy: down, r: 11 });
        add("text", { class: "strong", x: across, y: down + 5, "text-anchor": "middle" }, "?");
      } else {
        marker(add, "a", across, down, 6);
        add("circle", { class: "catch point", cx: across, cy: down, r: 13, "data-point": p });
      }
    }
  }

  function drawCurve(seen, left) {
    const along = variances(seen, GRID).map((value) => Math.max(0, value));
    const { width, add } = begin(figure("curve"), HEIGHT, "Posterior variance along the circle",
      `Zero at the ${seen.length} seen points, ${format(left)} at the point left out. The largest ` +
      `value on the circle is ${format(Math.max(...along))}; without any point seen it is 1.`);
    const box = { left: 40, right: width - 12, top: 14, bottom: HEIGHT - 44 };
    const limits = [0, 1.05];
    const [x, y] = [linear([0, 360], [box.left, box.right]), linear(limits, [box.bottom, box.top])];
    axes(add, box, range(5).map((k) => [x(90 * k), `${90 * k}°`]),
      roundTicks(limits, 4).map(([value, text]) => [y(value), text]), "angle on the circle");
    add("path", { class: "a area", d: `${path([[x(0), y(0)],
      ...GRID.map((angle) => [x(angle), y(along[angle])]), [x(360), y(0)]])}Z` });
    add("path", { class: "curve a", d: path(GRID.map((angle) => [x(angle), y(along[angle])])) });
    for (const angle of seen) marker(add, "a", x(angle), y(0), 4.5);
    const angle = degreesOf(state.leftOut);
    add("line", { class: "ratio", x1: x(angle), x2: x(angle), y1: y(0), y2: y(left) });
    add("circle", { class: "unseen a", cx: x(angle), cy: y(left), r: 6 });
  }

  function draw() {
    const { count, leftOut } = state;
    const seen = range(count).filter((p) => p !== leftOut).map(degreesOf);
    const [left] = variances(seen, [degreesOf(leftOut)]);
    drawCircle();
    drawCurve(seen, left);
    figure("verdict").innerHTML = `<p class="formula">Squared distance of the unseen point's
      features from the span of the ${seen.length} seen: <i>v</i> =
      <b id="posterior-variance">${format(left)}</b>. It is the height of the curve there, and
      1/⟨<i>λ</i><sup>−1</sup>⟩ of all ${count} points.</p>`;
    say(`With ${count} points the variance left at the unseen one is ${format(left)}.`);
  }

  const paint = page.painter(root, draw);
  const leaveOut = page.bindSlider("posterior-left-out", (point) => {
    state.leftOut = point;
    paint();
    return `the one at ${Math.round(degreesOf(point))} degrees`;
  });
  page.bindSlider("posterior-count", (count) => {
    state.count = count;
    figure("left-out").max = count - 1;
    leaveOut(Math.round((wanted * count) / 360) % count);
    return String(count);
  });
  figure("left-out").addEventListener("input", () => { wanted = degreesOf(state.leftOut); });
  figure("circle").addEventListener("click", (event) => {
    if (event.target.dataset.point === undefined) return;
    leaveOut(Number(event.target.dataset.point));
    wanted = degreesOf(state.leftOut);
  });
}
