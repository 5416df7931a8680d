// The sliced Wasserstein distance of patches on Laplacian pyramids: Karras et al., "Progressive growing of
// GANs" (2018), as metrics/sliced_wasserstein.py of tkarras/progressive_growing_of_gans computes it. Each
// level of the pyramid holds the details of one scale, so the distances say at which scale images differ.
//
// Levels go from the full size down to 16 pixels. From each image and level, patches of 7 × 7 pixels at random places;
// each channel of all patches brought to mean 0 and deviation 1; for each of 512 random unit directions, the
// mean absolute difference of the sorted projections; their mean, times 1000. Published figures take 128
// patches of each of 8,192 or 16,384 images; the default here is 16 patches of at most 2,048 images, which
// two cores compute in seconds and which is comparable only with itself.

import { ConfigError, type Device } from '@forger/tensor';
import { Random } from '../../data/random.ts';
import { DRAWS, unitVectors } from '../draws.ts';
import type { Matrix, Metric, Sample } from '../types.ts';
import { sortedProjections } from './mind.ts';
import { needPixels } from './needs.ts';

const PATCH = 7;
const LEAST_SIDE = 16;
/** Binomial, as Burt and Adelson's; of sum 16. */
const KERNEL = [1, 4, 6, 4, 1];

export interface SwdOptions {
  /** Default 16. */
  readonly patchesPerImage?: number;
  /** Images of each set. Default 2,048. */
  readonly images?: number;
  /** Default 512. */
  readonly directions?: number;
}

/** The metric with settings of one's own. */
export function swdWith({ patchesPerImage = 16, images = 2048, directions = 512 }: SwdOptions = {}): Metric {
  return {
    name: 'swd',
    title: 'sliced Wasserstein distance of patches on Laplacian pyramids, × 1000',
    values: { swd: { title: 'patch distance (SWD × 10³)', better: 'smaller' } },
    needs: ['pixels'],
    compute: async (generated, real, { device, seed, signal }) => {
      const [channels, h, w] = generated.shape;
      if (Math.min(h, w) < LEAST_SIDE)
        throw new ConfigError(
          `The patch distance needs images of at least ${LEAST_SIDE}×${LEAST_SIDE} pixels; these are ${h}×${w}.`,
        );
      const count = Math.min(images, generated.count, real.count);
      const sides = levelsOf(h, w);
      const [a, b] = [generated, real].map((sample) => pyramidOf(sample, count, sides.length));
      const levels: Record<string, number> = {};
      let total = 0;
      for (const [level, [height, width]] of sides.entries()) {
        signal?.throwIfAborted();
        const patch = (planes: Float32Array): Matrix => {
          // The same places in both sets; images differ, so that does no harm.
          const random = new Random(seed, DRAWS.patches, level);
          return descriptors(planes, [count, channels, height, width], patchesPerImage, random);
        };
        const vectors = unitVectors(
          directions,
          channels * PATCH * PATCH,
          new Random(seed, DRAWS.patchDirections, level),
        );
        const distance = 1000 * (await slicedDistance(patch(a![level]!), patch(b![level]!), vectors, device));
        levels[`${height}x${width}`] = distance;
        total += distance;
      }
      return {
        values: { swd: { value: total / sides.length } },
        details: { levels, images: count, patchesPerImage, directions },
      };
    },
  };
}

export const swd: Metric = swdWith();

/** Mean over directions of the Wasserstein-1 distance of the projections. */
async function slicedDistance(
  a: Matrix,
  b: Matrix,
  directions: Float64Array,
  device: Device,
): Promise<number> {
  const origin = new Float64Array(a.columns);
  const [left, right] = [
    await sortedProjections(a, origin, directions, device),
    await sortedProjections(b, origin, directions, device),
  ];
  let total = 0;
  for (const [k, p] of left.entries()) {
    const q = right[k]!;
    let sum = 0;
    for (let i = 0; i < p.length; i++) sum += Math.abs(p[i]! - q[i]!);
    total += sum / p.length;
  }
  return total / left.length;
}

/** Height and width of each level. */
function levelsOf(height: number, width: number): [number, number][] {
  const sides: [number, number][] = [[height, width]];
  let [h, w] = [height, width];
  while (h % 2 === 0 && w % 2 === 0 && Math.min(h, w) / 2 >= LEAST_SIDE) {
    [h, w] = [h / 2, w / 2];
    sides.push([h, w]);
  }
  return sides;
}

/**
 * The first `count` images' Laplacian pyramids: for each level [count, C, h, w], details first, the small rest last.
 */
