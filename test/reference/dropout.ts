/**
 * Dropout with the mask that a generator's seed draws: Philox 4x32-10 (Salmon, Moraes, Dror, Shaw, "Parallel random
 * numbers: as easy as 1, 2, 3", SC 2011) in arithmetic of 64 bits.
 */
import { map, type Ref } from './array.ts';
import { input, type ReferenceOp } from './op.ts';

export interface DropoutArgs {
  /** Probability of an element's becoming 0. */
  p: number;
  /** Below 2³². */
  seed: number;
}

const word = (x: bigint): bigint => x & 0xffffffffn;

/** The four words of a block, for a key and a counter below 2³². */
export function philox(seed: number, block: number): number[] {
  let [a, b, c, d] = [BigInt(block), 0n, 0n, 0n];
  let [low, high] = [BigInt(seed), 0n];
  for (let round = 0; round < 10; round++) {
    const [first, second] = [a * 0xd2511f53n, c * 0xcd9e8d57n];
    [a, b, c, d] = [(second >> 32n) ^ b ^ low, word(second), (first >> 32n) ^ d ^ high, word(first)];
    [low, high] = [word(low + 0x9e3779b9n), word(high + 0xbb67ae85n)];
  }
  return [a, b, c, d].map(Number);
}

/** Masks are drawn once for a call's arguments, as differences ask for them often. */
const masks = new WeakMap<DropoutArgs, Ref>();

/** What each element is multiplied by: 1/(1 − p) where a uniform number of 24 bits is below 1 − p, else 0. */
function maskOf(x: Ref, args: DropoutArgs): Ref {
  const kept = masks.get(args);
  if (kept) return kept;
  const { p, seed } = args;
  let words: number[] = [];
  const mask = map(x, (_, i) => {
    if (p === 0) return 1;
    if (i % 4 === 0) words = philox(seed, i / 4);
    return (words[i % 4]! >>> 8) * 2 ** -24 < Math.fround(1 - p) ? 1 / (1 - p) : 0;
  });
  masks.set(args, mask);
  return mask;
}

const masked = (x: Ref, mask: Ref): Ref => map(x, (value, i) => value * mask.data[i]!);

export const dropout: ReferenceOp<DropoutArgs> = {
  name: 'dropout',
  forward: (inputs, args) => masked(input(inputs, 0), maskOf(input(inputs, 0), args)),
  backward: (inputs, args, gy) => [masked(gy, maskOf(input(inputs, 0), args))],
  second(inputs, args, _gy, v) {
    const mask = maskOf(input(inputs, 0), args);
    return [map(mask, () => 0), masked(v[0]!, mask)];
  },
};
