// The eigendecomposition: known matrices, random ones put together again, and the hard cases: equal, zero and
// tiny values.

import { describe, expect, test } from 'vitest';
import { symmetricEigen } from '../../src/evaluate/eigen.ts';
import { mulberry32 } from './inputs.ts';

function matrixOf(rows: readonly (readonly number[])[]): Float64Array[] {
  return rows.map((row) => Float64Array.from(row));
}

/** |A V - V Λ| and |V Vᵀ - 1|, the largest elements. */
function errors(a: Float64Array[]): { residual: number; orthogonality: number } {
  const { values, vectors } = symmetricEigen(a);
  const n = a.length;
  let [residual, orthogonality] = [0, 0];
  for (const [k, v] of vectors!.entries()) {
    for (let i = 0; i < n; i++) {
      let sum = 0;
      for (let j = 0; j < n; j++) sum += a[Math.max(i, j)]![Math.min(i, j)]! * v[j]!;
      residual = Math.max(residual, Math.abs(sum - values[k]! * v[i]!));
    }
    for (const [l, w] of vectors!.entries()) {
      const product = v.reduce((sum, value, i) => sum + value * w[i]!, 0);
      orthogonality = Math.max(orthogonality, Math.abs(product - (k === l ? 1 : 0)));
    }
  }
  return { residual, orthogonality };
}

function covariance(n: number, samples: number, seed: number): Float64Array[] {
  const next = mulberry32(seed);
  const x = Array.from({ length: samples }, () => Float64Array.from({ length: n }, () => next() - 0.5));
  return Array.from({ length: n }, (_, i) =>
    Float64Array.from({ length: n }, (_, j) => x.reduce((sum, row) => sum + row[i]! * row[j]!, 0)),
  );
}

describe('symmetricEigen', () => {
  test('of a second difference: 2 - 2 cos(kπ / (n + 1))', () => {
    const n = 30;
    const a = Array.from({ length: n }, (_, i) =>
      Float64Array.from({ length: n }, (_, j) => (i === j ? 2 : Math.abs(i - j) === 1 ? -1 : 0)),
    );
    for (const [k, value] of symmetricEigen(a).values.entries())
      expect(value).toBeCloseTo(2 - 2 * Math.cos(((k + 1) * Math.PI) / (n + 1)), 13);
  });

  test.each([
    ['one number', matrixOf([[3]])],
    [
      'a diagonal',
      matrixOf([
        [1, 0, 0],
        [0, -2, 0],
        [0, 0, 1],
      ]),
    ],
    [
      'only zeros',
      matrixOf([
        [0, 0],
        [0, 0],
      ]),
    ],
    ['ones everywhere', Array.from({ length: 12 }, () => new Float64Array(12).fill(1))],
    ['full rank', covariance(40, 100, 1)],
    ['rank 5 of 40', covariance(40, 5, 2)],
    [
      'sizes from 1e-12 to 1e12',
      covariance(9, 20, 3).map((row, i) => row.map((v, j) => v * 10 ** (3 * (i + j) - 24))),
    ],
  ])('%s', (_, a) => {
    const size = Math.max(1e-300, ...a.map((row) => Math.max(...row.map(Math.abs))));
    const { residual, orthogonality } = errors(a);
    expect(residual).toBeLessThan(1e-13 * size * a.length);
    expect(orthogonality).toBeLessThan(1e-13 * a.length);
  });

  test('values alone are the same', () => {
    const a = covariance(20, 50, 4);
    const [both, alone] = [symmetricEigen(a), symmetricEigen(a, false)];
    expect(alone.vectors).toBeUndefined();
    for (const [k, value] of alone.values.entries()) expect(value).toBeCloseTo(both.values[k]!, 12);
  });

  test('NaN is refused', () => {
    expect(() =>
      symmetricEigen(
        matrixOf([
          [1, 0],
          [Number.NaN, 1],
        ]),
      ),
    ).toThrow('NaN');
  });
});
