// Sample grids as PNG files.

import { type GridImage, type GridOptions, gridPixels } from '@forger/dcgan';
import sharp from 'sharp';
import { writeAtomic } from '../atomic-file.ts';

export type { GridOptions } from '@forger/dcgan';

/** The grid as the bytes of a PNG. */
export async function gridBuffer(images: Float32Array, options: GridOptions): Promise<Uint8Array> {
  return encodePng(gridPixels(images, options));
}

/**
 * Writes the grid as a PNG, whole or not at all.
 * @returns its pixels. @throws ShapeError as `gridPixels`; ConfigError when the path cannot be written.
 */
export async function writeGrid(
  path: string,
  images: Float32Array,
  options: GridOptions,
): Promise<GridImage> {
  const grid = gridPixels(images, options);
  await writeAtomic(path, await encodePng(grid));
  return grid;
}

function encodePng({ pixels, width, height, channels }: GridImage): Promise<Buffer> {
  const image = sharp(pixels, { raw: { width, height, channels } });
  // Without this a one-channel picture is stored as three equal channels.
  return (channels === 1 ? image.toColourspace('b-w') : image).png().toBuffer();
}
