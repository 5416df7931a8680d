// Data sets from memory, as a page has them: fields, fingerprints, IDX and CIFAR-10 from bytes, gzip within bounds.
import { createHash } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import {
  cifarDataset,
  type Dataset,
  type ImageDataset,
  idxDataset,
  imageDataset,
  openGlyphs,
} from '@forger/dcgan';
import { ConfigError, DataError } from '@forger/tensor';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { cifar, idx, idxLabels } from '../../../forger/test/data/builders.ts';
import { sha256OfBytes, sha256OfText } from '../../src/sha256.ts';

const sha256 = (...parts: (Uint8Array | string)[]) => {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);
  return hash.digest('hex');
};

function readAll(set: ImageDataset): number[][] {
  return Array.from({ length: set.length }, (_, index) => {
    const out = new Uint8Array(set.channels * set.height * set.width);
    set.fields.image.read(index, out, 0);
    return [...out];
  });
}

describe('imageDataset', () => {
  const spec = {
    name: 'mine',
    length: 3,
    channels: 1,
    height: 2,
    width: 2,
    read: (index: number, out: Uint8Array, offset: number) => void out.fill(10 * index, offset, offset + 4),
  };

  test('makes a data set with its fields from a function', () => {
    const label = { classes: ['even', 'odd'], read: (index: number) => index % 2 };
    const set = imageDataset({ ...spec, label });
    expect(set.fields.image).toMatchObject({ kind: 'image', shape: [1, 2, 2] });
    expect(readAll(set)).toEqual([
      [0, 0, 0, 0],
      [10, 10, 10, 10],
      [20, 20, 20, 20],
    ]);
    expect([0, 1, 2].map((index) => set.fields.label!.read(index))).toEqual([0, 1, 0]);
    expect(set.fields.label!.classes).toEqual(['even', 'odd']);
    expect(imageDataset(spec).fields).not.toHaveProperty('label');
    const plain: Dataset = set;
    expect(Object.keys(plain.fields).sort()).toEqual(['image', 'label']);
  });

  test('takes further fields as they are', () => {
    const angle = {
      kind: 'numbers',
      shape: [2],
      read: (index: number, out: Float32Array, offset: number) => out.set([index, -index], offset),
      fingerprint: 'angles',
    } as const;
    expect(imageDataset({ ...spec, fields: { angle } }).fields.angle).toBe(angle);
  });

  test('fingerprints pictures and labels by their values, unless told', () => {
    const set = imageDataset(spec);
    const bytes = Uint8Array.from(readAll(set).flat());
    expect(set.fingerprint).toBe(sha256('images 1 2 2 3', bytes));
    expect(imageDataset({ ...spec, fingerprint: 'v1' }).fields.image.fingerprint).toBe('v1');
    const other = imageDataset({ ...spec, read: (_, out, offset) => void out.fill(7, offset, offset + 4) });
    expect(other.fingerprint).not.toBe(set.fingerprint);
    const labelled = (read: (index: number) => number, classes = ['a', 'b']) =>
      imageDataset({ ...spec, label: { classes, read } }).fields.label!.fingerprint;
    expect(labelled(() => 0)).not.toBe(labelled((index) => Number(index > 0)));
    expect(labelled(() => 0)).not.toBe(labelled(() => 0, ['a', 'c']));
    expect(labelled(() => 0)).toBe(labelled(() => 0));
  });

  test('refuses indices, lengths and shapes that no set has', () => {
    const set = imageDataset({ ...spec, label: { classes: ['a'], read: () => 0 } });
    for (const index of [-1, 3, 0.5, Number.NaN]) {
      expect(() => set.read(index, new Uint8Array(4), 0)).toThrow(RangeError);
      expect(() => set.fields.label!.read(index)).toThrow(RangeError);
    }
    for (const wrong of [
      { length: 0 },
      { length: 1.5 },
      { channels: 2 },
      { height: 0 },
      { width: Number.NaN },
    ])
      expect(() => imageDataset({ ...spec, ...wrong })).toThrow(ConfigError);
    expect(() => imageDataset({ ...spec, label: { classes: [], read: () => 0 } })).toThrow(
      'labels of no classes',
    );
  });
});

