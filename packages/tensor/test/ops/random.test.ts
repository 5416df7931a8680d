// Random numbers: the known answers of Philox, the stream of an RNG, and the distributions drawn from it.
import {
  ConfigError,
  type Device,
  DeviceError,
  defaultRng,
  empty,
  fillNormal,
  fillUniform,
  manualSeed,
  normal,
  Rng,
  ShapeError,
  uniform,
} from '@forger/tensor';
import { describe, expect, it } from 'vitest';
import { useDevice } from '../../../../test/support/device.ts';
import { untyped } from '../../../../test/support/tensors.ts';
import { fillRandom } from '../../src/kernels/random.ts';

let device: Device;
useDevice((opened) => {
  device = opened;
});

const hex = (words: ArrayLike<number>): string[] =>
  Array.from(words, (word) => word.toString(16).padStart(8, '0'));

/** The words that the device draws from a state given as key and counter, lowest word first. */
async function words(count: number, key: number[], counter: number[]): Promise<string[]> {
  const state = empty([8], { dtype: 'uint32' }).write([...key, 0, 0, ...counter]);
  return hex(await fillRandom(empty([count], { dtype: 'uint32' }), state, { kind: 'bits' }).data());
}

describe('Philox 4x32-10', () => {
  it('gives the known answers of Random123', async () => {
    // kat_vectors of Random123 1.14 (Salmon et al.): "philox4x32 10 counter key answer".
    const full = 0xffffffff;
    expect(await words(4, [0, 0], [0, 0, 0, 0])).toEqual(['6627e8d5', 'e169c58d', 'bc57ac4c', '9b00dbd8']);
    expect(await words(4, [full, full], [full, full, full, full])).toEqual([
      '408f276d',
      '41c83b0e',
      'a20bc7c6',
      '6d5451fd',
    ]);
    expect(
      await words(4, [0xa4093822, 0x299f31d0], [0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344]),
    ).toEqual(['d16cfe09', '94fdcceb', '5001e420', '24126ea1']);
  });

  it('carries from word to word of the counter', async () => {
    const full = 0xffffffff;
    const both = await words(8, [1, 2], [full, full, 5, 6]);
    expect(both.slice(0, 4)).toEqual(await words(4, [1, 2], [full, full, 5, 6]));
    expect(both.slice(4)).toEqual(await words(4, [1, 2], [0, 0, 6, 6]));
    const rng = new Rng(1).setState({ seed: '1', counter: (2n ** 64n - 1n).toString() });
    uniform([8], { rng });
    expect((await rng.state()).counter).toBe((2n ** 64n + 1n).toString());
  });
});

describe('Rng', () => {
  it('draws the same bits from the same seed, others from another', async () => {
    const draw = (seed: number | bigint) => normal([1000], { rng: new Rng(seed) }).data();
    expect(await draw(5)).toEqual(await draw(5));
    expect(await draw(5)).not.toEqual(await draw(6));
    expect(await draw(5n)).toEqual(await draw(5));
    expect(await draw(5n + 2n ** 32n)).not.toEqual(await draw(5));
  });

  it('does not depend on the shape', async () => {
    const draw = (shape: number[]) => uniform(shape, { rng: new Rng(3) }).data();
    const long = await draw([100_000]);
    expect(await draw([10, 100, 100])).toEqual(long);
    expect(await draw([77])).toEqual(long.slice(0, 77));
  });

  it('moves on by a block for every four numbers', async () => {
    const rng = new Rng(3);
    const all = await uniform([16], { rng }).data();
    rng.manualSeed(3);
    const parts = [uniform([4], { rng }), uniform([5], { rng }), uniform([2], { rng })];
    expect(await rng.state()).toEqual({ seed: '3', counter: '4' });
    expect(await parts[0]!.data()).toEqual(all.slice(0, 4));
    expect(await parts[1]!.data()).toEqual(all.slice(4, 9));
    expect(await parts[2]!.data()).toEqual(all.slice(12, 14));
  });

  it('continues identically from a saved state', async () => {
    const rng = new Rng(2n ** 64n - 1n);
    normal([1001], { rng });
    const state = JSON.parse(JSON.stringify(await rng.state())) as { seed: string; counter: string };
    expect(state).toEqual({ seed: '18446744073709551615', counter: '251' });
    const straight = await normal([50], { rng }).data();
    expect(await normal([50], { rng: new Rng(0).setState(state) }).data()).toEqual(straight);
  });

  it('draws fresh numbers when a captured step is replayed', async () => {
    const rng = new Rng(9);
    const eager = [];
    for (let i = 0; i < 3; i++) eager.push(await normal([10], { rng }).data());
    rng.manualSeed(9);
    const plan = device.capture(() => normal([10], { rng }));
    expect(await plan.result.data()).toEqual(eager[0]);
    for (const expected of eager.slice(1)) {
      plan.replay();
      expect(await plan.result.data()).toEqual(expected);
    }
    plan.dispose();
  });

  it('must be made before a capture', () => {
    expect(() => device.capture(() => normal([4], { rng: new Rng(1) }))).toThrow(
      /make it, or call manualSeed\(\), before/,
    );
  });

  it('outlives the scopes it is made in', async () => {
    const rng = device.scope(() => {
      const made = new Rng(1);
      uniform([4], { rng: made });
      return { made };
    }).made;
    expect((await rng.state()).counter).toBe('1');
    rng.dispose();
    expect(() => uniform([4], { rng })).toThrow(DeviceError);
  });

  it('refuses seeds and states that are none', () => {
    for (const seed of [-1, 0.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 60, -1n, 2n ** 64n])
      expect(() => new Rng(seed), String(seed)).toThrow(ConfigError);
    const rng = new Rng(0);
    for (const state of [
      { seed: '-1', counter: '0' },
      { seed: '', counter: '0' },
      { seed: '1', counter: '0x1' },
      { seed: '1', counter: (2n ** 128n).toString() },
    ])
      expect(() => rng.setState(state), JSON.stringify(state)).toThrow(ConfigError);
  });
});

