// Runs that were rolled back: what `rollbacks` in the settings does, to the bit.

import { cpSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { findRecipe, TrainState } from '@forger/dcgan';
import { createDevice } from '@forger/tensor';
import { expect, test } from 'vitest';
import { emptyFolder } from '../cli/folders.ts';
import { checkpointBytes, runTraining, tiny } from './helpers.ts';

const rollbacks = [2, 4, 4];

test('both rates are halved after each of the steps, and not before', async () => {
  const device = await createDevice();
  const sizes = { imageSize: 16, width: 4, channels: 1, latentSize: 8 };
  const options = { dLr: 0.5 };
  const state = new TrainState(findRecipe('quick'), { sizes, lr: 0.25, seed: 0, device, options, rollbacks });
  const rates = Array.from({ length: 6 }, (_, step) => {
    state.stepsDone = step;
    state.beforeStep();
    return [state.optimizers.generator.lr, state.optimizers.discriminator.lr];
  });
  expect(rates).toEqual([1, 1, 1 / 2, 1 / 2, 1 / 8, 1 / 8].map((factor) => [0.25 * factor, 0.5 * factor]));
  state.dispose();
  device.destroy();
});

test('a run that was rolled back ends in the same bits when it is stopped and resumed', async () => {
  const rolledBack = { ...tiny, rollbacks };
  const { dir } = await runTraining(rolledBack);
  const other = join(emptyFolder(), 'run');
  cpSync(dir, other, { recursive: true });
  for (const end of ['safetensors', 'json']) rmSync(join(other, `checkpoints/step-000006.${end}`));
  const { told } = await runTraining(rolledBack, { resume: other });
  expect(told.steps.map(({ step }) => step)).toEqual([4, 5, 6]);
  expect(checkpointBytes(other, 6).equals(checkpointBytes(dir, 6))).toBe(true);
  const plain = await runTraining(tiny);
  expect(checkpointBytes(plain.dir, 6).equals(checkpointBytes(dir, 6))).toBe(false);
});
