// A symmetric circulant matrix by its first row: its spectrum, and the first row of its inverse.
"use strict";

{
  const { circulantEigenvalues, circulantInverse, range } = numerics;
  const { axes, begin, format, linear, marker, roundTicks, signed } = charts;
  const SIZE = 12;
  const HEIGHT = 200;
  const STEP = 0.05;
  const ROUNDING = 1e-9; // what is smaller is drawn as zero
  const free = range(SIZE / 2 + 1); // of the first row: entry s is entry SIZE - s as well
  const halfRow = [1, 0.7, 0.5, 0.35, 0.25, 0.2, 0.15];
  const entryOf = (place) => Math.min(place, SIZE - place);
  const namesOf = (s) => (s % free.at(-1) ? `entries ${s} and ${SIZE - s}` : `entry ${s}`);

  const root = document.getElementById("live-circulant");
  root.innerHTML = `
    <div class="explorer-columns">
      <figure>
        <figcaption><b>First row.</b> Drag an entry up or down, or tab to it and use the arrow
          keys. Entries <i>s</i> and ${SIZE} − <i>s</i> move together.</figcaption>
        ${free.map((s) => page.handle(`circulant-${s}`, `First row, ${namesOf(s)}`,
          -1, 1, STEP, halfRow[s])).join("")}
        <svg id="circulant-row"></svg>
      </figure>
      <figure>
        <figcaption><b>The matrix.</b> Each row is the row above, moved on by one place.
          <span class="key a">■</span> positive, <span class="key b">■</span> negative.</figcaption>
        <svg id="circulant-matrix"></svg>
      </figure>
    </div>
    <div class="explorer-verdict" id="circulant-verdict"></div>
    <div class="explorer-columns">
      <figure>
        <figcaption><b>Its eigenvalues</b> <i>λ<sub>ω</sub></i>, <span class="key a">●</span>
          positive, <span class="key b">■</span> negative or zero.</figcaption>
        <svg id="circulant-spectrum"></svg>
      </figure>
      <figure>
        <figcaption><b>First row of the inverse.</b> Entry 0 is the mean of all
          <span class="together">1/<i>λ<sub>ω</sub></i></span>.</figcaption>
        <svg id="circulant-inverse"></svg>
      </figure>
    </div>
    <p class="visually-hidden" role="status" id="circulant-spoken"></p>`;

  const figure = (id) => document.getElementById(`circulant-${id}`);
  const say = page.announcer(figure("spoken"));
  let held = 1; // the entry that was moved last
  let valueAt;

  /** Stems from zero; those below or at zero have another mark. Returns the scales. */
  function stems(svg, values, limits, [title, label, description]) {
    const { width, add } = begin(svg, HEIGHT, title, description);
    const yTicks = roundTicks(limits, 5);
    const left = 14 + 7 * Math.max(...yTicks.map(([, text]) => text.length));
    const box = { left, right: width - 6, top: 10, bottom: HEIGHT - 44 };
    const x = linear([-0.5, SIZE - 0.5], [box.left, box.right]);
    const y = linear(limits, [box.bottom, box.top]);
    axes(add, box, range(SIZE).map((k) => [x(k), k]),
      yTicks.map(([value, text]) => [y(value), text]), label);
    add("line", { class: "axis", x1: box.left, x2: box.right, y1: y(0), y2: y(0) });
    values.forEach((value, k) => {
      add("line", { class: "stem", "stroke-width": 3, x1: x(k), x2: x(k), y1: y(0), y2: y(value) });
      marker(add, value > ROUNDING ? "a" : "b", x(k), y(value), 4.5);
    });
    return { add, x, y };
  }

  function drawRow(row) {
    const listed = free.map((s) => `${namesOf(s)}: ${signed(row[s].toFixed(2))}`).join(", ");
    const { add, x, y } = stems(figure("row"), row, [-1.1, 1.1],
      ["First row of the circulant matrix", "entry s", `${listed}.`]);
    row.forEach((value, place) => {
      const own = entryOf(place);
      if (own === held) add("circle", { class: "held", cx: x(place), cy: y(value), r: 10 });
      add("circle", { class: "catch", cx: x(place), cy: y(value), r: 14, "data-entry": own });
    });
    valueAt = (pixels) => (pixels - y(0)) / (y(1) - y(0));
  }

  function drawMatrix(row) {
    const width = Math.min(figure("matrix").clientWidth || 340, HEIGHT);
    const { add } = begin(figure("matrix"), HEIGHT, "The circulant matrix",
      `Twelve rows and columns, constant along the diagonals, which wrap round. On the main ` +
      `diagonal it is ${format(row[0])}, beside it ${format(row[1])}.`);
    const cell = width / SIZE;
    for (const p of range(SIZE)) {
      for (const q of range(SIZE)) {
        const value = row[(q - p + SIZE) % SIZE];
        add("rect", { class: `cell ${value > 0 ? "a" : "b"}`, "fill-opacity": Math.abs(value),
          x: q * cell + 0.5, y: p * cell + 0.5, width: cell - 1, height: cell - 1 });
      }
    }
  }

  /** Limits of an axis on which all values are to be seen, and zero. */
  function limitsOf(values) {
    const [low, high] = [Math.min(0, ...values), Math.max(0.1, ...values)];
    return [low < 0 ? low - 0.1 * (high - low) : 0, high + 0.1 * (high - low)];
  }

  function inverseOf(eigenvalues) {
    try {
      return circulantInverse(eigenvalues);
    } catch (problem) {
      if (problem instanceof RangeError) return null;
      throw problem;
    }
  }

  function verdictOf(eigenvalues, inverse) {
    const sizes = eigenvalues.map(Math.abs);
    const least = sizes.indexOf(Math.min(...sizes));
    const name = `<i>λ</i><sub>${least}</sub>`;
    if (!inverse) {
      return ["wrong", "✗", `No inverse: eigenvalue ${least} is zero`, `${name} is zero to rounding,
        so the wave of frequency ${least} is mapped to zero, and no matrix can map it back.`];
    }
    const nearest = `The eigenvalue nearest to zero is ${name} =
      <b id="circulant-least">${format(eigenvalues[least])}</b>; its inverse is ${
      format(1 / eigenvalues[least])}.`;
    return Math.min(...eigenvalues) > 0
      ? ["right", "✓", "Positive definite", `It can be a Gram matrix. ${nearest}`]
      : ["wrong", "✗", "Not positive definite", `It has an inverse, but a negative eigenvalue, so
        it is the Gram matrix of no kernel. ${nearest}`];
  }

  function draw() {
    const row = range(SIZE).map((place) => halfRow[entryOf(place)]);
    const eigenvalues = circulantEigenvalues(row);
    const inverse = inverseOf(eigenvalues);
    const [kind, sign, words, explained] = verdictOf(eigenvalues, inverse);
    figure("verdict").innerHTML = `<p class="verdict ${kind}"><span class="sign">${sign}</span>
      ${words}</p><p class="formula">${explained}</p>`;
    drawRow(row);
    drawMatrix(row);
    const halfOf = (values) => values.slice(0, SIZE / 2 + 1).map((v) => format(v)).join(", ");
    stems(figure("spectrum"), eigenvalues, limitsOf(eigenvalues), ["Eigenvalues", "frequency ω",
      `By frequency from 0 to 6, and back again: ${halfOf(eigenvalues)}.`]);
    if (inverse) {
      stems(figure("inverse"), inverse, limitsOf(inverse), ["First row of the inverse", "entry s",
        `From entry 0 to 6, and back again: ${halfOf(inverse)}.`]);
    } else {
      const { width, add } = begin(figure("inverse"), HEIGHT, "First row of the inverse", words);
      add("text", { x: width / 2, y: HEIGHT / 2, "text-anchor": "middle" }, "There is none.");
    }
    say(`${words}. The largest eigenvalue is ${format(Math.max(...eigenvalues))}.`);
  }

  const paint = page.painter(root, draw);
  const setters = free.map((s) => page.bindSlider(`circulant-${s}`, (value) => {
    if (value !== halfRow[s]) held = s;
    halfRow[s] = value;
    paint();
    return signed(value.toFixed(2));
  }));
  for (const s of free) {
    figure(s).addEventListener("focus", () => {
      held = s;
      paint();
    });
  }

  const svg = figure("row");
  page.onDrag(svg, ".catch", (event) => {
    held = Number(event.target.dataset.entry);
    figure(held).focus({ preventScroll: true });
  }, (event) => {
    const value = valueAt(event.clientY - svg.getBoundingClientRect().top);
    setters[held](Math.min(1, Math.max(-1, value)));
  });
}
