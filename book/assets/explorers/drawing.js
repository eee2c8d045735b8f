// Images from strokes of a pen, and images onto canvases.
//
// A stroke is an array of points [x, y] in pixels of the image; pixel centres are whole numbers.
"use strict";

globalThis.drawing = (() => {
  const { range, sum } = numerics;
  const SIZE = 28;
  const PEN = 1.4; // half the width of a line, where its ink is half as dark
  const BOX = 20; // MNIST fits its digits into a box of 20 pixels

  function distanceToSegment([x, y], [fromX, fromY], [toX, toY]) {
    const [alongX, alongY] = [toX - fromX, toY - fromY];
    const length = alongX ** 2 + alongY ** 2;
    const projected = ((x - fromX) * alongX + (y - fromY) * alongY) / (length || 1);
    const part = Math.min(1, Math.max(0, projected));
    return Math.hypot(x - fromX - part * alongX, y - fromY - part * alongY);
  }

  /** The image of the strokes: dark within the pen's width, fading over one pixel at its edge. */
  function imageOf(strokes) {
    const segments = strokes.flatMap((stroke) =>
      stroke.map((point, k) => [stroke[Math.max(k - 1, 0)], point]));
    return Float64Array.from({ length: SIZE ** 2 }, (_, pixel) => {
      const place = [pixel % SIZE, Math.floor(pixel / SIZE)];
      let nearest = Infinity;
      for (const [from, to] of segments) {
        nearest = Math.min(nearest, distanceToSegment(place, from, to));
      }
      return Math.min(1, Math.max(0, PEN + 0.5 - nearest));
    });
  }

  /** Where the mass of an image is centred, [x, y]. */
  function centreOfMass(image) {
    const mass = sum(image);
    return [(pixel) => pixel % SIZE, (pixel) => Math.floor(pixel / SIZE)].map(
      (coordinate) => sum(image.map((value, pixel) => value * coordinate(pixel))) / mass);
  }

  /** The strokes as MNIST has its digits: the longer side 20 pixels, the mass in the middle. */
  function fitted(strokes) {
    const extents = [0, 1].map((axis) => {
      const values = strokes.flat().map((point) => point[axis]);
      return Math.max(...values) - Math.min(...values);
    });
    const extent = Math.max(...extents);
    const scale = extent > 4 ? (BOX - 2 * PEN) / extent : 1; // a dot stays a dot
    const scaled = strokes.map((stroke) => stroke.map((point) => point.map((v) => v * scale)));
    const [left, top] = [0, 1].map((axis) => Math.min(...scaled.flat().map((p) => p[axis])));
    const moved = scaled.map((stroke) => stroke.map(([x, y]) => [x - left + 4, y - top + 4]));
    const [x, y] = centreOfMass(imageOf(moved));
    const centre = (SIZE - 1) / 2;
    return moved.map((stroke) => stroke.map(([px, py]) => [px + centre - x, py + centre - y]));
  }

  /** An image from one byte a pixel in base64, as digits.js holds them. */
  function imageFromText(text) {
    return Float64Array.from(atob(text), (character) => character.charCodeAt(0) / 255);
  }

  /** A canvas of 28 × 28 that holds the image as ink of one colour, [red, green, blue]. */
  function inkOf(image, colour) {
    const canvas = document.createElement("canvas");
    canvas.width = canvas.height = SIZE;
    const pixels = new ImageData(SIZE, SIZE);
    image.forEach((value, pixel) => pixels.data.set([...colour, 255 * value], 4 * pixel));
    canvas.getContext("2d").putImageData(pixels, 0, 0);
    return canvas;
  }

  /** Fills the canvas with the image, its pixels to be seen. */
  function showImage(canvas, image, colour) {
    const context = canvas.getContext("2d");
    context.imageSmoothingEnabled = false;
    context.clearRect(0, 0, canvas.width, canvas.height);
    context.drawImage(inkOf(image, colour), 0, 0, canvas.width, canvas.height);
  }

  /** The orbit as a ring; where the upright image is left out, a gap, and it in the middle. */
  function showOrbit(canvas, orbit, colour, leftOut) {
    const context = canvas.getContext("2d");
    const half = canvas.width / 2;
    const side = Math.min(0.34 * half, (1.7 * 2 * Math.PI * 0.8 * half) / orbit.length);
    const radius = 0.97 * half - side / 2;
    const place = (image, x, y, width) =>
      context.drawImage(inkOf(image, colour), x - width / 2, y - width / 2, width, width);
    const frame = (x, y, width) => {
      context.setLineDash([6, 5]);
      context.lineWidth = 3;
      context.strokeStyle = `rgb(${colour})`;
      context.strokeRect(x - width / 2, y - width / 2, width, width);
    };
    context.clearRect(0, 0, canvas.width, canvas.height);
    range(orbit.length).slice(leftOut ? 1 : 0).forEach((k) => {
      const angle = (2 * Math.PI * k) / orbit.length + Math.PI / 2;
      place(orbit[k], half + radius * Math.cos(angle), half - radius * Math.sin(angle), side);
    });
    if (!leftOut) return;
    frame(half, half - radius, side);
    place(orbit[0], half, half, 0.75 * half);
    frame(half, half, 0.75 * half);
  }

  /** Fills the canvas with a few words. */
  function showWords(canvas, words, colour) {
    const context = canvas.getContext("2d");
    context.clearRect(0, 0, canvas.width, canvas.height);
    context.fillStyle = `rgb(${colour})`;
    context.font = "30px sans-serif";
    context.textAlign = "center";
    context.fillText(words, canvas.width / 2, canvas.height / 2);
  }

  return { SIZE, fitted, imageFromText, imageOf, showImage, showOrbit, showWords };
})();
