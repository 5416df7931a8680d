// The cache of decoded pictures: the same bytes as decoding, never those of other files, and bounded.
import { readdirSync, readFileSync, truncateSync, utimesSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { type DatasetOptions, openDataset } from '../../src/data/dataset.ts';
import { evict, LEAST_PICTURES, listCached } from '../../src/data/picture-cache.ts';
import { readingNotes } from '../../src/data/reading.ts';
import { readImage, temporaryFolder, write } from './helpers.ts';

const count = LEAST_PICTURES + 1;

/** A folder of grey 4×4 pictures, each of another brightness, one of them damaged. */
function pictures(): string {
  const folder = temporaryFolder();
  for (let i = 0; i < count; i++) write(folder, `${10_000 + i}.pgm`, pgm(i % 256));
  write(folder, '10003.pgm', 'P5 4 4 255\n');
  return folder;
}

const pgm = (value: number) => Buffer.concat([Buffer.from('P5 4 4 255\n'), Buffer.alloc(16, value)]);
const options: DatasetOptions = { imageSize: 4, channels: 1, seed: 0 };

const all = (set: Awaited<ReturnType<typeof openDataset>>) =>
  Array.from({ length: set.length }, (_, i) => readImage(set, i)[5]);

test('a second start reads none of the pictures, and has the same bytes, fingerprint and notes', async () => {
  const [folder, pictureCache] = [pictures(), path.join(temporaryFolder(), 'cache')];
  const plain = await openDataset(folder, options);
  const first = await openDataset(folder, { ...options, pictureCache });
  expect(first.notes).toEqual([
    plain.notes[0],
    expect.stringContaining(`kept for the next start, in ${pictureCache}`),
  ]);
  let read = 0;
  const second = await openDataset(folder, { ...options, pictureCache, onProgress: () => read++ });
  expect(read).toBe(0);
  expect(second.notes).toEqual([
    plain.notes[0],
    'The decoded pictures come from the cache (`forger cache`).',
  ]);
  expect(second.fingerprint).toBe(plain.fingerprint);
  expect(all(second)).toEqual(all(plain));
  expect(second.length).toBe(count - 1);

  // Of another size, or once a picture has changed, they are other ones.
  const other = await openDataset(folder, { ...options, imageSize: 2, pictureCache });
  expect(other.notes[1]).toContain('kept for the next start');
  write(folder, '10000.pgm', pgm(99));
  utimesSync(path.join(folder, '10000.pgm'), new Date(), new Date(2e12));
  const changed = await openDataset(folder, { ...options, pictureCache });
  expect(readImage(changed, 0)[0]).toBe(99);
  expect(await listCached(pictureCache)).toHaveLength(3);
});

describe('a damaged file', () => {
  test.each([
    [
      'a flipped bit',
      (file: string) => {
        const bytes = readFileSync(file);
        bytes[bytes.length - 100]! ^= 1;
        writeFileSync(file, bytes);
      },
    ],
    ['an end that is missing', (file: string) => truncateSync(file, 500)],
    ['nothing in it', (file: string) => truncateSync(file, 0)],
  ])('%s: the pictures are decoded again', async (_name, damage) => {
    const [folder, pictureCache] = [pictures(), temporaryFolder()];
    const first = await openDataset(folder, { ...options, pictureCache });
    damage(path.join(pictureCache, readdirSync(pictureCache)[0]!));
    const again = await openDataset(folder, { ...options, pictureCache });
    expect(again.notes[1]).toContain('kept for the next start');
    expect(all(again)).toEqual(all(first));
    expect(await listCached(pictureCache)).toHaveLength(1);
  });
});

test('files that were used longest ago go first', async () => {
  const folder = temporaryFolder();
  for (const [i, name] of ['a', 'b', 'c'].entries()) {
    const file = write(folder, `${name}.pixels`, Buffer.alloc(100));
    utimesSync(file, new Date(), new Date(1e12 + 1e6 * i));
  }
  write(folder, 'notes.txt', 'x');
  const removed = await evict(folder, 250);
  expect(removed.map((file) => path.basename(file.path))).toEqual(['a.pixels']);
  expect((await listCached(folder)).map((file) => path.basename(file.path))).toEqual([
    'c.pixels',
    'b.pixels',
  ]);
  expect(readdirSync(folder)).toContain('notes.txt');
});

test('long readings say how much is left', () => {
  const told: string[] = [];
  let time = 0;
  const tell = readingNotes(
    'photos',
    (message) => told.push(message),
    () => time,
  );
  tell(1, 200_000, 'pictures');
  for (const [at, done] of [
    [5000, 10_000],
    [10_000, 20_001],
    [12_000, 25_000],
    [20_000, 40_001],
  ] as const) {
    time = at;
    tell(done, 200_000, 'pictures');
  }
  expect(told).toEqual([
    'Reading 200,000 pictures.',
    'Reading 20,001 of 200,000 pictures, 1m 30s left.',
    'Reading 40,001 of 200,000 pictures, 1m 20s left.',
  ]);
});
