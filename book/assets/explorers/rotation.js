// Orbits of images under rotation, as symlib.orbits makes them: cubic splines, zero outside.
//
// An image is a Float64Array of size × size pixels, row by row from the top; turns are
// anticlockwise on the screen.
"use strict";

globalThis.rotation = (() => {
  const { dot, mean, range, sum } = numerics;

  /** Where a coefficient beyond the border is read: the signal mirrored at its first and last. */
  function mirrored(index, size) {
    const period = 2 * (size - 1);
    const folded = ((index % period) + period) % period;
    return folded < size ? folded : period - folded;
  }

  /** Coefficients of the cubic spline through the samples: a recursion forth, then back. */
  function splineCoefficients(samples) {
    const size = samples.length;
    const period = 2 * (size - 1);
    const pole = Math.sqrt(3) - 2;
    const c = samples.map((value) => 6 * value);
    const start = sum(range(period).map((k) => pole ** k * c[mirrored(k, size)]));
    c[0] = start / (1 - pole ** period);
    for (let k = 1; k < size; k++) c[k] += pole * c[k - 1];
    c[size - 1] = (pole / (pole ** 2 - 1)) * (c[size - 1] + pole * c[size - 2]);
    for (let k = size - 2; k >= 0; k--) c[k] = pole * (c[k + 1] - c[k]);
    return c;
  }

  /** The spline coefficients of an image: along its columns, then along its rows. */
  function prefilter(image, size) {
    const c = Float64Array.from(image);
    for (const [line, step] of [[1, size], [size, 1]]) {
      for (const k of range(size)) {
        const coefficients = splineCoefficients(range(size).map((m) => c[k * line + m * step]));
        coefficients.forEach((value, m) => { c[k * line + m * step] = value; });
      }
    }
    return c;
  }

  /** The cubic B-spline β³(t). */
  function bSpline(t) {
    const distance = Math.abs(t);
    if (distance >= 2) return 0;
    return distance < 1 ? 2 / 3 - distance ** 2 + distance ** 3 / 2 : (2 - distance) ** 3 / 6;
  }

  /** Cosine and sine of an angle in degrees, exact for quarter turns. */
  function cosSin(angle) {
    const radians = (angle * Math.PI) / 180;
    const exact = angle % 90 === 0 ? Math.round : (value) => value;
    return [exact(Math.cos(radians)), exact(Math.sin(radians))];
  }

  /** For each angle and pixel, the 16 coefficients that it reads and their weights. */
  function rotationOperator(size, angles) {
    const columns = new Int32Array(16 * angles.length * size ** 2);
    const weights = new Float64Array(columns.length);
    const centre = (size - 1) / 2;
    const inside = (value) => value >= 0 && value <= size - 1;
    let entry = 0;
    for (const [cos, sin] of angles.map(cosSin)) {
      for (let pixel = 0; pixel < size ** 2; pixel++) {
        const y = Math.floor(pixel / size) - centre;
        const x = (pixel % size) - centre;
        const sourceY = cos * y + sin * x + centre;
        const sourceX = cos * x - sin * y + centre;
        const whole = inside(sourceY) && inside(sourceX) ? 1 : 0;
        for (let j = Math.floor(sourceY) - 1; j <= Math.floor(sourceY) + 2; j++) {
          for (let k = Math.floor(sourceX) - 1; k <= Math.floor(sourceX) + 2; k++) {
            columns[entry] = mirrored(j, size) * size + mirrored(k, size);
            weights[entry++] = whole * bSpline(sourceY - j) * bSpline(sourceX - k);
          }
        }
      }
    }
    return { size, angles, columns, weights };
  }

  /** The image turned by every angle of the operator. */
  function rotate(image, operator) {
    const { size, angles, columns, weights } = operator;
    const coefficients = prefilter(image, size);
    return angles.map((_, number) => {
      const first = 16 * number * size ** 2;
      return Float64Array.from({ length: size ** 2 }, (_, pixel) => {
        let value = 0;
        for (let entry = first + 16 * pixel; entry < first + 16 * pixel + 16; entry++) {
          value += weights[entry] * coefficients[columns[entry]];
        }
        return value;
      });
    });
  }

  /** The image turned by 90 degrees, only moving its pixels. */
  function quarterTurn(image, size) {
    return image.map((_, pixel) =>
      image[(pixel % size) * size + size - 1 - Math.floor(pixel / size)]);
  }

  /** What `rotations` needs for N turns: all angles, or a quarter of them where 4 divides N. */
  function operatorOfTurns(size, count) {
    const computed = count % 4 ? count : count / 4;
    return rotationOperator(size, range(computed).map((k) => (k * 360) / count));
  }

  /** The image turned by 0, 1, …, N - 1 times 2π/N; quarter turns are exact where 4 divides N. */
  function rotations(image, operator, count) {
    const orbit = rotate(image, operator);
    while (orbit.length < count) {
      orbit.push(quarterTurn(orbit[orbit.length - count / 4], operator.size));
    }
    return orbit;
  }

  /** The image with its mean removed, scaled to norm 1. */
  function normalize(image) {
    const average = mean(image);
    const centred = image.map((value) => value - average);
    const norm = Math.sqrt(dot(centred, centred));
    return centred.map((value) => value / norm);
  }

  return { normalize, operatorOfTurns, quarterTurn, rotate, rotationOperator, rotations };
})();
