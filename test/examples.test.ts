// The examples: scripts are run and say what they should; tasks are trained through the public API and by the command.

import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type AnyTask, openGlyphs, sampleEvery, type TrainEvent, train } from '@forger/dcgan';
import type { Device } from '@forger/tensor';
import { afterAll, describe, expect, test } from 'vitest';
import conditional from '../examples/conditional.ts';
import residual from '../examples/residual.ts';
import twoDomains from '../examples/two-domains.ts';
import wganGp from '../examples/wgan-gp.ts';
import { useDevice } from './support/device.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'forger-examples-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function run(...args: string[]): { status: number | null; stdout: string; stderr: string } {
  return spawnSync(process.execPath, args, { cwd: root, encoding: 'utf8', timeout: 240_000 });
}

describe('scripts', () => {
  test('linear-regression finds the line', () => {
    const { stdout, stderr } = run('scripts/example.mjs', 'linear-regression');
    const [, a, b, c] = /y = (\S+) a \+ (\S+) b \+ (\S+),/.exec(stdout) ?? [stderr];
    // 256 points with noise of 0.1: each coefficient is known to about 0.1 / 16.
    expect(Number(a)).toBeCloseTo(2, 1);
    expect(Number(b)).toBeCloseTo(-3, 1);
    expect(Number(c)).toBeCloseTo(1, 1);
  });

  test('gan-by-hand learns the mean of its data', () => {
    const { stdout, stderr } = run('scripts/example.mjs', 'gan-by-hand');
    const mean = Number(/mean of generated samples (\S+),/.exec(stdout)?.[1]);
    // It begins near 0; the data's own mean is 4, with a deviation of 0.5.
    expect(mean, stdout + stderr).toBeGreaterThan(3.5);
    expect(mean).toBeLessThan(4.5);
  });

  test('another name lists those that there are', () => {
    const { status, stdout, stderr } = run('scripts/example.mjs', 'nothing');
    expect(status).toBe(1);
    expect(stdout + stderr).toContain('gan-by-hand, linear-regression');
  });
});

describe('tasks, through the public API', () => {
  let device: Device;
  useDevice((opened) => {
    device = opened;
  });

  test.each<[string, AnyTask, string[]]>([
    ['residual', residual, ['lossD', 'lossG', 'dReal', 'dFake']],
    ['wgan-gp', wganGp, ['distance', 'penalty', 'lossG']],
    ['conditional', conditional, ['lossD', 'lossG']],
    ['two-domains', twoDomains, ['lossG', 'lossA', 'lossB', 'cycle']],
  ])('%s trains, and every metric is a number', async (_name, task, metrics) => {
    const glyphs = (seed: number) => openGlyphs({ imageSize: 16, channels: 1, seed });
    const data = task === twoDomains ? { a: await glyphs(0), b: await glyphs(1) } : await glyphs(0);
    const before = device.memory().liveBytes;
    const events: TrainEvent[] = [];
    const options = { data, device, batchSize: 8, sizes: { width: 4 }, steps: 6, hooks: [sampleEvery(3)] };
    for await (const event of train(task, options)) events.push(event);
    const steps = events.flatMap((event) => (event.type === 'step' ? [event] : []));
    expect(steps.map(({ step }) => step)).toEqual([1, 2, 3, 4, 5, 6]);
    expect(Object.keys(steps.at(-1)!.metrics)).toEqual(metrics);
    for (const value of Object.values(steps.at(-1)!.metrics)) expect(Number.isFinite(value)).toBe(true);
    const samples = events.flatMap((event) => (event.type === 'sample' ? [event] : []));
    expect(samples.map(({ step }) => step)).toEqual([0, 3, 6]);
    expect(samples[0]!.shape).toEqual([64, 1, 16, 16]);
    expect(device.memory().liveBytes).toBe(before);
  });
});

describe('tasks, by the command', () => {
  const forger = (...args: string[]) => run('scripts/run.mjs', 'packages/forger/src/cli/main.ts', ...args);
  const small = ['--tune', 'off', '--batch-size', '8', '--width', '4', '--sample-every', '2', '--quiet'];
  const weights = (dir: string) => readFileSync(join(dir, 'checkpoints/step-000004.safetensors'));

  test.each<[string, string[]]>([
    ['residual', ['--ema', '0.9']],
    ['conditional', ['--data', 'glyphs']],
    ['two-domains', ['--data', 'glyphs', '--data-b', 'glyphs']],
  ])('%s: a run folder, a resume to the same bytes, info and convert', (name, flags) => {
    const recipe = `examples/${name}.ts`;
    const [straight, stopped] = ['straight', 'stopped'].map((which) => join(folder, `${name}-${which}`));
    const train = (...more: string[]) => forger('train', '--recipe', recipe, ...flags, ...small, ...more);
    const { status, stderr } = train('--steps', '4', '--out', straight!);
    expect(status, stderr).toBe(0);
    expect(train('--steps', '2', '--out', stopped!).status).toBe(0);
    expect(forger('train', '--resume', stopped!, '--steps', '4', '--tune', 'off', '--quiet').status).toBe(0);
    expect(weights(stopped!).equals(weights(straight!))).toBe(true);
    for (const file of [
      'config.json',
      'metrics.jsonl',
      'report.html',
      'losses.svg',
      'samples/step-000004.png',
    ])
      expect(existsSync(join(straight!, file)), file).toBe(true);
    const info = forger('info', straight!);
    expect(info.stdout, info.stderr).toContain(`run of recipe ${name}, 4 steps`);
    const out = join(folder, `${name}.safetensors`);
    expect(forger('convert', straight!, out).status).toBe(0);
    expect(statSync(out).size).toBeGreaterThan(1000);
  });

  test('the generators among them are sampled', () => {
    for (const name of ['residual', 'conditional']) {
      const out = join(folder, `${name}.png`);
      const { status, stderr } = forger(
        'sample',
        join(folder, `${name}-straight`),
        '--count',
        '9',
        '--out',
        out,
      );
      expect(status, stderr).toBe(0);
      expect(existsSync(out)).toBe(true);
    }
    const { status, stderr } = forger('sample', join(folder, 'two-domains-straight'));
    expect(status).toBe(1);
    expect(stderr).toContain('are made from data');
  });
});
