// The sliced Wasserstein distance of features, squared: the mean over random unit directions of the squared
// Wasserstein-2 distance of the projected features, which on a line is the mean squared difference of the
// sorted values. As "MIND" (arXiv 2605.06797) has it: 1,000 directions, no matrix root, no assumption about
// the distribution.

import { ConfigError, type Device, linear, tensor } from '@forger/tensor';
import { Random } from '../../data/random.ts';
import { meanOf } from '../distances.ts';
import { DRAWS, meanAndVariance, unitVectors } from '../draws.ts';
import { sortFloats } from '../sort.ts';
import type { Matrix, Metric } from '../types.ts';
import { needFeatures } from './needs.ts';

const DIRECTIONS = 1000;
/** Projections read back at once: 16 MiB. */
const PROJECTIONS = 4 * 2 ** 20;

export const mind: Metric = {
  name: 'mind',
  title: 'sliced Wasserstein distance of features, squared, over 1,000 directions',
  values: { mind: { title: 'sliced Wasserstein distance²', better: 'smaller' } },
  needs: ['features'],
  compute: async (generated, real, { device, seed }) => {
    const [x, y] = [needFeatures(generated), needFeatures(real)];
    if (x.rows !== y.rows)
      throw new ConfigError(
        `The sliced Wasserstein distance compares sets of one size; ${x.rows} and ${y.rows} images were given.`,
      );
    const directions = unitVectors(DIRECTIONS, x.columns, new Random(seed, DRAWS.directions, 0));
    // A common shift changes nothing, and near 0 projections keep more digits.
    const origin = meanOf(y);
    const [a, b] = [x, y].map((matrix) => sortedProjections(matrix, origin, directions, device));
    const distances = new Float64Array(DIRECTIONS);
    const [left, right] = [await a!, await b!];
    for (let k = 0; k < DIRECTIONS; k++) {
      const [p, q] = [left[k]!, right[k]!];
      let sum = 0;
      for (let i = 0; i < p.length; i++) sum += (p[i]! - q[i]!) ** 2;
      distances[k] = sum / p.length;
    }
    const { mean, variance } = meanAndVariance(distances);
    // Of the choice of directions; that of the images is not in it.
    return { values: { mind: { value: mean, standardError: Math.sqrt(variance / DIRECTIONS) } } };
  },
};

/**
 * Projections of all rows on each direction, sorted.
 * @param directions unit vectors, row-major.
 */
export async function sortedProjections(
  { rows, columns, values }: Matrix,
  origin: ArrayLike<number>,
  directions: Float64Array,
  device: Device,
): Promise<Float32Array[]> {
  const count = directions.length / columns;
  const centred = new Float32Array(values.length);
  for (let i = 0, at = 0; i < rows; i++)
    for (let j = 0; j < columns; j++, at++) centred[at] = values[at]! - origin[j]!;
  const points = tensor(centred, [rows, columns], { device }).keep();
  const atOnce = Math.max(1, Math.floor(PROJECTIONS / rows));
  const sorted: Float32Array[] = [];
  try {
    for (let from = 0; from < count; from += atOnce) {
      const some = Float32Array.from(directions.subarray(from * columns, (from + atOnce) * columns));
      const t = device.scope(() =>
        linear(tensor(some, [some.length / columns, columns], { device }), points),
      );
      const projected = (await t.data()) as Float32Array;
      t.dispose();
      for (let at = 0; at < projected.length; at += rows)
        sorted.push(sortFloats(projected.slice(at, at + rows)));
    }
  } finally {
    points.dispose();
  }
  return sorted;
}
