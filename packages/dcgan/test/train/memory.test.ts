// Two hundred steps: neither the device's memory nor the number of its buffers grows.

import { findRecipe, StepRunner, TrainState } from '@forger/dcgan';
import { createDevice, tensor } from '@forger/tensor';
import { expect, test } from 'vitest';

const WARM_UP = 10;
const STEPS = 200;

test('memory stays flat over 200 steps, and is all given back', async () => {
  const device = await createDevice();
  const sizes = { imageSize: 16, width: 4, channels: 1, latentSize: 8 };
  const state = new TrainState(findRecipe('quick'), { sizes, lr: 2e-4, seed: 0, device });
  const real = tensor(new Float32Array(8 * 256).fill(0.5), [8, 1, 16, 16], { device });
  state.drawFixed(undefined, 4);
  const step = async () => {
    const result = state.step({ real });
    for (const t of Object.values(result)) t.dispose();
    state.preview().dispose();
    await device.sync();
  };
  for (let i = 0; i < WARM_UP; i++) await step();
  const before = device.memory();
  for (let i = 0; i < STEPS; i++) await step();
  expect(device.memory()).toEqual(before);
  real.dispose();
  state.dispose();
  expect(device.memory()).toMatchObject({ liveBytes: 0, liveBuffers: 0 });
  device.destroy();
});

test('memory stays flat over 200 replayed steps with previews between, and is all given back', async () => {
  const device = await createDevice();
  const sizes = { imageSize: 16, width: 4, channels: 1, latentSize: 8 };
  const state = new TrainState(findRecipe('quick'), { sizes, lr: 2e-4, seed: 0, device });
  const runner = new StepRunner(state);
  state.drawFixed(undefined, 4);
  const pixels = new Float32Array(8 * 256).fill(0.5);
  const step = async (i: number) => {
    const { values } = await runner.step({ real: pixels });
    if (i % 10 === 0) state.preview().dispose();
    await values;
  };
  for (let i = 0; i <= WARM_UP; i++) await step(i);
  const before = device.memory();
  for (let i = 1; i <= STEPS; i++) await step(i);
  expect(device.memory()).toEqual(before);
  runner.dispose();
  state.dispose();
  expect(device.memory()).toMatchObject({ liveBytes: 0, liveBuffers: 0 });
  device.destroy();
});

test('a preview leaves no trace in the state', async () => {
  const device = await createDevice();
  const sizes = { imageSize: 16, width: 4, channels: 1, latentSize: 8 };
  const state = new TrainState(findRecipe('quick'), { sizes, lr: 2e-4, seed: 0, device });
  state.drawFixed(undefined, 4);
  const read = async () =>
    Promise.all(Array.from(state.stateDict(), async ([name, t]) => [name, await t.data()]));
  const before = await read();
  const pictures = state.preview();
  expect(pictures.shape).toEqual([4, 1, 16, 16]);
  expect(await read()).toEqual(before);
  expect(state.networks.generator.training).toBe(true);
  // With statistics of its own batch, as the recipe says: the first picture depends on the others.
  const twin = new TrainState(findRecipe('quick'), { sizes, lr: 2e-4, seed: 0, device });
  twin.drawFixed(undefined, 2);
  twin.fixed.latents!.write((await state.fixed.latents!.data()).slice(0, 2 * 8));
  const alone = twin.preview();
  expect((await alone.data()).slice(0, 256)).not.toEqual((await pictures.data()).slice(0, 256));
  device.destroy();
});
