/**
 * Which convolutions the kernels for few input channels take, and that a captured one gives the same bits.
 * Their results are proven by `pnpm verify --variant few-channels,head` and its short version.
 */
import { conv2d, type Device } from '@forger/tensor';
import { convProblem } from '@forger/tensor/internal';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { fewChannels } from '../packages/tensor/src/kernels/software/conv-few-channels.ts';
import type { Ref } from './reference/array.ts';
import { normal } from './reference/draw.ts';
import { useDevice } from './support/device.ts';
import { toTensor } from './support/tensors.ts';

let device: Device;
useDevice((opened) => {
  device = opened;
});

const drawn = (shape: readonly number[], seed: number): Ref =>
  fc.sample(normal(shape), { seed, numRuns: 1 })[0]!;

test('what they take', () => {
  const z = { n: 64, c: 1, h: 32, w: 32, k: 32, r: 4, s: 4, p: 16, q: 16, groups: 1 };
  const square = { stride: [2, 2], padding: [1, 1], dilation: [1, 1] } as const;
  const taken = (change: object): boolean => {
    const problem = convProblem('forward', { ...z, ...square, ...change }, false);
    return fewChannels.convolution!.supports(device, problem);
  };
  expect(taken({})).toBe(true);
  expect(taken({ c: 3 })).toBe(true);
  for (const change of [{ c: 4, r: 5 }, { r: 6 }, { groups: 2 }, { stride: [3, 1] }, { dilation: [1, 2] }])
    expect(taken(change), JSON.stringify(change)).toBe(false);
  expect(taken({ padding: [4, 1] })).toBe(false);
  expect(taken({ n: 2 ** 16 })).toBe(false);
});

test('a captured convolution gives the same bits', async () => {
  if (!fewChannels.runsOn(device)) return;
  const x = toTensor(drawn([5, 1, 9, 11], 1), device);
  const w = toTensor(drawn([9, 1, 4, 4], 2), device);
  const run = () => conv2d(x, w, { stride: 2, padding: 1 });
  const eager = device.withAlgorithm('few-channels', run);
  const plan = device.withAlgorithm('few-channels', () => device.capture(run));
  plan.replay();
  expect(await plan.result.data()).toEqual(await eager.data());
  plan.dispose();
});
