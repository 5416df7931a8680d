// Training in mixed precision: near float32's losses, and the same bits eager, replayed, stopped and resumed.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createDevice } from '@forger/tensor';
import { beforeAll, beforeEach, expect, test } from 'vitest';
import { checkpointBytes, runTraining, tiny } from './helpers.ts';

// Most layers' products have a million multiply-adds and 16 rows, which is where float16 begins.
const settings = { ...tiny, imageSize: 32, width: 16, batchSize: 16, precision: 'mixed' } as const;

let able = false;
beforeAll(async () => {
  const device = await createDevice({ halfMatrices: true });
  able = device.adapter.halfMatrix !== null;
  device.destroy();
});
beforeEach((context) => {
  if (!able) context.skip('this adapter lists no products of float16 matrices summed in float32');
});

test('eager, replayed, and stopped and resumed runs end in the same bytes', async () => {
  const whole = await runTraining(settings);
  const eager = await runTraining(settings, { eager: true });
  expect(checkpointBytes(eager.dir, 6)).toEqual(checkpointBytes(whole.dir, 6));
  const { dir } = await runTraining(settings, { stopAt: 3 });
  const recorded = JSON.parse(readFileSync(join(dir, 'config.json'), 'utf8'));
  expect(recorded.precision).toBe('mixed');
  await runTraining(recorded, { resume: dir });
  expect(checkpointBytes(dir, 6)).toEqual(checkpointBytes(whole.dir, 6));
});

test.each(['bce', 'wgan-gp'] as const)('losses by %s begin as those of float32 do', async (loss) => {
  const mixed = await runTraining({ ...settings, loss, steps: 2 });
  const plain = await runTraining({ ...settings, loss, steps: 2, precision: 'float32' });
  for (const [i, { metrics }] of mixed.told.steps.entries()) {
    const { lossD, lossG } = metrics;
    const expected = plain.told.steps[i]!.metrics;
    // Four layers to a network and back, each off by some 2^-11: well within 1%, and never quite the same.
    expect(lossD).not.toBe(expected.lossD);
    expect(Math.abs(lossD! - expected.lossD!)).toBeLessThan(0.01 * Math.max(1, Math.abs(expected.lossD!)));
    expect(Math.abs(lossG! - expected.lossG!)).toBeLessThan(0.01 * Math.max(1, Math.abs(expected.lossG!)));
  }
});
