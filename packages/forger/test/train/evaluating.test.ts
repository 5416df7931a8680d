// Evaluations while training: the same steps with and without them, the same evaluations and best checkpoints
// when a run is stopped, killed and resumed, an end when nothing gets better, and what sample, info and
// report make of them.

import { createHash } from 'node:crypto';
import { cpSync, existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { describe as info, RunFolder, sample, type TrainConfig, writeReports } from '@forger/cli';
import { ConfigError } from '@forger/tensor';
import { beforeAll, describe, expect, test } from 'vitest';
import { runReport } from '../../src/cli/report.ts';
import { readCheckpoint } from '../../src/train/checkpoint-store.ts';
import { emptyFolder } from '../cli/folders.ts';
import { checkpointBytes, runTraining, tiny } from './helpers.ts';

const evaluated: TrainConfig = {
  ...tiny,
  evaluateEvery: 2,
  evaluateCount: 16,
  evaluateNetwork: 'pixels',
  metrics: ['kid'],
  keepBest: 'frechet',
};

/** What evaluations.jsonl holds, the time aside. */
function evaluations(dir: string): object[] {
  return readFileSync(join(dir, 'evaluations.jsonl'), 'utf8')
    .trim()
    .split('\n')
    .map((line) => ({ ...JSON.parse(line), seconds: 0 }));
}

/** The best checkpoint, and what the last one keeps of the run's hooks. */
async function kept(dir: string): Promise<unknown> {
  const best = (await (await RunFolder.read(dir)).bestCheckpoint())!.checkpoint;
  const last = await readCheckpoint(join(dir, 'checkpoints/step-000006.safetensors'));
  return {
    best: [best.step, createHash('sha256').update(best.bytes).digest('hex'), best.meta.hooks],
    hooks: last.meta.hooks,
  };
}

let straight: Awaited<ReturnType<typeof runTraining>>;
beforeAll(async () => {
  straight = await runTraining(evaluated);
});

describe('a run with evaluations', () => {
  test('makes the same steps as one without, to the bit, with an average of weights too', async () => {
    const { dir, told } = await runTraining(tiny);
    expect(checkpointBytes(straight.dir, 6).equals(checkpointBytes(dir, 6))).toBe(true);
    expect(told.evaluated).toEqual([]);
    expect(existsSync(join(dir, 'evaluations.jsonl'))).toBe(false);
    const averaged = await runTraining({ ...tiny, ema: 0.9 });
    const both = await runTraining({ ...evaluated, ema: 0.9 });
    expect(checkpointBytes(both.dir, 6).equals(checkpointBytes(averaged.dir, 6))).toBe(true);
    expect(evaluations(both.dir)[0]).toMatchObject({ step: 2, average: 'ema' });
  });

  test('tells each, with the best so far, and frees what it made', () => {
    const { told, summary } = straight;
    expect(told.notes).toEqual([]);
    expect(told.evaluated.map(({ line }) => line.step)).toEqual([2, 4, 6]);
    const values = told.evaluated.map(({ line }) => line.values.frechet!.value);
    const least = Math.min(...values);
    expect(told.evaluated.at(-1)!.best).toEqual({ step: 2 * (values.indexOf(least) + 1), value: least });
    expect(summary.best).toMatchObject({ name: 'frechet', value: least });
    expect(Object.keys(told.evaluated[0]!.line.values)).toEqual(['kid', 'frechet']);
    expect(told.evaluated[0]!.line).toMatchObject({
      count: 16,
      seed: tiny.seed,
      network: { name: 'pixels' },
    });
  });

  test.each([3, 4])(
    'goes on to the same bytes when it is stopped after step %i and resumed',
    async (stopAt) => {
      const half = await runTraining(evaluated, { stopAt });
      expect(half.summary).toMatchObject({ reason: 'interrupted' });
      await runTraining(evaluated, { resume: half.dir });
      expect(checkpointBytes(half.dir, 6).equals(checkpointBytes(straight.dir, 6))).toBe(true);
      expect(evaluations(half.dir)).toEqual(evaluations(straight.dir));
      expect(await kept(half.dir)).toEqual(await kept(straight.dir));
    },
  );

  test('begins with the evaluation that it was stopped in', async () => {
    const half = await runTraining(evaluated, { stopEvaluationAt: 4 });
    expect(half.summary).toMatchObject({ reason: 'interrupted', step: 4 });
    expect(half.told.evaluated.map(({ line }) => line.step)).toEqual([2]);
    const { told } = await runTraining(evaluated, { resume: half.dir });
    expect(told.evaluated.map(({ line }) => line.step)).toEqual([4, 6]);
    expect(evaluations(half.dir)).toEqual(evaluations(straight.dir));
    expect(await kept(half.dir)).toEqual(await kept(straight.dir));
  });

  test('that lost its last checkpoints finds the best of their time, and goes on to the same bytes', async () => {
    const killed = join(emptyFolder(), 'run');
    cpSync(straight.dir, killed, { recursive: true });
    for (const end of ['safetensors', 'json']) rmSync(join(killed, `checkpoints/step-000006.${end}`));
    await runTraining(evaluated, { resume: killed });
    expect(evaluations(killed)).toEqual(evaluations(straight.dir));
    expect(await kept(killed)).toEqual(await kept(straight.dir));
  });

  test('ends when a number of evaluations bring nothing better', async () => {
    // Weights stay as they are; only the statistics of norms still move, and settle.
    const { summary } = await runTraining({ ...evaluated, steps: 400, lr: 1e-30, stopAfter: 2 });
    const { step } = summary.best!;
    expect(summary).toMatchObject({ reason: 'stopped', step: step + 4 });
    expect(summary.because).toMatch(
      new RegExp(`^the Fréchet distance was not better than \\S+ of step ${step} in 2 evaluations$`),
    );
  });

  test('refuses a value that there is not', async () => {
    await expect(runTraining({ ...evaluated, keepBest: 'fid' })).rejects.toThrow(ConfigError);
    await expect(runTraining({ ...evaluated, keepBest: 'fid' })).rejects.toThrow(
      /^There is no value "fid"; there are frechet, kid, /,
    );
  });
});

describe('the best checkpoint', () => {
  test('is what sample and info take with --best', async () => {
    const { dir, summary } = straight;
    const { step, path } = summary.best!;
    const [best, own, last] = ['best', 'own', 'last'].map((name) => join(emptyFolder(), `${name}.png`));
    const draw = { count: 4, seed: 0 };
    await sample(dir, { ...draw, out: best!, best: true });
    await sample(path, { ...draw, out: own! });
    await sample(dir, { ...draw, out: last! });
    expect(readFileSync(best!).equals(readFileSync(own!))).toBe(true);
    expect(readFileSync(best!).equals(readFileSync(last!))).toBe(step === 6);
    expect(await info(dir, { best: true })).toMatchObject({ kind: 'run', step, best: summary.best });
    await expect(sample(path, { ...draw, out: best!, best: true })).rejects.toThrow(
      `${path} is a file, and only a run folder has a best checkpoint: leave --best out`,
    );
    const { dir: without } = await runTraining({ ...tiny, steps: 1 });
    await expect(sample(without, { ...draw, out: best!, best: true })).rejects.toThrow(
      `${without} has no best checkpoint: train with --keep-best`,
    );
  });

  test('stands in the report, with the last evaluation and a panel of all', async () => {
    const { dir, summary } = straight;
    const { html, losses } = await writeReports(await RunFolder.read(dir));
    const page = readFileSync(html, 'utf8');
    for (const text of [
      'Evaluation at step 6',
      'Fréchet distance',
      `step ${summary.best!.step}, Fréchet distance `,
      'training images</figcaption>',
    ])
      expect(page).toContain(text);
    const svg = readFileSync(losses, 'utf8');
    // Three evaluations of two metrics.
    expect(svg.match(/<circle /g)).toHaveLength(6);
    expect(svg).toContain('Fréchet distance (16 images, pixels; broken line: real images)');
  });

  test('a run that was killed gets its report from forger report', async () => {
    const killed = join(emptyFolder(), 'run');
    cpSync(straight.dir, killed, { recursive: true });
    for (const name of ['report.html', 'losses.svg']) rmSync(join(killed, name), { force: true });
    expect(await runReport(killed)).toBe(0);
    for (const name of ['report.html', 'losses.svg']) expect(existsSync(join(killed, name))).toBe(true);
    await expect(runReport(emptyFolder())).rejects.toThrow('is not a run');
  });
});
