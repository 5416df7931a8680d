// Weights as people bring them, by the command's functions: what was said, drawn or refused of each.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { convert, describe as describeSource, sample } from '@forger/cli';
import { parseActivation, writeNetworkJson } from '@forger/dcgan';
import { writeSafetensors } from '@forger/tensor';
import { describe, expect, test } from 'vitest';
import { emptyFolder } from '../cli/folders.ts';
import { fixture, refusal, written } from './files.ts';

/** A state dict of pytorch/examples' names and 32×32, as other programs change it. */
function example({ bias = false, nan = false, discriminator = false } = {}): string {
  const entries = new Map<string, { shape: number[]; data: Float32Array }>();
  const add = (name: string, ...shape: number[]): void => {
    const count = shape.reduce((n, d) => n * d, 1);
    entries.set(name, {
      shape,
      data: Float32Array.from({ length: count }, (_, i) => ((i * 37 + 11) % 65) / 64),
    });
  };
  const widths = discriminator ? [1, 2, 3, 4, 1] : [4, 4, 3, 2, 1];
  for (let i = 0; i < 4; i++) {
    const [from, to] = [widths[i]!, widths[i + 1]!];
    add(`main.${3 * i}.weight`, ...(discriminator ? [to, from] : [from, to]), 4, 4);
    if (bias) add(`main.${3 * i}.bias`, to);
    if (i < 3)
      for (const name of ['weight', 'bias', 'running_mean', 'running_var'])
        add(`main.${3 * i + 1}.${name}`, to);
  }
  if (nan) entries.get('main.3.weight')!.data[0] = Number.NaN;
  return written('weights.safetensors', writeSafetensors(entries));
}

const draw = (path: string, options = {}) =>
  sample(path, { count: 1, seed: 0, out: join(emptyFolder(), 'grid.png'), ...options });

describe('a generator of 28×28 under the names of one of 32×32', () => {
  test('is read as 32×32, and 28×28 is named', async () => {
    const { notes } = await draw(example());
    expect(notes[0]).toContain('32×32 pictures of 1 channel');
    expect(notes.join('\n')).toContain(
      'the shapes fit as well: 28×28 (--reading 2: main.9 4×4 stride 2 padding 3)',
    );
    const { notes: described } = await describeSource(example());
    expect(described.join('\n')).toContain('28×28 (--reading 2: main.9 4×4 stride 2 padding 3)');
  });

  test('is drawn so when asked', async () => {
    const path = example();
    const bySize = await draw(path, { imageSize: 28 });
    expect(bySize.notes[0]).toContain('28×28 pictures of 1 channel');
    expect(bySize.notes[0]).toContain('main.9 4×4 stride 2 padding 3');
    expect((await draw(path, { reading: 2 })).width).toBe(bySize.width);
    await expect(draw(path, { imageSize: 1000 })).rejects.toThrow(
      /--image-size 1000 was given, which the shapes do not allow; they allow .*28.*32/,
    );
    await expect(draw(path, { reading: 99 })).rejects.toThrow(/reading 99 was asked for; there are \d+/);
  });

  test('is corrected by a description', async () => {
    const path = example();
    const { plan } = await describeSource(path, { imageSize: 28 });
    const json = join(emptyFolder(), 'network.json');
    writeFileSync(json, writeNetworkJson(plan!).replaceAll('"ReLU"', '"GELU"'));
    const { notes } = await draw(path, { network: json });
    expect(notes[0]).toContain('as it is described: 28×28');
    expect(notes[0]).toContain('activations GELU');
    const out = join(emptyFolder(), 'x.safetensors');
    expect(await convert(path, out, { network: json })).toMatchObject({ network: 'generator' });
    writeFileSync(json, writeNetworkJson({ ...plan!, imageSize: 32 }));
    await expect(draw(path, { network: json })).rejects.toThrow(
      'gives [1, 28, 28] where pictures of [1, 32, 32] are claimed',
    );
    writeFileSync(json, '{"layers": []}');
    await expect(draw(path, { network: json })).rejects.toThrow('network is missing');
  });
});

