// Kernel inception distance's estimator on any features: Bińkowski et al., "Demystifying MMD GANs" (2018), as
// torch-fidelity's metric_kid.py computes it. With k(x, y) = (x·y / d + 1)³, for subsets of m images of each set,
//   MMD² = [Σ_{i≠j} k(xᵢ, xⱼ) + Σ_{i≠j} k(yᵢ, yⱼ)] / (m (m - 1)) - 2 Σ k(xᵢ, yⱼ) / m²,
// which is unbiased: 0 on average for images of one distribution, and negative about as often as positive. The value is
// the mean over subsets. The standard error is the delete-d jackknife's (Shao and Wu 1989): with N images, the subsets'
// variance times m / (N - m).
//
// Products are float32 on the device, kernels and sums float64 on the host.

import { ConfigError, type Device, matmul, readAll, tensor, transpose } from '@forger/tensor';
import { Random } from '../../data/random.ts';
import { choose, DRAWS, meanAndVariance } from '../draws.ts';
import type { Matrix, Metric } from '../types.ts';
import { needFeatures } from './needs.ts';

/** Products read back at once: 48 MiB. */
const PRODUCTS = 12 * 2 ** 20;

export interface KidOptions {
  /** Default 100. */
  readonly subsets?: number;
  /** Images of each set in a subset; at most half of the images are taken. Default 1,000. */
  readonly subsetSize?: number;
}

/** The metric with settings of one's own. */
export function kidWith({ subsets = 100, subsetSize = 1000 }: KidOptions = {}): Metric {
  return {
    name: 'kid',
    title: 'kernel distance of features, unbiased: usable with few images',
    values: { kid: { title: 'kernel distance', better: 'smaller' } },
    needs: ['features'],
    compute: async (generated, real, { device, seed, onProgress, signal }) => {
      const [x, y] = [needFeatures(generated), needFeatures(real)];
      const n = Math.min(x.rows, y.rows);
      const size = Math.min(subsetSize, Math.floor(n / 2));
      if (size < 2) throw new ConfigError(`The kernel distance needs at least 4 images; ${n} were given.`);
      const estimates: number[] = [];
      // As many subsets at once as memory allows: a wait for the device costs more than a small product.
      const atOnce = Math.max(1, Math.min(subsets, Math.floor(PRODUCTS / (3 * size * size))));
      for (let first = 0; first < subsets; first += atOnce) {
        signal?.throwIfAborted();
        const indices = Array.from({ length: Math.min(atOnce, subsets - first) }, (_, i) => first + i);
        const chosen = (matrix: Matrix, stream: number): Float32Array =>
          gather(
            matrix,
            indices.map((i) => choose(size, matrix.rows, new Random(seed, stream, i))),
          );
        const [a, b] = [chosen(x, DRAWS.kidGenerated), chosen(y, DRAWS.kidReal)];
        estimates.push(...(await squaredMmds(a, b, [indices.length, size, x.columns], device)));
        onProgress?.(estimates.length / subsets);
      }
      const { mean, variance } = meanAndVariance(estimates);
      return {
        values: { kid: { value: mean, standardError: Math.sqrt((variance * size) / (n - size)) } },
        details: { subsets, subsetSize: size, standardDeviation: Math.sqrt(variance) },
      };
    },
  };
}

export const kid: Metric = kidWith();

/**
 * The unbiased estimates for pairs of sets.
 * @param a of each pair one set after the other, as `shape` says; `b` the other sets.
 */
export async function squaredMmds(
  a: Float32Array,
  b: Float32Array,
  shape: readonly [pairs: number, m: number, d: number],
  device: Device,
): Promise<number[]> {
  const [pairs, m, d] = shape;
  const products = device.scope(() => {
    const [x, y] = [tensor(a, shape, { device }), tensor(b, shape, { device })];
    const [xt, yt] = [transpose(x, 1, 2), transpose(y, 1, 2)];
    return [matmul(x, xt), matmul(y, yt), matmul(x, yt)];
  });
  const values = (await readAll(products)) as Float32Array[];
  for (const t of products) t.dispose();
  return Array.from({ length: pairs }, (_, i) => {
    const [xx, yy, xy] = values.map((all) => all.subarray(i * m * m, (i + 1) * m * m)) as [
      Float32Array,
      Float32Array,
      Float32Array,
    ];
    const within = sumOfKernels(xx, d) - diagonal(xx, m, d) + sumOfKernels(yy, d) - diagonal(yy, m, d);
    return within / (m * (m - 1)) - (2 * sumOfKernels(xy, d)) / (m * m);
  });
}

function sumOfKernels(products: Float32Array, d: number): number {
  let sum = 0;
  for (let i = 0; i < products.length; i++) {
    const value = products[i]! / d + 1;
    sum += value * value * value;
  }
  return sum;
}

function diagonal(products: Float32Array, m: number, d: number): number {
  let sum = 0;
  for (let i = 0; i < m; i++) sum += (products[i * (m + 1)]! / d + 1) ** 3;
  return sum;
}

/** The rows of several lists, one list after the other. */
function gather({ columns, values }: Matrix, lists: readonly Uint32Array[]): Float32Array {
  const rows = lists.reduce((sum, { length }) => sum + length, 0);
  const result = new Float32Array(rows * columns);
  let at = 0;
  for (const list of lists)
    for (const row of list) {
      result.set(values.subarray(row * columns, (row + 1) * columns), at);
      at += columns;
    }
  return result;
}
