// Training from the outside: the same bits whether straight through, stopped or repeated; what a run leaves behind;
// and what it refuses.

import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseConfig, RunFolder, StoppedError, type TrainConfig } from '@forger/cli';
import { DivergenceError } from '@forger/dcgan';
import { CheckpointError, ConfigError, readSafetensors } from '@forger/tensor';
import { beforeAll, describe, expect, test, vi } from 'vitest';
import { PipelineCache } from '../../../tensor/src/device/pipelines.ts';
import { recordText } from '../../src/train/checkpoint-store.ts';
import { emptyFolder } from '../cli/folders.ts';
import { sharp } from '../report/pictures.ts';
import { checkpointBytes, runTraining, tiny } from './helpers.ts';

const original = PipelineCache.prototype.get;

describe('a run of six steps', () => {
  let straight: Awaited<ReturnType<typeof runTraining>>;
  beforeAll(async () => {
    straight = await runTraining(tiny);
  });

  test('tells every step in order, with finite losses and probabilities', () => {
    const { steps, totalSteps } = straight.told;
    expect(totalSteps).toBe(6);
    expect(steps.map(({ step }) => step)).toEqual([1, 2, 3, 4, 5, 6]);
    for (const { step, metrics, imagesPerSecond, epoch, secondsLeft } of steps) {
      expect(Object.keys(metrics)).toEqual(['lossD', 'lossG', 'dReal', 'dFake']);
      const { lossD, lossG, dReal, dFake } = metrics;
      expect(lossD).toBeGreaterThan(0);
      expect(lossG).toBeGreaterThan(0);
      for (const probability of [dReal, dFake]) {
        expect(probability).toBeGreaterThan(0);
        expect(probability).toBeLessThan(1);
      }
      expect(imagesPerSecond).toBeGreaterThan(0);
      // Unknown after the first step, whose time is compilation.
      if (step === 1) expect(secondsLeft).toBeUndefined();
      else expect(secondsLeft).toBeGreaterThanOrEqual(0);
      expect(epoch).toBe(1);
    }
    expect(straight.summary).toMatchObject({ reason: 'finished', step: 6, epoch: 1 });
  });

  test('frees every buffer it made', () => {
    expect(straight.told.notes.filter((note) => note.includes('never freed'))).toEqual([]);
  });

  test('has every kernel compiled before it begins', async () => {
    const late: string[] = [];
    const get = vi.spyOn(PipelineCache.prototype, 'get').mockImplementation(function (
      this: PipelineCache,
      source,
    ) {
      if (!this.has(source)) late.push(source.name);
      return original.call(this, source);
    });
    try {
      await runTraining({ ...tiny, steps: 3 });
    } finally {
      get.mockRestore();
    }
    expect(late).toEqual([]);
  });

  test('leaves grids from before the first step on, checkpoints, and metrics', async () => {
    const run = await RunFolder.read(straight.dir);
    expect(readdirSync(run.path('samples')).sort()).toEqual([
      'step-000000.png',
      'step-000004.png',
      'step-000006.png',
    ]);
    expect(await run.checkpointSteps()).toEqual([3, 6]);
    expect(run.readMetrics().map(({ metrics }) => metrics)).toEqual(
      straight.told.steps.map(({ metrics }) => metrics),
    );
    const { width, height, channels } = await sharp(straight.summary.sample).metadata();
    // 8 × 8 pictures of 16 pixels with a border of 2, enlarged 4 times.
    expect([width, height, channels]).toEqual([4 * (8 * 18 + 2), 4 * (8 * 18 + 2), 1]);
  });

  test('saves everything that the next steps depend on', () => {
    const { tensors, metadata } = readSafetensors(checkpointBytes(straight.dir, 6));
    expect(metadata).toEqual({ format: 'pt' });
    expect(tensors.get('generator.main.0.weight')?.shape).toEqual([100, 8, 4, 4]);
    expect(tensors.get('discriminator.main.5.weight')?.shape).toEqual([1, 8, 4, 4]);
    for (const name of [
      'generator.main.1.running_var',
      'optimizer.generator.main.0.weight.exp_avg',
      'optimizer.generator.main.0.weight.exp_avg_sq',
      'random.state',
      'fixed_latents',
    ]) {
      expect([...tensors.keys()]).toContain(name);
    }
    expect(tensors.get('optimizer.discriminator.main.0.weight.step')?.data).toEqual(new Float32Array([6]));
    // The generator runs once in a step, the discriminator three times.
    expect(tensors.get('generator.main.1.num_batches_tracked')?.data).toEqual(new BigInt64Array([6n]));
    expect(tensors.get('discriminator.main.3.num_batches_tracked')?.data).toEqual(new BigInt64Array([18n]));
  });

  test('is the same to the bit a second time, and another with another seed', async () => {
    const again = await runTraining(tiny);
    const other = await runTraining({ ...tiny, seed: 1 });
    expect(checkpointBytes(again.dir, 6).equals(checkpointBytes(straight.dir, 6))).toBe(true);
    expect(checkpointBytes(other.dir, 6).equals(checkpointBytes(straight.dir, 6))).toBe(false);
    expect(readFileSync(again.summary.sample!)).toEqual(readFileSync(straight.summary.sample!));
  });

  test('is the same to the bit when some of its steps are profiled', async () => {
    const profiled = await runTraining(tiny, { profile: 2 });
    expect(checkpointBytes(profiled.dir, 6).equals(checkpointBytes(straight.dir, 6))).toBe(true);
    expect(profiled.told.notes).toEqual([]);
    const { steps, table, paths, profile } = profiled.told.profile!;
    expect(steps).toBe(2);
    // Every product of both networks, and both updates: what a step cannot do without.
    const names = new Set(profile.kernels.map(({ name }) => name.split('/')[0]!));
    for (const name of ['conv_forward', 'conv_input_gradient', 'conv_weight_gradient', 'adam'])
      expect([...names], name).toContain(name);
    const file = readFileSync(paths.table, 'utf8').split('\n');
    for (const { name, shape } of profile.kernels)
      expect(file.filter((line) => line.endsWith(`  ${name} ${shape}`.trimEnd())).length).toBeGreaterThan(0);
    expect(table.length).toBeLessThanOrEqual(file.length);
    const trace = JSON.parse(readFileSync(paths.trace, 'utf8'));
    const spans = trace.traceEvents.filter(
      ({ ph, tid }: { ph: string; tid: number }) => ph === 'X' && tid === 2,
    );
    expect(spans.length).toBe(profile.deviceSpans.length);
    expect(spans.every(({ ts, dur }: { ts: number; dur: number }) => ts >= 0 && dur >= 0)).toBe(true);
  });

  test('says so when it ends before the steps that were to be profiled', async () => {
    const short = await runTraining({ ...tiny, steps: 3 }, { profile: 5 });
    expect(short.told.profile).toBeUndefined();
    expect(short.told.notes).toEqual(['Nothing was profiled: the run ended within its first 3 steps.']);
  });

  test('does not depend on how often samples and checkpoints are taken', async () => {
    const seldom = await runTraining({ ...tiny, sampleEvery: 100, checkpointEvery: 100 });
    expect(checkpointBytes(seldom.dir, 6).equals(checkpointBytes(straight.dir, 6))).toBe(true);
  });

  test('is the same to the bit when stopped half-way and resumed', async () => {
    const first = await runTraining({ ...tiny, steps: 3 });
    const rest = await runTraining(tiny, { resume: first.dir });
    expect(rest.told.steps.map(({ step }) => step)).toEqual([4, 5, 6]);
    expect(rest.told.steps.map(({ metrics }) => metrics)).toEqual(
      straight.told.steps.slice(3).map(({ metrics }) => metrics),
    );
    expect(checkpointBytes(rest.dir, 6).equals(checkpointBytes(straight.dir, 6))).toBe(true);
    // Time goes on from where the checkpoint was written, which is after its step was told.
    expect(rest.told.steps[0]!.seconds).toBeGreaterThan(first.told.steps.at(-1)!.seconds);
  });

  test('finishes the step, saves and can go on when it is told to stop', async () => {
    const stopped = await runTraining({ ...tiny, steps: 500 }, { stopAt: 1 });
    const { reason, step, checkpoint } = stopped.summary;
    expect(reason).toBe('interrupted');
    expect(step).toBeLessThan(6);
    expect(checkpoint).toBe(join(stopped.dir, 'checkpoints', `step-00000${step}.safetensors`));
    const rest = await runTraining(tiny, { resume: stopped.dir });
    expect(checkpointBytes(rest.dir, 6).equals(checkpointBytes(straight.dir, 6))).toBe(true);
  });

  test('ends before its first step when told to stop while the data are opened', async () => {
    const early = runTraining(tiny, { stopAt: 0 });
    await expect(early).rejects.toThrow(StoppedError);
    // Pictures ask at every file, so a folder is not read to its end.
    const told = runTraining({ ...tiny, data: await pictures(3) }, { stopAt: 0 });
    await expect(told).rejects.toThrow('Stopped before the first step: nothing was trained');
  });

  test('is not trained on when its end is reached', async () => {
    const { told, summary } = await runTraining(tiny, { resume: straight.dir });
    expect(told.steps).toEqual([]);
    expect(summary).toMatchObject({ reason: 'finished', step: 6 });
  });

  test('refuses to be resumed in another way, on other pictures, or from something else', async () => {
    const { dir } = await runTraining({ ...tiny, steps: 3 });
    const resume = (changes: Partial<TrainConfig>) => runTraining({ ...tiny, ...changes }, { resume: dir });
    await expect(resume({ width: 8 })).rejects.toThrow('was trained with width 4 (now 8)');
    await expect(resume({ recipe: 'pytorch' })).rejects.toThrow(
      'was trained with recipe quick (now pytorch)',
    );
    const json = join(dir, 'checkpoints', 'step-000003.json');
    const record = JSON.parse(readFileSync(json, 'utf8'));
    const write = (meta: object) => writeFileSync(json, recordText({ ...record, meta }));
    write({ ...record.meta, data: { ...record.meta.data, fingerprint: 'of other pictures' } });
    await expect(resume({})).rejects.toThrow('was trained on other pictures than glyphs holds now');
    write({ note: 'of another program' });
    await expect(resume({})).rejects.toThrow(CheckpointError);
    await expect(resume({})).rejects.toThrow('is not a checkpoint of a training run');
  });
});

