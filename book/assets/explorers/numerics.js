// The mathematics of the explorers in float64: kernels, the spectral error, points left out.
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

  /** The paper's ε_s = λ_N⁻¹ / ⟨λ⁻¹⟩ of two orbits of N points, and what it is made of. */
  function spectralError(gram, ridge) {
    const row = circulantProjection(interleave(gram));
    row[0] += ridge;
    const eigenvalues = circulantEigenvalues(row);
    if (!(Math.min(...eigenvalues) > row.length * EPS * Math.max(...eigenvalues))) {
      throw new RangeError("the Gram matrix is singular to working precision");
    }
    const inverse = eigenvalues.map((eigenvalue) => 1 / eigenvalue);
    const closeness = inverse[row.length / 2];
    const density = mean(inverse);
    return { row, inverse, closeness, density, error: closeness / density };
  }

  /** The lower triangular C with CCᵀ = gram + ridge·I. */
  function cholesky(gram, ridge) {
    const size = gram.length;
    const floor = size * EPS * (Math.max(...gram.map((row, p) => row[p])) + ridge);
    const factor = gram.map(() => new Float64Array(size));
    for (let p = 0; p < size; p++) {
      for (let q = 0; q <= p; q++) {
        let rest = gram[p][q] + (p === q ? ridge : 0);
        for (let k = 0; k < q; k++) rest -= factor[p][k] * factor[q][k];
        if (p === q && !(rest > floor)) {
          throw new RangeError("the Gram matrix is singular to working precision");
        }
        factor[p][q] = p === q ? Math.sqrt(rest) : rest / factor[q][q];
      }
    }
    return factor;
  }

  /** The solution of CCᵀ x = right. */
  function choleskySolve(factor, right) {
    const x = Float64Array.from(right);
    for (let p = 0; p < x.length; p++) {
      for (let k = 0; k < p; k++) x[p] -= factor[p][k] * x[k];
      x[p] /= factor[p][p];
    }
    for (let p = x.length - 1; p >= 0; p--) {
      for (let k = p + 1; k < x.length; k++) x[p] -= factor[k][p] * x[k];
      x[p] /= factor[p][p];
    }
    return x;
  }

  /** Residuals r_p = [K̃⁻¹y]_p / [K̃⁻¹]_pp of the points `held`, each left out alone. */
  function leaveOneOut(gram, labels, held, ridge) {
    const factor = cholesky(gram, ridge);
    const weights = choleskySolve(factor, labels);
    const unit = (p) => labels.map((_, k) => (k === p ? 1 : 0));
    return held.map((p) => weights[p] / choleskySolve(factor, unit(p))[p]);
  }

  return { circulantEigenvalues, circulantProjection, dot, gramMatrix, interleave, leaveOneOut,
    mean, ntk, range, rbf, spectralError, sum, twoCircles };
})();
