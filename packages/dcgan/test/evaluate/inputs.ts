// The inputs that fixtures/make.py makes, made again.

import type { FeatureNetwork, Matrix, MetricContext, Sample } from '@forger/dcgan';
import type { Device } from '@forger/tensor';

/** Uniform in [0, 1): Tommy Ettinger's mulberry32, in fixtures/make.py too. */
export function mulberry32(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

export function features(seed: number, rows: number, columns: number, shift: number, scale: number): Matrix {
  const next = mulberry32(seed);
  const values = new Float32Array(rows * columns);
  for (let i = 0; i < rows; i++) {
    let before = 0;
    for (let j = 0; j < columns; j++) {
      const value = next() + next() + next() + next() - 2 + 0.5 * before;
      before = value;
      values[i * columns + j] = value * scale + shift;
    }
  }
  return { rows, columns, values };
}

export function images(
  seed: number,
  count: number,
  channels: number,
  size: number,
  noise: number,
): Sample & { readonly pixels: Uint8Array } {
  const next = mulberry32(seed);
  const pixels = new Uint8Array(count * channels * size * size);
  let at = 0;
  for (let n = 0; n < count; n++) {
    const [a, b] = [Math.floor(next() * 7) + 1, Math.floor(next() * 7)];
    for (let c = 0; c < channels; c++) {
      const offset = Math.floor(next() * 64);
      for (let y = 0; y < size; y++)
        for (let x = 0; x < size; x++) {
          const stripe = ((x * a + y * b + offset) % 64) / 64;
          pixels[at++] = Math.floor(255 * ((1 - noise) * stripe + noise * next()));
        }
    }
  }
  return { count, shape: [channels, size, size], pixels };
}

export function probabilities(seed: number, rows: number, classes: number, sharpness: number): Matrix {
  const next = mulberry32(seed);
  const values = new Float32Array(rows * classes);
  for (let i = 0; i < rows; i++) {
    const row = Float64Array.from({ length: classes }, () => Math.exp(sharpness * next()));
    const sum = row.reduce((a, b) => a + b, 0);
    values.set(
      row.map((value) => value / sum),
      i * classes,
    );
  }
  return { rows, columns: classes, values };
}

/** A set of images of which only this is known. */
export function sampleOf(part: { features: Matrix } | { probabilities: Matrix }): Sample {
  const { rows } = Object.values(part)[0]!;
  return { count: rows, shape: [1, 32, 32], ...part };
}

export const SEED = 7;

/** A context for metrics that are given features: the network has a name and a size only. */
export function contextOf(device: Device, size: number): MetricContext {
  const network: FeatureNetwork = {
    name: 'none',
    title: 'none',
    hash: '',
    size,
    classes: Array.from({ length: 10 }, (_, i) => String(i)),
    extract: () => {
      throw new Error('not called');
    },
    dispose: () => {},
  };
  return { device, seed: SEED, network };
}