test('epochs end with the data, and a run without a checkpoint starts over', async () => {
  const data = await pictures(20);
  const settings = withGoal({ ...tiny, data }, { epochs: 2 });
  const { dir, told, summary } = await runTraining(settings);
  // Two batches of 8 in 20 pictures.
  expect(told.steps.map(({ epoch }) => epoch)).toEqual([1, 1, 2, 2]);
  expect(summary).toMatchObject({ step: 4, epoch: 2 });
  for (const name of readdirSync(join(dir, 'checkpoints'))) writeFileSync(join(dir, 'checkpoints', name), '');
  await expect(runTraining(settings, { resume: dir })).rejects.toThrow('has no whole checkpoint left');
});

test('minutes end by the clock', async () => {
  const { summary, told } = await runTraining(withGoal(tiny, { minutes: 0.02 }));
  expect(summary.reason).toBe('finished');
  expect(summary.seconds).toBeGreaterThanOrEqual(1.2);
  expect(told.totalSteps).toBeUndefined();
  expect(told.steps.length).toBeGreaterThan(0);
});

describe('what cannot be trained is refused', () => {
  test('a batch larger than the data', async () => {
    const data = await pictures(5);
    await expect(runTraining({ ...tiny, data })).rejects.toThrow(ConfigError);
    await expect(runTraining({ ...tiny, data })).rejects.toThrow(
      /The batch size is 8, but the data set .* holds only 5 images/,
    );
  });

  test('an image size that the network cannot make, and a recipe that does not exist', async () => {
    await expect(runTraining({ ...tiny, imageSize: 28 })).rejects.toThrow(
      'An image size of 28 was given; this network doubles a 4×4 layer, so it makes pictures of 16, 32, 64',
    );
    await expect(runTraining({ ...tiny, recipe: 'quack' })).rejects.toThrow('there are quick, pytorch');
  });

  test('losses that are no longer numbers, and the last good checkpoint stays', async () => {
    // Weights of ±1e30 after the first update make the next activations infinite.
    const settings = { ...tiny, lr: 1e30, checkpointEvery: 1, steps: 50 };
    const dir = join(emptyFolder(), 'run');
    const run = await RunFolder.create(settings, { out: dir });
    run.close();
    const failure = runTraining(settings, { resume: dir });
    await expect(failure).rejects.toThrow(DivergenceError);
    await expect(failure).rejects.toThrow(
      /Training diverged: .* (is NaN|is infinite|holds NaN or infinity).* step \d+\. .*; start a new run with a smaller --lr \(it is 1e\+30\)/,
    );
    const saved = await (await RunFolder.read(dir)).latestCheckpoint();
    for (const { data } of saved ? readSafetensors(saved.checkpoint.bytes).tensors.values() : []) {
      if (data instanceof Float32Array) expect(data.every(Number.isFinite)).toBe(true);
    }
    expect(existsSync(join(dir, 'samples', 'step-000000.png'))).toBe(true);
  });
});

/** A folder of random grey pictures. */
async function pictures(count: number): Promise<string> {
  const folder = emptyFolder();
  mkdirSync(folder, { recursive: true });
  for (let i = 0; i < count; i++) {
    const pixels = Uint8Array.from({ length: 256 }, (_, k) => (k * (i + 3)) % 256);
    const raw = { width: 16, height: 16, channels: 1 } as const;
    await sharp(pixels, { raw })
      .png()
      .toFile(join(folder, `${i}.png`));
  }
  return folder;
}

function withGoal(settings: TrainConfig, goal: { epochs: number } | { minutes: number }): TrainConfig {
  const { steps: _, ...rest } = settings;
  return parseConfig({ ...rest, ...goal }, 'a test');
}
