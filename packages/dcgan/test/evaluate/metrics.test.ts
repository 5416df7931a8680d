// Metrics against numpy: fixtures/make.py computes the expected values in float64, plainly from the formulas.

import { readFileSync } from 'node:fs';
import { findMetric, kidWith, type MetricResult } from '@forger/dcgan';
import { createDevice, type Device } from '@forger/tensor';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { squaredMmds } from '../../src/evaluate/metrics/kid.ts';
import { contextOf, features, images, probabilities, SEED, sampleOf } from './inputs.ts';

const expected = JSON.parse(readFileSync(new URL('fixtures/expected.json', import.meta.url), 'utf8'));
/** Relative. */
const TOLERANCE = 1e-4;

let device: Device;
beforeAll(async () => {
  device = await createDevice();
});
afterAll(() => device.destroy());

function near(actual: number, wanted: number, tolerance = TOLERANCE): void {
  expect(Math.abs(actual - wanted), `${actual} for ${wanted}`).toBeLessThanOrEqual(
    tolerance * Math.abs(wanted),
  );
}

const x = features(1, 300, 16, 0.1, 0.8);
const y = features(2, 300, 16, 0, 1);

async function compute(
  name: string,
  a = sampleOf({ features: x }),
  b = sampleOf({ features: y }),
): Promise<MetricResult> {
  return findMetric(name).compute(a, b, contextOf(device, (a.features ?? x).columns));
}

test('the inputs are those of make.py', () => {
  const { inputs } = expected;
  for (const i of [0, 1]) expect([...x.values.subarray(16 * i, 16 * i + 3)]).toEqual(inputs.features[i]);
  const p = probabilities(5, 200, 10, 12);
  for (const [j, value] of inputs.probabilities[0].entries()) near(p.values[j]!, value, 1e-6);
  const { pixels } = images(7, 40, 1, 32, 0.5);
  expect([...pixels.subarray((3 * 32 + 5) * 32, (3 * 32 + 5) * 32 + 8)]).toEqual(inputs.grey);
});

describe('metrics of features', () => {
  test('Fréchet distance', async () => {
    const { values, notes } = await compute('frechet');
    near(values.frechet!.value, expected.frechet);
    expect(notes).toBeUndefined();
  });

  test('Fréchet distance of fewer images than features: computed, and said', async () => {
    const a = sampleOf({ features: features(3, 20, 32, 0, 1) });
    const b = sampleOf({ features: features(4, 20, 32, 0.2, 1) });
    const { values, notes } = await compute('frechet', a, b);
    near(values.frechet!.value, expected.frechetFew);
    expect(notes!.join()).toMatch('20 images in 32 features');
  });

  test('Fréchet distance of a set to itself is 0', async () => {
    const same = sampleOf({ features: x });
    expect((await compute('frechet', same, same)).values.frechet!.value).toBeLessThan(1e-12);
  });

  test('kernel distance', async () => {
    near((await squaredMmds(x.values, y.values, [1, 300, 16], device))[0]!, expected.mmd2);
    const { values } = await kidWith({ subsetSize: 150 }).compute(
      sampleOf({ features: x }),
      sampleOf({ features: y }),
      contextOf(device, 16),
    );
    near(values.kid!.value, expected.kid[0]);
    near(values.kid!.standardError!, expected.kid[1]);
  });

  test('sliced Wasserstein distance', async () => {
    near((await compute('mind')).values.mind!.value, expected.mind);
  });

  test('precision, recall, density and coverage', async () => {
    const { values } = await compute('prdc');
    const names = ['precision', 'recall', 'density', 'coverage'];
    for (const [i, name] of names.entries()) near(values[name]!.value, expected.prdc[i], 1e-12);
  });

  test('1-nearest-neighbour accuracy', async () => {
    const { values } = await compute('two-sample');
    const names = ['twoSample', 'twoSampleReal', 'twoSampleGenerated'];
    for (const [i, name] of names.entries()) near(values[name]!.value, expected.twoSample[i], 1e-12);
  });
});

describe('metrics of classes', () => {
  const p = sampleOf({ probabilities: probabilities(5, 200, 10, 12) });
  const q = sampleOf({ probabilities: probabilities(6, 200, 10, 4) });

  test('classifier score', async () => {
    const { values } = await compute('classifier-score', p, q);
    near(values.classifierScore!.value, expected.classifierScore[0]);
    near(values.classifierScore!.standardError!, expected.classifierScore[1]);
    near(values.confident!.value, expected.classifierScore[2], 1e-12);
  });

  test('class histogram', async () => {
    const { values } = await compute('classes', p, q);
    near(values.classKl!.value, expected.classKl[0]);
    near(values.rarestClass!.value, expected.classKl[1], 1e-12);
  });

  test('modes: a known histogram', async () => {
    // 500 of the 1,000 modes, one image each, and again the first 100 of them.
    const classes = Array.from({ length: 600 }, (_, i) => {
      const mode = i < 500 ? 2 * i : 2 * (i - 500);
      return [Math.floor(mode / 100), Math.floor(mode / 10) % 10, mode % 10];
    });
    const sample = {
      count: 600,
      shape: [3, 32, 32] as const,
      channelClasses: Uint8Array.from(classes.flat()),
    };
    const { values } = await findMetric('modes').compute(sample, sample, contextOf(device, 1));
    expect(values.modes!.value).toBe(500);
    near(
      values.modesKl!.value,
      100 * (2 / 600) * Math.log(2000 / 600) + 400 * (1 / 600) * Math.log(1000 / 600),
      1e-12,
    );
  });
});

describe('metrics of pixels', () => {
  const grey = [images(7, 40, 1, 32, 0.5), images(8, 40, 1, 32, 0.3)] as const;
  const colour = [images(9, 10, 3, 64, 0.5), images(10, 10, 3, 64, 0.3)] as const;

  test('MS-SSIM of pairs', async () => {
    near((await compute('ms-ssim', ...grey)).values.msSsim!.value, expected.msSsimGrey);
    near((await compute('ms-ssim', ...colour)).values.msSsim!.value, expected.msSsimColour);
  });

  test('sliced Wasserstein distance of patches', async () => {
    for (const [sets, wanted] of [
      [grey, expected.swdGrey],
      [colour, expected.swdColour],
    ] as const) {
      const { values, details } = await compute('swd', ...sets);
      near(values.swd!.value, wanted[0]);
      const levels = Object.values((details as { levels: Record<string, number> }).levels);
      expect(levels.length).toBe(wanted[1].length);
      for (const [i, level] of levels.entries()) near(level, wanted[1][i]);
    }
  });

  test('nearest real images', async () => {
    const { values, details } = await compute('nearest', ...grey);
    near(values.nearest!.value, expected.nearest[0]);
    const { pairs } = details as { pairs: { real: number }[] };
    expect(pairs.map(({ real }) => real)).toEqual(expected.nearest[1]);
  });
});

test('the same seed gives the same bits, another seed others', async () => {
  const a = await compute('kid');
  expect(await compute('kid')).toEqual(a);
  const other = await findMetric('kid').compute(sampleOf({ features: x }), sampleOf({ features: y }), {
    ...contextOf(device, 16),
    seed: SEED + 1,
  });
  expect(other.values.kid!.value).not.toBe(a.values.kid!.value);
});
