// Whole runs end in the same bytes eagerly, captured, and stopped and resumed: with a recipe's own settings,
// with options, with the discriminator's one pass, and after a rollback.

import { cpSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { findRecipe, TrainState } from '@forger/dcgan';
import { worthOnePass } from '@forger/dcgan/internal';
import { createDevice, readSafetensors } from '@forger/tensor';
import { expect, test } from 'vitest';
import { emptyFolder } from '../cli/folders.ts';
import { checkpointBytes, runTraining, tiny } from './helpers.ts';

test('a run gives the same checkpoint eagerly, captured, and half of each', async () => {
  const captured = await runTraining(tiny);
  const eager = await runTraining(tiny, { eager: true });
  expect(eager.told.notes).toEqual([]);
  expect(checkpointBytes(eager.dir, 6).equals(checkpointBytes(captured.dir, 6))).toBe(true);
  expect(eager.told.steps.map(({ metrics }) => metrics)).toEqual(
    captured.told.steps.map(({ metrics }) => metrics),
  );
  const half = await runTraining({ ...tiny, steps: 3 }, { eager: true });
  await runTraining(tiny, { resume: half.dir });
  expect(checkpointBytes(half.dir, 6).equals(checkpointBytes(captured.dir, 6))).toBe(true);
});

test('a run with options saves both generators, and goes on to the bit', async () => {
  const settings = {
    ...tiny,
    loss: 'hinge',
    ema: 0.9,
    nDis: 2,
    dLr: 4e-4,
    spectralNorm: true,
    noise: 0.1,
  } as const;
  const straight = await runTraining(settings);
  expect(straight.told.notes).toEqual([]);
  const names = [...readSafetensors(checkpointBytes(straight.dir, 6)).tensors.keys()];
  for (const name of ['generator.main.0.weight', 'ema.main.0.weight', 'discriminator.main.0.weight_u'])
    expect(names).toContain(name);
  expect(readdirSync(join(straight.dir, 'samples')).sort()).toEqual(
    [0, 4, 6].flatMap((step) => [`step-00000${step}-ema.png`, `step-00000${step}.png`]),
  );
  const half = await runTraining({ ...settings, steps: 3 });
  await runTraining(settings, { resume: half.dir });
  expect(checkpointBytes(half.dir, 6).equals(checkpointBytes(straight.dir, 6))).toBe(true);
  const { ema: _, ...without } = settings;
  await expect(runTraining(without, { resume: half.dir })).rejects.toThrow(
    'was trained with ema 0.9 (now not set)',
  );
});

test('a run of one pass gives the same checkpoint eagerly, captured, and half of each', async () => {
  const settings = { ...tiny, width: 32, batchSize: 3 };
  const device = await createDevice();
  const sizes = { imageSize: 16, width: 32, channels: 1, latentSize: 8 };
  const state = new TrainState(findRecipe('quick'), { sizes, lr: 2e-4, seed: 3, device });
  expect(worthOnePass(state.networks.discriminator, [3, 1, 16, 16], device)).toBe(true);
  device.destroy();
  const captured = await runTraining(settings);
  const eager = await runTraining(settings, { eager: true });
  expect(checkpointBytes(eager.dir, 6).equals(checkpointBytes(captured.dir, 6))).toBe(true);
  const half = await runTraining({ ...settings, steps: 3 }, { eager: true });
  await runTraining(settings, { resume: half.dir });
  expect(checkpointBytes(half.dir, 6).equals(checkpointBytes(captured.dir, 6))).toBe(true);
});

test('a run that was rolled back ends in the same bits when it is stopped and resumed', async () => {
  const rolledBack = { ...tiny, rollbacks: [2, 4, 4] };
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
