// Generators as people write them in PyTorch, read from names and shapes: pictures equal PyTorch's, or flags that the
// notes name make them so. The file's names, shapes and pixels are fixtures/make_generators.py's.

import { readFileSync } from 'node:fs';
import {
  type Hints,
  loadWeights,
  openWeights,
  parseActivation,
  parseNetworkJson,
  type WeightEntry,
  writeNetworkJson,
} from '@forger/dcgan';
import { type Device, Rng, tensor } from '@forger/tensor';
import { describe, expect, test } from 'vitest';
import { useDevice } from '../../../../test/support/device.ts';
import { generate } from '../../../dcgan/test/helpers.ts';
import { fixture } from './files.ts';

interface Truth {
  imageSize?: number;
  activation?: string;
  pixelRange?: 'sigmoid';
  normEps?: number;
  mode?: 'bilinear';
  reading?: boolean;
}

interface Case {
  tensors: [name: string, shape: number[]][];
  latents: number;
  shape: number[];
  truth: Truth;
  step: number;
  pixels: number[];
}

const cases: Record<string, Case> = JSON.parse(readFileSync(fixture('generators.json'), 'utf8'));

/** Numbers in [-0.5, 0.5), as make_generators.py draws them. */
function uniform(count: number, seed: number): Float64Array {
  return Float64Array.from({ length: count }, (_, i) => {
    let x = (Math.imul(i, 2654435761) + Math.imul(seed, 40503) + 12345) >>> 0;
    x = (x ^ (x >>> 16)) >>> 0;
    x = Math.imul(x, 2246822507) >>> 0;
    x = (x ^ (x >>> 13)) >>> 0;
    x = Math.imul(x, 3266489909) >>> 0;
    x = (x ^ (x >>> 16)) >>> 0;
    return x / 4294967296 - 0.5;
  });
}

function values(name: string, shape: readonly number[], seed: number): Float32Array {
  const count = shape.reduce((n, d) => n * d, 1);
  const numbers = uniform(count, seed);
  const scale = shape.length >= 2 ? 2 * Math.sqrt(4 / (count / Math.max(shape[0]!, shape[1]!))) : 1;
  const positive = shape.length === 1 && (name.endsWith('running_var') || name.endsWith('weight'));
  return Float32Array.from(numbers, (u) => u * scale + (positive ? 1 : 0));
}

function entriesOf({ tensors }: Case): Map<string, WeightEntry> {
  return new Map(
    tensors.map(([name, shape], i) => [
      name,
      name.endsWith('num_batches_tracked')
        ? { shape, dtype: 'int64', read: async () => BigInt64Array.of(0n) }
        : { shape, dtype: 'float32', read: async () => values(name, shape, i) },
    ]),
  );
}

let device: Device;
useDevice((opened) => {
  device = opened;
});

/** The largest difference from PyTorch's pixels, and what was said; infinite for pictures of another shape. */
async function compare(name: string, options: Parameters<typeof openWeights>[2] = {}) {
  const { latents, shape, step, pixels } = cases[name]!;
  const found = openWeights(entriesOf(cases[name]!), name, options).find('generator', device);
  const generator = device.scope(() => found.build(new Rng(0, { device }))).generator!;
  await loadWeights(generator, found.weights!, found.what);
  const z = Float32Array.from(uniform(shape[0]! * latents, 99), (u) => 3 * u);
  const drawn = device.scope(() =>
    generate(generator, tensor(z, [shape[0]!, latents, 1, 1], { device }), 'eval'),
  );
  const seen = await drawn.data();
  const same = drawn.shape.join() === shape.join();
  const apart = pixels.map((value, i) => Math.abs(seen[i * step]! - value));
  generator.dispose();
  drawn.dispose();
  return {
    worst: same ? Math.max(...apart) : Number.POSITIVE_INFINITY,
    notes: found.notes,
    plan: found.plan,
  };
}

const CLOSE = 1e-4;

/** What it takes to draw PyTorch's pictures: nothing, flags, a listed reading as well, or a description. */
async function neededFor(name: string): Promise<string> {
  const plain = await compare(name);
  expect(plain.notes.join('\n')).toMatch(/is read as .*pictures of [\s\S]*guessed, as shapes do not tell/);
  if (plain.worst < CLOSE) return 'nothing';
  const { imageSize, activation, pixelRange, normEps, mode, reading } = cases[name]!.truth;
  const hints: Hints = {
    ...(imageSize && { imageSize }),
    ...(activation && { activation: parseActivation(activation)! }),
    ...(pixelRange && { pixelRange }),
    ...(normEps && { normEps }),
  };
  if (!mode && !reading && (await compare(name, hints)).worst < CLOSE) return 'flags';
  const listed = [...plain.notes.join().matchAll(/--reading (\d+)/g)].map(([, n]) => Number(n));
  for (const number of listed)
    if ((await compare(name, { ...hints, reading: number })).worst < CLOSE) return 'a reading';
  // A description as a user would correct it.
  const json = writeNetworkJson((await compare(name, hints)).plan!).replaceAll('nearest', mode ?? 'nearest');
  const { worst } = await compare(name, { plan: parseNetworkJson(json, 'network.json') });
  return worst < CLOSE ? 'a description' : `lost: ${worst} with ${JSON.stringify(hints)}; ${plain.notes[0]}`;
}

/** What the cases take that are not read right at once. */
const NEEDED: Record<string, string> = {};

describe('a generator of PyTorch is drawn as PyTorch draws it', () => {
  test.each(Object.keys(cases))('%s', async (name) => {
    expect(await neededFor(name)).toBe(NEEDED[name] ?? 'nothing');
  });
});
