/** @file Singular values by one-sided Jacobi rotations in double precision, for tests alone. */

/** Singular values of a matrix given by rows, largest first. */
export function singularValues(matrix: readonly (readonly number[])[]): number[] {
  const [m, n] = [matrix.length, matrix[0].length];
  // Vectors along the shorter side: their lengths are the values once all are perpendicular.
  const vectors =
    m <= n ? matrix.map((row) => [...row]) : matrix[0].map((_, j) => matrix.map((row) => row[j]));
  for (let sweep = 0; sweep < 60; sweep++) {
    let worst = 0;
    for (let p = 0; p < vectors.length; p++) {
      for (let q = p + 1; q < vectors.length; q++) {
        const [u, v] = [vectors[p], vectors[q]];
        let [uu, vv, uv] = [0, 0, 0];
        for (let k = 0; k < u.length; k++) {
          uu += u[k] * u[k];
          vv += v[k] * v[k];
          uv += u[k] * v[k];
        }
        if (uv === 0) continue;
        worst = Math.max(worst, Math.abs(uv) / Math.sqrt(uu * vv));
        const zeta = (vv - uu) / (2 * uv);
        const t = Math.sign(zeta || 1) / (Math.abs(zeta) + Math.sqrt(1 + zeta * zeta));
        const c = 1 / Math.sqrt(1 + t * t);
        for (let k = 0; k < u.length; k++) [u[k], v[k]] = [c * u[k] - c * t * v[k], c * t * u[k] + c * v[k]];
      }
    }
    if (worst < 1e-12) break;
  }
  return vectors.map((v) => Math.sqrt(v.reduce((total, x) => total + x * x, 0))).sort((a, b) => b - a);
}
