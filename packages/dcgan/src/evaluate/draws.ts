// Random numbers of evaluation: a stream for each purpose, apart from those of data and training.

import { permutation, type Random } from '../data/random.ts';

/** Streams of `Random`; those of data sets are below 2^16. */
export const DRAWS = {
  images: 0x10000,
  kidGenerated: 0x10001,
  kidReal: 0x10002,
  directions: 0x10003,
  pairs: 0x10004,
  patches: 0x10005,
  patchDirections: 0x10006,
  randomNetwork: 0x10007,
} as const;

/** `count` unit vectors of `size` numbers, uniform on the sphere, row-major. */
export function unitVectors(count: number, size: number, random: Random): Float64Array {
  const vectors = new Float64Array(count * size);
  for (let i = 0; i < count; i++) {
    let square = 0;
    const row = vectors.subarray(i * size, (i + 1) * size);
    for (let j = 0; j < size; j++) {
      row[j] = random.normal();
      square += row[j]! ** 2;
    }
    const length = Math.sqrt(square);
    for (let j = 0; j < size; j++) row[j]! /= length;
  }
  return vectors;
}

/** The first `count` numbers of a permutation of 0..length-1. */
export function choose(count: number, length: number, random: Random): Uint32Array {
  return permutation(length, random).subarray(0, count);
}

/** Mean and, divided by n - 1, variance. */
export function meanAndVariance(values: ArrayLike<number>): { mean: number; variance: number } {
  const n = values.length;
  let mean = 0;
  for (let i = 0; i < n; i++) mean += values[i]! / n;
  let squares = 0;
  for (let i = 0; i < n; i++) squares += (values[i]! - mean) ** 2;
  return { mean, variance: n > 1 ? squares / (n - 1) : 0 };
}