describe('IDX from memory', () => {
  const pixels = Uint8Array.from({ length: 3 * 4 }, (_, i) => 20 * i);
  const images = idx(pixels, 2, 2);
  const options = { imageSize: 2, channels: 1 } as const;

  test.each([
    ['plain', images, idxLabels([2, 0, 2])],
    ['gzip', gzipSync(images), gzipSync(idxLabels([2, 0, 2]))],
  ])('%s', async (_, imageBytes, labels) => {
    const set = await idxDataset('digits', { images: imageBytes, labels }, options);
    expect(readAll(set).flat()).toEqual([...pixels]);
    expect([0, 1, 2].map(set.fields.label!.read)).toEqual([2, 0, 2]);
    expect(set.fields.label!.classes).toEqual(['0', '1', '2']);
    // The formula of every run so far, by Node's own hash.
    expect(set.fingerprint).toBe(sha256(`raw 1 2 2 3 2 1 ${sha256(pixels)}`));
    const named = await idxDataset('digits', { images, labels, classes: ['x', 'y', 'z'] }, options);
    expect(named.fields.label!.classes).toEqual(['x', 'y', 'z']);
  });

  test('of many pieces of gzip comes out whole', async () => {
    const noise = new Uint8Array(200_000).map((_, i) => (i * 2654435761) >>> 13);
    const set = await idxDataset(
      'noise',
      { images: gzipSync(idx(noise, 100, 100)) },
      { ...options, imageSize: 100 },
    );
    expect(Buffer.compare(Uint8Array.from(readAll(set).flat()), noise)).toBe(0);
  });

  const refused = async (imageBytes: Uint8Array, labels?: Uint8Array) => {
    const error = await idxDataset('digits', { images: imageBytes, labels }, options).catch(
      (reason) => reason,
    );
    expect(error).toBeInstanceOf(DataError);
    return (error as Error).message;
  };

  test('gzip that is damaged, cut short, or holds more than it says', async () => {
    const packed = gzipSync(images);
    expect(await refused(packed.subarray(0, 15))).toMatch(/damaged or ends too early/);
    expect(await refused(packed.subarray(0, packed.length - 4))).toMatch(/damaged or ends too early/);
    const flipped = Buffer.from(packed);
    flipped[packed.length - 6]! ^= 1;
    expect(await refused(flipped)).toMatch(/damaged or ends too early/);
    expect(await refused(gzipSync(Buffer.concat([images, Buffer.alloc(9)])))).toMatch(
      /more data than its header says/,
    );
    expect(await refused(gzipSync(images.subarray(0, 20)))).toMatch(/too short: its header says 3 images/);
    expect(await refused(gzipSync(Buffer.alloc(0)))).toMatch(/holds 0 bytes, less than the 16/);
  });

  test('bombs, without taking the memory', async () => {
    const zeros = new Uint8Array(200 * 2 ** 20);
    const small = gzipSync(idx(zeros, 1, 1, { count: 4 }));
    const large = gzipSync(idx(zeros, 1, 1));
    const before = process.memoryUsage().arrayBuffers;
    expect(await refused(small)).toMatch(/more data than its header says/);
    expect(await refused(large)).toMatch(/unfolds to more than \d+ bytes \(64 MiB and 64 times its size\)/);
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(160 * 2 ** 20);
  });

  test('labels that do not go with the pictures', async () => {
    expect(await refused(images, idxLabels([1, 2]))).toBe(
      "'digits, labels' holds 2 labels, and 'digits, images' holds 3 images; put the labels beside the images that they belong to.",
    );
  });
});

test('CIFAR-10 from memory, with its labels and the fingerprint of every run so far', async () => {
  const batches = [cifar([[1, 2, 3], [4, 5, 6]], 3), cifar([[7, 8, 9]], 9)]; // biome-ignore format: short
  const files = batches.map((bytes, i) => ({ name: `data_batch_${i + 1}.bin`, bytes }));
  const set = await cifarDataset('cifar10', files, { imageSize: 32, channels: 3 });
  expect([0, 1, 2].map(set.fields.label!.read)).toEqual([3, 3, 9]);
  expect(set.fields.label!.classes[9]).toBe('truck');
  expect(readAll(set).map((picture) => [picture[0], picture[1024], picture[3071]])).toEqual([
    [1, 2, 3],
    [4, 5, 6],
    [7, 8, 9],
  ]);
  const records = batches.flatMap((batch) =>
    Array.from({ length: batch.length / 3073 }, (_, i) => batch.subarray(3073 * i + 1, 3073 * (i + 1))),
  );
  expect(set.fingerprint).toBe(sha256(`raw 3 32 32 3 32 3 ${sha256(...records)}`));
});

test('glyphs are drawn without a file', () => {
  const set = openGlyphs({ imageSize: 8, channels: 1, seed: 1 });
  expect(set.length).toBe(60_000);
  expect(set.fields.label!.read(5)).toBe(
    openGlyphs({ imageSize: 16, channels: 3, seed: 1 }).fields.label!.read(5),
  );
});

describe('SHA-256', () => {
  afterEach(() => void vi.unstubAllGlobals());

  test.each([true, false])('has the same digits with Web Crypto (%s) as node:crypto', async (web) => {
    if (!web) vi.stubGlobal('crypto', {});
    expect(globalThis.crypto.subtle !== undefined).toBe(web);
    const bytes = new Uint8Array(100_000).map((_, i) => i);
    expect(await sha256OfBytes(bytes)).toBe(sha256(bytes));
    expect(await sha256OfBytes(bytes.subarray(7, 90))).toBe(sha256(bytes.subarray(7, 90)));
    expect(sha256OfText('Ünïcode')).toBe(sha256('Ünïcode'));
  });
});
