// Short versions of `pnpm torture kill --runs 100` and `pnpm torture soak --steps 10000`, and whether they can fail.

import { cpSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Tensor, zeros } from '@forger/tensor';
import { beforeAll, describe, expect, test } from 'vitest';
import { emptyFolder } from '../../packages/forger/test/cli/folders.ts';
import { runTraining, tiny } from '../../packages/forger/test/train/helpers.ts';
import { faultsAfterKill } from './aftermath.ts';
import { differences, disorder, readResult } from './compare.ts';
import { tortureByKilling } from './kill.ts';
import { fitSlope } from './slope.ts';
import { evaluate, soak } from './soak.ts';

describe('killing', () => {
  test('three runs, each killed up to three times: all end in the bytes of one that was left alone', async () => {
    const lines: string[] = [];
    const seed = 1 + (process.pid % 1000);
    const report = await tortureByKilling({
      ...{ runs: 3, seed, jobs: 2, only: ['plain'] },
      print: (line) => lines.push(line),
    });
    expect(report.faults, `seed ${seed}\n${lines.join('\n')}`).toEqual([]);
    expect(report).toMatchObject({ runs: 3, resumed: 3, equal: 3, corrupt: 0 });
    expect([...report.kills.values()].reduce((sum, count) => sum + count, 0)).toBeGreaterThanOrEqual(3);
  });
});

describe('what a kill would have broken is found', () => {
  let whole: string;
  beforeAll(async () => {
    ({ dir: whole } = await runTraining(tiny));
  });
  const copy = (): string => {
    const dir = join(emptyFolder(), 'run');
    cpSync(whole, dir, { recursive: true });
    return dir;
  };
  const weights = (dir: string, step = 6) => join(dir, `checkpoints/step-00000${step}.safetensors`);
  const metrics = (dir: string) => join(dir, 'metrics.jsonl');
  const editMetrics = (dir: string, edit: (lines: string[]) => string[]) =>
    writeFileSync(
      metrics(dir),
      `${edit(readFileSync(metrics(dir), 'utf8').trimEnd().split('\n')).join('\n')}\n`,
    );
  const flip = (path: string, at: number) => {
    const bytes = readFileSync(path);
    bytes[at]! ^= 1;
    writeFileSync(path, bytes);
  };

  test('nothing in a run that is whole, cut off in the middle of a line or not', async () => {
    const dir = copy();
    expect(await faultsAfterKill(dir, [weights(dir)])).toEqual([]);
    writeFileSync(metrics(dir), '{"step": 7, "ep', { flag: 'a' });
    expect(await faultsAfterKill(dir, [weights(dir)])).toEqual([]);
    expect(differences(readResult(whole), readResult(whole), [])).toEqual([]);
  });

  test('a checkpoint that is damaged, or was promised and is gone', async () => {
    const dir = copy();
    flip(weights(dir), 5000);
    expect(await faultsAfterKill(dir, [])).toEqual([expect.stringContaining('do not match the checksum')]);
    const other = copy();
    rmSync(weights(other).replace('safetensors', 'json'));
    expect(await faultsAfterKill(other, [weights(other)])).toEqual([
      'the checkpoint of step 6 was said to be saved, and the newest is 3',
    ]);
  });

  test('metrics that a checkpoint was ahead of', async () => {
    const dir = copy();
    editMetrics(dir, (lines) => lines.toSpliced(4, 1));
    expect(await faultsAfterKill(dir, [])).toEqual([
      'metrics.jsonl lacks step 5, though the checkpoint has 6',
    ]);
  });

  const changes: [string, (dir: string) => void, string | RegExp][] = [
    ['another bit in the weights', (dir) => flip(weights(dir), 5000), 'the weights differ'],
    [
      'a step twice',
      (dir) => editMetrics(dir, (lines) => lines.toSpliced(2, 0, lines[2]!)),
      /differ from line 4/,
    ],
    [
      'a step too many',
      (dir) => editMetrics(dir, (lines) => [...lines, lines[5]!]),
      'metrics have 7 lines, not 6',
    ],
    [
      'another loss',
      (dir) => editMetrics(dir, (lines) => lines.map((l) => l.replace('"lossD":', '"lossD":1'))),
      /differ from line 1/,
    ],
    [
      'a missing grid',
      (dir) => rmSync(join(dir, 'samples/step-000004.png')),
      'samples/step-000004.png is missing',
    ],
    [
      'another grid',
      (dir) => flip(join(dir, 'samples/step-000004.png'), 300),
      'samples/step-000004.png differs',
    ],
    [
      'a grid too many',
      (dir) => writeFileSync(join(dir, 'samples/step-000005.png'), ''),
      'samples/step-000005.png is one too many',
    ],
    ['another last checkpoint', (dir) => rmSync(weights(dir)), /^the last checkpoint is step-000003/],
  ];
  test.each(changes)('%s', (_, change, fault) => {
    const dir = copy();
    change(dir);
    expect(differences(readResult(dir), readResult(whole), [])).toContainEqual(
      typeof fault === 'string' ? fault : expect.stringMatching(fault),
    );
  });

  test('what lies about, and time that ran backwards', () => {
    const dir = copy();
    mkdirSync(join(dir, '.left'));
    renameSync(weights(dir, 3), `${weights(dir, 3)}.damaged`);
    editMetrics(dir, (lines) =>
      lines.map((line, i) => (i === 3 ? line.replace(/"seconds":/, '"seconds":-') : line)),
    );
    expect(disorder(dir)).toEqual([
      '.left was left',
      'checkpoints/step-000003.safetensors.damaged was left',
      'report.html is missing',
      'losses.svg is missing',
      'samples.gif is missing',
      'the time of step 4 is before that of step 3',
    ]);
  });
});