describe('manualSeed', () => {
  it('seeds the default RNG of the device', async () => {
    manualSeed(11);
    const first = await uniform([8]).data();
    expect(await uniform([8]).data()).not.toEqual(first);
    expect(manualSeed(11)).toBe(defaultRng());
    expect(await uniform([8]).data()).toEqual(first);
    expect(await uniform([8], { rng: new Rng(11) }).data()).toEqual(first);
  });
});

/** Kolmogorov's distance between a sample and a distribution function. */
function kolmogorovDistance(sample: ArrayLike<number>, distribution: (x: number) => number): number {
  const sorted = Float64Array.from(sample).sort();
  return sorted.reduce((worst, x, i) => {
    const p = distribution(x);
    return Math.max(worst, p - i / sorted.length, (i + 1) / sorted.length - p);
  }, 0);
}

/** P(D > 1.95 / √n) is 2·exp(-2 · 1.95²) = 0.001 for a right sample (Kolmogorov's limit); the seeds are fixed. */
const kolmogorovBound = (n: number): number => 1.95 / Math.sqrt(n);

/** Φ from Abramowitz & Stegun 26.2.17, right to 7.5e-8. */
function normalDistribution(x: number): number {
  const t = 1 / (1 + 0.2316419 * Math.abs(x));
  const series =
    t * (0.31938153 + t * (-0.356563782 + t * (1.781477937 + t * (-1.821255978 + t * 1.330274429))));
  const upper = (Math.exp(-(x * x) / 2) / Math.sqrt(2 * Math.PI)) * series;
  return x > 0 ? 1 - upper : upper;
}

/** Means of x, x², x³, x⁴, and of neighbours' products. */
function moments(sample: ArrayLike<number>): number[] {
  const totals = [0, 0, 0, 0, 0];
  for (let i = 0; i < sample.length; i++) {
    const x = sample[i]!;
    for (let k = 0; k < 4; k++) totals[k]! += x ** (k + 1);
    totals[4]! += x * (sample[i + 1] ?? 0);
  }
  return totals.map((total) => total / sample.length);
}

const n = 1 << 18;

