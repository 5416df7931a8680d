// samples.gif: a run's sample grids as an animation, thinned out, the last one held longer.

import sharp, { type OutputInfo } from 'sharp';
import { writeAtomic } from '../atomic-file.ts';

const CHANNELS = 3;
/** Of the largest grid: 8 by 8 pictures of 1,024 by 1,024, with 2 between and around. */
const MOST_PIXELS = (8 * (1024 + 2) + 2) ** 2;

export interface GifOptions {
  /** Most frames to show; more are thinned out evenly, the first and last always shown. Default 60. */
  maxFrames?: number;
  /** Milliseconds that each frame stays, and that the last one stays. Default 120 and 2000. */
  delay?: number;
  lastDelay?: number;
  /** How often it plays; 0 is without end, the default. */
  loop?: number;
}

/**
 * Writes an animated GIF from pictures. The last one sets the size; pictures of another size, and those that
 * are damaged, are left out.
 * @param frames paths of PNGs, in order.
 * @returns the number of frames written; without any, no file is. @throws ConfigError when the path cannot be written.
 */
export async function writeGif(
  path: string,
  frames: readonly string[],
  options: GifOptions = {},
): Promise<number> {
  const { maxFrames = 60, delay = 120, lastDelay = 2000, loop = 0 } = options;
  const decoded = (await Promise.all(thin(frames, maxFrames).map(decodeGrid))).filter(
    (grid) => grid !== undefined,
  );
  const last = decoded.at(-1);
  if (!last) return 0;
  const { width, height } = last.info;
  const shown = decoded.filter(({ info }) => info.width === width && info.height === height);
  const delays = shown.map((_, index) => (index === shown.length - 1 ? lastDelay : delay));
  // As one tall picture of pages. sharp's own `join` loses the pixels of one-channel PNGs (seen with 0.35.5).
  const pages = Buffer.concat(shown.map(({ data }) => data));
  const raw = { width, height: height * shown.length, channels: CHANNELS, pageHeight: height } as const;
  const animation = sharp(pages, { raw }).gif({ delay: delays, loop, dither: 0, keepDuplicateFrames: true });
  await writeAtomic(path, await animation.toBuffer());
  return shown.length;
}

/** A sample grid's pixels; undefined where the file is damaged, or larger than any grid. */
export async function decodeGrid(path: string): Promise<{ data: Buffer; info: OutputInfo } | undefined> {
  try {
    const image = sharp(path, { limitInputPixels: MOST_PIXELS }).toColourspace('srgb').removeAlpha();
    return await image.raw().toBuffer({ resolveWithObject: true });
  } catch {
    return undefined;
  }
}

/** At most `most` of the items, evenly spread, the first and the last among them. */
export function thin<T>(items: readonly T[], most: number): readonly T[] {
  if (items.length <= most) return items;
  return Array.from({ length: most }, (_, i) => items[Math.round((i * (items.length - 1)) / (most - 1))]!);
}
