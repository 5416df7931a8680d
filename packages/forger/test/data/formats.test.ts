// Formats that people bring: bitmaps, PPM, float TIFF, HEIC, archives of every kind, numpy arrays, CIFAR's
// Python version.
// `cases/` are small folders that once were refused, or read wrong.
import { cpSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { gzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { type DatasetOptions, openDataset } from '../../src/data/dataset.ts';
import { npy as npyFile, zip } from '../weights/builders.ts';
import { cifarPython, readImage, rejection, sharp, tar, temporaryFolder, write } from './helpers.ts';

/** An array as numpy saves it. */
const npy = (shape: number[], data: Uint8Array, code: string) =>
  npyFile(
    shape,
    data,
    `{'descr': '${code}', 'fortran_order': False, 'shape': (${shape.join(', ')}${shape.length === 1 ? ',' : ''}), }`,
  );

const options: DatasetOptions = { imageSize: 16, channels: 3, seed: 0, minImages: 1 };
const cases = path.join(import.meta.dirname, 'cases');

/** Channel-first pixels of pictures that are 16×16 already. */
async function planesOf(file: string): Promise<Uint8Array> {
  const { data } = await sharp(file).removeAlpha().raw().toBuffer({ resolveWithObject: true });
  return Uint8Array.from({ length: data.length }, (_, i) => data[(i % 256) * 3 + Math.floor(i / 256)]!);
}

describe('cases', () => {
  test('bitmaps, alone and among PNGs, are read as the PNGs beside them are', async () => {
    const bmp = await openDataset(path.join(cases, 'bmp'), options);
    expect(bmp).toMatchObject({ length: 4, notes: [] });
    const mixed = await openDataset(path.join(cases, 'mixed'), options);
    expect(mixed).toMatchObject({ length: 8, notes: [] });
    // 0.bmp, 0.png, 1.bmp, 1.png, …
    expect(readImage(mixed, 1)).toEqual(await planesOf(path.join(cases, 'mixed', '0.png')));
    // The lowest row comes first in the file, blue before red.
    for (const [set, folder] of [
      [bmp, 'bmp'],
      [mixed, 'mixed'],
    ] as const) {
      const file = readFileSync(path.join(cases, folder, '0.bmp'));
      const pixel = (i: number, c: number) =>
        file[54 + 48 * (15 - Math.floor(i / 16)) + 3 * (i % 16) + 2 - c]!;
      expect(readImage(set, 0)).toEqual(
        Uint8Array.from({ length: 768 }, (_, i) => pixel(i % 256, Math.floor(i / 256))),
      );
    }
  });

  test('HEIC under another name: one reason for all, with the way out', async () => {
    const message = await rejection(openDataset(path.join(cases, 'heic'), options), 'DataError');
    expect(message).toContain(
      '6 of 6 pictures could not be read and were skipped: 6 .jpg (it is HEIC, a coding that this build of sharp cannot read; convert such pictures to JPEG or PNG, as with `heif-convert` or `magick`): IMG_1.jpg, IMG_2.jpg, IMG_3.jpg, IMG_4.jpg, IMG_5.jpg and 1 more.',
    );
    expect(await rejection(openDataset(path.join(cases, 'heic'), options), 'DataError')).toBe(message);
  });

  test('float TIFF from 0 to 1 is scaled to bytes, and it is said', async () => {
    const set = await openDataset(path.join(cases, 'floats'), options);
    expect(set.length).toBe(4);
    expect(set.notes).toEqual([
      expect.stringMatching(
        /^Values are numbers from 0\.\d+ to 0\.\d+: 0 is taken as black and 1 as white\.$/,
      ),
    ]);
    const file = readFileSync(path.join(cases, 'floats', '0.tif'));
    const values = Array.from({ length: 256 }, (_, i) => Math.round(255 * file.readFloatLE(134 + 4 * i)));
    const image = [...readImage(set, 0)];
    expect(image.slice(0, 256)).toEqual(values);
    expect(image.slice(512)).toEqual(values);
  });

  test('a folder of one archive and a list is the archive', async () => {
    const folder = path.join(cases, 'ziproot');
    const set = await openDataset(folder, options);
    const alone = await openDataset(path.join(folder, 'img_align.zip'), options);
    expect(set).toMatchObject({ length: 4, notes: ['The pictures are those of img_align.zip.'] });
    expect(set.fingerprint).toBe(alone.fingerprint);
  });
});

describe('bitmaps', () => {
  /** A bitmap of 40 header bytes. */
  function bmp(
    width: number,
    height: number,
    bits: number,
    pixels: number[],
    more: { palette?: number[]; coding?: number; masks?: number[] } = {},
  ) {
    const { palette = [], coding = 0, masks = [] } = more;
    const head = Buffer.alloc(54 + 4 * masks.length);
    head.write('BM');
    head.writeUInt32LE(head.length + palette.length, 10);
    head.writeUInt32LE(40, 14);
    head.writeInt32LE(width, 18);
    head.writeInt32LE(height, 22);
    head.writeUInt16LE(1, 26);
    head.writeUInt16LE(bits, 28);
    head.writeUInt32LE(coding, 30);
    head.writeUInt32LE(palette.length / 4, 46);
    for (const [i, mask] of masks.entries()) head.writeUInt32LE(mask, 54 + 4 * i);
    return Buffer.concat([head, Buffer.from(palette), Buffer.from(pixels)]);
  }
  const two = { ...options, imageSize: 2 };
  const read = async (content: Uint8Array, name = 'a.bmp') => {
    const folder = temporaryFolder();
    write(folder, name, content);
    return [...readImage(await openDataset(folder, two), 0)];
  };
  // Rows of red, green; blue, white, as planes.
  const planes = [255, 0, 0, 255, 0, 255, 0, 255, 0, 0, 255, 255];
  const palette = [0, 0, 255, 0, 0, 255, 0, 0, 255, 0, 0, 0, 255, 255, 255, 0];

  test('of 24, 32, 16 and 8 to 1 bits, from below or from above', async () => {
    const rows24 = [255, 0, 0, 255, 255, 255, 0, 0, 0, 0, 255, 0, 255, 0, 0, 0];
    expect(await read(bmp(2, 2, 24, rows24))).toEqual(planes);
    expect(await read(bmp(2, -2, 24, [...rows24.slice(8), ...rows24.slice(0, 8)]))).toEqual(planes);
    const rows32 = [255, 0, 0, 0, 255, 255, 255, 0, 0, 0, 255, 0, 0, 255, 0, 0];
    expect(await read(bmp(2, 2, 32, rows32))).toEqual(planes);
    expect(await read(bmp(2, 2, 16, [0x1f, 0, 0xff, 0x7f, 0, 0x7c, 0xe0, 3]))).toEqual(planes);
    const masks = [0xf800, 0x07e0, 0x001f];
    expect(await read(bmp(2, 2, 16, [0x1f, 0, 0xff, 0xff, 0, 0xf8, 0xe0, 7], { coding: 3, masks }))).toEqual(
      planes,
    );
    expect(await read(bmp(2, 2, 8, [2, 3, 0, 0, 0, 1, 0, 0], { palette }))).toEqual(planes);
    expect(await read(bmp(2, 2, 4, [0x23, 0, 0, 0, 0x01, 0, 0, 0], { palette }))).toEqual(planes);
    expect(
      await read(bmp(2, 2, 1, [0x40, 0, 0, 0, 0x80, 0, 0, 0], { palette: [0, 0, 0, 0, 255, 255, 255, 0] })),
    ).toEqual(Array.from({ length: 3 }, () => [255, 0, 0, 255]).flat());
  });

  test('of run-length coding', async () => {
    // A run each of blue and white, end of line; two literal pixels, end of bitmap.
    const runs = [1, 2, 1, 3, 0, 0, 1, 0, 1, 1, 0, 1];
    expect(await read(bmp(2, 2, 8, runs, { palette, coding: 1 }))).toEqual(planes);
    expect(await read(bmp(2, 2, 4, [2, 0x23, 0, 0, 2, 0x01, 0, 1], { palette, coding: 2 }))).toEqual(planes);
    const literal = [0, 4, 2, 3, 0, 0];
    expect((await read(bmp(4, 1, 8, [...literal, 0, 1], { palette, coding: 1 }))).length).toBe(12);
  });

  test.each([
    ['cut short', bmp(4, 4, 24, [1, 2, 3]), 'the BMP is damaged or cut short'],
    ['of no size', bmp(0, 4, 24, [1, 2, 3]), 'the BMP is damaged or cut short'],
    ['of 100,000×100,000 pixels', bmp(100_000, 100_000, 24, []), 'Input image exceeds pixel limit'],
    ['of a colour beyond its palette', bmp(1, 1, 8, [9, 0, 0, 0], { palette }), 'not in its palette'],
    [
      'of an unknown coding',
      bmp(1, 1, 24, [0, 0, 0, 0], { coding: 4 }),
      'in the coding 4, which is not read',
    ],
  ])('%s are skipped, and why', async (_name, content, reason) => {
    const folder = temporaryFolder();
    write(folder, 'a.bmp', content);
    expect(await rejection(openDataset(folder, two), 'DataError')).toContain(reason);
  });
});

test('PBM, PGM and PPM, as text and as bytes', async () => {
  const set = async (content: Uint8Array | string) => {
    const folder = temporaryFolder();
    write(folder, 'a.ppm', content);
    return [...readImage(await openDataset(folder, { ...options, imageSize: 2 }), 0)];
  };
  const planes = [255, 0, 0, 255, 0, 255, 0, 255, 0, 0, 255, 255];
  const grey = (values: number[]) => [...values, ...values, ...values];
  const rgb = [255, 0, 0, 0, 255, 0, 0, 0, 255, 255, 255, 255];
  expect(await set(`P3 # a comment\n2 2\n255\n${rgb.join(' ')}`)).toEqual(planes);
  expect(await set(Buffer.concat([Buffer.from('P6\n2 2\n255\n'), Buffer.from(rgb)]))).toEqual(planes);
  expect(
    await set(Buffer.concat([Buffer.from('P6 2 2 65535\n'), Buffer.from(rgb.flatMap((x) => [x, x]))])),
  ).toEqual(planes);
  expect(await set('P2 2 2 3 0 1 2 3')).toEqual(grey([0, 85, 170, 255]));
  expect(await set(Buffer.from([...Buffer.from('P5 2 2 255\n'), 1, 2, 3, 4]))).toEqual(grey([1, 2, 3, 4]));
  expect(await set('P1 2 2 01\n10')).toEqual(grey([255, 0, 0, 255]));
  expect(await set(Buffer.from([...Buffer.from('P4 2 2\n'), 0x40, 0x80]))).toEqual(grey([255, 0, 0, 255]));
  const folder = temporaryFolder();
  write(folder, 'a.ppm', 'P6 99999 99999 255\n');
  write(folder, 'b.ppm', 'P6 2 2 255\nxx');
  const message = await rejection(openDataset(folder, options), 'DataError');
  expect(message).toContain(
    '1 .ppm (Input image exceeds pixel limit): a.ppm; 1 .ppm (the PPM is damaged or cut short): b.ppm',
  );
});

describe('archives', () => {
  const members = ['b', 'a'].map((name, i) => ({
    name: `photos/${name}.bmp`,
    bytes: readFileSync(path.join(cases, 'bmp', `${i}.bmp`)),
  }));

  test('tar, tar.gz and ZIP of the same pictures are the same data', async () => {
    const folder = temporaryFolder();
    const files = [
      write(folder, 'x.zip', zip(members)),
      write(folder, 'x.tar', tar([...members, { name: 'list.txt', bytes: Buffer.from('x') }])),
      write(folder, 'x.tar.gz', gzipSync(tar(members))),
      write(folder, 'x.tgz', gzipSync(tar(members))),
    ];
    const sets = await Promise.all(files.map((file) => openDataset(file, options)));
    expect(new Set(sets.map(({ fingerprint }) => fingerprint)).size).toBe(1);
    expect(sets.map(({ notes }) => notes)).toEqual([
      [],
      ['Files ignored because they are not pictures: 1 .txt.'],
      [],
      [],
    ]);
  });

  test('names longer than a header has room for, by GNU tar and by pax', async () => {
    const long = `photos/${'x'.repeat(120)}.bmp`;
    const [first, second] = members;
    const gnu = tar([{ name: '././@LongLink', bytes: Buffer.from(`${long}\0`), type: 'L' }, first!, second!]);
    const record = `path=${long}\n`;
    const pax = tar([
      { name: 'PaxHeaders/x', bytes: Buffer.from(`${record.length + 4} ${record}`), type: 'x' },
      first!,
      second!,
    ]);
    for (const archive of [gnu, pax]) {
      const file = write(temporaryFolder(), 'x.tar', archive);
      const set = await openDataset(file, { ...options, labels: true });
      expect(set.length).toBe(2);
      // photos/a.bmp comes before photos/xxx….bmp, which is the first of the archive.
      expect(readImage(set, 1)).toEqual(readImage(await openDataset(path.join(cases, 'bmp'), options), 0));
    }
  });

  test('a folder of two archives is refused by their names; one that is not read says so', async () => {
    const folder = temporaryFolder();
    write(folder, 'a.zip', zip(members));
    write(folder, 'b.tar', tar(members));
    expect(await rejection(openDataset(folder, options), 'DataError')).toContain(
      'more than one data set (a.zip, b.tar)',
    );
    const other = temporaryFolder();
    const file = write(other, 'x.tar.xz', 'x');
    expect(await rejection(openDataset(file, options), 'DataError')).toContain('unpack it');
    expect(await rejection(openDataset(other, options), 'DataError')).toContain(
      '(x.tar.xz has to be unpacked)',
    );
  });

  test('beside pictures an archive is ignored, and counted', async () => {
    const folder = temporaryFolder();
    cpSync(path.join(cases, 'bmp'), folder, { recursive: true });
    write(folder, 'all.zip', zip(members));
    const { length, notes } = await openDataset(folder, options);
    expect([length, notes]).toEqual([4, ['Files ignored because they are not pictures: 1 .zip.']]);
  });
});

describe('numpy arrays', () => {
  const small = { ...options, imageSize: 2 };
  const pixels = Uint8Array.from({ length: 24 }, (_, i) => 10 * i);
  const read = async (content: Uint8Array, name = 'x.npy', change: Partial<DatasetOptions> = {}) =>
    openDataset(write(temporaryFolder(), name, content), { ...small, ...change });

  test('of bytes: N×H×W, N×C×H×W, N×H×W×C and flat', async () => {
    const planes = [...pixels.subarray(0, 12)];
    const first = await read(npy([2, 3, 2, 2], Buffer.from(pixels), '|u1'));
    expect([...readImage(first, 0)]).toEqual(planes);
    const last = Buffer.from(
      Uint8Array.from(
        { length: 24 },
        (_, i) => pixels[12 * Math.floor(i / 12) + 4 * (i % 3) + Math.floor((i % 12) / 3)]!,
      ),
    );
    expect([...readImage(await read(npy([2, 2, 2, 3], last, '|u1')), 0)]).toEqual(planes);
    const grey = await read(npy([6, 2, 2], Buffer.from(pixels), '|u1'), 'x.npy', { channels: 1 });
    expect([grey.length, ...readImage(grey, 1)]).toEqual([6, 40, 50, 60, 70]);
    const flat = await read(npy([2, 12], Buffer.from(pixels), '|u1'));
    expect([...readImage(flat, 0)]).toEqual(planes);
    expect(flat.notes).toEqual([]);
  });

  test.each([
    [[0, 0.5, 1, 0.25], 'numbers from 0 to 1: 0 is taken as black and 1 as white', [0, 128, 255, 64]],
    [[-1, 0, 1, 0.5], 'numbers from -1 to 1: -1 is taken as black and 1 as white', [0, 128, 255, 191]],
    [[0, 100, 200, 255], 'numbers from 0 to 255: 0 is taken as black and 255 as white', [0, 100, 200, 255]],
  ])('of floats %j: %s', async (values, sentence, bytes) => {
    const data = Buffer.from(Float32Array.from([...values, ...values]).buffer);
    const set = await read(npy([2, 2, 2], data, '<f4'), 'x.npy', { channels: 1 });
    expect(set.notes).toEqual([`Values are ${sentence}.`]);
    expect([...readImage(set, 1)]).toEqual(bytes);
  });

  test('an archive as Keras has them, with labels', async () => {
    const content = zip([
      { name: 'x_test.npy', bytes: npy([1, 2, 2], Buffer.alloc(4), '|u1') },
      { name: 'x_train.npy', bytes: npy([3, 2, 2], Buffer.from(pixels.subarray(0, 12)), '|u1') },
      { name: 'y_train.npy', bytes: npy([3], Buffer.from([2, 0, 1]), '|u1') },
    ]);
    const set = await read(content, 'mnist.npz', { channels: 1, labels: true });
    expect(set).toMatchObject({ length: 3, name: 'mnist.npz' });
    expect([0, 1, 2].map((i) => set.fields.label!.read(i))).toEqual([2, 0, 1]);
    expect([...readImage(set, 2)]).toEqual([80, 90, 100, 110]);
  });

  test('refused in one sentence: other shapes, NaN, several arrays, objects', async () => {
    const refused = (content: Uint8Array, name?: string) => rejection(read(content, name), 'DataError');
    expect(await refused(npy([2, 2, 2, 4], Buffer.alloc(32), '|u1'))).toContain(
      'array of shape [2, 2, 2, 4]',
    );
    expect(await refused(npy([5], Buffer.alloc(5), '|u1'))).toContain('array of shape [5]');
    expect(
      await refused(npy([1, 2, 2], Buffer.from(Float32Array.of(0, 1, Number.NaN, 0).buffer), '<f4')),
    ).toContain('NaN');
    expect(await refused(npy([1], Buffer.alloc(8), '|O'))).toContain('pickled Python objects');
    const two = ['a', 'b'].map((name) => ({
      name: `${name}.npy`,
      bytes: npy([2, 2, 2], Buffer.alloc(8), '|u1'),
    }));
    expect(await refused(zip(two), 'x.npz')).toContain('holds the arrays a [2, 2, 2], b [2, 2, 2]');
  });
});

describe("CIFAR-10's Python version", () => {
  const rows = (values: number[]) => values.map((value) => [Buffer.alloc(3072, value), value % 10] as const);

  test('in a folder, in its archive and alone, as Python 2 and Python 3 pickle it', async () => {
    const [one, two] = [cifarPython(rows([7, 8])), cifarPython(rows([9]), 'codecs')];
    const folder = temporaryFolder();
    write(folder, 'cifar-10-batches-py/data_batch_1', one);
    write(folder, 'cifar-10-batches-py/data_batch_2', two);
    write(folder, 'cifar-10-batches-py/test_batch', one);
    write(folder, 'cifar-10-batches-py/batches.meta', 'x');
    const set = await openDataset(folder, { ...options, imageSize: 32, labels: true });
    expect(set.length).toBe(3);
    expect(
      [0, 1, 2].map((i) => [readImage(set, i)[0], set.fields.label!.classes[set.fields.label!.read(i)]]),
    ).toEqual([
      [7, 'horse'],
      [8, 'ship'],
      [9, 'truck'],
    ]);
    const members = [
      { name: 'cifar-10-batches-py/data_batch_1', bytes: one },
      { name: 'cifar-10-batches-py/data_batch_2', bytes: two },
    ];
    const archive = write(temporaryFolder(), 'cifar-10-python.tar.gz', gzipSync(tar(members)));
    const packed = await openDataset(archive, { ...options, imageSize: 32 });
    expect(packed.fingerprint).toBe(set.fingerprint);
    const alone = write(temporaryFolder(), 'data_batch_1', one);
    expect((await openDataset(alone, { ...options, imageSize: 32 })).length).toBe(2);
  });

  test('nothing in it is run, and what is no batch is refused', async () => {
    const refused = (content: Uint8Array) =>
      rejection(openDataset(write(temporaryFolder(), 'data_batch_1', content), options), 'DataError');
    expect(await refused(Buffer.from('\x80\x02cos\nsystem\nU\x04trueq\x01\x85R.', 'latin1'))).toContain(
      'os.system',
    );
    expect(await refused(Buffer.from('\x80\x02}.', 'latin1'))).toContain(
      "no array of rows of 3072 bytes under 'data'",
    );
    expect(await refused(cifarPython(rows([1])).subarray(0, 900))).toContain('damaged or cut short');
  });
});
