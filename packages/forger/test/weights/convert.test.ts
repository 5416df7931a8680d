// Converting weights, by function and by command; and that PyTorch takes what was written.

import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { convert, RunFolder } from '@forger/cli';
import { readSafetensors } from '@forger/tensor';
import { beforeAll, describe, expect, test } from 'vitest';
import { emptyFolder } from '../cli/folders.ts';
import { checkpointBytes, runTraining, tiny } from '../train/helpers.ts';
import { expected, fixture } from './files.ts';

const root = fileURLToPath(new URL('../../../..', import.meta.url));

function forger(...args: string[]) {
  const command = [join(root, 'scripts/run.mjs'), 'packages/forger/src/cli/main.ts', ...args];
  const { status, stdout, stderr } = spawnSync(process.execPath, command, {
    encoding: 'utf8',
    cwd: emptyFolder(),
  });
  // Dawn's own remarks aside.
  return { status, stdout, stderr: stderr.replace(/^Warning: .*\n/gm, '') };
}

const at = (name: string): string => join(emptyFolder(), name);

describe('convert', () => {
  test("writes PyTorch's names, with its counters and metadata", async () => {
    const out = at('main.safetensors');
    expect(await convert(fixture('main-legacy.pth'), out)).toEqual({
      recipe: 'quick',
      network: 'generator',
      tensors: 13,
      notes: expect.arrayContaining([
        expect.stringContaining('main-legacy.pth is read as the generator of recipe quick: 16×16'),
        expect.stringContaining('guessed, as shapes do not tell: '),
      ]),
    });
    const { tensors, metadata } = readSafetensors(readFileSync(out));
    expect(metadata).toEqual({ format: 'pt' });
    const counter = tensors.get('main.1.num_batches_tracked')!;
    expect(counter).toMatchObject({ dtype: 'I64', shape: [], data: BigInt64Array.of(7n) });
    const again = at('again.safetensors');
    await convert(out, again);
    expect(readFileSync(again)).toEqual(readFileSync(out));
  });

  test('takes the discriminator where the file is one, or when asked', async () => {
    const out = at('d.safetensors');
    const { network } = await convert(fixture('checkpoint.pth'), out, { network: 'discriminator' });
    expect(network).toBe('discriminator');
    const alone = at('alone.safetensors');
    expect(await convert(out, alone)).toMatchObject({ network: 'discriminator', tensors: 8 });
    expect(await convert(fixture('checkpoint.pth'), alone, { key: 'netD' })).toMatchObject({
      network: 'discriminator',
    });
    expect(readFileSync(alone)).toEqual(readFileSync(out));
    await expect(convert(out, at('d.onnx'))).rejects.toThrow(
      `ONNX was asked for and ${out} is a discriminator; only generators are exported: write .safetensors`,
    );
  });

  test('refuses what makes no sense', async () => {
    await expect(convert(fixture('main.pth'), 'x.pth')).rejects.toThrow(
      'The output x.pth was given; expected a name that ends in .safetensors or .onnx',
    );
    await expect(convert(fixture('main.pth'), 'x.safetensors', { uint8: true })).rejects.toThrow(
      'uint8 pictures were asked for, which only .onnx has: name such an output',
    );
    await expect(convert(at('none.pth'), 'x.onnx')).rejects.toThrow('there is no such file or folder');
    await expect(convert(fixture('main.pth'), join(emptyFolder(), 'no', 'x.onnx'))).rejects.toThrow(
      'cannot write',
    );
  });
});