test('convolutions with bias, which no recipe has, are drawn', async () => {
  const { notes } = await draw(example({ bias: true }));
  expect(notes[0]).toContain('is read as a generator by names and shapes: 32×32');
  expect(notes[0]).toContain('activations ReLU');
});

test('flags say what shapes do not', async () => {
  const { notes } = await draw(example(), {
    activation: parseActivation('leaky-relu:0.1'),
    latent: 'uniform',
    pixelRange: 'sigmoid',
    normEps: 0.001,
  });
  expect(notes[0]).toMatch(
    /activations leaky ReLU 0\.1; norms' eps 0\.001; 4 latents, uniform in \[-1, 1\); pixels sigmoid, \[0, 1\]$/,
  );
});

test('NaN among the weights is refused unless it is allowed', async () => {
  const path = example({ nan: true });
  const said = '1 NaN and 0 infinite values are among the weights, in main.3.weight';
  await expect(draw(path)).rejects.toThrow(`${path}: ${said}`);
  await expect(convert(path, join(emptyFolder(), 'x.safetensors'))).rejects.toThrow(said);
  expect((await draw(path, { allowNan: true })).notes.join('\n')).toContain(said);
  expect((await describeSource(path)).notes.join('\n')).toContain(said);
});

test('a discriminator is not sampled', async () => {
  const path = example({ discriminator: true });
  await expect(draw(path)).rejects.toThrow(
    `${path} is a discriminator, which judges pictures and draws none`,
  );
  expect(await describeSource(path)).toMatchObject({ kind: 'discriminator weights' });
  const biased = example({ discriminator: true, bias: true });
  await expect(draw(biased)).rejects.toThrow('is a discriminator');
  expect((await describeSource(biased)).notes[0]).toContain('as a discriminator by names and shapes: 32×32');
});

describe('files of other programs are named', () => {
  const head = (...bytes: number[]): Uint8Array => Uint8Array.from([...bytes, ...new Uint8Array(64)]);
  const ascii = (text: string): Uint8Array => new TextEncoder().encode(text);
  const lfs = 'version https://git-lfs.github.com/spec/v1\noid sha256:aa\nsize 14320021\n';
  test.each([
    ['lfs.pth', ascii(lfs), 'it is a Git LFS pointer, which stands for a file of 14320021 bytes'],
    ['lfs.pth', ascii(lfs), 'run git lfs pull'],
    ['page.pth', ascii('<!DOCTYPE html><html>'), 'it is a web page'],
    ['empty.pth', new Uint8Array(0), 'it is empty'],
    ['gen.h5', head(0x89, 0x48, 0x44, 0x46, 0x0d, 0x0a), 'it is Keras HDF5 (.h5), which is not read'],
    ['x.params', head(0x12, 0x01, 0, 0, 0, 0, 0, 0), 'it is an array list of MXNet'],
    ['x.tflite', ascii('\u001c\0\0\0TFL3........'), 'it is a TensorFlow Lite model'],
    ['model.json', ascii('{"format": "x", "modelTopology": {}}'), 'the description of a TensorFlow.js model'],
    ['model.ckpt.index', head(0), 'part of a TensorFlow checkpoint'],
    ['x.pdparams', head(0x80, 2), 'it is of PaddlePaddle'],
  ])('%s', async (name, bytes, said) => {
    expect(await refusal(name, bytes)).toContain(said);
  });
});

test('a run says itself what its network is', async () => {
  await expect(draw(emptyFolder(), { imageSize: 28 })).rejects.toThrow(
    'leave out the flags that describe bare weights',
  );
  await expect(draw(fixture('main.pth'), { network: '/nowhere.json' })).rejects.toThrow('/nowhere.json');
});
