// Generators from ONNX models: PyTorch's exports draw PyTorch's pictures, ours draw what they were exported from.

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { convert, sample } from '@forger/cli';
import { loadWeights, openWeights, parseOnnx } from '@forger/dcgan';
import { type Device, Rng, tensor } from '@forger/tensor';
import { describe, expect, test } from 'vitest';
import { useDevice } from '../../../../test/support/device.ts';
import { generate } from '../../../dcgan/test/helpers.ts';
import { emptyFolder } from '../cli/folders.ts';
import { expected, fixture, fixtureBytes, refusal } from './files.ts';
import { cases, largestGap, latentsOf } from './generators.ts';

let device: Device;
useDevice((opened) => {
  device = opened;
});

async function draw(path: string, latents: Float32Array, shape: readonly number[]) {
  const { plan, entries } = parseOnnx(readFileSync(path), path)!;
  const found = openWeights(entries, path, { plan }).find('generator', device);
  const generator = device.scope(() => found.build(new Rng(0, { device }))).generator!;
  await loadWeights(generator, found.weights!, found.what);
  const pictures = device.scope(() => generate(generator, tensor(latents, shape, { device }), 'eval'));
  const values = await pictures.data();
  generator.dispose();
  return { shape: pictures.shape, values };
}

describe('what torch.onnx.export writes is drawn as PyTorch draws it', () => {
  test.each(readdirSync(fixture('onnx')))('%s', async (file) => {
    const given = cases[file.replace('.onnx', '')]!;
    const { shape, values } = await draw(fixture(join('onnx', file)), latentsOf(given), [
      given.shape[0]!,
      given.latents,
      1,
      1,
    ]);
    // torch.onnx.export folds norms into convolutions, in float32.
    expect(largestGap(given, shape, values)).toBeLessThan(1e-4);
  });
});

test('our own exports draw what they were made from', async () => {
  const onnx = join(emptyFolder(), 'main.onnx');
  await convert(fixture('main.pth'), onnx);
  const { values, shape } = await draw(onnx, Float32Array.from(expected.latents), expected.shape);
  const weights = join(emptyFolder(), 'main.safetensors');
  expect(await convert(onnx, weights)).toMatchObject({ network: 'generator' });
  const found = openWeights(parseOnnx(readFileSync(onnx), onnx)!.entries, 'x').find('generator', device);
  expect(found.sizes).toMatchObject({ imageSize: 16, channels: 1, latentSize: 3 });
  expect(shape).toEqual([2, 1, 16, 16]);
  expect(values.every((value) => Math.abs(value) <= 1)).toBe(true);
  const pictures = async (path: string) => {
    const out = join(emptyFolder(), 'grid.png');
    const { notes } = await sample(path, { count: 4, seed: 1, out });
    return { notes, bytes: readFileSync(out) };
  };
  const drawn = await pictures(onnx);
  expect(drawn.notes[0]).toContain('as its ONNX graph says: 16×16');
  expect(drawn.bytes).toEqual((await pictures(fixture('main.pth'))).bytes);
});

test('an operator that is not read is named, and so is a damaged file', async () => {
  const uint8 = join(emptyFolder(), 'uint8.onnx');
  await convert(fixture('main.pth'), uint8, { uint8: true });
  expect(await refusal('uint8.onnx', readFileSync(uint8))).toMatch(
    /^its (operator \w+ is not read|Add is no bias of a MatMul before it, which is not read)$/,
  );
  const bytes = readFileSync(fixture(join('onnx', 'two-doubling-32.onnx')));
  expect(await refusal('cut.onnx', bytes.subarray(0, bytes.length / 2))).toMatch(/damaged or cut short/);
  expect(await refusal('other.onnx', fixtureBytes('pictures.json'))).toMatch(/damaged|without a graph/);
});
