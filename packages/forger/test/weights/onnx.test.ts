// Generators as ONNX models, run by ONNX Runtime beside ours. The runtime is a package of its own (onnxruntime/), which
// `npm test` installs; where it is missing these tests are skipped.

import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { convert } from '@forger/cli';
import { drawLatents, exportOnnx, findRecipe, PIXELS, recipes } from '@forger/dcgan';
import {
  BatchNorm1d,
  BatchNorm2d,
  Conv2d,
  ConvTranspose2d,
  Dropout,
  Flatten,
  GELU,
  Identity,
  LeakyReLU,
  Linear,
  type Module,
  ReLU,
  Reshape,
  Sequential,
  Sigmoid,
  Tanh,
  uniform_,
  ZeroPad2d,
} from '@forger/nn';
import { type Device, normal, Rng, type Tensor } from '@forger/tensor';
import { describe, expect, test } from 'vitest';
import { useDevice } from '../../../../test/support/device.ts';
import { generate } from '../../../dcgan/test/helpers.ts';
import { emptyFolder } from '../cli/folders.ts';
import { expected, fixture } from './files.ts';

/** The little that is used; its own types are there only once it is installed. */
interface Value {
  readonly type: string;
  readonly dims: readonly number[];
  readonly data: Float32Array | Uint8Array;
}
interface Runtime {
  InferenceSession: {
    create(bytes: Uint8Array, options: object): Promise<{ run(feeds: object): Promise<{ images?: Value }> }>;
  };
  Tensor: new (type: string, data: Float32Array, dims: readonly number[]) => Value;
}

const home = createRequire(new URL('onnxruntime/package.json', import.meta.url));
let runtime: Runtime | undefined;
try {
  runtime = home('onnxruntime-node') as Runtime;
} catch {
  console.warn('onnxruntime-node is not installed: exported models are not run (pnpm install)');
}

let device: Device;
useDevice((opened) => {
  device = opened;
});

async function runModel(bytes: Uint8Array, z: Float32Array, shape: readonly number[]) {
  const session = await runtime!.InferenceSession.create(bytes, { logSeverityLevel: 3 });
  const { images } = await session.run({ z: new runtime!.Tensor('float32', z, [...shape]) });
  return images!;
}

/** Weights, biases and statistics that make every part of a network matter. */
function stir(network: Module, random: Rng): Module {
  for (const [name, value] of network.stateDict()) {
    if (!value.isFloatingPoint()) continue;
    if (name.endsWith('running_var')) uniform_(value, 0.5, 2, { rng: random });
    else if (value.shape.length === 1) uniform_(value, -0.5, 1, { rng: random });
    else {
      const bound = 2 / Math.sqrt(value.size / value.shape[0]!);
      uniform_(value, -bound, bound, { rng: random });
    }
  }
  return network;
}

/** Largest absolute difference between our pictures and the runtime's, which lie within [-1, 1]. */
async function difference(network: Module, latentSize: number, batchStatistics = false): Promise<number> {
  const z = normal([3, latentSize, 1, 1], { rng: new Rng(5, { device }) });
  const ours = device.scope(() => generate(network, z, batchStatistics ? 'train' : 'eval'));
  const pixels = await ours.data();
  // Pictures, not one flat colour.
  expect(new Set(pixels).size).toBeGreaterThan(50);
  const bytes = await exportOnnx(network, { latentSize, pixelRange: 'tanh', batchStatistics });
  const theirs = await runModel(bytes, await z.data(), z.shape);
  expect(theirs.dims).toEqual([...ours.shape]);
  return worst(pixels, theirs.data);
}

function worst(ours: ArrayLike<number>, theirs: ArrayLike<number>): number {
  expect(theirs.length).toBe(ours.length);
  return Math.max(...Array.from(ours, (value, i) => Math.abs(value - theirs[i]!)));
}

