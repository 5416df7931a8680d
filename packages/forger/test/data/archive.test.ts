// Archives of pictures: read like a folder of the same pictures, and refused in one sentence when they are no
// such thing.

import { createHash } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { DataError } from '@forger/tensor';
import { describe, expect, test } from 'vitest';
import { openDataset } from '../../src/data/dataset.ts';
import { emptyFolder } from '../cli/folders.ts';
import { sharp } from '../report/pictures.ts';
import { zip } from '../weights/files.ts';

const options = { imageSize: 8, channels: 3, seed: 0 } as const;

async function picture(red: number): Promise<Buffer> {
  const create = { width: 9, height: 7, channels: 3, background: { r: red, g: 20, b: 200 } } as const;
  return sharp({ create }).png().toBuffer();
}

async function members(): Promise<{ name: string; bytes: Uint8Array; deflate?: boolean }[]> {
  return [
    { name: 'pokemon/b/2.png', bytes: await picture(90), deflate: true },
    { name: 'pokemon/a/1.png', bytes: await picture(10) },
    { name: '__MACOSX/pokemon/a/._1.png', bytes: Buffer.from('not a picture') },
    { name: 'readme.txt', bytes: Buffer.from('sprites') },
  ];
}

function write(bytes: Uint8Array, name = 'pictures.zip'): string {
  const path = join(emptyFolder(), name);
  writeFileSync(path, bytes);
  return path;
}

test('an archive holds the pictures that its files would be in a folder', async () => {
  const all = await members();
  const folder = emptyFolder();
  for (const { name, bytes } of all.slice(0, 2)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), bytes);
  }
  const [zipped, loose] = [await openDataset(write(zip(all)), options), await openDataset(folder, options)];
  expect(zipped).toMatchObject({
    length: 2,
    notes: ['Files ignored because they are not pictures: 1 .txt.'],
    name: 'pictures.zip',
  });
  expect(zipped.fingerprint).toBe(loose.fingerprint);
  const pixels = (set: typeof zipped, index: number) => {
    const out = new Uint8Array(3 * 64);
    set.read(index, out, 0);
    return out;
  };
  for (const index of [0, 1]) expect(pixels(zipped, index)).toEqual(pixels(loose, index));
  expect(pixels(zipped, 0)[0]).toBe(10);
});

describe('refused in one sentence:', () => {
  test('an archive without pictures', async () => {
    const path = write(zip((await members()).slice(2)));
    await expect(openDataset(path, options)).rejects.toThrow(DataError);
    await expect(openDataset(path, options)).rejects.toThrow(`'${path}' holds no pictures`);
  });

  test('one that is cut short', async () => {
    const bytes = zip(await members());
    const path = write(bytes.subarray(0, bytes.length - 30));
    await expect(openDataset(path, options)).rejects.toThrow(DataError);
    await expect(openDataset(path, options)).rejects.toThrow(`'${path}': the ZIP archive is damaged`);
  });

  test('another file in place of the sprites', async () => {
    const bytes = zip(await members());
    const path = write(bytes, 'pokemon.zip');
    const sha1 = createHash('sha1').update(bytes).digest('hex');
    await expect(openDataset('sprites', { ...options, dataDir: dirname(path) })).rejects.toThrow(
      `'${path}' has the SHA-1 ${sha1}, and that of the sprites is c065c0e2593b8b161a2d7873e42418bf6a21106c; remove it`,
    );
  });
});
