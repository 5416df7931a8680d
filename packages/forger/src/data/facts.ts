// What a data set's pictures are like before they are fitted: grey or colour, and how large. A run's defaults
// follow from it.

import { decode } from './decode.ts';
import { MAX_PIXELS } from './decoded.ts';
import { NAMED_SETS } from './named.ts';
import { findSource } from './path.ts';
import type { PictureFiles } from './pictures.ts';

export interface PictureFacts {
  channels: 1 | 3;
  /** The shorter side in pixels, the middle one of those looked at; absent where a set has no size of its own. */
  side?: number;
}

/** Pictures looked at, spread over the set. */
const LOOKED_AT = 32;
/** A side at which colours show. */
const LOOK_SIZE = 32;
/** Grey pictures that were stored in colour differ by roundings alone. */
const MOST_APART = 8;

const NAMED: Readonly<Record<string, PictureFacts>> = {
  mnist: { channels: 1 },
  'fashion-mnist': { channels: 1 },
  cifar10: { channels: 3 },
  sprites: { channels: 3 },
};

/**
 * Looks at a data set. @returns undefined where it has no pictures of its own (glyphs are drawn as they are
 * wanted), or none that can be read: opening it will say so.
 * @throws DataError as `openDataset` does.
 */
export async function lookAt(data: string, background = 'white'): Promise<PictureFacts | undefined> {
  if (data === 'glyphs') return undefined;
  if (NAMED_SETS.some(({ name }) => name === data)) return NAMED[data];
  const source = await findSource(data);
  if (source.kind === 'pictures') return lookAtPictures(source.files, background);
  const { channels, height, width } = source.raw;
  return { channels, side: Math.min(height, width) };
}

async function lookAtPictures(files: PictureFiles, background: string): Promise<PictureFacts | undefined> {
  const { names } = files;
  const step = Math.max(1, names.length / LOOKED_AT);
  const sides: number[] = [];
  let channels: 1 | 3 = 1;
  for (let i = 0; i < names.length; i += step) {
    try {
      const bytes = await files.read(names[Math.floor(i)]!);
      const found = await decode(bytes, { size: LOOK_SIZE, background, range: { low: 0, high: 1 } });
      if (!('data' in found)) continue;
      const { width, height } = found.original;
      if (width * height <= MAX_PIXELS) sides.push(Math.min(width, height));
      if (isColour(found.data, found.info.channels)) channels = 3;
    } catch {
      // It will be skipped, and named.
    }
  }
  if (sides.length === 0) return undefined;
  sides.sort((a, b) => a - b);
  return { channels, side: sides[sides.length >> 1]! };
}

function isColour(data: Uint8Array, channels: number): boolean {
  if (channels < 3) return false;
  for (let i = 0; i < data.length; i += channels) {
    const [r, g, b] = [data[i]!, data[i + 1]!, data[i + 2]!];
    if (Math.max(r, g, b) - Math.min(r, g, b) > MOST_APART) return true;
  }
  return false;
}
