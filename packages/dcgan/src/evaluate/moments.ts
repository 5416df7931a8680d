// Mean and covariance of feature vectors, in float64.

import type { Matrix } from './types.ts';

export interface Moments {
  readonly count: number;
  readonly mean: Float64Array;
  /** Unbiased (divided by N - 1), as numpy.cov; n rows, of which the lower triangle is filled. */
  readonly covariance: readonly Float64Array[];
}

/** Rows that are summed up at once: each pass over the covariance then does that many multiply-adds an element. */
const ROWS = 4;

const known = new WeakMap<Matrix, Moments>();

/** The moments of the rows; kept as long as the matrix lives, since real images are compared with many times. */
export function momentsOf(matrix: Matrix): Moments {
  let moments = known.get(matrix);
  if (!moments) {
    moments = computeMoments(matrix);
    known.set(matrix, moments);
  }
  return moments;
}

function computeMoments({ rows, columns, values }: Matrix): Moments {
  const mean = new Float64Array(columns);
  for (let i = 0; i < rows; i++)
    for (let j = 0, at = i * columns; j < columns; j++, at++) mean[j]! += values[at]!;
  for (let j = 0; j < columns; j++) mean[j]! /= rows;
  const covariance = Array.from({ length: columns }, () => new Float64Array(columns));
  const [w, x, y, z] = Array.from({ length: ROWS }, () => new Float64Array(columns)) as [
    Float64Array,
    Float64Array,
    Float64Array,
    Float64Array,
  ];
  for (let i = 0; i < rows; i += ROWS) {
    [w, x, y, z].forEach((centred, k) => {
      if (i + k >= rows) centred.fill(0);
      else for (let j = 0; j < columns; j++) centred[j] = values[(i + k) * columns + j]! - mean[j]!;
    });
    for (let j = 0; j < columns; j++) {
      const row = covariance[j]!;
      const [wj, xj, yj, zj] = [w[j]!, x[j]!, y[j]!, z[j]!];
      for (let k = 0; k <= j; k++) row[k]! += wj * w[k]! + xj * x[k]! + yj * y[k]! + zj * z[k]!;
    }
  }
  for (const [j, row] of covariance.entries()) for (let k = 0; k <= j; k++) row[k]! /= rows - 1;
  return { count: rows, mean, covariance };
}
