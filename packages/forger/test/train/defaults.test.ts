// What a new run's size and channels are where only the data are named, and names that there are not.
import { cpSync } from 'node:fs';
import path from 'node:path';
import { findRecipe, recipes } from '@forger/dcgan';
import { didYouMean, nearest } from '@forger/dcgan/internal';
import { describe, expect, test } from 'vitest';
import { openDataset } from '../../src/data/dataset.ts';
import { newConfig, sizesOfRun } from '../../src/train/config.ts';
import { checkSizes, sizesFromData } from '../../src/train/defaults.ts';
import { rejection, sharp, temporaryFolder, write } from '../data/helpers.ts';
import { npy } from '../weights/builders.ts';

const cases = path.join(import.meta.dirname, '../data/cases');
const quick = recipes.quick!;

async function folderOf(width: number, height: number, colour: boolean): Promise<string> {
  const folder = temporaryFolder();
  const background = colour ? { r: 200, g: 30, b: 90 } : { r: 90, g: 90, b: 90 };
  for (const name of ['a', 'b', 'c'])
    write(
      folder,
      `${name}.jpg`,
      await sharp({ create: { width, height, channels: 3, background } })
        .jpeg()
        .toBuffer(),
    );
  return folder;
}

describe('from the data', () => {
  test('colour pictures are trained in colour, and it is said', async () => {
    const { sizes, notes } = await sizesFromData(quick, { data: path.join(cases, 'colour'), imageSize: 16 });
    expect(sizes).toEqual({ channels: 3 });
    expect(notes).toEqual([
      "The pictures are in colour, so they are trained in colour (--channels 1 makes them grey; the recipe's own default is grey).",
    ]);
    expect(newConfig(quick, { imageSize: 16, ...sizes })).toMatchObject({ channels: 3, imageSize: 16 });
  });

  test('grey pictures are trained in grey, also when they are stored as RGB', async () => {
    const data = await folderOf(80, 70, false);
    expect((await sizesFromData(quick, { data })).sizes).toEqual({ channels: 1 });
    const pytorch = await sizesFromData(recipes.pytorch!, { data });
    expect(pytorch.sizes).toEqual({ channels: 1 });
    expect(pytorch.notes[0]).toContain('The pictures are grey, so one channel is trained');
  });

  test('small pictures are not enlarged where the recipe makes smaller ones', async () => {
    const small = await folderOf(20, 15, true);
    const { sizes, notes } = await sizesFromData(quick, { data: small });
    expect(sizes).toEqual({ channels: 3, imageSize: 16 });
    expect(notes[1]).toBe(
      "The pictures are 15 pixels high or wide, so they are trained at 16×16 (--image-size 32 is the recipe's own default).",
    );
    // 28 pixels need 32 of a network that doubles.
    expect((await sizesFromData(quick, { data: await folderOf(28, 28, true) })).sizes).toEqual({
      channels: 3,
    });
    expect((await sizesFromData(recipes.paddle!, { data: small })).sizes).toEqual({
      channels: 3,
      imageSize: 16,
    });
  });

  test('arrays and named sets too; flags and a recipe on its own data are left alone', async () => {
    const file = write(temporaryFolder(), 'x.npy', npy([2, 40, 40, 3], Buffer.alloc(4 * 2 * 40 * 40 * 3)));
    expect((await sizesFromData(quick, { data: file })).sizes).toEqual({ channels: 3 });
    expect((await sizesFromData(quick, { data: 'cifar10' })).sizes).toEqual({ channels: 3 });
    expect((await sizesFromData(recipes.pytorch!, { data: 'mnist' })).sizes).toEqual({ channels: 1 });
    for (const given of [{}, { data: 'glyphs' }, { data: file, channels: 1, imageSize: 16 }] as const)
      expect(await sizesFromData(quick, given)).toEqual({ sizes: {}, notes: [] });
    expect(await sizesFromData(recipes.pytorch!, { data: 'cifar10' })).toEqual({ sizes: {}, notes: [] });
    expect(await sizesFromData(recipes.pytorch!, { data: 'glyphs' })).toEqual({ sizes: {}, notes: [] });
  });

  test('a folder where nothing can be read leaves the error to its opening', async () => {
    expect(await sizesFromData(quick, { data: path.join(cases, 'heic') })).toEqual({ sizes: {}, notes: [] });
  });
});

test('a size that a recipe cannot make: those that it can, and which recipes can', () => {
  const sizes = (recipe: string, imageSize: number, width: number) => () =>
    checkSizes(findRecipe(recipe), { imageSize, width });
  expect(sizes('quick', 28, 32)).toThrow(
    'it makes pictures of 16, 32, 64, 128, … pixels: choose one of these. Pictures of 28 pixels are made by the recipes tensorflow, paddle, vanilla.',
  );
  expect(sizes('chainer', 30, 512)).toThrow(
    'a multiple of 8, at least 8: choose such a one, as 32. Pictures of 30 pixels are made by the recipe vanilla.',
  );
  expect(sizes('chainer', 32, 12)).toThrow(/choose such a one, as 16\.$/);
});

test('--nz sets the size of latents', () => {
  const config = newConfig(quick, { latentSize: 24 });
  expect(sizesOfRun(quick, config).latentSize).toBe(24);
  expect(sizesOfRun(quick, newConfig(quick, {})).latentSize).toBe(100);
  expect(newConfig(quick, {})).not.toHaveProperty('latentSize');
});

describe('names', () => {
  test.each([
    ['mnits', 'mnist'],
    ['minst', 'mnist'],
    ['fashionmnist', 'fashion-mnist'],
    ['cifar-10', 'cifar10'],
    ['CIFAR10', 'cifar10'],
    ['glyph', 'glyphs'],
    ['photos', undefined],
    ['x'.repeat(5000), undefined],
  ])('%s: %s', (given, expected) => {
    expect(nearest(given, ['glyphs', 'mnist', 'fashion-mnist', 'cifar10', 'sprites'])).toBe(expected);
  });

  test('a misspelt recipe or data set is listed and suggested', async () => {
    expect(() => findRecipe('pytroch')).toThrow(/there are quick, pytorch, .* \(did you mean pytorch\?\)/);
    expect(() => findRecipe('gan')).toThrow(/there are quick, pytorch, [^?]*$/);
    expect(didYouMean('radfrod', Object.keys(recipes))).toBe(' (did you mean radford?)');
    const options = { imageSize: 8, channels: 1, seed: 0 } as const;
    expect(await rejection(openDataset('/nowhere/mnits', options), 'DataError')).toBe(
      "'/nowhere/mnits' does not exist; check the spelling of the path, or name one of the sets glyphs, mnist, fashion-mnist, cifar10, sprites (did you mean mnist?).",
    );
  });
});

test('the case of colour pictures, whole: a copy of another name has the same fingerprint', async () => {
  const options = { imageSize: 16, channels: 3, seed: 0 } as const;
  const folder = path.join(temporaryFolder(), 'renamed');
  cpSync(path.join(cases, 'colour'), folder, { recursive: true });
  const [one, two] = [
    await openDataset(path.join(cases, 'colour'), options),
    await openDataset(folder, options),
  ];
  expect(two.fingerprint).toBe(one.fingerprint);
});
