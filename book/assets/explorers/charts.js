// The figures of the explorers in SVG, drawn at the width they are shown at so that text stays
// legible on a phone. Colours and shapes are classes of explorers.css.
"use strict";

globalThis.charts = (() => {
  const { range } = numerics;

  function element(name, attributes = {}, ...children) {
    const made = document.createElementNS("http://www.w3.org/2000/svg", name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    made.append(...children);
    return made;
  }

  /** Empties the figure, says what it shows, and returns its width and a function to add to it. */
  function begin(svg, height, title, description) {
    const width = svg.clientWidth || 340;
    const [titleId, descriptionId] = [`${svg.id}-title`, `${svg.id}-description`];
    svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
    svg.setAttribute("role", "img");
    svg.setAttribute("aria-labelledby", `${titleId} ${descriptionId}`);
    svg.replaceChildren(
      element("title", { id: titleId, class: "nohighlight" }, title),
      element("desc", { id: descriptionId, class: "nohighlight" }, description),
    );
    const add = (...shape) => {
      const made = element(...shape);
      svg.append(made);
      return made;
    };
    return { width, add };
  }

  const linear = ([low, high], [from, to]) => (value) =>
    from + ((value - low) / (high - low)) * (to - from);

  function logarithmic(domain, span) {
    const scale = linear(domain.map(Math.log10), span);
    return (value) => scale(Math.log10(value));
  }

  /** Multiples of 1, 2 or 5 times a power of ten, about `count` of them in the domain. */
  function roundTicks([low, high], count) {
    const rough = (high - low) / count;
    const power = 10 ** Math.floor(Math.log10(rough));
    const step = power * [1, 2, 5, 10].find((factor) => factor * power >= rough);
    const digits = Math.max(0, -Math.floor(Math.log10(step) + 1e-9));
    const first = Math.ceil(low / step);
    return range(Math.floor(high / step) - first + 1).map((k) => {
      const value = (first + k) * step;
      return [value, signed(value.toFixed(digits))];
    });
  }

  /** Powers of ten in the domain, every one or every few; in between too where there are few. */
  function powerTicks(domain, count) {
    const [low, high] = [Math.floor(Math.log10(domain[0])), Math.ceil(Math.log10(domain[1]))];
    const step = Math.max(1, Math.ceil((high - low) / count));
    const factors = high - low > 2 ? [1] : [1, 2, 5];
    return range(high - low + 1).map((k) => low + k).filter((power) => power % step === 0)
      .flatMap((power) => factors.map((factor) => [factor * 10 ** power, timesPower(factor, power)]))
      .filter(([value]) => value >= domain[0] && value <= domain[1]);
  }

  const signed = (text) => text.replace("-", "−");

  /** A number times a power of ten, as text. */
  function timesPower(factor, power) {
    if (power >= -2 && power <= 3) return String(Number(`${factor}e${power}`));
    const exponent = [...String(power)].map((c) => "⁰¹²³⁴⁵⁶⁷⁸⁹"[c] ?? "⁻").join("");
    return `${Number(factor) === 1 ? "" : `${factor}·`}10${exponent}`;
  }

  /** A number for people: a few significant digits, powers of ten beyond. */
  function format(value, digits = 3) {
    if (!Number.isFinite(value)) return "not computable";
    if (value === 0) return "0";
    const power = Math.floor(Math.log10(Math.abs(value)));
    if (power >= -3 && power <= 4) {
      return signed(power >= 3 ? value.toFixed(0) : value.toPrecision(digits));
    }
    return signed(timesPower((value / 10 ** power).toPrecision(digits), power));
  }

  /** An error, told apart from the critical one. */
  const formatError = (value) => (value >= 0.1 ? value.toFixed(3) : format(value));

  /** The two axes with their ticks, [place, text] each, and labels. */
  function axes(add, box, xTicks, yTicks, xLabel) {
    for (const [y, text] of yTicks) {
      add("line", { class: "grid", x1: box.left, x2: box.right, y1: y, y2: y });
      add("text", { x: box.left - 6, y: y + 4, "text-anchor": "end" }, text);
    }
    add("line", { class: "axis", x1: box.left, x2: box.right, y1: box.bottom, y2: box.bottom });
    for (const [x, text] of xTicks) {
      add("line", { class: "axis", x1: x, x2: x, y1: box.bottom, y2: box.bottom + 4 });
      add("text", { x, y: box.bottom + 17, "text-anchor": "middle" }, text);
    }
    const middle = (box.left + box.right) / 2;
    add("text", { x: middle, y: box.bottom + 35, "text-anchor": "middle" }, xLabel);
  }

  /** A point of class A, a disc, of class B, a square, or of neither, a triangle. */
  function marker(add, kind, x, y, size) {
    if (kind === "a") return add("circle", { class: "a", cx: x, cy: y, r: size });
    const corner = { x: x - size * 0.9, y: y - size * 0.9 };
    const side = { width: 1.8 * size, height: 1.8 * size };
    if (kind === "b") return add("rect", { class: "b", ...corner, ...side });
    const points = [[0, -1.2], [1.1, 0.8], [-1.1, 0.8]];
    return add("polygon", {
      class: "both",
      points: points.map(([dx, dy]) => `${x + dx * size},${y + dy * size}`).join(" "),
    });
  }

  const path = (points) => `M${points.map((point) => point.join(",")).join("L")}`;

  /** First row of the interleaved Gram matrix: even steps stay in the class, odd ones leave it. */
  function firstRow(svg, row, what) {
    const height = 230;
    const [low, high] = [Math.min(...row), Math.max(...row)];
    const { width, add } = begin(svg, height, "First row of the interleaved Gram matrix",
      `The kernel between the unseen point and each other point, from ${format(high)} at the ` +
      `point itself down to ${format(low)}. Discs are of its own class, squares of the other; ` +
      `one step away, in the other class, it is ${format(row[1])}, two steps away, in its own, ` +
      `${format(row[2])}.`);
    const domain = [low - 0.06 * (high - low), high + 0.06 * (high - low)];
    const yTicks = roundTicks(domain, 4);
    const left = 14 + 7 * Math.max(...yTicks.map(([, text]) => text.length));
    const box = { left, right: width - 12, top: 12, bottom: height - 44 };
    const x = linear([0, row.length - 1], [box.left + 8, box.right]);
    const y = linear(domain, [box.bottom, box.top]);
    const xTicks = roundTicks([0, row.length - 1], 5).filter(([value]) => value % 1 === 0);
    axes(add, box, xTicks.map(([value, text]) => [x(value), text]),
      yTicks.map(([value, text]) => [y(value), text]), `steps along A B A B …, ${what}`);
    add("path", { class: "thin", d: path(row.map((value, step) => [x(step), y(value)])) });
    const size = row.length > 40 ? 2.6 : 4;
    row.forEach((value, step) => marker(add, step % 2 ? "b" : "a", x(step), y(value), size));
  }

  /** The inverse spectrum on a logarithmic axis, λ_N⁻¹ highlighted beside the mean. */
  function inverseSpectrum(svg, { inverse, closeness, density, error }, symbol) {
    const height = 230;
    const half = inverse.length / 2;
    const relation = closeness > density ? "above" : "below";
    const { width, add } = begin(svg, height, "Inverse spectrum",
      `Inverse eigenvalues against frequency, from ${format(Math.min(...inverse))} to ` +
      `${format(Math.max(...inverse))}. The highlighted one, at frequency ${half}, is ` +
      `${format(closeness)}, ${relation} the dashed mean of ${format(density)}.`);
    const decades = Math.log10(Math.max(...inverse) / Math.min(...inverse)) + 0.3;
    const domain = [Math.min(...inverse) / 10 ** (0.25 * decades),
      Math.max(...inverse) * 10 ** (0.25 * decades)];
    const box = { left: 48, right: width - 12, top: 12, bottom: height - 44 };
    const x = linear([-0.5, inverse.length - 0.5], [box.left, box.right]);
    const y = logarithmic(domain, [box.bottom, box.top]);
    const xTicks = [[0, "0"], [half, `N = ${half}`], [inverse.length - 1, inverse.length - 1]];
    axes(add, box, xTicks.map(([value, text]) => [x(value), text]),
      powerTicks(domain, 4).map(([value, text]) => [y(value), text]), "frequency");
    const stem = Math.max(1, Math.min(10, 0.6 * (x(1) - x(0))));
    inverse.forEach((value, frequency) => add("line", {
      class: frequency === half ? "stem signal" : "stem",
      "stroke-width": frequency === half ? Math.max(4, stem) : stem,
      x1: x(frequency), x2: x(frequency), y1: box.bottom, y2: y(value),
    }));
    add("line", { class: "mean", x1: box.left, x2: box.right, y1: y(density), y2: y(density) });
    const beside = x(half) + Math.max(4, stem) / 2 + 6;
    add("line", { class: "ratio", x1: beside, x2: beside, y1: y(closeness), y2: y(density) });
    const label = add("text",
      { class: "halo", x: x(half), y: box.top + 10, "text-anchor": "middle" });
    label.append("ε", element("tspan", { dy: 3, "font-size": "75%" }, symbol),
      element("tspan", { dy: -3 }, ` = ${formatError(error)}`));
  }

  /**
   * Errors against N, several series; above one a point is taken for the other class. Series of
   * kind "guess" or "other" are lines without marks.
   */
  function errors(svg, { counts, series, count, logX, xLabel }) {
    const height = 270;
    const values = (name) => counts.map((n, k) =>
      `${n}: ${formatError(series.find((s) => s.name === name).values[k])}`).join(", ");
    const finite = series.flatMap(({ values }) => values).filter(Number.isFinite);
    const limits = [0, Math.max(1.5, 1.08 * Math.max(...finite))];
    const { width, add } = begin(svg, height, `Error against ${xLabel}`,
      `${series.map(({ name }) => `${name} by N: ${values(name)}.`).join(" ")} The line at 1 ` +
      `is the critical error; N = ${count} is marked.`);
    const box = { left: 48, right: width - 12, top: 12, bottom: height - 44 };
    const scaleX = logX ? logarithmic : linear;
    const x = scaleX([counts[0], counts.at(-1)], [box.left + 14, box.right - 14]);
    const y = linear(limits, [box.bottom, box.top]);
    add("rect", { class: "wrong", x: box.left, y: box.top,
      width: box.right - box.left, height: y(1) - box.top });
    const ticks = logX ? counts : counts.filter((n) => n % 4 === 0);
    axes(add, box, ticks.map((n) => [x(n), n]),
      roundTicks(limits, 5).map(([value, text]) => [y(value), text]), xLabel);
    add("line", { class: "critical", x1: box.left, x2: box.right, y1: y(1), y2: y(1) });
    add("line", { class: "chosen", x1: x(count), x2: x(count), y1: box.top, y2: box.bottom });
    for (const { kind, values: drawn } of series) {
      const points = drawn.map((value, k) => [x(counts[k]), y(value)])
        .filter(([, height]) => Number.isFinite(height));
      if (points.length) add("path", { class: `curve ${kind}`, d: path(points) });
      if (!["guess", "other"].includes(kind)) {
        points.forEach(([px, py]) => marker(add, kind, px, py, logX ? 4.5 : 3.2));
      }
    }
    add("text", { class: "halo", x: box.right - 4, y: box.top + 16, "text-anchor": "end" },
      "above 1: taken for the other class");
    add("text", { class: "halo", x: box.right - 4, y: y(1) + 17, "text-anchor": "end" },
      "below 1: recognised");
    return (place) => counts.reduce((best, n) =>
      Math.abs(x(n) - place) < Math.abs(x(best) - place) ? n : best);
  }

  /** Where the network's answers lie between the two labels. */
  function answers(svg, shown) {
    const height = 40 + 30 * shown.length;
    const { width, add } = begin(svg, height, "The answers on the unseen points",
      shown.map(({ name, value }) => `${name}: ${signed(value.toFixed(3))}.`).join(" ") +
      " Below zero the answer is class B, above zero class A; a perfect answer is −1 or +1.");
    const x = linear([-1.6, 1.6], [0, width]);
    const [middle, bottom] = [x(0), height - 24];
    add("rect", { class: "b side", x: 0, y: 0, width: middle, height: bottom });
    add("rect", { class: "a side", x: middle, y: 0, width: width - middle, height: bottom });
    for (const [value, text] of [[-1, "−1: B"], [0, "0"], [1, "+1: A"]]) {
      add("line", { class: value ? "label-line" : "axis", x1: x(value), x2: x(value),
        y1: 0, y2: bottom + 4 });
      add("text", { x: x(value), y: height - 6, "text-anchor": "middle" }, text);
    }
    shown.forEach(({ kind, name, value }, row) => {
      const place = x(Math.min(1.5, Math.max(-1.5, value)));
      const y = 22 + 30 * row;
      const words = `${name}: ${value > 0 ? "+" : ""}${signed(value.toFixed(3))}`;
      const onLeft = place + 14 + 7.5 * words.length > width;
      marker(add, kind, place, y, 8);
      add("text", { class: "halo strong", x: place + (onLeft ? -14 : 14), y: y + 4,
        "text-anchor": onLeft ? "end" : "start" }, words);
    });
  }

  return { answers, axes, begin, errors, firstRow, format, formatError, inverseSpectrum, linear,
    marker, path, roundTicks, signed, timesPower };
})();