describe('a soak', () => {
  const short = { steps: 300, seed: 0, print: () => {} };
  const ofDevice = (faults: readonly string[]) => faults.filter((fault) => /^(live|pooled)/.test(fault));

  test('of 300 captured steps leaves the device’s memory flat', async () => {
    const { samples, faults } = await soak(short);
    expect(samples).toHaveLength(30);
    expect(samples[0]!['live buffers']).toBeGreaterThan(0);
    // V8 and the process settle only after some thousand steps: the long soak evaluates those.
    expect(ofDevice(faults)).toEqual([]);
  });

  test('tells a buffer that leaks every 100 steps', async () => {
    const leaked: Tensor[] = [];
    const disturb = (step: number) => {
      if (step % 100 === 0) leaked.push(zeros([1]).keep());
    };
    const { faults } = await soak({ ...short, disturb });
    expect(ofDevice(faults)).toContainEqual(
      expect.stringMatching(/^live buffers grew from \d+ to \d+; flat is 0/),
    );
  });
});

describe('the evaluation of 200 samples of 10,000 steps', () => {
  const MIB = 2 ** 20;
  const faultsOf = (rss: (step: number) => number, heap = (_: number) => 17) =>
    evaluate(
      Array.from({ length: 200 }, (_, i) => {
        const step = 50 * (i + 1);
        const device = { 'live buffers': 31, 'live bytes': 1000, 'pooled bytes': 100 };
        const noise = ((i * 7919) % 13) / 50;
        return { step, ...device, 'V8 heap': heap(step) * MIB, RSS: (rss(step) + noise) * MIB };
      }),
    ).faults;

  test('is flat for noise, one jump, and what the allocators do in start-up', () => {
    expect(faultsOf(() => 300)).toEqual([]);
    expect(faultsOf((step) => (step > 7400 ? 307 : 300))).toEqual([]);
    expect(faultsOf((step) => 300 - 100 * Math.exp(-step / 500))).toEqual([]);
  });

  test('is growth for 1.6 KB a step, for a large piece every 500 steps, and for small objects', () => {
    expect(faultsOf((step) => 300 + 0.0016 * step)).toEqual([expect.stringMatching(/^RSS grew by 1\.\d/)]);
    expect(faultsOf((step) => 300 + 2 * Math.floor(step / 500))).toEqual([
      expect.stringMatching(/^RSS grew by/),
    ]);
    expect(
      faultsOf(
        () => 300,
        (step) => 17 + 0.0001 * step,
      ),
    ).toEqual([expect.stringMatching(/^V8 heap grew by 0\.100 /)]);
  });
});

describe('a slope', () => {
  const x = Array.from({ length: 100 }, (_, i) => i / 10);

  test('is that of a line, without an error', () => {
    const { slope, standardError } = fitSlope(
      x,
      x.map((at) => 3 - 2 * at),
    );
    expect(slope).toBeCloseTo(-2, 12);
    expect(standardError).toBeCloseTo(0, 10);
  });

  test('of a random walk strays as far as its error says', () => {
    // A linear congruential generator will do for noise (Knuth, TAOCP 2, 3.3.4).
    let state = 1;
    const noise = () => {
      state = (state * 1664525 + 1013904223) % 2 ** 32;
      return state / 2 ** 32 - 0.5;
    };
    const walks = Array.from({ length: 400 }, () => {
      let at = 0;
      return fitSlope(
        x,
        x.map(() => (at += noise())),
      );
    });
    const mean = (values: number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
    const strayed = Math.sqrt(mean(walks.map(({ slope }) => slope ** 2)));
    const said = Math.sqrt(mean(walks.map(({ standardError }) => standardError ** 2)));
    // 400 slopes tell their spread to 1/√800 = 4 %; a lag of 4 in 99 increments takes some 10 % away.
    expect(said / strayed).toBeGreaterThan(0.75);
    expect(said / strayed).toBeLessThan(1.1);
  });

  test('is sure where growth is steady or comes in many pieces, and not where it is one jump', () => {
    const isSure = (y: number[]) => {
      const { slope, standardError } = fitSlope(x, y);
      return slope - 2 * standardError > 0.1 * slope;
    };
    expect(isSure(x.map((at) => at + 0.01 * Math.sin(40 * at)))).toBe(true);
    expect(isSure(x.map((at) => Math.floor(at)))).toBe(true);
    expect(isSure(x.map((at) => (at > 6 ? 10 : 0)))).toBe(false);
  });

  test('needs three points', () => {
    expect(() => fitSlope([1, 2], [1, 2])).toThrow('three points');
  });
});
