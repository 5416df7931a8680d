// Inception block by block against PyTorch in float64, on made-up weights: fixtures/make_inception.py.

import { readFileSync } from 'node:fs';
import { inceptionNetwork, type WeightEntries, type WeightEntry } from '@forger/dcgan';
import { createDevice, type Device, noGrad, readAll, tensor } from '@forger/tensor';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { inceptionLayers, inceptionStages } from '../../src/evaluate/inception.ts';

interface Fixture {
  readonly side: number;
  readonly tensors: readonly (readonly [name: string, shape: readonly number[]])[];
  readonly stages: readonly {
    readonly name: string;
    readonly shape: readonly number[];
    readonly mean: number;
    readonly square: number;
    readonly values: readonly number[];
  }[];
}

const fixture: Fixture = JSON.parse(
  readFileSync(new URL('fixtures/inception.json', import.meta.url), 'utf8'),
);

/** Uniform in [-1, 1), as make_inception.py's. */
function hashed(index: number, count: number): Float64Array {
  const start = Math.imul(index, 0x9e3779b1);
  return Float64Array.from({ length: count }, (_, i) => {
    let h = (start + i) | 0;
    h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
    h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
    return ((h ^ (h >>> 16)) >>> 0) / 2 ** 31 - 1;
  });
}

const known = new Map<string, Float32Array>();

/** A tensor's values, made once: there are 24 million in all. */
function made(name: string, shape: readonly number[], index: number): Float32Array {
  let values = known.get(name);
  if (!values) {
    values = valuesOf(name, shape, index);
    known.set(name, values);
  }
  return values;
}

function valuesOf(name: string, shape: readonly number[], index: number): Float32Array {
  const u = hashed(
    index,
    shape.reduce((a, b) => a * b, 1),
  );
  if (name.endsWith('conv.weight')) {
    const scale = Math.sqrt(6 / shape.slice(1).reduce((a, b) => a * b, 1));
    return Float32Array.from(u, (v) => v * scale);
  }
  if (name.endsWith('bn.weight')) return Float32Array.from(u, (v) => 1 + 0.2 * v);
  if (name.endsWith('running_var')) return Float32Array.from(u, (v) => 1 + 0.3 * Math.abs(v));
  return Float32Array.from(u, (v) => 0.1 * v);
}

const entries: WeightEntries = new Map(
  fixture.tensors.map(([name, shape], i): [string, WeightEntry] => [
    name,
    { shape, dtype: 'float32', read: async () => made(name, shape, i) },
  ]),
);

let device: Device;
beforeAll(async () => {
  device = await createDevice();
});
afterAll(() => device.destroy());

test('every block is PyTorch’s', async () => {
  const layers = await inceptionLayers(entries, device);
  const { side, stages } = fixture;
  const pixels = Float32Array.from(hashed(100_000, 3 * side * side));
  const results = device.scope(() =>
    noGrad(() => inceptionStages(layers, tensor(pixels, [1, 3, side, side], { device }))),
  );
  const data = await readAll(results.map(([, t]) => t));
  expect(results.map(([name, { shape }]) => [name, shape])).toEqual(
    stages.map(({ name, shape }) => [name, shape]),
  );
  for (const [i, { name, mean, square, values }] of stages.entries()) {
    const y = data[i]!;
    const size = Math.sqrt(square);
    const meanOf = y.reduce((a, b) => a + b, 0) / y.length;
    const squareOf = y.reduce((a, b) => a + b * b, 0) / y.length;
    expect(Math.abs(meanOf - mean), name).toBeLessThan(1e-5 * size);
    expect(Math.abs(squareOf - square), name).toBeLessThan(1e-4 * square);
    for (const [k, value] of values.entries()) {
      const place = ((k + 1) * 2654435761) % y.length;
      expect(Math.abs(y[place]! - value), `${name} at ${place}`).toBeLessThan(1e-4 * size);
    }
  }
}, 600_000);

test('only pytorch-fid’s own weights are called FID', async () => {
  const published = await inceptionNetwork(entries, { device, fileHash: `6726825d${'0'.repeat(56)}` });
  expect(published).toMatchObject({ name: 'inception-2015-12-05', titles: { frechet: 'FID' }, size: 2048 });
  published.dispose();
  const other = await inceptionNetwork(entries, { device, fileHash: 'f'.repeat(64) });
  expect(other.name).toBe('inception-v3');
  expect(other.titles).toBeUndefined();
  other.dispose();
});

test('weights of another network are refused', async () => {
  const imagenet = new Map(entries).set('fc.weight', { ...entries.get('fc.weight')!, shape: [1000, 2048] });
  await expect(inceptionNetwork(imagenet, { device })).rejects.toThrow('1000');
  const torn = new Map(entries);
  torn.delete('Mixed_7a.branch3x3_1.bn.bias');
  await expect(inceptionNetwork(torn, { device })).rejects.toThrow("'Mixed_7a.branch3x3_1.bn.bias'");
});
