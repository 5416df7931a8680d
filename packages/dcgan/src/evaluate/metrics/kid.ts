// Kernel inception distance's estimator on any features: Bińkowski et al., "Demystifying MMD GANs" (2018), as
// torch-fidelity's metric_kid.py computes it. With k(x, y) = (x·y / d + 1)³, for subsets of m images of each set,
//   MMD² = [Σ_{i≠j} k(xᵢ, xⱼ) + Σ_{i≠j} k(yᵢ, yⱼ)] / (m (m - 1)) - 2 Σ k(xᵢ, yⱼ) / m²,
// which is unbiased: 0 on average for images of one distribution, and negative about as often as positive. The value is
// the mean over subsets. The standard error is the delete-d jackknife's (Shao and Wu 1989): with N images, the subsets'
// variance times m / (N - m).
//
// Products are float32 on the device, kernels and sums float64 on the host.

import { ConfigError, type Device, linear, type Tensor, tensor } from '@forger/tensor';
import { Random } from '../../data/random.ts';
import { choose, DRAWS, meanAndVariance } from '../draws.ts';
import type { Matrix, Metric } from '../types.ts';
import { needFeatures } from './needs.ts';

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
      const estimates = new Float64Array(subsets);
      for (let s = 0; s < subsets; s++) {
        signal?.throwIfAborted();
        const a = gather(x, choose(size, x.rows, new Random(seed, DRAWS.kidGenerated, s)));
        const b = gather(y, choose(size, y.rows, new Random(seed, DRAWS.kidReal, s)));
        estimates[s] = await squaredMmd(a, b, device);
        onProgress?.((s + 1) / subsets);
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

/** The unbiased estimate for two sets of the same number of vectors. */
export async function squaredMmd(a: Matrix, b: Matrix, device: Device): Promise<number> {
  const m = a.rows;
  const products = device.scope(() => {
    const [x, y] = [a, b].map(({ rows, columns, values }) => tensor(values, [rows, columns], { device })) as [
      Tensor,
      Tensor,
    ];
    return [linear(x, x), linear(y, y), linear(x, y)];
  });
  const [xx, yy, xy] = (await Promise.all(products.map((t) => t.data()))) as Float32Array[];
  for (const t of products) t.dispose();
  const d = a.columns;
  const within =
    (sumOfKernels(xx!, d) - diagonal(xx!, m, d) + sumOfKernels(yy!, d) - diagonal(yy!, m, d)) / (m * (m - 1));
  return within - (2 * sumOfKernels(xy!, d)) / (m * m);
}

function sumOfKernels(products: Float32Array, d: number): number {
  let sum = 0;
  for (let i = 0; i < products.length; i++) sum += (products[i]! / d + 1) ** 3;
  return sum;
}

function diagonal(products: Float32Array, m: number, d: number): number {
  let sum = 0;
  for (let i = 0; i < m; i++) sum += (products[i * (m + 1)]! / d + 1) ** 3;
  return sum;
}

function gather({ columns, values }: Matrix, rows: Uint32Array): Matrix {
  const result = new Float32Array(rows.length * columns);
  for (const [i, row] of rows.entries())
    result.set(values.subarray(row * columns, (row + 1) * columns), i * columns);
  return { rows: rows.length, columns, values: result };
}