describe('a run', () => {
  let dir: string;
  beforeAll(async () => {
    ({ dir } = await runTraining({ ...tiny, steps: 3 }));
  });

  test('is converted with its latest weights, and so is its checkpoint', async () => {
    const out = at('run.safetensors');
    expect(await convert(dir, out)).toMatchObject({ recipe: 'quick', network: 'generator', notes: [] });
    const { tensors } = readSafetensors(readFileSync(out));
    const saved = readSafetensors(checkpointBytes(dir, 3)).tensors;
    for (const [name, { data }] of tensors) expect(data).toEqual(saved.get(`generator.${name}`)!.data);
    const other = at('checkpoint.safetensors');
    await convert(join(dir, 'checkpoints', 'step-000003.safetensors'), other);
    expect(readFileSync(other)).toEqual(readFileSync(out));
    await convert(dir, at('d.safetensors'), { network: 'discriminator' });
  });

  test('gives the average of its weights by a key, and networks that an option changed', async () => {
    const run = await runTraining({ ...tiny, steps: 3, ema: 0.5, spectralNorm: true });
    const saved = readSafetensors(checkpointBytes(run.dir, 3)).tensors;
    const read = async (options: Parameters<typeof convert>[2]) => {
      const out = at('x.safetensors');
      await convert(run.dir, out, options);
      return readSafetensors(readFileSync(out)).tensors;
    };
    const average = await read({ key: 'ema' });
    expect(average.get('main.0.weight')!.data).toEqual(saved.get('ema.main.0.weight')!.data);
    expect(average.get('main.0.weight')!.data).not.toEqual(saved.get('generator.main.0.weight')!.data);
    // Running statistics are not averaged.
    expect(average.get('main.1.running_var')!.data).toEqual(saved.get('generator.main.1.running_var')!.data);
    for (const [name, { data }] of await read({ network: 'discriminator' }))
      expect(data).toEqual(saved.get(`discriminator.${name}`)!.data);
    await expect(convert(dir, at('x.onnx'), { key: 'ema' })).rejects.toThrow(
      'holds nothing under the key "ema": the only one is ema, in runs with --ema',
    );
  });

  test('must have a checkpoint', async () => {
    const untrained = at('run');
    (await RunFolder.create(tiny, { out: untrained })).close();
    await expect(convert(untrained, at('x.safetensors'))).rejects.toThrow('has no checkpoint yet');
  });
});

describe('the command', () => {
  test('says what it wrote, and notes on stderr', () => {
    const out = at('converted.onnx');
    const { status, stdout, stderr } = forger(
      'convert',
      fixture('data-parallel-bfloat16.pth'),
      out,
      '--uint8',
    );
    expect({ status, stdout }).toEqual({
      status: 0,
      stdout: `${out}: the generator of recipe quick, 13 tensors\n`,
    });
    expect(stderr).toMatch(
      /^note: \S+data-parallel-bfloat16\.pth is read as the generator of recipe quick: 16×16 .*\nnote: guessed, .*\nnote: the shapes fit as well: .*\nnote: 11 tensors of bfloat16 were converted to float32, exactly\n$/,
    );
    expect(existsSync(out)).toBe(true);
  });

  test('exits 2 on an output of another kind, 1 on a hostile file', () => {
    const usage = forger('convert', fixture('main.pth'), 'out.pth');
    expect(usage.status).toBe(2);
    expect(usage.stderr).toBe(
      'forger: <out> out.pth: expected a file name that ends in .safetensors or .onnx\nSee: forger convert --help\n',
    );
    const hostile = forger('sample', fixture('system.pth'));
    expect(hostile).toMatchObject({ status: 1, stdout: '' });
    expect(hostile.stderr).toMatch(/^forger: .*system\.pth: its pickle names "posix\.system".*\n$/);
  });
});

const python = process.env.FORGER_PYTHON ?? 'python3';
const hasTorch = spawnSync(python, ['-c', 'import torch, safetensors']).status === 0;

// With FORGER_PYTHON naming a Python that has torch and safetensors, where `python3` has not.
test.skipIf(!hasTorch)('PyTorch loads what was written and draws the same pictures', async () => {
  const out = at('main.safetensors');
  await convert(fixture('float16.pth'), out);
  const { status, stdout, stderr } = spawnSync(python, [fixture('load.py'), out], {
    encoding: 'utf8',
    env: { ...process.env, PYTHONDONTWRITEBYTECODE: '1' },
  });
  expect({ status, stderr }).toMatchObject({ status: 0 });
  const values: number[] = JSON.parse(stdout);
  const { shape, step, values: wanted } = expected.of.main!;
  const [, , height, width] = shape as [number, number, number, number];
  const seen: number[] = [];
  for (let plane = 0; plane < values.length; plane += height * width)
    for (let y = 1; y < height; y += step)
      for (let x = 1; x < width; x += step) seen.push(values[plane + y * width + x]!);
  expect(Math.max(...seen.map((value, i) => Math.abs(value - wanted[i]!)))).toBeLessThan(1e-5);
});
