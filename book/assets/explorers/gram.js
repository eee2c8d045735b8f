// The Gram matrix of the quarter turns of a 4 and of a 7: which entries are equal by invariance?
"use strict";

{
  const { range, rbf } = numerics;
  const { normalize, quarterTurn } = rotation;
  const { SIZE, imageFromText, showImage } = drawing;
  const { begin, format } = charts;
  const DIGITS = [4, 7];
  const TURNS = 4;
  const COLOURS = [[0, 114, 178], [213, 94, 0]];
  const COUNT = DIGITS.length * TURNS;
  const GAP = 6; // pixels between blocks

  const images = DIGITS.flatMap((digit) => {
    const orbit = [imageFromText(digitExamples[digit][0])];
    while (orbit.length < TURNS) orbit.push(quarterTurn(orbit.at(-1), SIZE));
    return orbit;
  });
  const gram = rbf(images.map(normalize), 1);
  const outside = range(COUNT ** 2).filter((entry) => entry % (COUNT + 1))
    .map((entry) => gram[Math.floor(entry / COUNT)][entry % COUNT]);
  const [low, high] = [Math.min(...outside), Math.max(...outside)];

  const orbitOf = (point) => Math.floor(point / TURNS);
  const turnsOf = (point) => point % TURNS;
  const between = (p, q) => (turnsOf(q) - turnsOf(p) + TURNS) % TURNS; // g⁻¹h
  const alike = (p, q, other, another) => orbitOf(p) === orbitOf(other)
    && orbitOf(q) === orbitOf(another) && between(p, q) === between(other, another);

  /** The entries [p, q] with the same g⁻¹h in the same block, and those that mirror them. */
  const equalTo = (p, q) => range(COUNT).flatMap((r) => range(COUNT).map((s) => [r, s]))
    .filter(([r, s]) => alike(p, q, r, s) || alike(p, q, s, r));

  const TURNED = ["upright", "after one quarter turn", "after two quarter turns",
    "after three quarter turns"];
  const nameOf = (point) => `the ${DIGITS[orbitOf(point)]} ${TURNED[turnsOf(point)]}`;

  const root = document.getElementById("live-gram");
  const side = (name) => `
    <figure>
      <canvas id="gram-${name}" class="gram-image" width="112" height="112" role="img"></canvas>
      <figcaption id="gram-${name}-words"></figcaption>
    </figure>`;
  root.innerHTML = `
    <div class="explorer-columns">
      <figure>
        <figcaption><b>Gram matrix of eight images.</b> The bluer an entry, the more alike its two
          images; the diagonal is left plain. Point at an entry, or tab here and use the arrow
          keys.</figcaption>
        ${page.handle("gram-entry", "Entry of the Gram matrix", 0, COUNT ** 2 - 1, 1, 6)}
        <svg id="gram-matrix"></svg>
      </figure>
      <div>
        <div class="explorer-columns narrow">${side("row")}${side("column")}</div>
        <div class="explorer-verdict" id="gram-verdict"></div>
      </div>
    </div>
    <p class="visually-hidden" role="status" id="gram-spoken"></p>`;

  const figure = (id) => document.getElementById(`gram-${id}`);
  const say = page.announcer(figure("spoken"));
  let chosen = 0;

  function drawMatrix(p, q, equal) {
    const width = Math.min(figure("matrix").clientWidth || 340, 380);
    const left = 44;
    const size = (width - left - GAP) / COUNT;
    const place = (point) => left + size * point + GAP * orbitOf(point);
    const { add } = begin(figure("matrix"), width, "Gram matrix of the quarter turns of a 4 and a 7",
      `Eight rows and columns in two by two blocks. Chosen is the entry of ${nameOf(p)} and ` +
      `${nameOf(q)}, ${format(gram[p][q])}. Outlined are ${equal.length} entries equal to it.`);
    const cell = (r, s, inset, attributes) => add("rect", {
      x: place(s) + inset, y: place(r) + inset, width: size - 2 * inset, height: size - 2 * inset,
      "data-entry": r * COUNT + s, ...attributes,
    });
    for (const point of range(COUNT)) {
      const middle = place(point) + size / 2;
      add("text", { x: middle, y: left - 7, "text-anchor": "middle" }, turnsOf(point));
      add("text", { x: left - 8, y: middle + 4, "text-anchor": "end" }, turnsOf(point));
    }
    DIGITS.forEach((digit, orbit) => {
      const middle = place(orbit * TURNS) + (TURNS * size) / 2;
      const centred = { class: "strong", "text-anchor": "middle" };
      add("text", { ...centred, x: middle, y: 15 }, `the ${digit} turned`);
      add("text", { ...centred, transform: `translate(15 ${middle}) rotate(-90)` },
        `the ${digit} turned`);
    });
    for (const r of range(COUNT)) {
      for (const s of range(COUNT)) {
        const share = (gram[r][s] - low) / (high - low);
        cell(r, s, 0.5, r === s ? { class: "cell plain" }
          : { class: "cell a", "fill-opacity": 0.06 + 0.84 * share });
      }
    }
    for (const [r, s] of equal) cell(r, s, 2.5, { class: "outlined" });
    add("circle", { class: "outlined spot", cx: place(q) + size / 2, cy: place(p) + size / 2,
      r: size / 7, "data-entry": p * COUNT + q });
  }

  function verdictOf(p, q, equal) {
    const mirrored = equal.filter(([r, s]) => !alike(p, q, r, s)).length;
    const invariant = equal.length - mirrored - 1;
    const why = mirrored
      ? `${invariant} of them have the same <i>g</i><sup>−1</sup><i>h</i> in the same block, and
        ${mirrored} are mirror images in the diagonal.`
      : "They have the same <i>g</i><sup>−1</sup><i>h</i> in the same block.";
    return `<p class="formula"><i>K</i> = <b id="gram-value">${gram[p][q].toFixed(4)}</b>, with
        <i>g</i> = ${turnsOf(p)}, <i>h</i> = ${turnsOf(q)} and
        <i>g</i><sup>−1</sup><i>h</i> = ${between(p, q)}.</p>
      <p class="formula"><b id="gram-equal">${equal.length - 1}</b> other entries, outlined, must be equal to it.
        ${why}</p>
      ${p === q ? `<p class="formula">Both blocks on the diagonal hold ones, for another reason: every point is
        at the distance zero from itself.</p>` : ""}`;
  }

  function draw() {
    const [p, q] = [Math.floor(chosen / COUNT), chosen % COUNT];
    const equal = equalTo(p, q);
    drawMatrix(p, q, equal);
    for (const [name, point] of [["row", p], ["column", q]]) {
      showImage(figure(name), images[point], COLOURS[orbitOf(point)]);
      figure(name).setAttribute("aria-label", `Handwritten digit: ${nameOf(point)}.`);
      figure(`${name}-words`).innerHTML = `${name[0].toUpperCase()}${name.slice(1)}:<br>${nameOf(point)}`;
    }
    figure("verdict").innerHTML = verdictOf(p, q, equal);
    say(`${format(gram[p][q])}, and ${equal.length - 1} other entries equal to it.`);
  }

  const paint = page.painter(root, draw);
  const choose = page.bindSlider("gram-entry", (entry) => {
    chosen = entry;
    paint();
    return `Row: ${nameOf(Math.floor(entry / COUNT))}. Column: ${nameOf(entry % COUNT)}.`;
  });
  figure("entry").addEventListener("keydown", (event) => {
    const moved = chosen + COUNT * ({ ArrowUp: -1, ArrowDown: 1 }[event.key] ?? NaN);
    if (Number.isNaN(moved)) return;
    event.preventDefault();
    if (moved >= 0 && moved < COUNT ** 2) choose(moved);
  });
  for (const moved of ["pointerdown", "pointermove"]) {
    figure("matrix").addEventListener(moved, (event) => {
      const { entry } = event.target.dataset;
      if (entry !== undefined && Number(entry) !== chosen) choose(Number(entry));
    });
  }
}
