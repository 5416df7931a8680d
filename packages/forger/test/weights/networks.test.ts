// Weights of other programs in our networks: the pictures are those that PyTorch drew from them (fixtures/make.py).

import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { convert, describe as describeSource, sample } from '@forger/cli';
import { findRecipe, recipes } from '@forger/dcgan';
import {
  type Device,
  Rng,
  readSafetensors,
  type SafetensorsEntry,
  tensor,
  writeSafetensors,
} from '@forger/tensor';
import { describe, expect, test } from 'vitest';
import { useDevice } from '../../../../test/support/device.ts';
import { loadWeights } from '../../../dcgan/src/weights/load.ts';
import { torchgan } from '../../../dcgan/src/weights/torchgan.ts';
import { generate } from '../../../dcgan/test/helpers.ts';
import { openSource } from '../../src/sample/source.ts';
import { emptyFolder } from '../cli/folders.ts';
import { expected, fixture, fixtureBytes, written } from './files.ts';

let device: Device;
useDevice((opened) => {
  device = opened;
});

/** Draws the pictures of a file's generator for the latents that PyTorch drew from. */
async function draw(path: string) {
  const opened = await openSource(path);
  const { task, sizes, build, weights, notes, what } = opened.find('generator', device);
  const generator = device.scope(() => build(new Rng(0, { device }))).generator!;
  notes.push(...(await loadWeights(generator, weights!, what)));
  const pictures = device.scope(() =>
    generate(generator, tensor(expected.latents, expected.shape, { device }), 'eval'),
  );
  const values = await pictures.data();
  generator.dispose();
  return { recipe: task.name, sizes, notes, shape: [...pictures.shape], values };
}

/**
 * PyTorch drew in float64, and its numbers are written with six digits. Pictures lie in [-1, 1], the networks
 * have at most five products of small sizes, so float32 stays below 1e-5.
 */
function expectPictures({ shape, values }: { shape: number[]; values: Float32Array }, name: string): void {
  const wanted = expected.of[name]!;
  expect(shape).toEqual(wanted.shape);
  const [, , height, width] = shape as [number, number, number, number];
  const seen: number[] = [];
  for (let plane = 0; plane < values.length; plane += height * width)
    for (let y = 1; y < height; y += wanted.step)
      for (let x = 1; x < width; x += wanted.step) seen.push(values[plane + y * width + x]!);
  expect(seen).toHaveLength(wanted.values.length);
  const worst = Math.max(...seen.map((value, i) => Math.abs(value - wanted.values[i]!)));
  expect(worst).toBeLessThan(1e-5);
}

/** The notes less what is always said of bare weights: what was assumed, guessed, and fits as well. */
function further(notes: readonly string[]): string[] {
  expect(notes[0]).toMatch(
    / is read as (the|a) (generator|discriminator) .*: \d+×\d+ pictures of \d channel/,
  );
  expect(notes[1]).toMatch(/^guessed, as shapes do not tell: /);
  return notes.slice(2).filter((note) => !note.startsWith('the shapes fit as well: '));
}

const small = { imageSize: 16, width: 1, channels: 1, latentSize: 3 };

