// Diversity as similarity of random pairs: the mean MS-SSIM of two generated images. Odena et al., "Conditional image
// synthesis with auxiliary classifier GANs" (2017); computed as tkarras/progressive_growing_of_gans metrics/ms_ssim.py.
// Lower is more diverse; the data's own value is ideal, a value well above it is collapse.
//
// MS-SSIM (Wang, Simoncelli and Bovik 2003): at each scale, in Gaussian windows of 11 pixels and deviation 1.5 (both
// shrunk to the image where that is smaller),
//   cs = (2σ_xy + c₂) / (σ_x² + σ_y² + c₂),  l = (2μ_xμ_y + c₁) / (μ_x² + μ_y² + c₁),  c₁ = (0.01·255)², c₂ = (0.03·255)²,
// and the result is ∏ mean(cs)^w over all scales but the last, times mean(l·cs)^w of the last. Images below
// 64 pixels have no room for the five published scales: they get three, with the first three weights brought
// to a sum of 1.

import { ConfigError } from '@forger/tensor';
import { permutation, Random } from '../../data/random.ts';
import { DRAWS, meanAndVariance } from '../draws.ts';
import type { Metric, Sample } from '../types.ts';
import { needPixels } from './needs.ts';

const WEIGHTS = [0.0448, 0.2856, 0.3001, 0.2363, 0.1333];
const WINDOW = 11;
const DEVIATION = 1.5;
const [C1, C2] = [(0.01 * 255) ** 2, (0.03 * 255) ** 2];
/** From this side on there are five scales. */
const WHOLE = 64;
const LEAST = 16;
const MOST_PAIRS = 2000;

export const msSsim: Metric = {
  name: 'ms-ssim',
  title: 'MS-SSIM of random pairs of generated images: lower is more diverse, the data set itself is ideal',
  values: { msSsim: { title: 'MS-SSIM of pairs', better: 'smaller', ideal: 'floor' } },
  needs: ['pixels'],
  compute: (generated, real, { seed }) => {
    const [, h, w] = generated.shape;
    if (Math.min(h, w) < LEAST)
      throw new ConfigError(
        `MS-SSIM needs images of at least ${LEAST}×${LEAST} pixels; these are ${h}×${w}.`,
      );
    const of = similarityOfPairs(generated, seed);
    const data = similarityOfPairs(real, seed);
    return {
      values: { msSsim: of },
      details: {
        scales: scalesOf(h, w),
        pairs: Math.min(MOST_PAIRS, Math.floor(generated.count / 2)),
        real: data.value,
      },
    };
  },
};

const known = new WeakMap<Uint8Array, { seed: number; value: number; standardError: number }>();

/** The mean over random pairs of a set's images, no image in two of them. */
function similarityOfPairs(sample: Sample, seed: number): { value: number; standardError: number } {
  const pixels = needPixels(sample);
  const before = known.get(pixels);
  if (before?.seed === seed) return { value: before.value, standardError: before.standardError };
  const { count, shape } = sample;
  const [channels, height, width] = shape;
  const size = channels * height * width;
  const order = permutation(count, new Random(seed, DRAWS.pairs, 0));
  const pairs = Math.min(MOST_PAIRS, Math.floor(count / 2));
  const similarities = Float64Array.from({ length: pairs }, (_, i) => {
    const [a, b] = [order[2 * i]!, order[2 * i + 1]!].map((at) =>
      pixels.subarray(at * size, (at + 1) * size),
    );
    return multiScaleSimilarity(a!, b!, shape);
  });
  const { mean, variance } = meanAndVariance(similarities);
  const result = { value: mean, standardError: Math.sqrt(variance / pairs) };
  known.set(pixels, { seed, ...result });
  return result;
}

const scalesOf = (height: number, width: number): number => (Math.min(height, width) >= WHOLE ? 5 : 3);

