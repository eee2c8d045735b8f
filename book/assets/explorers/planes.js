// A digit turns, and its orbit runs ω times round in the plane of frequency ω.
"use strict";

{
  const { fourierPlane, range } = numerics;
  const { normalize, operatorOfTurns, rotations } = rotation;
  const { SIZE, imageFromText, showImage } = drawing;
  const { begin, path, signed } = charts;
  const DIGIT = 4;
  const COUNT = 64; // turns
  const FREQUENCIES = [1, 2, 3];
  const COLOUR = [0, 114, 178];

  const orbit = rotations(imageFromText(digitExamples[DIGIT][0]), operatorOfTurns(SIZE, COUNT), COUNT);
  const points = orbit.map(normalize);
  const planes = FREQUENCIES.map((frequency) => {
    const [x, y] = fourierPlane(points, frequency);
    return x.map((value, k) => [value, y[k]]);
  });
  const largest = Math.max(...planes.flat().map(([x, y]) => Math.hypot(x, y)));
  const state = { turn: 8 };

  const root = document.getElementById("live-planes");
  root.innerHTML = `
    ${page.slider("planes-turn", `The ${DIGIT} is turned by`, 0, COUNT, 1, state.turn)}
    <div class="explorer-columns four">
      <figure>
        <figcaption><b>The image</b><br><span id="planes-angle"></span></figcaption>
        <canvas id="planes-image" width="168" height="168" role="img"></canvas>
      </figure>
      ${FREQUENCIES.map((frequency) => `
        <figure>
          <figcaption><b>Frequency ${frequency}</b><br><span id="planes-rounds-${frequency}"></span>
            rounds</figcaption>
          <svg id="planes-${frequency}" class="clickable"></svg>
        </figure>`).join("")}
    </div>
    <p class="formula">In each plane <span class="key">○</span> is the upright image and
      <span class="key b">●</span> the turned one. Click a curve to turn the image there.</p>
    <p class="visually-hidden" role="status" id="planes-spoken"></p>`;

  const figure = (id) => document.getElementById(`planes-${id}`);
  const say = page.announcer(figure("spoken"));
  const degrees = (turn) => `${Number(((360 * turn) / COUNT).toFixed(1))}°`;

  /** The plane's scale: pixels from its middle to a coordinate, by the width it is shown at. */
  const scaleOf = (width) => (0.44 * width) / largest;

  function drawPlane(frequency, plane) {
    const svg = figure(frequency);
    const width = svg.clientWidth || 160;
    const [x, y] = plane[state.turn % COUNT];
    const { add } = begin(svg, width, `The orbit in its plane of frequency ${frequency}`,
      `A nearly circular curve that is run through ${frequency} times in a full turn. The point ` +
      `of the image turned by ${degrees(state.turn)} is at ${signed(x.toFixed(2))}, ` +
      `${signed(y.toFixed(2))}.`);
    const at = ([across, up]) =>
      [width / 2 + scaleOf(width) * across, width / 2 - scaleOf(width) * up];
    const places = plane.map(at);
    const here = at([x, y]);
    add("line", { class: "thin", x1: width / 2, x2: here[0], y1: width / 2, y2: here[1] });
    add("path", { class: "curve a", d: `${path(places)}Z` });
    add("path", { class: "gone", d: path([...places, places[0]].slice(0, state.turn + 1)) });
    add("circle", { class: "both", cx: width / 2, cy: width / 2, r: 1.5 });
    add("circle", { class: "start", cx: places[0][0], cy: places[0][1], r: 4 });
    add("circle", { class: "b", cx: here[0], cy: here[1], r: 6.5 });
  }

  function draw() {
    const { turn } = state;
    showImage(figure("image"), orbit[turn % COUNT], COLOUR);
    figure("image").setAttribute("aria-label",
      `A handwritten ${DIGIT}, turned anticlockwise by ${degrees(turn)}.`);
    figure("angle").textContent = `turned by ${degrees(turn)}`;
    const gone = FREQUENCIES.map((frequency) => (frequency * turn) / COUNT);
    FREQUENCIES.forEach((frequency, k) => {
      drawPlane(frequency, planes[k]);
      figure(`rounds-${frequency}`).textContent = gone[k].toFixed(2);
    });
    say(`Turned by ${degrees(turn)}: ${FREQUENCIES.map((frequency, k) =>
      `${gone[k].toFixed(2)} rounds at frequency ${frequency}`).join(", ")}.`);
  }

  const paint = page.painter(root, draw);
  const turnTo = page.bindSlider("planes-turn", (turn) => {
    state.turn = turn;
    paint();
    return degrees(turn);
  });
  FREQUENCIES.forEach((frequency, k) => {
    const svg = figure(frequency);
    svg.addEventListener("click", (event) => {
      const { left, top, width } = svg.getBoundingClientRect();
      const across = (event.clientX - left - width / 2) / scaleOf(width);
      const up = (top + width / 2 - event.clientY) / scaleOf(width);
      const distance = ([x, y]) => Math.hypot(x - across, y - up);
      turnTo(range(COUNT).reduce((best, turn) =>
        (distance(planes[k][turn]) < distance(planes[k][best]) ? turn : best)));
    });
  });
}