describe('the same pictures as PyTorch from', () => {
  test.each(['main.pth', 'main-legacy.pth'])('pytorch/examples: %s', async (file) => {
    const drawn = await draw(fixture(file));
    expectPictures(drawn, 'main');
    expect(drawn.sizes).toEqual(small);
    expect(further(drawn.notes)).toEqual([]);
  });

  test.each([
    ['float16.pth', '11 tensors of float16 were converted to float32, exactly'],
    ['strided-float64.pth', '11 tensors of float64 were converted to float32, rounded to the nearest'],
  ])('%s, converted and said', async (file, note) => {
    const drawn = await draw(fixture(file));
    expectPictures(drawn, 'main');
    expect(further(drawn.notes)).toEqual([note]);
  });

  test('DataParallel, in bfloat16', async () => {
    const drawn = await draw(fixture('data-parallel-bfloat16.pth'));
    expectPictures(drawn, 'main');
    expect(drawn.notes[0]).toMatch(
      /data-parallel-bfloat16\.pth is read as the generator of recipe quick: 16×16 pictures of 1 channel; module\.main\.0 4×4 stride 1 padding 0, .*; activations ReLU; norms' eps 0\.00001; 3 latents, standard normal; pixels tanh, \[-1, 1\]$/,
    );
    expect(further(drawn.notes)).toEqual(['11 tensors of bfloat16 were converted to float32, exactly']);
  });

  test('a checkpoint of generator, discriminator and optimizer', async () => {
    const drawn = await draw(fixture('checkpoint.pth'));
    expectPictures(drawn, 'main');
    expect(drawn.notes[0]).toContain(
      `${fixture('checkpoint.pth')}, netG is read as the generator of recipe quick: 16×16`,
    );
  });

  test("lightning-bolts' checkpoint", async () => {
    const drawn = await draw(fixture('bolts.ckpt'));
    expectPictures(drawn, 'bolts');
    expect(drawn.sizes).toEqual(small);
  });

  test('torchgan, by its names', async () => {
    const drawn = await draw(fixture('torchgan.pth'));
    expectPictures(drawn, 'torchgan');
    expect(drawn).toMatchObject({ recipe: 'torchgan', sizes: small });
    expect(drawn.notes[0]).toContain('activations leaky ReLU 0.2');
  });

  test.runIf('notebook' in recipes)("diegoalejogm's notebook", async () => {
    const drawn = await draw(fixture('notebook.pth'));
    expectPictures(drawn, 'notebook');
    expect(drawn).toMatchObject({ recipe: 'notebook', sizes: { ...small, imageSize: 64, channels: 3 } });
  });

  test.runIf('chainer' in recipes)('Chainer', async () => {
    const drawn = await draw(fixture('chainer.npz'));
    expectPictures(drawn, 'chainer');
    expect(drawn).toMatchObject({
      recipe: 'chainer',
      sizes: { imageSize: 32, width: 8, channels: 3, latentSize: 3 },
    });
  });
});

describe('networks are recognised', () => {
  /** A state dict of a recipe under other names and, without an order of the file's own, in that of the names. */
  async function renamed(
    recipe: typeof torchgan,
    network: 'generator' | 'discriminator',
    sizes: typeof small,
    rename: (name: string) => string,
  ): Promise<string> {
    const module = device.scope(() => recipe.build(sizes, new Rng(1, { device })))[network];
    const entries = await Promise.all(
      Array.from(module.stateDict(), async ([name, value]) => {
        const data = await value.data();
        return [rename(name), { shape: value.shape, data }] as const;
      }),
    );
    module.dispose();
    return written('renamed.safetensors', writeSafetensors(entries));
  }

  test.each(Object.keys(recipes))(
    'of recipe %s at its own size and others, both of its networks',
    async (name) => {
      const recipe = findRecipe(name);
      const { defaults } = recipe;
      const sizes = { imageSize: defaults.imageSize, width: 8, channels: defaults.channels, latentSize: 5 };
      for (const network of ['generator', 'discriminator'] as const) {
        const path = await renamed(recipe, network, sizes, (key) => `net.module.${key}`);
        const found = (await openSource(path)).find(network, device);
        const built = device.scope(() => found.build(new Rng(0, { device })));
        expect(Object.keys(built)).toEqual(['generator', 'discriminator']);
        const module = built[network]!;
        // Several recipes share a network, so the name may be another's; the network may not.
        await loadWeights(module, found.weights!);
        expect(found.sizes).toEqual({
          ...sizes,
          latentSize: network === 'generator' ? 5 : found.task.latentSize,
        });
        for (const one of Object.values(built)) one.dispose();
      }
    },
  );

  test.each([16, 32, 128, 256])('at %i pixels and in one channel', async (imageSize) => {
    const sizes = { imageSize, width: 2, channels: 1, latentSize: 7 };
    const path = await renamed(findRecipe('pytorch'), 'generator', sizes, (key) => key);
    const found = (await openSource(path)).find('generator', device);
    expect(found).toMatchObject({ sizes });
    expect(found.notes[0]).toContain(`${imageSize}×${imageSize} pictures of 1 channel`);
  });

  test("torchgan's, also as a discriminator", async () => {
    const path = await renamed(torchgan, 'discriminator', small, (key) => key);
    const found = (await openSource(path)).find('discriminator', device);
    expect(found).toMatchObject({ task: { name: 'torchgan' }, sizes: { imageSize: 16, width: 1 } });
  });
});