/** MS-SSIM of two images of bytes, channel-first. */
export function multiScaleSimilarity(
  a: Uint8Array,
  b: Uint8Array,
  [channels, height, width]: readonly [number, number, number],
): number {
  const scales = scalesOf(height, width);
  const weights = WEIGHTS.slice(0, scales);
  const sum = weights.reduce((x, y) => x + y, 0);
  let [x, y]: Float64Array[] = [Float64Array.from(a), Float64Array.from(b)];
  let [h, w] = [height, width];
  let product = 1;
  for (let scale = 0; scale < scales; scale++) {
    const { similarity, contrast } = similarityOf(x!, y!, channels, h, w);
    const factor = scale === scales - 1 ? similarity : contrast;
    product *= Math.max(0, factor) ** (weights[scale]! / sum);
    if (scale === scales - 1) break;
    [x, y] = [halve(x!, channels, h, w), halve(y!, channels, h, w)];
    [h, w] = [h >> 1, w >> 1];
  }
  return product;
}

/** Means over all windows and channels of l·cs and of cs. */
function similarityOf(
  x: Float64Array,
  y: Float64Array,
  channels: number,
  h: number,
  w: number,
): { similarity: number; contrast: number } {
  const plane = h * w;
  const size = Math.min(WINDOW, h, w);
  const taps = gaussian(size);
  let [similarity, contrast, count] = [0, 0, 0];
  const product = new Float64Array(plane);
  for (let c = 0; c < channels; c++) {
    const [p, q] = [x.subarray(c * plane, (c + 1) * plane), y.subarray(c * plane, (c + 1) * plane)];
    const windowed = (u: Float64Array, v?: Float64Array): Float64Array => {
      for (let i = 0; i < plane; i++) product[i] = v ? u[i]! * v[i]! : u[i]!;
      return filter(product, h, w, taps);
    };
    const [mp, mq, pp, qq, pq] = [
      windowed(p),
      windowed(q),
      windowed(p, p),
      windowed(q, q),
      windowed(p, q),
    ] as const;
    for (let i = 0; i < mp.length; i++) {
      const [m, n] = [mp[i]!, mq[i]!];
      const cs = (2 * (pq[i]! - m * n) + C2) / (pp[i]! - m * m + qq[i]! - n * n + C2);
      contrast += cs;
      similarity += (cs * (2 * m * n + C1)) / (m * m + n * n + C1);
      count++;
    }
  }
  return { similarity: similarity / count, contrast: contrast / count };
}

/** Weights of a window, of sum 1; one of even size has its centre between pixels. */
function gaussian(size: number): Float64Array {
  const deviation = (size * DEVIATION) / WINDOW;
  const taps = Float64Array.from({ length: size }, (_, i) =>
    Math.exp(-((i - (size - 1) / 2) ** 2) / (2 * deviation ** 2)),
  );
  const sum = taps.reduce((a, b) => a + b, 0);
  return taps.map((tap) => tap / sum);
}

/** Correlation of a plane with taps ⊗ taps, where the window lies inside. */
function filter(plane: Float64Array, h: number, w: number, taps: Float64Array): Float64Array {
  const size = taps.length;
  const [oh, ow] = [h - size + 1, w - size + 1];
  const rows = new Float64Array(h * ow);
  for (let i = 0; i < h; i++)
    for (let j = 0; j < ow; j++) {
      let sum = 0;
      for (let k = 0, at = i * w + j; k < size; k++, at++) sum += taps[k]! * plane[at]!;
      rows[i * ow + j] = sum;
    }
  const out = new Float64Array(oh * ow);
  for (let i = 0; i < oh; i++)
    for (let j = 0; j < ow; j++) {
      let sum = 0;
      for (let k = 0, at = i * ow + j; k < size; k++, at += ow) sum += taps[k]! * rows[at]!;
      out[i * ow + j] = sum;
    }
  return out;
}

/** The mean of each 2 × 2 pixels; an odd last row or column is dropped. */
function halve(x: Float64Array, channels: number, h: number, w: number): Float64Array {
  const [oh, ow] = [h >> 1, w >> 1];
  const out = new Float64Array(channels * oh * ow);
  for (let c = 0, to = 0; c < channels; c++)
    for (let i = 0; i < oh; i++)
      for (let j = 0; j < ow; j++, to++) {
        const at = (c * h + 2 * i) * w + 2 * j;
        out[to] = (x[at]! + x[at + 1]! + x[at + w]! + x[at + w + 1]!) / 4;
      }
  return out;
}
