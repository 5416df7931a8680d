/**
 * Random values for property tests and chosen corners. All are exact in float32, so that a float32
 * implementation starts from the same numbers. test/verify/draw.ts draws whole calls.
 */
import fc from 'fast-check';
import { type Ref, sizeOf } from './array.ts';

/** The least distance from a kink. */
const kinkGap = 0.125;

/** Uniform numbers in [0, 1) from a seed (mulberry32, T. Ettinger 2017). */
function uniform(seed: number): () => number {
  return () => {
    seed = (seed + 0x6d2b79f5) | 0;
    let t = Math.imul(seed ^ (seed >>> 15), 1 | seed);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

function drawn(shape: readonly number[], value: (random: () => number) => number): fc.Arbitrary<Ref> {
  return fc.integer().map((seed) => {
    const random = uniform(seed);
    return { shape, data: Float64Array.from({ length: sizeOf(shape) }, () => Math.fround(value(random))) };
  });
}

function gaussian(random: () => number): number {
  return Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
}

/** Standard normal values. */
export const normal = (shape: readonly number[]) => drawn(shape, gaussian);

/** Uniform values between two bounds. */
export const between = (low: number, high: number) => (shape: readonly number[]) =>
  drawn(shape, (random) => low + (high - low) * random());

/** Values of either sign, at least 0.3 and at most 2 in size. */
export const awayFromZero = (shape: readonly number[]) =>
  drawn(shape, (random) => (random() < 0.5 ? -1 : 1) * (0.3 + 1.7 * random()));

/** `offset` plus multiples of 2·kinkGap: values of different offsets 0 and kinkGap never come near each other. */
export const lattice = (offset: 0 | 1) => (shape: readonly number[]) =>
  drawn(shape, (random) => (2 * Math.floor(16 * random()) - 16 + offset) * kinkGap);

/** All different, kinkGap apart, in random order: for functions that pick the largest or smallest. */
export const distinct = (shape: readonly number[]): fc.Arbitrary<Ref> =>
  fc.integer().map((seed) => {
    const random = uniform(seed);
    const order = Array.from({ length: sizeOf(shape) }, (_, i) => ({ i, key: random() }));
    order.sort((a, b) => a.key - b.key);
    return { shape, data: Float64Array.from(order, ({ i }) => (i - Math.floor(order.length / 2)) * kinkGap) };
  });
