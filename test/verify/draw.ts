/**
 * What a case is drawn from: a seeded generator, sizes that fall on and beside the edges of kernels' tiles, and values
 * of the kinds that go wrong. All values are exact in float32, so that device and reference start from the
 * same numbers.
 */
import { type Ref, sizeOf } from '../reference/array.ts';

/**
 * What a case is after. `smooth`: ordinary numbers, away from kinks. `kinks`: few different numbers, kinks and 0 among
 * them, so that there are ties. `magnitudes`: numbers near the ends of float32's range. `special`: NaN and infinities
 * among ordinary numbers. `empty`: a dimension of size 0.
 */
export type Kind = 'smooth' | 'kinks' | 'magnitudes' | 'special' | 'empty';

/** A 32-bit hash of words and numbers (FNV-1a, G. Fowler, L. C. Noll, K.-P. Vo). */
export function seedOf(...parts: readonly (string | number)[]): number {
  let hash = 0x811c9dc5;
  for (const char of parts.join('/')) hash = Math.imul(hash ^ char.charCodeAt(0), 0x01000193);
  return hash >>> 0;
}

/** Sizes beside the sides of tiles and vectors (4, 8, 16, 32, 64), and primes. */
const edges = [4, 5, 7, 8, 9, 11, 13, 15, 16, 17, 23, 31, 32, 33, 63, 64, 65];

/** Uniform random numbers from a seed (mulberry32, T. Ettinger 2017), and what is drawn with them. */
export class Draw {
  #state: number;

  /** @param small keeps every size below 5, for tests that take differences of each element. */
  constructor(
    seed: number,
    readonly kind: Kind = 'smooth',
    readonly small = false,
  ) {
    this.#state = seed | 0;
  }

  /** In [0, 1). */
  uniform(): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let t = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  }

  normal(): number {
    return Math.sqrt(-2 * Math.log(1 - this.uniform())) * Math.cos(2 * Math.PI * this.uniform());
  }

  /** A whole number from `min` to `max`. */
  int(min: number, max: number): number {
    return min + Math.floor(this.uniform() * (max - min + 1));
  }

  chance(p: number): boolean {
    return this.uniform() < p;
  }

  pick<T>(list: readonly T[]): T {
    return list[this.int(0, list.length - 1)]!;
  }

  shuffled<T>(list: readonly T[]): T[] {
    return list
      .map((value) => ({ value, key: this.uniform() }))
      .sort((a, b) => a.key - b.key)
      .map(({ value }) => value);
  }

  pair(value: () => number): [number, number] {
    return [value(), value()];
  }

  /** A size: small, or 1, or beside an edge; at most `most`. */
  size(most = 65): number {
    if (this.small) return this.int(1, Math.min(4, most));
    const u = this.uniform();
    if (u < 0.15) return 1;
    if (u < 0.6) return this.int(1, Math.min(6, most));
    const allowed = edges.filter((n) => n <= most);
    return allowed.length > 0 ? this.pick(allowed) : most;
  }

  /** A shape of at most `most` elements. */
  shape(minRank: number, maxRank: number, most = 1500): number[] {
    const rank = this.int(minRank, maxRank);
    let left = this.small ? 48 : most;
    const sizes: number[] = [];
    for (let d = 0; d < rank; d++) {
      const size = this.size(left);
      sizes.push(size);
      left = Math.max(1, Math.floor(left / size));
    }
    return this.shuffled(sizes);
  }

  /**
   * A shape for kernels that walk elements in a row: every fifth has about 4096 elements or a multiple, where kernels
   * begin to take four at a time, and one in 400 more than one turn of a software adapter's grid.
   */
  flatShape(maxRank = 4): number[] {
    if (this.small || this.chance(0.8)) return this.shape(0, maxRank);
    if (this.chance(1 / 80)) return [2 ** 18 + this.pick([-1, 0, 1, 4, 2049])];
    const [lead, near] = [this.pick([1, 1, 2, 3]), 4096 + this.pick([-4, -1, 0, 0, 1, 2, 4, 8, 64])];
    return lead === 1 ? [near] : [lead, near];
  }

  /** A shape that broadcasts to `shape`: itself, or with leading dimensions dropped and some sizes 1. */
  broadcastable(shape: readonly number[]): number[] {
    if (this.chance(0.5)) return [...shape];
    const ones = shape.map((size) => (this.chance(0.5) ? 1 : size));
    return ones.slice(this.chance(0.4) ? this.int(0, shape.length) : 0);
  }

  /** A dimension of an array of this rank, counted from either end. */
  dim(rank: number): number {
    return this.int(-rank, rank - 1);
  }

  /** An array of values drawn one by one. */
  values(shape: readonly number[], value: (i: number) => number): Ref {
    return {
      shape: [...shape],
      data: Float64Array.from({ length: sizeOf(shape) }, (_, i) => Math.fround(value(i))),
    };
  }
}
