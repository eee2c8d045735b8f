// The mathematics of the live figures in float64: kernels, the spectral error, points left out.
//
// As in symlib, the points of two orbits stand one orbit after the other, A0 A1 … B0 B1 …, and a
// Gram matrix is an array of rows.
"use strict";

globalThis.numerics = (() => {
  const EPS = Number.EPSILON;
  const range = (count) => Array.from({ length: count }, (_, k) => k);
  const sum = (values) => values.reduce((total, value) => total + value, 0);
  const mean = (values) => sum(values) / values.length;

  function dot(x, other) {
    let total = 0;
    for (let k = 0; k < x.length; k++) total += x[k] * other[k];
    return total;
  }

  /** Two unit circles of `count` points about one axis, `offset` apart, the second half a step on. */
  function twoCircles(count, offset) {
    const point = (k, height) => {
      const angle = (2 * Math.PI * k) / count;
      return [Math.cos(angle), Math.sin(angle), height];
    };
    return [0, 1].flatMap((circle) => range(count).map((k) => point(k + circle / 2, circle * offset)));
  }

  /** The symmetric matrix of kernel(p, q) over all points p and q. */
  function gramMatrix(count, kernel) {
    const gram = range(count).map(() => new Float64Array(count));
    for (let p = 0; p < count; p++) {
      for (let q = 0; q <= p; q++) gram[p][q] = gram[q][p] = kernel(p, q);
    }
    return gram;
  }

  /** K(x, x') = exp(-L²‖x - x'‖²). */
  function rbf(points, inverseLength) {
    const squared = (x, other) => sum(x.map((value, k) => (value - other[k]) ** 2));
    return gramMatrix(points.length, (p, q) =>
      Math.exp(-(inverseLength ** 2) * squared(points[p], points[q])));
  }

  /** The NTK of one hidden layer of ReLU, infinitely wide, weights and biases of deviation 1. */
  function ntk(points) {
    const features = points[0].length;
    const sigma = (x, other) => dot(x, other) / features + 1;
    const variance = points.map((x) => sigma(x, x));
    return gramMatrix(points.length, (p, q) => {
      const covariance = sigma(points[p], points[q]);
      const scale = Math.sqrt(variance[p]) * Math.sqrt(variance[q]);
      let cos = Math.max(covariance / scale, -1);
      if (cos > 1 - 64 * EPS) cos = 1; // rounding of the sum, where points coincide
      const sin = Math.sqrt((1 - cos) * (1 + cos));
      const kappaDot = (Math.PI - Math.acos(cos)) / (2 * Math.PI);
      const kappa = scale * (sin / (2 * Math.PI) + kappaDot * cos);
      return kappa + 1 + kappaDot * covariance;
    });
  }

  /** The error of one point left out of 2N if nothing but the mean of the labels is known. */
  const labelMeanError = (count) => (2 * count) / (2 * count - 1);

  /** The points A0 A1 … B0 B1 … reordered to A0 B0 A1 B1 …. */
  function interleave(gram) {
    const half = gram.length / 2;
    const order = range(gram.length).map((p) => (p % 2) * half + Math.floor(p / 2));
    return order.map((p) => order.map((q) => gram[p][q]));
  }

  /** First row of the nearest circulant: the mean along each wrapped diagonal. */
  function circulantProjection(gram) {
    const points = range(gram.length);
    return points.map((step) => mean(points.map((p) => gram[p][(p + step) % gram.length])));
  }

  /** Eigenvalues of the symmetric circulant with this first row: its discrete Fourier transform. */
  function circulantEigenvalues(row) {
    const cosines = row.map((_, k) => Math.cos((2 * Math.PI * k) / row.length));
    return row.map((_, frequency) =>
      sum(row.map((value, step) => value * cosines[(frequency * step) % row.length])));
  }

  /** First row of the inverse of a symmetric circulant, where six digits of it are right. */
  function circulantInverse(eigenvalues) {
    const sizes = eigenvalues.map(Math.abs);
    requireSixDigits((EPS * Math.max(...sizes)) / Math.min(...sizes));
    const inverse = eigenvalues.map((eigenvalue) => 1 / eigenvalue);
    return circulantEigenvalues(inverse).map((value) => value / inverse.length);
  }

  /** Refuses a result of which fewer than six digits are right. */
  function requireSixDigits(relativeError) {
    if (!(relativeError <= 1e-6)) {
      throw new RangeError(`fewer than six digits are right: relative error ${relativeError}`);
    }
  }

  /**
   * The paper's ε_s = λ_N⁻¹ / ⟨λ⁻¹⟩ of two orbits of N points, for one point left out, and
   * ε_bal = λ_N⁻¹ / ⟨λ_ω⁻¹ (1 - cos(πω/N))⟩, for a point and its neighbour of the other class.
   */
  function spectralError(gram, ridge) {
    const row = circulantProjection(interleave(gram));
    row[0] += ridge;
    const eigenvalues = circulantEigenvalues(row);
    const inverse = eigenvalues.map((eigenvalue) => 1 / eigenvalue);
    const closeness = inverse[row.length / 2];
    const density = mean(inverse);
    // Rounding of the sums moves each λ by about this, whatever its size.
    const rounding = EPS * Math.max(...eigenvalues);
    if (!(Math.min(...eigenvalues) > 0)) requireSixDigits(Infinity);
    const moved = closeness + sum(inverse.map((value) => value ** 2)) / sum(inverse);
    requireSixDigits(rounding * moved);
    const weights = inverse.map((_, f) => 1 - Math.cos((2 * Math.PI * f) / row.length));
    const balancedDensity = mean(inverse.map((value, f) => value * weights[f]));
    return {
      row, inverse, closeness, density, error: closeness / density,
      balancedDensity, balancedError: closeness / balancedDensity,
    };
  }

  /** The lower triangular C with CCᵀ = gram + ridge·I. */
  function cholesky(gram, ridge) {
    const factor = gram.map(() => new Float64Array(gram.length));
    for (let p = 0; p < gram.length; p++) {
      for (let q = 0; q <= p; q++) {
        let rest = gram[p][q] + (p === q ? ridge : 0);
        for (let k = 0; k < q; k++) rest -= factor[p][k] * factor[q][k];
        if (p === q && !(rest > 0)) throw new RangeError("the Gram matrix is singular");
        factor[p][q] = p === q ? Math.sqrt(rest) : rest / factor[q][q];
      }
    }
    return factor;
  }

  /** The solution of Cx = right. */
  function forwardSolve(factor, right) {
    const x = Float64Array.from(right);
    for (let p = 0; p < x.length; p++) {
      for (let k = 0; k < p; k++) x[p] -= factor[p][k] * x[k];
      x[p] /= factor[p][p];
    }
    return x;
  }

  /** The solution of CCᵀ x = right. */
  function choleskySolve(factor, right) {
    const x = forwardSolve(factor, right);
    for (let p = x.length - 1; p >= 0; p--) {
      for (let k = p + 1; k < x.length; k++) x[p] -= factor[k][p] * x[k];
      x[p] /= factor[p][p];
    }
    return x;
  }

  /** own - kᵀ(CCᵀ)⁻¹k: what points with the covariances k leave of a point's variance. */
  function posteriorVariance(factor, covariances, own) {
    const explained = forwardSolve(factor, covariances);
    return own - dot(explained, explained);
  }

  /** Two halves of a number, of 26 bits each (Dekker). */
  function halves(x) {
    const shifted = 134217729 * x; // 2²⁷ + 1
    const high = shifted - (shifted - x);
    return [high, x - high];
  }

  /** right - (gram + ridge·I)x, each sum in doubled precision (Dekker's product, Knuth's sum). */
  function remainder(gram, ridge, x, right) {
    const split = Array.from(x, halves);
    return Float64Array.from(right, (value, p) => {
      let [total, lost] = [value, 0];
      const subtract = (factor, q) => {
        const product = -factor * x[q];
        const [high, low] = halves(-factor);
        const [otherHigh, otherLow] = split[q];
        lost += low * otherLow - (product - high * otherHigh - low * otherHigh - high * otherLow);
        const next = total + product;
        const added = next - total;
        lost += total - (next - added) + (product - added);
        total = next;
      };
      for (let q = 0; q < x.length; q++) subtract(gram[p][q], q);
      subtract(ridge, p);
      return total + lost;
    });
  }

  /** x of (gram + ridge·I)x = right, refined while that helps, and how far an entry may be off. */
  function refinedSolve(gram, ridge, factor, right) {
    const size = (values) => Math.max(...values.map(Math.abs));
    const x = choleskySolve(factor, right);
    let last = Infinity;
    for (let step = 0; step < 10; step++) {
      const correction = choleskySolve(factor, remainder(gram, ridge, x, right));
      const relative = size(correction) / size(x);
      if (!(relative < last / 2)) break;
      last = relative;
      correction.forEach((value, p) => { x[p] += value; });
      if (last <= 2 * EPS) break;
    }
    return { x, off: Math.max(last, EPS) * size(x) };
  }

  /**
   * Residuals of the points of each set in `sets`, left out together: the solution r of
   * [K̃⁻¹]_SS r = [K̃⁻¹y]_S, for sets of one point or of two.
   */
  function leaveSetsOut(gram, labels, sets, ridge) {
    const factor = cholesky(gram, ridge);
    const weights = refinedSolve(gram, ridge, factor, labels);
    const columns = new Map();
    for (const p of sets.flat()) {
      const unit = labels.map((_, k) => (k === p ? 1 : 0));
      if (!columns.has(p)) columns.set(p, refinedSolve(gram, ridge, factor, unit));
    }
    return sets.map((set) => (set.length === 1
      ? [leftOutAlone(weights, columns.get(set[0]), set[0])]
      : leftOutTogether(weights, set.map((p) => columns.get(p)), set)));
  }

  /** [K̃⁻¹y]_p / [K̃⁻¹]_pp. */
  function leftOutAlone(weights, column, p) {
    const relative = weights.off / Math.abs(weights.x[p]) + column.off / column.x[p];
    requireSixDigits(relative);
    return weights.x[p] / column.x[p];
  }

  /** The solution of the 2 × 2 system of two points, by Cramer's rule. */
  function leftOutTogether(weights, [first, second], [p, q]) {
    const [pp, pq, qq] = [first.x[p], (first.x[q] + second.x[p]) / 2, second.x[q]];
    const [weightP, weightQ] = [weights.x[p], weights.x[q]];
    const off = Math.max(first.off, second.off);
    const large = Math.max(pp, qq, Math.abs(pq));
    const residual = (own, other, ofOwn, ofOther) => {
      const numerator = ofOther * own - pq * other;
      const lost = weights.off * (ofOther + Math.abs(pq))
        + off * (Math.abs(own) + Math.abs(other));
      const determinant = pp * qq - pq ** 2;
      requireSixDigits((lost + EPS * large * (Math.abs(own) + Math.abs(other)))
        / Math.abs(numerator) + (4 * off * large + 2 * EPS * large ** 2) / determinant);
      return numerator / determinant;
    };
    return [residual(weightP, weightQ, pp, qq), residual(weightQ, weightP, qq, pp)];
  }

  /** An orbit in the plane of the real and the imaginary part of its c_ω: [x, …] and [y, …]. */
  function fourierPlane(points, frequency) {
    const angles = points.map((_, k) => (2 * Math.PI * frequency * k) / points.length);
    return [Math.cos, Math.sin].map((wave) => {
      const axis = points[0].map((_, pixel) =>
        sum(points.map((point, k) => point[pixel] * wave(angles[k]))));
      const along = points.map((point) => dot(point, axis) / Math.sqrt(dot(axis, axis)));
      const middle = mean(along);
      return along.map((value) => value - middle);
    });
  }

  /** A function that draws standard normal numbers: mulberry32, then Box and Muller. */
  function normals(seed) {
    let state = seed;
    const uniform = () => {
      state = (state + 0x6d2b79f5) | 0;
      let mixed = Math.imul(state ^ (state >>> 15), state | 1);
      mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
      return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
    };
    let spare;
    return () => {
      if (spare !== undefined) {
        const drawn = spare;
        spare = undefined;
        return drawn;
      }
      const radius = Math.sqrt(-2 * Math.log(1 - uniform()));
      const angle = 2 * Math.PI * uniform();
      spare = radius * Math.sin(angle);
      return radius * Math.cos(angle);
    };
  }

  return { cholesky, circulantEigenvalues, circulantInverse, circulantProjection, dot, fourierPlane,
    gramMatrix, interleave, labelMeanError, leaveSetsOut, mean, normals, ntk, posteriorVariance,
    range, rbf, spectralError, sum, twoCircles };
})();
