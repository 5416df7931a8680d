// `forger evaluate`: generators and data sets against real images, what is printed, and what is refused.

import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { CheckpointError, ConfigError } from '@forger/tensor';
import { beforeAll, describe, expect, test } from 'vitest';
import { runEvaluate } from '../../src/cli/evaluate.ts';
import { evaluationLines } from '../../src/cli/evaluation-table.ts';
import { run } from '../../src/cli/program.ts';
import { evaluateSource } from '../../src/evaluate/evaluate.ts';
import { findValue, written } from '../../src/evaluate/values.ts';
import { sharp } from '../report/pictures.ts';
import { runTraining, tiny } from '../train/helpers.ts';
import { emptyFolder } from './folders.ts';

const few = { count: 16, network: 'pixels', metrics: ['frechet', 'kid'] };

/** A folder of grey squares of 16×16, each of another brightness and place. */
async function squares(count: number): Promise<string> {
  const folder = join(emptyFolder(), 'squares');
  mkdirSync(folder);
  for (let n = 0; n < count; n++) {
    const pixels = new Uint8Array(256).fill(20);
    for (let i = 0; i < 6; i++)
      pixels.fill(100 + n, 16 * ((n + i) % 16) + (n % 9), 16 * ((n + i) % 16) + (n % 9) + 6);
    await sharp(pixels, { raw: { width: 16, height: 16, channels: 1 } })
      .png()
      .toFile(join(folder, `${String(n).padStart(3, '0')}.png`));
  }
  return folder;
}

let trained: string;
beforeAll(async () => {
  trained = (await runTraining(tiny)).dir;
});

describe('a run', () => {
  test('is compared with its own data, in the features of their classifier, to the same numbers each time', async () => {
    const { network: _, ...options } = few;
    const stages: string[] = [];
    const once = await evaluateSource(trained, { ...options, onProgress: ({ stage }) => stages.push(stage) });
    expect(once).toMatchObject({
      generated: 'run, step 6',
      real: 'glyphs',
      floor: 'further images of glyphs',
      count: 16,
      seed: 0,
      network: { name: 'glyphs-classifier', size: 64 },
    });
    expect(stages).toContain('generated images');
    expect(Object.keys(once.values)).toEqual(['frechet', 'kid']);
    expect(once.values.frechet!.value).toBeGreaterThan(once.values.frechet!.floor!);
    expect(await evaluateSource(trained, options)).toEqual(once);
    const other = await evaluateSource(trained, { ...options, seed: 1 });
    expect(other.values.frechet!.value).not.toBe(once.values.frechet!.value);
  });

  test('and its checkpoint give the same', async () => {
    const path = join(trained, 'checkpoints/step-000006.safetensors');
    const { values } = await evaluateSource(trained, few);
    expect((await evaluateSource(path, few)).values).toEqual(values);
  });

  test('has no best checkpoint unless it kept one', async () => {
    await expect(evaluateSource(trained, { ...few, best: true })).rejects.toThrow(CheckpointError);
  });
});

describe('a folder of pictures', () => {
  test('against itself gives the floor, and against others more', async () => {
    const folder = await squares(48);
    const shape = { imageSize: 16, channels: 1 } as const;
    const { values, generated } = await evaluateSource(folder, { ...few, ...shape, data: folder });
    expect(generated).toBe('other images of squares');
    expect(values.frechet!.value).toBeLessThan(10 * values.frechet!.floor!);
    const other = await evaluateSource(folder, { ...few, ...shape, data: 'glyphs' });
    expect(other.values.frechet!.value).toBeGreaterThan(other.values.frechet!.floor!);
    expect(other.values.frechet!.value).toBeGreaterThan(2 * values.frechet!.value);
    const floored = await evaluateSource(folder, { ...few, ...shape, data: 'glyphs', floor: 'glyphs' });
    expect(floored).toMatchObject({ floor: 'glyphs' });
    expect(floored.values.frechet!.floor).toBeGreaterThan(0);
  });

  test('needs real images to compare with', async () => {
    const folder = await squares(2);
    await expect(evaluateSource(folder, few)).rejects.toThrow(ConfigError);
    await expect(evaluateSource(folder, few)).rejects.toThrow(
      `--data: ${folder} does not say what it was trained on; name the real images`,
    );
    await expect(evaluateSource(folder, { ...few, data: 'glyphs', best: true })).rejects.toThrow(
      'only a run folder has a best checkpoint',
    );
  });
});

