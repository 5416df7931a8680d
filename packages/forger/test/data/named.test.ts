// Published sets: found on disk, downloaded once and checked, and a clear word when neither works.
import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, expect, onTestFinished, test, vi } from 'vitest';
import { dataCache } from '../../src/data/cache-folder.ts';
import { NAMED_SETS, type NamedSet, openNamed, rawSet } from '../../src/data/named.ts';
import { readCifarBatches, readIdx } from '../../src/data/raw-files.ts';
import { cifar, idx, options, readImage, rejection, temporaryFolder, write } from './helpers.ts';

const pixels = Uint8Array.from({ length: 4 * 64 }, (_, i) => i);
const content = gzipSync(idx(pixels, 8, 8));
const hash = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');

/** A set like MNIST, of four small pictures. */
function tiny(urls: string[]): NamedSet {
  return {
    name: 'tiny',
    file: { name: 'train-images-idx3-ubyte.gz', urls, bytes: content.length, sha256: hash(content) },
    layouts: NAMED_SETS[0]!.layouts,
    open: rawSet('tiny', (files) => readIdx(files[0]!), 4, hash(pixels)),
  };
}

/** A server on this machine; returns the address of a file on it, and how often it was asked. */
async function serve(body: Uint8Array, status = 200): Promise<{ url: string; requests: () => number }> {
  let requests = 0;
  const server = createServer((_, response) => {
    requests++;
    response.writeHead(status).end(body);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void server.close());
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/file`, requests: () => requests };
}

let cache = '';
beforeEach(() => {
  cache = temporaryFolder();
  vi.stubEnv('XDG_CACHE_HOME', cache);
});
afterEach(() => void vi.unstubAllEnvs());

test('the cache is under XDG_CACHE_HOME when that is set', () => {
  expect(dataCache()).toBe(path.join(cache, 'forger', 'data'));
});

test('a set is downloaded once, with progress, and then read from the cache', async () => {
  const { url, requests } = await serve(content);
  let last = '';
  const onProgress = (done: number, total: number, unit: string) => {
    last = `${done}/${total} ${unit}`;
  };
  const first = await openNamed(tiny([url]), { ...options, onProgress });
  expect(readImage(first, 3)).toEqual(pixels.slice(192));
  expect(last).toBe(`${content.length}/${content.length} bytes`);
  const second = await openNamed(tiny([url]), options);
  expect(second.fingerprint).toBe(first.fingerprint);
  expect(requests()).toBe(1);
  expect(readdirSync(path.join(cache, 'forger/data/tiny'))).toEqual(['train-images-idx3-ubyte.gz']);
});

test('a mirror that fails is followed by the next', async () => {
  const [gone, right] = [await serve(new Uint8Array(), 404), await serve(content)];
  expect((await openNamed(tiny([gone.url, right.url]), options)).length).toBe(4);
});

test.each([
  ['short', content.subarray(1), /it sent \d+ of \d+ bytes/],
  ['long', Buffer.concat([content, content]), /it sent more than the \d+ bytes expected/],
  ['changed', Buffer.from(content).fill(7, 20, 30), /another checksum/],
])('what is too %s is not kept', async (_, body, reason) => {
  const { url } = await serve(body);
  expect(await rejection(openNamed(tiny([url]), options), 'DataError')).toMatch(reason);
  expect(readdirSync(path.join(cache, 'forger/data/tiny'))).toEqual([]);
});

test('without a network it says which file to put where', async () => {
  const { url } = await serve(content);
  const dead = url.replace(/:\d+/, ':1');
  const message = await rejection(openNamed(tiny([dead]), options), 'DataError');
  expect(message).toContain('tiny could not be downloaded (127.0.0.1:1: ');
  expect(message).toContain(
    `put train-images-idx3-ubyte.gz (from ${dead}) into ${path.join(cache, 'forger/data/tiny')}`,
  );
});

test('a cache that cannot be made is named', async () => {
  write(cache, 'forger', 'a file where the folder should be');
  expect(await rejection(openNamed(tiny(['http://127.0.0.1:1/']), options), 'DataError')).toContain(
    'cannot be made',
  );
});

test.each(['', 'tiny/', 'MNIST/raw/'])("a copy is found in the data folder's '%s'", async (place) => {
  const dataDir = temporaryFolder();
  write(dataDir, `${place}train-images-idx3-ubyte.gz`, content);
  expect((await openNamed(tiny([]), { ...options, dataDir })).length).toBe(4);
});

test('a data folder without the set is an error and not a download', async () => {
  const { url, requests } = await serve(content);
  const message = await rejection(
    openNamed(tiny([url]), { ...options, dataDir: temporaryFolder() }),
    'DataError',
  );
  expect(message).toContain('does not hold tiny; put train-images-idx3-ubyte.gz');
  expect(requests()).toBe(0);
});

test('another set under the same file name is refused', async () => {
  const dataDir = temporaryFolder();
  const other = Uint8Array.from(pixels).reverse();
  write(dataDir, 'train-images-idx3-ubyte', idx(other, 8, 8));
  const message = await rejection(openNamed(tiny([]), { ...options, dataDir }), 'DataError');
  expect(message).toContain('are not the 4 training images of tiny');
});

test('cifar10 wants all five batches', async () => {
  const dataDir = temporaryFolder();
  const cifar10 = NAMED_SETS.find(({ name }) => name === 'cifar10')!;
  const set = { ...cifar10, open: rawSet('cifar10', readCifarBatches, 5) };
  mkdirSync(path.join(dataDir, 'cifar10'));
  for (let n = 1; n <= 4; n++) write(dataDir, `cifar10/data_batch_${n}.bin`, cifar([[n, 0, 0]]));
  const refused = await rejection(openNamed(set, { ...options, dataDir }), 'DataError');
  expect(refused).toContain('put cifar-10-binary.tar.gz (from https://www.cs.toronto.edu/');
  write(dataDir, 'cifar10/data_batch_5.bin', cifar([[5, 0, 0]]));
  const dataset = await openNamed(set, { ...options, channels: 3, dataDir });
  expect(Array.from({ length: 5 }, (_, i) => readImage(dataset, i)[0])).toEqual([1, 2, 3, 4, 5]);
});