describe('what does not fit is said', () => {
  const weight = (shape: number[]) => ({
    shape,
    data: new Float32Array(shape.reduce((n, d) => n * d, 1)),
  });

  test('another network', async () => {
    const path = written(
      'classifier.safetensors',
      writeSafetensors([
        ['conv.weight', weight([8, 3, 3, 3])],
        ['fc.weight', weight([10, 8])],
      ]),
    );
    await expect(draw(path)).rejects.toThrow(
      `${path} holds 2 tensors, the first conv.weight [8, 3, 3, 3], which is no generator that a recipe here makes: expected the layers of one of them, in its order, under any names; its keys are conv, fc`,
    );
  });

  test('tensors that are missing, unexpected or of another shape, by name', async () => {
    const { tensors } = readSafetensors(await bare());
    const changed = new Map(tensors);
    changed.delete('main.1.bias');
    changed.set('main.4.scale', { ...tensors.get('main.4.weight')! });
    const missing = written('missing.safetensors', writeSafetensors(changed));
    await expect(draw(missing)).rejects.toThrow(
      /missing\.safetensors: the generator of recipe quick: the file does not fit it\n {2}tensor +in the file +expected\n {2}main\.1\.bias +missing +\[2\]\n {2}main\.4\.scale +\[1\] +no such tensor$/,
    );
    const shaped = new Map<string, SafetensorsEntry>(tensors);
    shaped.set('main.4.weight', weight([2]));
    const path = written('shaped.safetensors', writeSafetensors(shaped));
    await expect(draw(path)).rejects.toThrow(/\n {2}main\.4\.weight +\[2\] +\[1\]$/);
    const cut = new Map(tensors);
    cut.delete('main.6.weight');
    await expect(draw(written('cut.safetensors', writeSafetensors(cut)))).rejects.toThrow(
      /\n {2}main\.6\.weight +missing +\[1, 1, 4, 4\]$/,
    );
  });

  test('counters that are not in the file, as before PyTorch 0.4.1', async () => {
    const { tensors } = readSafetensors(await bare());
    const old = [...tensors].filter(([name]) => !name.endsWith('num_batches_tracked'));
    const drawn = await draw(written('old.safetensors', writeSafetensors(old)));
    expectPictures(drawn, 'main');
    expect(further(drawn.notes)).toEqual([
      'num_batches_tracked is not in the file and starts at 0; nothing is computed with it',
    ]);
  });

  test('several networks, of which a key chooses one', async () => {
    const { tensors } = readSafetensors(await bare());
    const both = ['first', 'second'].flatMap((prefix) =>
      Array.from(tensors, ([name, entry]) => [`${prefix}.${name}`, entry] as const),
    );
    const path = written('both.safetensors', writeSafetensors(both));
    await expect(draw(path)).rejects.toThrow(
      `${path} holds 2 networks that can be the generator, under the keys first, second: name one with --key`,
    );
    const found = (await openSource(path, { key: 'second' })).find('generator', device);
    expect(found.sizes).toEqual(small);
    await expect(openSource(path, { key: 'third' })).rejects.toThrow(
      `${path} holds nothing under the key "third"; its keys are first, second`,
    );
  });

  async function bare(): Promise<Uint8Array> {
    const out = join(emptyFolder(), 'main.safetensors');
    await convert(fixture('main.pth'), out);
    return readFileSync(out);
  }
});

describe('the command works on', () => {
  test('every format', async () => {
    const out = join(emptyFolder(), 'grid.png');
    const drawn = await sample(fixture('float16.pth'), { count: 4, seed: 0, out });
    expect(further(drawn.notes)).toEqual(['11 tensors of float16 were converted to float32, exactly']);
    const described = await describeSource(fixture('checkpoint.pth'));
    expect(described).toMatchObject({ kind: 'generator weights', recipe: 'quick' });
    const other = await describeSource(fixture('checkpoint.pth'), { key: 'netD' });
    expect(other).toMatchObject({ kind: 'discriminator weights', recipe: 'quick' });
    expect(other.networks.map(({ name }) => name)).toEqual(['discriminator']);
  });

  test('files whatever they are called', async () => {
    const path = join(emptyFolder(), 'weights');
    writeFileSync(path, fixtureBytes('main.pth'));
    expectPictures(await draw(path), 'main');
  });
});
