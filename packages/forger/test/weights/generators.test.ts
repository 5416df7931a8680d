// Generators as people write them in PyTorch, read from names and shapes: pictures equal PyTorch's, or flags that the
// notes name make them so. The file's names, shapes and pixels are fixtures/make_generators.py's.

import {
  type Hints,
  loadWeights,
  openWeights,
  parseActivation,
  parseNetworkJson,
  writeNetworkJson,
} from '@forger/dcgan';
import { type Device, Rng, tensor } from '@forger/tensor';
import { describe, expect, test } from 'vitest';
import { useDevice } from '../../../../test/support/device.ts';
import { generate } from '../../../dcgan/test/helpers.ts';
import { type Case, cases, entriesOf, largestGap, latentsOf } from './generators.ts';

let device: Device;
useDevice((opened) => {
  device = opened;
});

/** The largest difference from PyTorch's pixels, and what was said. */
async function compare(name: string, options: Parameters<typeof openWeights>[2] = {}) {
  const given: Case = cases[name]!;
  const found = openWeights(entriesOf(given), name, options).find('generator', device);
  const generator = device.scope(() => found.build(new Rng(0, { device }))).generator!;
  await loadWeights(generator, found.weights!, found.what);
  const latents = tensor(latentsOf(given), [given.shape[0]!, given.latents, 1, 1], { device });
  const drawn = device.scope(() => generate(generator, latents, 'eval'));
  const worst = largestGap(given, drawn.shape, await drawn.data());
  for (const one of [generator, latents, drawn]) one.dispose();
  return { worst, notes: found.notes, plan: found.plan };
}

const CLOSE = 1e-4;

/** What it takes to draw PyTorch's pictures: nothing, flags, a listed reading as well, or a description. */
async function neededFor(name: string): Promise<string> {
  const plain = await compare(name);
  expect(plain.notes.join('\n')).toMatch(/is read as .*pictures of [\s\S]*guessed, as shapes do not tell/);
  if (plain.worst < CLOSE) return 'nothing';
  const { imageSize, activation, pixelRange, normEps, mode, reading } = cases[name]!.truth;
  const hints: Hints = {
    ...(imageSize && { imageSize }),
    ...(activation && { activation: parseActivation(activation)! }),
    ...(pixelRange && { pixelRange }),
    ...(normEps && { normEps }),
  };
  if (!mode && !reading && (await compare(name, hints)).worst < CLOSE) return 'flags';
  const listed = [...plain.notes.join().matchAll(/--reading (\d+)/g)].map(([, n]) => Number(n));
  for (const number of listed)
    if ((await compare(name, { ...hints, reading: number })).worst < CLOSE) return 'a reading';
  // A description as a user would correct it.
  const json = writeNetworkJson((await compare(name, hints)).plan!).replaceAll('nearest', mode ?? 'nearest');
  const { worst } = await compare(name, { plan: parseNetworkJson(json, 'network.json') });
  return worst < CLOSE ? 'a description' : `lost: ${worst} with ${JSON.stringify(hints)}; ${plain.notes[0]}`;
}

/** What the cases take that are not read right at once. */
const NEEDED: Record<string, string> = {
  'plain-32-leaky': 'flags',
  'plain-32-leaky-0.1': 'flags',
  'plain-32-elu': 'flags',
  'plain-32-sigmoid': 'flags',
  'plain-28-last-padding-3': 'flags',
  'plain-28-padding-2': 'a reading',
  'plain-28-last-1x1': 'flags',
  'batch-eps-0.001-32': 'flags',
  'linear-7x7-28-leaky': 'flags',
  'two-linears-28': 'flags',
  'upsampling-nearest-32': 'flags',
  'upsampling-bilinear-32': 'a description',
  'upsampling-functional-28': 'a reading',
  'mlp-28-relu': 'flags',
  'conditional-after-32': 'a reading',
};

describe('a generator of PyTorch is drawn as PyTorch draws it', () => {
  test.each(Object.keys(cases))('%s', async (name) => {
    expect(await neededFor(name)).toBe(NEEDED[name] ?? 'nothing');
  });
});
