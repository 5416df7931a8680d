// Counter-based random numbers on the host, for the order of the data and for drawn digits.
// Philox 4x32-10: Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as easy as 1, 2, 3" (SC 2011). Any place
// of any stream can be reached at once, so a resumed run stores two counters instead of a generator's state.
import { ConfigError } from '@forger/tensor';

const MULTIPLIER_0 = 0xd2511f53;
const MULTIPLIER_1 = 0xcd9e8d57;
const WEYL_0 = 0x9e3779b9;
const WEYL_1 = 0xbb67ae85;

/** High 32 bits of the 64-bit product of two uint32, by 16-bit halves that never pass 2^32. */
function multiplyHigh(a: number, b: number): number {
  const aLow = a & 0xffff;
  const aHigh = a >>> 16;
  const bLow = b & 0xffff;
  const bHigh = b >>> 16;
  const middle = aHigh * bLow + ((aLow * bLow) >>> 16);
  const low = (middle & 0xffff) + aLow * bHigh;
  return (aHigh * bHigh + (middle >>> 16) + (low >>> 16)) >>> 0;
}

/** Writes Philox 4x32-10 of the four counter words and the two key words into `out`: four uint32. */
export function philox4x32(
  out: Uint32Array,
  c0: number,
  c1: number,
  c2: number,
  c3: number,
  k0: number,
  k1: number,
): void {
  for (let round = 0; round < 10; round++) {
    const high0 = multiplyHigh(MULTIPLIER_0, c0);
    const low0 = Math.imul(MULTIPLIER_0, c0);
    const high1 = multiplyHigh(MULTIPLIER_1, c2);
    const low1 = Math.imul(MULTIPLIER_1, c2);
    c0 = (high1 ^ c1 ^ k0) >>> 0;
    c1 = low1 >>> 0;
    c2 = (high0 ^ c3 ^ k1) >>> 0;
    c3 = low0 >>> 0;
    k0 = (k0 + WEYL_0) >>> 0;
    k1 = (k1 + WEYL_1) >>> 0;
  }
  out[0] = c0;
  out[1] = c1;
  out[2] = c2;
  out[3] = c3;
}

/** What a stream of random numbers is for; streams of one seed share no number. */
export const STREAM = {
  shuffle: 1,
  glyphs: 2,
  /** Between the streams of several data sets. */
  apart: 16,
} as const;

/** Throws ConfigError unless the seed is an integer from 0 to 2^53-1, which a number holds exactly. */
export function checkSeed(seed: number): void {
  if (!Number.isSafeInteger(seed) || seed < 0) {
    throw new ConfigError(`The seed is ${seed}; give an integer from 0 to ${Number.MAX_SAFE_INTEGER}.`);
  }
}

/** The random numbers of one (seed, stream, index), always the same ones in the same order. */
export class Random {
  readonly #words = new Uint32Array(4);
  readonly #keyLow: number;
  readonly #keyHigh: number;
  readonly #stream: number;
  readonly #index: number;
  #block = 0;
  #used = 4;

  /** `seed` an integer from 0 to 2^53-1 (ConfigError otherwise); `stream` and `index` below 2^32. */
  constructor(seed: number, stream: number, index: number) {
    checkSeed(seed);
    this.#keyLow = seed >>> 0;
    this.#keyHigh = Math.floor(seed / 2 ** 32);
    this.#stream = stream;
    this.#index = index;
  }

  /** A uint32, each equally likely. */
  uint32(): number {
    if (this.#used === 4) {
      philox4x32(this.#words, this.#block++, this.#index, this.#stream, 0, this.#keyLow, this.#keyHigh);
      this.#used = 0;
    }
    return this.#words[this.#used++]!;
  }

  /** Uniform in [low, high). */
  uniform(low = 0, high = 1): number {
    return low + (high - low) * (this.uint32() / 2 ** 32);
  }

  /** Normal with mean 0 and the given standard deviation (Box and Muller's cosine). */
  normal(deviation = 1): number {
    const radius = Math.sqrt(-2 * Math.log((this.uint32() + 1) / 2 ** 32));
    return deviation * radius * Math.cos(2 * Math.PI * this.uniform());
  }

  /** An integer in 0..count-1, each equally likely: the uneven end of the uint32 range is drawn again. */
  below(count: number): number {
    const limit = 2 ** 32 - (2 ** 32 % count);
    let word = this.uint32();
    while (word >= limit) word = this.uint32();
    return word % count;
  }
}

/** A permutation of 0..length-1, each equally likely (Fisher and Yates' shuffle, Knuth's algorithm P). */
export function permutation(length: number, random: Random): Uint32Array {
  const order = new Uint32Array(length);
  for (let i = 0; i < length; i++) order[i] = i;
  for (let i = length - 1; i > 0; i--) {
    const j = random.below(i + 1);
    const swapped = order[i]!;
    order[i] = order[j]!;
    order[j] = swapped;
  }
  return order;
}
