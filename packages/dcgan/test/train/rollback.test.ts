// Runs that were rolled back: what `rollbacks` does to learning rates.

import { findRecipe, TrainState } from '@forger/dcgan';
import { createDevice } from '@forger/tensor';
import { expect, test } from 'vitest';

const rollbacks = [2, 4, 4];

test('both rates are halved after each of the steps, and not before', async () => {
  const device = await createDevice();
  const sizes = { imageSize: 16, width: 4, channels: 1, latentSize: 8 };
  const recipe = findRecipe('quick').withOptions({ dLr: 0.5 });
  const state = new TrainState(recipe, { sizes, lr: 0.25, seed: 0, device, rollbacks });
  const rates = Array.from({ length: 6 }, (_, step) => {
    state.stepsDone = step;
    state.beforeStep();
    return [state.optimizers.generator.lr, state.optimizers.discriminator.lr];
  });
  expect(rates).toEqual([1, 1, 1 / 2, 1 / 2, 1 / 8, 1 / 8].map((factor) => [0.25 * factor, 0.5 * factor]));
  state.dispose();
  device.destroy();
});
