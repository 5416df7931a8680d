// IDX files: whatever is written is read back, and whatever is damaged is refused with a sentence that says how.
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { openDataset } from '../../src/data/dataset.ts';
import { bytes, idx, options, readImage, rejection, temporaryFolder, write } from './helpers.ts';

const set = fc
  .record({ count: fc.integer({ min: 2, max: 6 }), side: fc.integer({ min: 1, max: 9 }) })
  .chain(({ count, side }) =>
    fc.record({ count: fc.constant(count), side: fc.constant(side), pixels: bytes(count * side * side) }),
  );

test('what was written is read back, plain or gzip', async () => {
  const folder = temporaryFolder();
  await fc.assert(
    fc.asyncProperty(set, fc.boolean(), async ({ count, side, pixels }, zip) => {
      const content = idx(pixels, side, side);
      const file = write(folder, 'set-idx3-ubyte', zip ? gzipSync(content) : content);
      const dataset = await openDataset(file, { ...options, imageSize: side });
      expect(dataset).toMatchObject({ length: count, channels: 1, height: side, width: side });
      for (let i = 0; i < count; i++) {
        expect(readImage(dataset, i)).toEqual(pixels.slice(i * side * side, (i + 1) * side * side));
      }
    }),
  );
});

test('a file cut anywhere is refused, plain or gzip', async () => {
  const folder = temporaryFolder();
  await fc.assert(
    fc.asyncProperty(set, fc.boolean(), fc.nat(), async ({ side, pixels }, zip, place) => {
      const whole = zip ? gzipSync(idx(pixels, side, side)) : idx(pixels, side, side);
      const file = write(folder, 'cut-idx3-ubyte', whole.subarray(0, place % whole.length));
      const message = await rejection(openDataset(file, options), 'DataError');
      expect(message).toContain(file);
      expect(message).toContain('download or copy it again');
    }),
  );
});

test('bytes changed at random give the pictures or a DataError, nothing else', async () => {
  const folder = temporaryFolder();
  await fc.assert(
    fc.asyncProperty(set, fc.nat(), fc.nat(255), async ({ side, pixels }, place, value) => {
      const content = gzipSync(idx(pixels, side, side));
      content[place % content.length] = value;
      const file = write(folder, 'changed-idx3-ubyte', content);
      await openDataset(file, options).catch((error: Error) => expect(error.name).toBe('DataError'));
    }),
  );
});

describe('refuses', () => {
  const pixels = new Uint8Array(4 * 9);
  const refusal = async (content: Uint8Array) => {
    const file = write(temporaryFolder(), 'train-images-idx3-ubyte', content);
    return rejection(openDataset(file, options), 'DataError');
  };

  test('labels and other magic numbers', async () => {
    expect(await refusal(idx(pixels, 3, 3, { magic: 0x801 }))).toContain('0x00000801 (labels)');
    expect(await refusal(idx(pixels, 3, 3, { magic: 0x89504e47 }))).toContain('0x89504e47');
  });

  test('less or more data than the header says', async () => {
    expect(await refusal(idx(pixels, 3, 3, { count: 5 }))).toMatch(
      /too short: its header says 5 images of 3×3, 61 bytes in all, and it holds 52/,
    );
    expect(await refusal(idx(pixels, 3, 3, { count: 3 }))).toMatch(/too long: .* 43 bytes .* holds 52/);
    expect(await refusal(gzipSync(idx(pixels, 3, 3, { count: 5 })))).toContain('too short');
    expect(await refusal(gzipSync(idx(pixels, 3, 3, { count: 3 })))).toContain(
      'more data than its header says',
    );
  });

  test('a header of absurd or no size, without taking the memory', async () => {
    const before = process.memoryUsage().arrayBuffers;
    const claims = [
      { count: 2 ** 32 - 1, rows: 2 ** 32 - 1 },
      { count: 2 ** 31 / 9 },
      { count: 0 },
      { rows: 0 },
    ];
    for (const claim of claims) {
      for (const content of [idx(pixels, 3, 3, claim), gzipSync(idx(pixels, 3, 3, claim))]) {
        expect(await refusal(content)).toContain('the header is probably damaged');
      }
    }
    expect(await refusal(gzipSync(idx(pixels, 3, 3, { count: 2e8 })))).toContain('too short');
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(64 * 2 ** 20);
  });

  test('a gzip bomb, after no more than its header claims', async () => {
    const bomb = gzipSync(idx(new Uint8Array(200 * 2 ** 20), 1, 1, { count: 4 }), { level: 9 });
    expect(bomb.length).toBeLessThan(2 ** 20);
    const before = process.memoryUsage().arrayBuffers;
    expect(await refusal(bomb)).toContain('more data than its header says');
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(64 * 2 ** 20);
  });

  test('too few pictures', async () => {
    const file = write(temporaryFolder(), 'few-idx3-ubyte', idx(pixels, 3, 3));
    const message = await rejection(openDataset(file, { ...options, minImages: 5 }), 'DataError');
    expect(message).toContain('holds 4 images, and at least 5 are needed');
  });
});

describe('in a folder', () => {
  const one = idx(new Uint8Array(2 * 9).fill(1), 3, 3);
  const two = idx(new Uint8Array(2 * 9).fill(2), 3, 3);
  const opened = (folder: string) => openDataset(folder, { ...options, imageSize: 3 });

  test.each(['train-images-idx3-ubyte', 'train-images.idx3-ubyte', 'MNIST/raw/train-images-idx3-ubyte'])(
    'the training images are chosen: %s',
    async (name) => {
      const folder = temporaryFolder();
      write(folder, name, one);
      write(folder, 't10k-images-idx3-ubyte', two);
      write(folder, 'train-labels-idx1-ubyte', 'labels are not looked at');
      expect(readImage(await opened(folder), 0)[0]).toBe(1);
    },
  );

  test('the plain file is read instead of its gzip twin, which may be broken', async () => {
    const folder = temporaryFolder();
    write(folder, 'train-images-idx3-ubyte', one);
    write(folder, 'train-images-idx3-ubyte.gz', 'broken');
    expect(readImage(await opened(folder), 0)[0]).toBe(1);
  });

  test('test images are used when there are no others, with a note', async () => {
    const folder = temporaryFolder();
    write(folder, 't10k-images-idx3-ubyte', two);
    const dataset = await opened(folder);
    expect(readImage(dataset, 0)[0]).toBe(2);
    expect(dataset.notes.join()).toContain('t10k-images-idx3-ubyte is used');
  });

  test('two sets are refused by name', async () => {
    const folder = temporaryFolder();
    write(folder, 'a/train-images-idx3-ubyte', one);
    write(folder, 'b/train-images-idx3-ubyte', two);
    const message = await rejection(opened(folder), 'DataError');
    expect(message).toContain('a/train-images-idx3-ubyte, b/train-images-idx3-ubyte');
  });
});

test('the fingerprint changes with the pixels, the size and the channels, and not with gzip', async () => {
  const folder = temporaryFolder();
  const print = async (content: Uint8Array, change = {}) => {
    const file = write(folder, 'train-images-idx3-ubyte', content);
    return (await openDataset(file, { ...options, ...change })).fingerprint;
  };
  const content = idx(new Uint8Array(2 * 9).fill(1), 3, 3);
  const other = Buffer.from(content);
  other[20] = 2;
  expect(await print(gzipSync(content))).toBe(await print(content));
  const prints = [await print(content), await print(other)];
  prints.push(await print(content, { imageSize: 9 }), await print(content, { channels: 3 }));
  expect(new Set(prints).size).toBe(4);
});
