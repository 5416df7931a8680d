// The generators of fixtures/make_generators.py: their weights, latents and PyTorch's pixels.

import { readFileSync } from 'node:fs';
import type { WeightEntry } from '@forger/dcgan';
import { fixture } from './files.ts';

export interface Truth {
  imageSize?: number;
  activation?: string;
  pixelRange?: 'sigmoid';
  normEps?: number;
  mode?: 'bilinear';
  reading?: boolean;
}

export interface Case {
  tensors: [name: string, shape: number[]][];
  latents: number;
  shape: number[];
  truth: Truth;
  step: number;
  pixels: number[];
}

export const cases: Record<string, Case> = JSON.parse(readFileSync(fixture('generators.json'), 'utf8'));

/** Numbers in [-0.5, 0.5), as make_generators.py draws them. */
function uniform(count: number, seed: number): Float64Array {
  return Float64Array.from({ length: count }, (_, i) => {
    let x = (Math.imul(i, 2654435761) + Math.imul(seed, 40503) + 12345) >>> 0;
    x = (x ^ (x >>> 16)) >>> 0;
    x = Math.imul(x, 2246822507) >>> 0;
    x = (x ^ (x >>> 13)) >>> 0;
    x = Math.imul(x, 3266489909) >>> 0;
    x = (x ^ (x >>> 16)) >>> 0;
    return x / 4294967296 - 0.5;
  });
}

function values(name: string, shape: readonly number[], seed: number): Float32Array {
  const count = shape.reduce((n, d) => n * d, 1);
  const numbers = uniform(count, seed);
  const scale = shape.length >= 2 ? 2 * Math.sqrt(4 / (count / Math.max(shape[0]!, shape[1]!))) : 1;
  const positive = shape.length === 1 && (name.endsWith('running_var') || name.endsWith('weight'));
  return Float32Array.from(numbers, (u) => u * scale + (positive ? 1 : 0));
}

export function entriesOf({ tensors }: Case): Map<string, WeightEntry> {
  return new Map(
    tensors.map(([name, shape], i) => [
      name,
      name.endsWith('num_batches_tracked')
        ? { shape, dtype: 'int64', read: async () => BigInt64Array.of(0n) }
        : { shape, dtype: 'float32', read: async () => values(name, shape, i) },
    ]),
  );
}

/** The latents that PyTorch drew from. */
export function latentsOf({ shape, latents }: Case): Float32Array {
  return Float32Array.from(uniform(shape[0]! * latents, 99), (u) => 3 * u);
}

/** The largest difference from PyTorch's pixels; infinite for pictures of another shape. */
export function largestGap(
  { shape, step, pixels }: Case,
  drawn: readonly number[],
  values: Float32Array,
): number {
  if (drawn.join() !== shape.join()) return Number.POSITIVE_INFINITY;
  return Math.max(...pixels.map((value, i) => Math.abs(values[i * step]! - value)));
}