describe.skipIf(!runtime)('the same pictures to 1e-5', () => {
  test.each(Object.keys(recipes))('from recipe %s', async (name) => {
    const recipe = findRecipe(name);
    const { imageSize, channels } = recipe.defaults;
    const random = new Rng(1, { device });
    const sizes = { imageSize, channels, width: 8, latentSize: 10 };
    const { generator } = device.scope(() => recipe.build(sizes, random));
    const { alwaysBatchStatistics } = recipe.gan;
    expect(await difference(stir(generator, random), sizes.latentSize, alwaysBatchStatistics)).toBeLessThan(
      1e-5,
    );
  });

  test('from every layer that is exported, with settings of all kinds', async () => {
    const random = new Rng(2, { device });
    const options = { rng: random };
    const network = new Sequential({
      stem: new Sequential(
        new Flatten(),
        new Linear(6, 24, options),
        new BatchNorm1d(24, { ...options, eps: 1e-2 }),
        new LeakyReLU(0.3),
        new Dropout(0.5, options),
        new Reshape([6, 2, 2]),
      ),
      body: new Sequential(
        new ConvTranspose2d(6, 4, [5, 3], {
          ...options,
          stride: [2, 1],
          padding: [2, 0],
          outputPadding: [1, 0],
          groups: 2,
        }),
        new BatchNorm2d(4, { ...options, affine: false }),
        new Sigmoid(),
        new ZeroPad2d(1, -1, -1, 2),
        new Identity(),
        new Conv2d(4, 8, 3, { ...options, padding: [2, 1], dilation: [2, 1], groups: 4 }),
        new BatchNorm2d(8, { ...options, weight: false }),
        new ReLU(),
        new ConvTranspose2d(8, 2, 3, { ...options, stride: 2, padding: 1, dilation: 2, bias: false }),
        // Without running statistics, the batch's own are used.
        new BatchNorm2d(2, { ...options, trackRunningStats: false, eps: 1e-3 }),
        new Tanh(),
      ),
    });
    expect(await difference(stir(network, random), 6)).toBeLessThan(1e-5);
  });

  test('from weights that PyTorch wrote, which keep their names, for any batch', async () => {
    const out = join(emptyFolder(), 'main.onnx');
    await convert(fixture('main.pth'), out);
    const bytes = readFileSync(out);
    for (const name of ['main.0.weight', 'main.1.running_var', 'main.1.bias', 'main.6.weight'])
      expect(bytes.includes(name)).toBe(true);
    const wanted = expected.of.main!;
    const { data, dims } = await runModel(bytes, Float32Array.from(expected.latents), expected.shape);
    expect(dims).toEqual(wanted.shape);
    const values = data as Float32Array;
    const [, , height, width] = wanted.shape as [number, number, number, number];
    const seen: number[] = [];
    for (let plane = 0; plane < values.length; plane += height * width)
      for (let y = 1; y < height; y += wanted.step)
        for (let x = 1; x < width; x += wanted.step) seen.push(values[plane + y * width + x]!);
    // Six digits are in the file.
    expect(worst(wanted.values, seen)).toBeLessThan(1e-5);
    const one = await runModel(bytes, Float32Array.from(expected.latents.slice(0, 3)), [1, 3, 1, 1]);
    expect(worst(values.slice(0, one.data.length), one.data as Float32Array)).toBeLessThan(1e-6);
  });
});

describe.skipIf(!runtime)('uint8 pictures, as torch-fidelity takes them', () => {
  test.each([
    ['tanh', 1, 'rgb'],
    ['sigmoid', 3, 'rgb'],
    ['tanh', 3, 'bgr'],
  ] as const)('from %s, %i channels, %s', async (pixelRange, channels, channelOrder) => {
    const random = new Rng(3, { device });
    const conv = new ConvTranspose2d(4, channels, 4, { rng: random });
    const last = pixelRange === 'tanh' ? new Tanh() : new Sigmoid();
    // Products large enough to reach black and white.
    uniform_(conv.weight, -3, 3, { rng: random });
    const network = new Sequential(conv, last);
    const z: Tensor = drawLatents({ distribution: 'normal' }, 4, 5, random);
    const pictures = await device.scope(() => generate(network, z, 'eval')).data();
    const bytes = await exportOnnx(network, { latentSize: 4, pixelRange, channelOrder, uint8: true });
    const { data, dims, type } = await runModel(bytes, await z.data(), [5, 4]);
    expect([type, dims]).toEqual(['uint8', [5, 3, 4, 4]]);
    const [low, high] = PIXELS[pixelRange];
    const wanted: number[] = [];
    for (let n = 0; n < 5; n++)
      for (const c of channelOrder === 'bgr' ? [2, 1, 0] : [0, 1, 2])
        for (let i = 0; i < 16; i++)
          wanted.push((255 * (pictures[(n * channels + (c % channels)) * 16 + i]! - low)) / (high - low));
    // Rounded: half a step, and what float32 adds at 255.
    expect(worst(wanted, data as Uint8Array)).toBeLessThan(0.5 + 1e-3);
    expect(new Set(data as Uint8Array).size).toBeGreaterThan(20);
  });
});

test('a layer that is not exported is named', async () => {
  const network = new Sequential({ main: new Sequential(new GELU()) });
  await expect(exportOnnx(network, { latentSize: 1, pixelRange: 'tanh' })).rejects.toThrow(
    'The layer main.0 is a GELU, which is not exported to ONNX; write safetensors instead',
  );
});