describe('the command', () => {
  async function printed(act: () => Promise<number>): Promise<{ status: number; out: string; err: string }> {
    const [log, error] = [console.log, console.error];
    const lines = { out: [] as string[], err: [] as string[] };
    console.log = (line: unknown) => void lines.out.push(String(line));
    console.error = (line: unknown) => void lines.err.push(String(line));
    try {
      return { status: await act(), out: lines.out.join('\n'), err: lines.err.join('\n') };
    } finally {
      [console.log, console.error] = [log, error];
    }
  }

  test('prints a table, or one JSON object', async () => {
    const { status, out, err } = await printed(() => runEvaluate(trained, few));
    expect(status).toBe(0);
    expect(out).toMatch(
      /^run, step 6 .*value +real images +best\nFréchet distance +frechet +\S+ +\S+ +smaller\n/,
    );
    expect(out).toContain(
      '16 images on each side; real: glyphs; for the column real images: further images of glyphs',
    );
    expect(out).toMatch(/features of pixels at 16×16 \(pixels, [0-9a-f]{12}, 256 numbers\); seed 0/);
    expect(err).toContain('evaluating: generated images');
    const { out: json } = await printed(() => runEvaluate(trained, { ...few, json: true }));
    expect(JSON.parse(json)).toMatchObject({
      source: trained,
      count: 16,
      values: { frechet: { metric: 'frechet' } },
    });
  });

  test.each([
    [['evaluate', 'x', '--metrics', 'fid'], 'There is no metric "fid"; there are frechet, kid, '],
    [
      ['evaluate', 'x', '--metrics', 'kid,,prdc'],
      '--metrics kid,,prdc: expected names with commas between them',
    ],
    [['evaluate', 'x', '--network', 'vgg'], "there is no network 'vgg'; there are mnist, "],
    [['evaluate', 'x', '--count', '1'], '--count 1: expected a whole number of at least 2'],
    [['train', '--keep-best', 'fid'], '--keep-best: There is no value "fid"; there are frechet, '],
    [['train', '--evaluate-every', '9', '--metrics', 'fid'], '--metrics: There is no metric "fid"'],
    [['train', '--evaluate-every', '0'], '--evaluate-every 0: expected a whole number of at least 1'],
  ])('refuses %j', async (args, message) => {
    const { status, err } = await printed(() => run(args));
    expect(status).toBe(2);
    expect(err).toContain(message);
  });
});

test('values are found by their names, or a metric by its main one', () => {
  expect(findValue('coverage')).toMatchObject({ name: 'coverage', metric: { name: 'prdc' } });
  expect(findValue('two-sample')).toMatchObject({ name: 'twoSample' });
});

test.each([
  [31.23456, '31.23'],
  [0, '0.000'],
  [0.0123456, '0.01235'],
  [12345.6, '12346'],
  [1.5e-7, '1.500e-7'],
  [-2.5, '-2.500'],
  [Number.NaN, 'NaN'],
])('%d is written %s', (value, text) => {
  expect(written(value)).toBe(text);
});

test('a table says where there is no floor', () => {
  const evaluation = {
    generated: 'g',
    real: 'r',
    count: 4,
    seed: 0,
    network: { name: 'n', title: 'a network', hash: 'abc', size: 2 },
    values: {
      kid: { title: 'kernel distance', better: 'smaller', value: 2, standardError: 0.5, metric: 'kid' },
    },
    details: {},
    notes: ['few'],
  } as const;
  expect(evaluationLines(evaluation, 'g')).toEqual([
    'g                            value  real images  best',
    'kernel distance  kid  2.000 ± 0.50            -  smaller',
    '4 images on each side; real: r; for the column real images: none to spare',
    'features of a network (n, abc, 2 numbers); seed 0',
    'note: few',
  ]);
});
