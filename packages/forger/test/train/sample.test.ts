// Sampling and description, from a run, a checkpoint and a generator's bare weights.

import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe as describeSource, RunFolder, sample } from '@forger/cli';
import { CheckpointError, ConfigError, readSafetensors, writeSafetensors } from '@forger/tensor';
import { beforeAll, describe, expect, test } from 'vitest';
import { emptyFolder } from '../cli/folders.ts';
import { config } from '../cli/settings.ts';
import { decode } from '../report/pictures.ts';
import { checkpointBytes, runTraining, tiny } from './helpers.ts';

let dir: string;
let folder: string;
let bare: string;

beforeAll(async () => {
  ({ dir } = await runTraining({ ...tiny, steps: 3 }));
  folder = emptyFolder();
  bare = join(folder, 'generator.safetensors');
  writeFileSync(bare, writeSafetensors(generatorOf(checkpointBytes(dir, 3))));
});

/** The generator's tensors of a checkpoint, under the names that PyTorch gives them. */
function generatorOf(checkpoint: Uint8Array) {
  const { tensors } = readSafetensors(checkpoint);
  return [...tensors]
    .filter(([name]) => name.startsWith('generator.'))
    .map(([name, entry]) => [name.replace('generator.', ''), entry] as const);
}

async function draw(source: string, options: { count?: number; seed?: number } = {}): Promise<Buffer> {
  const out = join(emptyFolder(), 'grid.png');
  await sample(source, { count: 4, seed: 0, ...options, out });
  return readFileSync(out);
}

describe('sample', () => {
  test('draws the same pictures from a run, its checkpoint and the bare weights', async () => {
    const fromRun = await draw(dir);
    const { width, height, channels } = await decode(fromRun);
    // 2 × 2 pictures of 16 pixels with a border of 2, enlarged 4 times.
    expect([width, height, channels]).toEqual([4 * (2 * 18 + 2), 4 * (2 * 18 + 2), 1]);
    const checkpoint = join(dir, 'checkpoints', 'step-000003.safetensors');
    expect(await draw(checkpoint)).toEqual(fromRun);
    expect(await draw(bare)).toEqual(fromRun);
    const wrapped = join(folder, 'wrapped.safetensors');
    const names = generatorOf(checkpointBytes(dir, 3)).map(
      ([name, entry]) => [`module.${name}`, entry] as const,
    );
    writeFileSync(wrapped, writeSafetensors(names));
    expect(await draw(wrapped)).toEqual(fromRun);
    const orphan = join(folder, 'orphan.safetensors');
    writeFileSync(orphan, readFileSync(checkpoint));
    expect(await draw(orphan)).toEqual(fromRun);
  });

  test('draws others for another seed, and as many as asked, beyond one batch', async () => {
    expect(await draw(bare, { seed: 1 })).not.toEqual(await draw(bare));
    const { data, width } = await decode(await draw(bare, { count: 100 }));
    expect(width).toBe(4 * (10 * 18 + 2));
    // The last picture is a picture, not black.
    expect(Math.max(...data.subarray(-width * 40))).toBeGreaterThan(0);
  });

  test('says what is wrong with what it was given', async () => {
    await expect(draw(join(folder, 'nothing'))).rejects.toThrow(ConfigError);
    await expect(draw(folder)).rejects.toThrow('is not a run: it has no config.json');
    const bytes = readFileSync(bare);
    const cut = join(folder, 'cut.safetensors');
    writeFileSync(cut, bytes.subarray(0, bytes.length - 100));
    await expect(draw(cut)).rejects.toThrow(CheckpointError);
    const text = join(folder, 'letter.txt');
    writeFileSync(text, 'Dear reader');
    await expect(draw(text)).rejects.toThrow('A safetensors file was expected');
    const foreign = join(folder, 'foreign.safetensors');
    writeFileSync(foreign, writeSafetensors([['encoder.0', { shape: [2], data: new Float32Array(2) }]]));
    await expect(draw(foreign)).rejects.toThrow(
      /holds 1 tensors, the first encoder\.0 \[2\], which is no generator that a recipe here makes/,
    );
    const partial = join(folder, 'partial.safetensors');
    writeFileSync(
      partial,
      writeSafetensors(generatorOf(checkpointBytes(dir, 3)).filter(([name]) => name !== 'main.1.bias')),
    );
    await expect(draw(partial)).rejects.toThrow(/main\.1\.bias\s+missing\s+\[8\]/);
    const untrained = join(emptyFolder(), 'run');
    (await RunFolder.create(tiny, { out: untrained })).close();
    await expect(draw(untrained)).rejects.toThrow('has no checkpoint yet');
  });
});

describe('describe', () => {
  test('counts layers, parameters and multiply-adds as published', async () => {
    const out = join(emptyFolder(), 'run');
    const settings = { ...config, recipe: 'pytorch', imageSize: 64, width: 64, channels: 3 as const };
    (await RunFolder.create(settings, { out })).close();
    const { kind, step, networks } = await describeSource(out);
    expect([kind, step]).toEqual(['run', 0]);
    const [generator, discriminator] = networks;
    expect(generator).toMatchObject({ parameters: 3_576_704, macs: 104_628_224 });
    expect(discriminator).toMatchObject({ parameters: 2_765_568, macs: 103_817_216 });
    expect(generator!.layers).toHaveLength(14);
    expect(generator!.layers[3]).toEqual({
      name: 'main.3',
      layer: 'ConvTranspose2d 4×4 s2 p1',
      output: [256, 8, 8],
      parameters: 2_097_152,
      macs: 33_554_432,
    });
    expect(discriminator!.layers.at(-1)).toMatchObject({ layer: 'Sigmoid', output: [1, 1, 1] });
  });

  test('knows a trained run, a checkpoint and bare weights', async () => {
    const run = await describeSource(dir);
    expect(run).toMatchObject({ kind: 'run', step: 3, config: { width: 4, imageSize: 16 } });
    expect(run.networks.map(({ name }) => name)).toEqual(['generator', 'discriminator']);
    const weights = await describeSource(bare);
    expect(weights.kind).toBe('generator weights');
    expect(weights).not.toHaveProperty('config');
    expect(weights.networks).toEqual(run.networks.slice(0, 1));
  });
});
