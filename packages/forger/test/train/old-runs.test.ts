// Runs of version 0.1 go on: fixtures/v0.1 holds five run folders that it wrote, stopped after three steps, and
// resumed.json what it made of each by step seven. Resumed here they end in the same bytes, on the adapter
// that they were computed on; elsewhere in the same losses, to rounding. Their checkpoints are sampled,
// described and converted too.

import { createHash } from 'node:crypto';
import { cpSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { convert, describe as describeSource, RunFolder, sample } from '@forger/cli';
import { createDevice, readSafetensors } from '@forger/tensor';
import { beforeAll, describe, expect, test } from 'vitest';
import { emptyFolder } from '../cli/folders.ts';
import { decode } from '../report/pictures.ts';
import { runTraining } from './helpers.ts';

interface Resumed {
  /** SHA-256 of the last checkpoint's arrays, and of each sample grid by its file's name. */
  readonly checkpoint: string;
  readonly samples: Readonly<Record<string, string>>;
  /** SHA-256 of the grids of four that `forger sample --seed 1` drew at step 3: by --key, '' without. */
  readonly sampled: Readonly<Record<string, string>>;
  /** What metrics.jsonl says of each step, times aside. */
  readonly steps: readonly Step[];
}
/** null stands for NaN: what no step has measured yet. */
type Step = Readonly<Record<'step' | 'epoch' | 'lossD' | 'lossG' | 'dReal' | 'dFake', number | null>>;

const fixtures = fileURLToPath(new URL('fixtures/v0.1', import.meta.url));
const { adapter, runs } = JSON.parse(readFileSync(join(fixtures, 'resumed.json'), 'utf8')) as {
  readonly adapter: { readonly device: string; readonly driver: string };
  readonly runs: Readonly<Record<string, Resumed>>;
};

const STEPS = 7;

/**
 * For losses on another adapter: sums in another order, four steps long. A rounding error of the loss is some 1e-7, but
 * Adam divides by √v, so a weight whose gradient is near rounding may go either way by the learning rate.
 */
const TOLERANCE = 2e-3;

let sameAdapter = false;
beforeAll(async () => {
  const device = await createDevice();
  sameAdapter =
    device.adapter.device === adapter.device && device.adapter.description.includes(adapter.driver);
  device.destroy();
});

const sha256 = (path: string): string => createHash('sha256').update(readFileSync(path)).digest('hex');

describe.each(Object.entries(runs))('the run %s of version 0.1', (name, expected) => {
  let dir: string;
  beforeAll(() => {
    dir = join(emptyFolder(), name);
    cpSync(join(fixtures, name), dir, { recursive: true });
  });

  test('is sampled, and each of its averages', async () => {
    for (const [key, wanted] of Object.entries(expected.sampled)) {
      const out = join(emptyFolder(), 'grid.png');
      const { notes } = await sample(dir, { count: 4, seed: 1, out, ...(key !== '' && { key }) });
      expect(notes).toEqual([]);
      const { width, height, data } = await decode(readFileSync(out));
      // 2 × 2 pictures of 16 pixels with a border of 2, enlarged 4 times.
      expect([width, height]).toEqual([4 * (2 * 18 + 2), 4 * (2 * 18 + 2)]);
      expect(new Set(data).size).toBeGreaterThan(2);
      if (sameAdapter) expect(sha256(out)).toBe(wanted);
    }
  });

  test('is described, as a run and by its checkpoint', async () => {
    const { tensors } = readSafetensors(readFileSync(join(dir, 'checkpoints/step-000003.safetensors')));
    const moments = (network: string): number =>
      [...tensors]
        .filter(([key]) => key.startsWith(`optimizer.${network}.`) && key.endsWith('.exp_avg'))
        .reduce((sum, [, { data }]) => sum + data.length, 0);
    const { config } = await RunFolder.read(dir);
    for (const [source, kind] of [
      [dir, 'run'],
      [join(dir, 'checkpoints/step-000003.safetensors'), 'checkpoint'],
    ] as const) {
      const found = await describeSource(source);
      expect(found).toMatchObject({ source, kind, recipe: config.recipe, step: 3, config, notes: [] });
      // Adam keeps a moment for each parameter.
      expect(found.networks.map(({ name, parameters }) => [name, parameters])).toEqual(
        ['generator', 'discriminator'].map((network) => [network, moments(network)]),
      );
    }
  });

  test('is converted: its networks keep their values and names', async () => {
    const { tensors } = readSafetensors(readFileSync(join(dir, 'checkpoints/step-000003.safetensors')));
    for (const network of ['generator', 'discriminator']) {
      const out = join(emptyFolder(), 'network.safetensors');
      expect(await convert(dir, out, { network })).toMatchObject({ network, notes: [] });
      const written = readSafetensors(readFileSync(out)).tensors;
      const own = [...tensors].filter(([key]) => key.startsWith(`${network}.`));
      expect(written.size).toBe(own.length);
      for (const [key, { shape, data }] of own)
        expect(written.get(key.slice(network.length + 1)), key).toMatchObject({ shape, data });
    }
    const onnx = join(emptyFolder(), 'generator.onnx');
    await convert(dir, onnx);
    expect(readFileSync(onnx).length).toBeGreaterThan(1000);
  });

  test('goes on to the bytes that version 0.1 itself went on to', async () => {
    const before = await RunFolder.read(dir);
    const settings = { ...before.config, steps: STEPS };
    const { told, summary } = await runTraining(settings, { resume: dir });
    expect(summary).toMatchObject({ reason: 'finished', step: STEPS });
    expect(told.steps.map(({ step }) => step)).toEqual([4, 5, 6, 7]);
    // The gradient of the penalty's own pictures is freed when they are collected.
    expect(told.notes.filter((note) => name !== 'wgan' || !note.includes('never freed'))).toEqual([]);
    expect(readdirSync(join(dir, 'samples')).sort()).toEqual(Object.keys(expected.samples));
    const lines = (await RunFolder.read(dir)).readMetrics();
    const found = lines.map(({ step, epoch, metrics }) => ({ step, epoch, ...metrics }));
    const wanted = expected.steps.map(
      (step) =>
        Object.fromEntries(Object.entries(step).map(([key, v]) => [key, v ?? Number.NaN])) as typeof step,
    );
    if (sameAdapter) {
      expect(found).toEqual(wanted);
      expect(sha256(join(dir, 'checkpoints/step-000007.safetensors'))).toBe(expected.checkpoint);
      for (const [file, hash] of Object.entries(expected.samples))
        expect(sha256(join(dir, 'samples', file)), file).toBe(hash);
      return;
    }
    for (const [i, { step, epoch, ...values }] of wanted.entries()) {
      expect(found[i]).toMatchObject({ step, epoch });
      expect(Object.keys(found[i]!)).toEqual(['step', 'epoch', 'lossD', 'lossG', 'dReal', 'dFake']);
      for (const [metric, value] of Object.entries(values) as [string, number][]) {
        const own = (found[i] as Record<string, number>)[metric]!;
        if (Number.isNaN(value)) expect(own).toBeNaN();
        else
          expect(Math.abs(own - value), `${metric} of step ${step}`).toBeLessThan(
            TOLERANCE * Math.max(1, Math.abs(value)),
          );
      }
    }
  });
});
