// Sample grids as PNG files: each pixel in the file as in memory.

import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { ConfigError } from '@forger/tensor';
import { describe, expect, test } from 'vitest';
import { gridBuffer, writeGrid } from '../../src/report/grid.ts';
import { emptyFolder } from '../cli/folders.ts';
import { decode, sharp } from './pictures.ts';

const base = { channels: 1, height: 2, width: 3, range: [-1, 1] as const, scale: 1 };

describe('PNG', () => {
  test.each([1, 3])('holds the pixels of a grid with %i channels', async (channels) => {
    const images = Float32Array.from({ length: 5 * channels * 6 }, (_, i) => Math.sin(i));
    const options = { ...base, channels, count: 5, padding: 1 };
    const folder = emptyFolder();
    const path = join(folder, 'grid.png');
    const grid = await writeGrid(path, images, options);
    const png = await decode(path);
    expect(png.channels).toBe(channels);
    expect([png.width, png.height]).toEqual([grid.width, grid.height]);
    expect(Buffer.compare(png.data, grid.pixels)).toBe(0);
    expect(readdirSync(folder)).toEqual(['grid.png']);
    expect((await sharp(await gridBuffer(images, options)).metadata()).format).toBe('png');
  });

  test('says in words when the path cannot be written', async () => {
    const file = new URL('./grid.test.ts', import.meta.url).pathname;
    const write = writeGrid(join(file, 'x.png'), new Float32Array(6), { ...base, count: 1 });
    await expect(write).rejects.toThrow(ConfigError);
    await expect(write).rejects.toThrow('a part of the path is a file');
  });
});
