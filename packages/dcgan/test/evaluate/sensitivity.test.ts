// What each metric makes of real images that are spoilt in known ways: it must move as its paper says it does.
// `pnpm bench evaluation` prints the whole table, on any data.

import { classifierNetwork, datasetImages, type Evaluation, openEvaluator, openGlyphs } from '@forger/dcgan';
import { loadClassifier } from '@forger/dcgan/classifiers';
import { createDevice, type Device } from '@forger/tensor';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { blurred, noisy, repeated, withoutClasses } from './disturbances.ts';

const COUNT = 300;

let device: Device;
const results: Record<string, Evaluation> = {};

beforeAll(async () => {
  device = await createDevice();
  const network = await classifierNetwork(await loadClassifier('glyphs'), { device });
  const data = openGlyphs({ imageSize: 32, channels: 1, seed: 0 });
  const further = openGlyphs({ imageSize: 32, channels: 1, seed: 1 });
  const real = datasetImages(data);
  const others = datasetImages(further);
  const evaluator = await openEvaluator(real, { device, network, count: COUNT, floor: others });
  const sets = {
    real: datasetImages(openGlyphs({ imageSize: 32, channels: 1, seed: 2 })),
    noise: noisy(others, 60),
    blur: blurred(others, 2),
    one: repeated(others),
    missing: withoutClasses(others, (index) => further.fields.label!.read(index), [3, 7]),
    copies: real,
  };
  for (const [name, source] of Object.entries(sets)) results[name] = await evaluator.evaluate(source);
  network.dispose();
}, 600_000);
afterAll(() => device.destroy());

const value = (set: string, name: string): number => results[set]!.values[name]!.value;
const floor = (name: string): number => results.real!.values[name]!.floor!;

test('further real images are as near as the floor', () => {
  for (const name of ['frechet', 'mind', 'swd', 'nearest']) {
    expect(value('real', name), name).toBeLessThan(2 * floor(name));
    expect(value('real', name), name).toBeGreaterThan(floor(name) / 2);
  }
  const { kid, twoSample, coverage, rarestClass } = results.real!.values;
  expect(Math.abs(kid!.value)).toBeLessThan(4 * kid!.standardError!);
  expect(Math.abs(twoSample!.value - 0.5)).toBeLessThan(0.1);
  expect(coverage!.value).toBeGreaterThan(0.9);
  expect(rarestClass!.value).toBeGreaterThan(0.05);
});

test.each(['noise', 'blur', 'one', 'missing'])('distances grow: %s', (set) => {
  for (const name of ['frechet', 'kid', 'mind'])
    expect(value(set, name), name).toBeGreaterThan(2 * Math.max(value('real', name), floor(name)));
});

test('noise and blur: no longer plausible, told apart from real ones', () => {
  for (const set of ['noise', 'blur']) {
    expect(value(set, 'precision'), set).toBeLessThan(value('real', 'precision') - 0.1);
    expect(value(set, 'density'), set).toBeLessThan(value('real', 'density') - 0.1);
    expect(value(set, 'twoSample'), set).toBeGreaterThan(0.7);
    expect(value(set, 'swd'), set).toBeGreaterThan(2 * floor('swd'));
  }
});

test('one repeated image: plausible, and no diversity', () => {
  expect(value('one', 'recall')).toBe(0);
  expect(value('one', 'coverage')).toBeLessThan(0.1);
  expect(value('one', 'msSsim')).toBeCloseTo(1, 10);
  expect(value('one', 'classifierScore')).toBeCloseTo(1, 5);
  expect(value('one', 'classKl')).toBeGreaterThan(1);
  expect(value('one', 'rarestClass')).toBe(0);
  expect(value('one', 'twoSampleGenerated')).toBe(1);
});

test('two missing classes: each image plausible, real ones uncovered', () => {
  expect(value('missing', 'precision')).toBeGreaterThan(value('real', 'precision') - 0.05);
  expect(value('missing', 'coverage')).toBeLessThan(value('real', 'coverage') - 0.1);
  expect(value('missing', 'recall')).toBeLessThan(value('real', 'recall') - 0.1);
  expect(value('missing', 'rarestClass')).toBeLessThan(0.02);
  expect(value('missing', 'classKl')).toBeGreaterThan(10 * floor('classKl'));
});

test('copies of the real images: distances 0, and memorisation shows', () => {
  for (const name of ['frechet', 'mind', 'swd', 'nearest'])
    expect(value('copies', name), name).toBeLessThan(1e-6);
  expect(value('copies', 'twoSample')).toBeLessThan(0.1);
});