function pyramidOf(sample: Sample, count: number, levels: number): Float32Array[] {
  const [channels, height, width] = sample.shape;
  let [h, w] = [height, width];
  let planes = Float32Array.from(needPixels(sample).subarray(0, count * channels * h * w));
  const pyramid: Float32Array[] = [];
  for (let level = 1; level < levels; level++) {
    const smaller = eachPlane(planes, h * w, (h * w) / 4, (from, to) => halve(from, to, h, w));
    const back = eachPlane(smaller, (h * w) / 4, h * w, (from, to) => double(from, to, h, w));
    pyramid.push(planes.map((value, i) => value - back[i]!));
    [planes, h, w] = [smaller, h / 2, w / 2];
  }
  return [...pyramid, planes];
}

function eachPlane(
  planes: Float32Array,
  size: number,
  outSize: number,
  act: (from: Float32Array, to: Float32Array) => void,
): Float32Array<ArrayBuffer> {
  const count = planes.length / size;
  const out = new Float32Array(count * outSize);
  for (let i = 0; i < count; i++)
    act(planes.subarray(i * size, (i + 1) * size), out.subarray(i * outSize, (i + 1) * outSize));
  return out;
}

/** Mirrored at the edge, which is not repeated: scipy.ndimage's `mirror`. */
function mirror(i: number, size: number): number {
  if (i < 0) return -i;
  return i >= size ? 2 * size - 2 - i : i;
}

/** Smoothed by KERNEL ⊗ KERNEL / 256, every second row and column of it. */
function halve(from: Float32Array, to: Float32Array, h: number, w: number): void {
  const [oh, ow] = [h / 2, w / 2];
  const rows = new Float64Array(h * ow);
  for (let i = 0; i < h; i++)
    for (let j = 0; j < ow; j++) {
      let sum = 0;
      for (let k = 0; k < 5; k++) sum += KERNEL[k]! * from[i * w + mirror(2 * j + k - 2, w)]!;
      rows[i * ow + j] = sum / 16;
    }
  for (let i = 0; i < oh; i++)
    for (let j = 0; j < ow; j++) {
      let sum = 0;
      for (let k = 0; k < 5; k++) sum += KERNEL[k]! * rows[mirror(2 * i + k - 2, h) * ow + j]!;
      to[i * ow + j] = sum / 16;
    }
}

/** Back to h × w: zeros between, then smoothed by four times the kernel. */
function double(from: Float32Array, to: Float32Array, h: number, w: number): void {
  const [sh, sw] = [h / 2, w / 2];
  const rows = new Float64Array(sh * w);
  for (let i = 0; i < sh; i++) for (let j = 0; j < w; j++) rows[i * w + j] = between(from, i * sw, 1, j, w);
  for (let i = 0; i < h; i++) for (let j = 0; j < w; j++) to[i * w + j] = between(rows, j, w, i, h);
}

/** One output of `double` along one axis: the inputs stand at the even places. */
function between(values: ArrayLike<number>, start: number, step: number, at: number, size: number): number {
  let sum = 0;
  for (let k = at % 2; k < 5; k += 2)
    sum += KERNEL[k]! * values[start + (mirror(at + k - 2, size) / 2) * step]!;
  return sum / 8;
}

/** Patches of all images, [images · patches, C · 49], each channel normalised over all of them. */
function descriptors(
  planes: Float32Array,
  [count, channels, h, w]: readonly [number, number, number, number],
  patches: number,
  random: Random,
): Matrix {
  const area = PATCH * PATCH;
  const columns = channels * area;
  const rows = count * patches;
  const values = new Float32Array(rows * columns);
  for (let row = 0, to = 0; row < rows; row++) {
    const image = Math.floor(row / patches);
    const [x, y] = [random.below(w - PATCH + 1), random.below(h - PATCH + 1)];
    for (let c = 0; c < channels; c++)
      for (let i = 0; i < PATCH; i++)
        for (let j = 0; j < PATCH; j++, to++)
          values[to] = planes[((image * channels + c) * h + y + i) * w + x + j]!;
  }
  for (let c = 0; c < channels; c++) normalize(values, columns, c * area, area);
  return { rows, columns, values };
}

/** Brings `area` columns from `from` on, all of them together, to mean 0 and deviation 1. */
function normalize(values: Float32Array, columns: number, from: number, area: number): void {
  const rows = values.length / columns;
  let [mean, square] = [0, 0];
  for (let i = 0; i < rows; i++)
    for (let j = 0, at = i * columns + from; j < area; j++, at++) mean += values[at]!;
  mean /= rows * area;
  for (let i = 0; i < rows; i++)
    for (let j = 0, at = i * columns + from; j < area; j++, at++) square += (values[at]! - mean) ** 2;
  // A level without any detail, such as of one flat picture, stays at 0.
  const scale = square === 0 ? 0 : 1 / Math.sqrt(square / (rows * area));
  for (let i = 0; i < rows; i++)
    for (let j = 0, at = i * columns + from; j < area; j++, at++) values[at] = (values[at]! - mean) * scale;
}
