// The same seed on the same adapter gives the same bytes, however the process is started and whatever runs beside it.
// Stopped and resumed, captured and profiled runs are in packages/forger/test/train; killed ones in torture.test.ts.

import { mkdtempSync, readdirSync, readFileSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { RunFolder } from '@forger/cli';
import { describe, expect, test } from 'vitest';
import { emptyFolder } from '../../packages/forger/test/cli/folders.ts';
import { checkpointBytes, runTraining, tiny } from '../../packages/forger/test/train/helpers.ts';
import { forger, TINY, undisturbedRun } from '../reliability/fault.ts';
import { differences, readResult } from './compare.ts';

/** Everything that a run saved, by path: checkpoints, what lies beside them but for the time, and grids. */
function savedBy(run: string): Map<string, string> {
  const names = ['checkpoints', 'samples'].flatMap((folder) =>
    readdirSync(join(run, folder)).map((name) => join(folder, name)),
  );
  return new Map(
    names.map((name) => {
      const path = join(run, name);
      if (!name.endsWith('.json')) return [name, readFileSync(path, 'base64')];
      const { checksum: _, meta, ...record } = JSON.parse(readFileSync(path, 'utf8'));
      return [name, JSON.stringify({ ...record, meta: { ...meta, seconds: 0 } })];
    }),
  );
}

async function train(args: readonly string[] = [], env: NodeJS.ProcessEnv = {}): Promise<string> {
  const folder = emptyFolder();
  const { exitCode, stderr } = await forger(folder, [...TINY, ...args], { env });
  expect(exitCode, stderr).toBe(0);
  return join(folder, 'run');
}

async function expectSame(run: string): Promise<void> {
  const other = await undisturbedRun();
  expect(differences(readResult(run), readResult(other), [])).toEqual([]);
  expect(savedBy(run)).toEqual(savedBy(other));
}

describe('another process ends in the same bytes', () => {
  test.each<[string, string[], NodeJS.ProcessEnv]>([
    ['started again', [], {}],
    ['that records every step anew', ['--eager'], {}],
    ['with validation off', [], { FORGER_VALIDATION: 'off' }],
    ['with more checks', ['--debug'], {}],
    ['with one thread instead of all of a software adapter', [], { LP_NUM_THREADS: '1' }],
  ])('%s', async (_, args, env) => expectSame(await train(args, env)));

  test('with as many beside it as there are cores, and one more', async () => {
    const runs = await Promise.all(Array.from({ length: availableParallelism() + 1 }, () => train()));
    for (const run of runs) await expectSame(run);
  });
});

test('a run for which no kernels are recorded has those of a run without tuning', async () => {
  const tuningFolder = mkdtempSync(join(tmpdir(), 'tuning-'));
  const off = await runTraining(tiny, { tuning: 'off', tuningFolder });
  const on = await runTraining(tiny, { tuning: 'on', tuningFolder });
  const { kernels } = JSON.parse(readFileSync(join(on.dir, 'config.json'), 'utf8'));
  // An adapter without rules of its own is tuned, and then may have others: they are recorded.
  if (kernels === undefined)
    expect(checkpointBytes(on.dir, 6).equals(checkpointBytes(off.dir, 6))).toBe(true);
  else expect(Object.keys(kernels).length).toBeGreaterThan(0);
});

test('a run that was stopped before its first checkpoint takes the kernels that a new run takes', async () => {
  const tuningFolder = mkdtempSync(join(tmpdir(), 'tuning-'));
  // Large enough for some convolutions to be worth tuning.
  const settings = { ...tiny, width: 8, batchSize: 16, steps: 3 };
  const tuned = await runTraining(settings, { tuning: 'thorough', tuningFolder });
  const dir = join(emptyFolder(), 'run');
  (await RunFolder.create(settings, { out: dir })).close(); // killed before its kernels were settled
  await runTraining(settings, { resume: dir, tuning: 'on', tuningFolder });
  const kernels = (run: string) => JSON.parse(readFileSync(join(run, 'config.json'), 'utf8')).kernels;
  expect(kernels(dir)).toEqual(kernels(tuned.dir));
  expect(checkpointBytes(dir, 3).equals(checkpointBytes(tuned.dir, 3))).toBe(true);
});