describe('uniform', () => {
  it('is uniform in [0, 1)', async () => {
    const sample = await uniform([n], { rng: new Rng(1) }).data();
    expect(Math.min(...sample.subarray(0, 65_536))).toBeGreaterThanOrEqual(0);
    expect(sample.every((x) => x >= 0 && x < 1)).toBe(true);
    expect(kolmogorovDistance(sample, (x) => x)).toBeLessThan(kolmogorovBound(n));
    // Four standard deviations of each mean: sqrt(var / n).
    const centred = moments(sample.map((x) => x - 0.5));
    const variances = [1 / 12, 1 / 180, 1 / 448, 1 / 3600, 1 / 144];
    for (const [k, expected] of [0, 1 / 12, 0, 1 / 80, 0].entries())
      expect(Math.abs(centred[k]! - expected), `moment ${k + 1}`).toBeLessThan(
        4 * Math.sqrt(variances[k]! / n),
      );
  });

  it('never reaches the upper bound, however the sum rounds', async () => {
    // In [1, 2) float32 has steps of 2^-23, so low + u rounds to 2 for one in 2^25 and to even more often near it.
    for (const [low, high] of [
      [1, 2],
      [-2, -1],
      [1e6, 1e6 + 1],
      [-1, 0],
    ] as const) {
      const sample = await uniform([n], { low, high, rng: new Rng(4) }).data();
      expect(
        sample.every((x) => x >= low && x < high),
        `[${low}, ${high})`,
      ).toBe(true);
      const mean = sample.reduce((total, x) => total + (x - low), 0) / n;
      expect(mean).toBeGreaterThan(0.45);
      expect(mean).toBeLessThan(0.55);
    }
  });

  it('fills a tensor in place', async () => {
    const x = empty([10]);
    expect(fillUniform(x, { low: 3, high: 4, rng: new Rng(1) })).toBe(x);
    expect(await x.data()).toEqual(await uniform([10], { low: 3, high: 4, rng: new Rng(1) }).data());
    expect(() => fillUniform(untyped(empty([2], { dtype: 'int32' })))).toThrow(ShapeError);
  });

  it('refuses bounds that enclose nothing', () => {
    for (const [low, high] of [
      [1, 1],
      [2, 1],
      [0, Number.POSITIVE_INFINITY],
      [Number.NaN, 1],
      [-3e38, 3e38],
      [1, 1 + 1e-12],
    ] as const)
      expect(() => uniform([2], { low, high }), `${low}, ${high}`).toThrow(ConfigError);
  });
});

describe('normal', () => {
  it('is normal', async () => {
    const sample = await normal([n], { rng: new Rng(2) }).data();
    expect(sample.every((x) => Number.isFinite(x))).toBe(true);
    expect(kolmogorovDistance(sample, normalDistribution)).toBeLessThan(kolmogorovBound(n));
    // E x^k = 0, 1, 0, 3, and the variances of x, x², x³, x⁴, x·x': 1, 2, 15, 96, 1.
    const found = moments(sample);
    for (const [k, expected] of [0, 1, 0, 3, 0].entries())
      expect(Math.abs(found[k]! - expected), `moment ${k + 1}`).toBeLessThan(
        4 * Math.sqrt([1, 2, 15, 96, 1][k]! / n),
      );
    // Tails: of 262144, 16.6 are expected outside ±4.
    const outside = sample.filter((x) => Math.abs(x) > 4).length;
    expect(outside).toBeGreaterThan(3);
    expect(outside).toBeLessThan(36);
  });

  it('has the mean and the standard deviation asked for', async () => {
    const options = { mean: 10, std: 0.5 };
    const sample = await normal([1000], { ...options, rng: new Rng(2) }).data();
    const standard = await normal([1000], { rng: new Rng(2) }).data();
    // One rounding of the product and one of the sum, near 10.
    for (const [i, x] of sample.entries()) expect(Math.abs(x - (10 + 0.5 * standard[i]!))).toBeLessThan(2e-6);
    const x = empty([1000]);
    expect(await fillNormal(x, { ...options, rng: new Rng(2) }).data()).toEqual(sample);
    expect(await normal([5], { mean: 3, std: 0 }).data()).toEqual(Float32Array.of(3, 3, 3, 3, 3));
    expect(() => normal([2], { std: -1 })).toThrow(ConfigError);
    expect(() => normal([2], { mean: Number.NaN })).toThrow(ConfigError);
  });

  it('follows Box and Muller on the words of the stream', async () => {
    const w = await fillRandom(empty([64], { dtype: 'uint32' }), new Rng(8).stateTensor, {
      kind: 'bits',
    }).data();
    const z = await normal([64], { rng: new Rng(8) }).data();
    for (let i = 0; i < 64; i += 2) {
      const radius = Math.sqrt(-2 * Math.log(w[i]! / 2 ** 32 + 2 ** -33));
      const angle = ((w[i + 1]! | 0) / 2 ** 31) * Math.PI;
      // About four roundings each in the radius and in the place on the circle, on every driver.
      expect(Math.abs(z[i]! - radius * Math.cos(angle))).toBeLessThan(radius * 2 ** -21);
      expect(Math.abs(z[i + 1]! - radius * Math.sin(angle))).toBeLessThan(radius * 2 ** -21);
    }
  });

  it('stays finite at the ends of the radius word', async () => {
    // Counters whose first word is near 0 or 2^32 are rare: draw many and check the extremes that were met.
    const sample = await normal([1 << 20], { rng: new Rng(12) }).data();
    const largest = sample.reduce((a, x) => Math.max(a, Math.abs(x)), 0);
    expect(largest).toBeGreaterThan(4.5);
    expect(largest).toBeLessThan(6.77); // sqrt(-2 ln 2^-33)
  });
});
