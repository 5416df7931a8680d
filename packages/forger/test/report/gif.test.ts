// samples.gif: as many frames as asked for, the right ones, with the right delays.

import { join } from 'node:path';
import { expect, test } from 'vitest';
import { thin, writeGif } from '../../src/report/gif.ts';
import { writeGrid } from '../../src/report/grid.ts';
import { emptyFolder } from '../cli/folders.ts';
import { decodePage, sharp } from './pictures.ts';

const folder = emptyFolder();

/** Plain grey pictures, one per level. */
async function frames(levels: readonly number[]): Promise<string[]> {
  const paths = levels.map((_, index) => join(folder, `${levels.length}-${index}.png`));
  for (const [index, level] of levels.entries()) {
    const options = {
      count: 1,
      channels: 1,
      height: 8,
      width: 12,
      range: [0, 255] as const,
      padding: 0,
      scale: 1,
    };
    await writeGrid(paths[index]!, new Float32Array(96).fill(level), options);
  }
  return paths;
}

test('shows every frame in order, equal neighbours too, and holds the last one', async () => {
  const levels = [0, 90, 90, 140, 255];
  const path = join(folder, 'all.gif');
  expect(await writeGif(path, await frames(levels), { delay: 100, lastDelay: 1500 })).toBe(5);
  const { pages, pageHeight, delay, loop } = await sharp(path, { animated: true }).metadata();
  expect({ pages, pageHeight, delay, loop }).toEqual({
    pages: 5,
    pageHeight: 8,
    delay: [100, 100, 100, 100, 1500],
    loop: 0,
  });
  for (const [page, level] of levels.entries()) {
    expect((await decodePage(path, page))[0]).toBe(level);
  }
});

test('thins many frames out, keeping the first and the last', async () => {
  const path = join(folder, 'many.gif');
  const levels = Array.from({ length: 75 }, (_, i) => 3 * i);
  expect(await writeGif(path, await frames(levels))).toBe(60);
  expect((await sharp(path, { animated: true }).metadata()).pages).toBe(60);
  expect(thin(levels, 4)).toEqual([0, 75, 147, 222]);
  expect(new Set(thin(levels, 60)).size).toBe(60);
});

test('leaves out pictures of another size than the last', async () => {
  const odd = join(folder, 'odd.png');
  await writeGrid(odd, new Float32Array(4), { count: 1, channels: 1, height: 2, width: 2, range: [0, 1] });
  expect(await writeGif(join(folder, 'odd.gif'), [odd, ...(await frames([1, 2]))])).toBe(2);
});

test('makes a still picture of a single frame', async () => {
  const path = join(folder, 'one.gif');
  expect(await writeGif(path, await frames([7]))).toBe(1);
  expect((await sharp(path).metadata()).format).toBe('gif');
});
