// Philox against Random123's published answers, and the draws made from it.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { permutation, philox4x32, Random } from '../../src/data/random.ts';

test.each([
  // Random123 1.14, tests/kat_vectors, "philox4x32 10": counter, key, answer.
  ['0 0 0 0', '0 0', '6627e8d5 e169c58d bc57ac4c 9b00dbd8'],
  ['ffffffff ffffffff ffffffff ffffffff', 'ffffffff ffffffff', '408f276d 41c83b0e a20bc7c6 6d5451fd'],
  ['243f6a88 85a308d3 13198a2e 03707344', 'a4093822 299f31d0', 'd16cfe09 94fdcceb 5001e420 24126ea1'],
])('philox4x32-10 of counter %s, key %s', (counter, key, answer) => {
  const words = (text: string) => text.split(' ').map((word) => Number.parseInt(word, 16));
  const out = new Uint32Array(4);
  philox4x32(out, ...(words(`${counter} ${key}`) as [number, number, number, number, number, number]));
  expect([...out]).toEqual(words(answer));
});

test('seeds, streams and indices give different numbers, the same ones each time', () => {
  const draw = (seed: number, stream: number, index: number) => {
    const random = new Random(seed, stream, index);
    return Array.from({ length: 6 }, () => random.uint32()).join(' ');
  };
  const places: [seed: number, stream: number, index: number][] = [
    [0, 1, 0],
    [1, 1, 0],
    [2 ** 32, 1, 0],
    [0, 2, 0],
    [0, 1, 1],
  ];
  expect(new Set(places.map((place) => draw(...place))).size).toBe(places.length);
  for (const place of places) expect(draw(...place)).toBe(draw(...place));
});

test('a seed that cannot be kept exactly is refused', () => {
  for (const seed of [-1, 0.5, Number.NaN, 2 ** 53]) {
    expect(() => new Random(seed, 1, 0)).toThrow(/The seed is .*; give an integer from 0/);
  }
});

test('uniform and normal draws have their mean and deviation', () => {
  const random = new Random(7, 1, 0);
  const count = 20_000;
  const moments = (draw: () => number) => {
    const values = Array.from({ length: count }, draw);
    const mean = values.reduce((a, b) => a + b) / count;
    return [mean, Math.sqrt(values.reduce((a, b) => a + (b - mean) ** 2, 0) / count)];
  };
  // Five standard errors of a mean of 20,000 draws with deviation 1 are 0.035.
  const [uniformMean, uniformDeviation] = moments(() => random.uniform(2, 5));
  expect(Math.abs(uniformMean! - 3.5)).toBeLessThan(0.035);
  expect(Math.abs(uniformDeviation! - 3 / Math.sqrt(12))).toBeLessThan(0.035);
  const [normalMean, normalDeviation] = moments(() => random.normal());
  expect(Math.abs(normalMean!)).toBeLessThan(0.035);
  expect(Math.abs(normalDeviation! - 1)).toBeLessThan(0.035);
});

test('permutations hold every index once', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 500 }), fc.nat(), (length, seed) => {
      const order = permutation(length, new Random(seed, 1, 0));
      expect([...order].sort((a, b) => a - b)).toEqual(Array.from({ length }, (_, i) => i));
    }),
  );
});

test('every permutation of three is equally likely', () => {
  const counts = new Map<string, number>();
  const draws = 6000;
  for (let i = 0; i < draws; i++) {
    const order = permutation(3, new Random(3, 1, i)).join('');
    counts.set(order, (counts.get(order) ?? 0) + 1);
  }
  expect(counts.size).toBe(6);
  // A count of 6000 draws at 1/6 has deviation 29; five of them.
  for (const count of counts.values()) expect(Math.abs(count - draws / 6)).toBeLessThan(145);
});
