// Pictures of a folder or an archive, decoded once into memory at the size that training wants.
import { createHash } from 'node:crypto';
import os from 'node:os';
import path from 'node:path';
import {
  type DatasetOptions,
  Fitter,
  type ImageDataset,
  imageDataset,
  rangeNote,
  rangeOf,
  shown,
  type ValueRange,
} from '@forger/dcgan/internal';
import { ConfigError, DataError } from '@forger/tensor';
import sharp from 'sharp';
import { decode, type Pixels } from './decode.ts';
import { readWhole } from './files.ts';
import { folderLabels, labelsAt } from './folder-labels.ts';
import {
  cacheKey,
  type DecodedSet,
  LEAST_PICTURES,
  MOST_CACHE_BYTES,
  readCached,
  writeCached,
} from './picture-cache.ts';
import { PictureStore } from './store.ts';

/** What is decoded, or named as what cannot be; other files in the folder are not pictures. */
export const PICTURE_NAME = /\.(png|jpe?g|jfif|webp|gif|avif|tiff?|bmp|dib|p[bgpn]m|hei[cf])$/i;

const NAMES_SHOWN = 5;
const KINDS_SHOWN = 8;

/** Of the size seen last: most sets have one. */
let fitter: { key: string; fitter: Fitter } | undefined;

/**
 * Fits a decoded picture into `out`: shorter side to `size`, centre kept. Up to four times that size the result is
 * torchvision's to the bit; libvips' own resizing differs from it, and shifts what it enlarges by up to half a pixel.
 */
function fit({ data, info }: Pixels, channels: 1 | 3, size: number, out: Uint8Array): void {
  const { width, height } = info;
  // A grey picture may come as one channel; its value then stands for all three.
  const grey = info.channels < 3;
  const key = `${grey} ${width} ${height} ${channels} ${size}`;
  if (fitter?.key !== key) fitter = { key, fitter: new Fitter(grey ? 1 : 3, height, width, channels, size) };
  fitter.fitter.fit(info.channels === 1 ? data : planesOf(data, width * height, info.channels), 0, out, 0);
}

/** Channels that stand side by side as planes, alpha left out. */
function planesOf(data: Uint8Array, plane: number, channels: number): Uint8Array {
  const kept = channels < 3 ? 1 : 3;
  const planes = new Uint8Array(kept * plane);
  for (let channel = 0; channel < kept; channel++) {
    for (let to = channel * plane, at = channel; at < data.length; at += channels) planes[to++] = data[at]!;
  }
  return planes;
}

/** Throws ConfigError unless sharp knows the colour. */
function checkBackground(background: string): void {
  try {
    sharp({ create: { width: 1, height: 1, channels: 3, background } });
  } catch (error) {
    throw new ConfigError(
      `The background '${shown(background)}' is not a CSS colour; give a name or a hex value, such as white or '#202020'.`,
      { cause: error },
    );
  }
}

/** Where pictures come from. */
export interface PictureFiles {
  /** The folder or archive, for messages. */
  path: string;
  names: string[];
  read(name: string): Promise<Uint8Array>;
  /** The one file that all are in, if they are. */
  archive?: string;
}

/** Pictures of a folder, by their names below it. */
export function filesOf(folder: string, names: string[]): PictureFiles {
  return { path: folder, names, read: (name) => readWhole(path.join(folder, name)) };
}

/**
 * Decodes pictures, in parallel, or takes them from the cache of decoded ones. Files that cannot be decoded
 * are skipped and named in `notes`. Throws DataError when fewer than `options.minImages` remain, ConfigError
 * for an unknown background.
 */
export async function openPictures(files: PictureFiles, options: DatasetOptions): Promise<ImageDataset> {
  const { names } = files;
  const { imageSize, channels, background = 'white', minImages = 2, pictureCache } = options;
  checkBackground(background);
  const form = `pictures ${imageSize} ${channels} ${background}`;
  const key =
    pictureCache === undefined || names.length < LEAST_PICTURES ? undefined : await cacheKey(files, form);
  const cached = key === undefined ? undefined : await readCached(pictureCache!, key, names.length);
  const set = cached ?? (await decodeAll(files, options, form));
  const { store, failures, fingerprint } = set;
  const slots = names.map((_, slot) => slot).filter((slot) => !failures.has(slot));
  const notes = [...(failures.size > 0 ? [skippedNote(names, failures)] : []), ...set.notes];
  if (slots.length < minImages) {
    throw new DataError(
      `'${files.path}' holds ${slots.length} usable pictures, and at least ${minImages} are needed; give a folder ` +
        `with more pictures.${notes.length > 0 ? ` ${notes[0]}` : ''}`,
    );
  }
  if (cached) notes.push(`The decoded pictures come from the cache (\`forger cache\`).`);
  else if (key !== undefined) notes.push(await keep(pictureCache!, key, set));
  const found = options.labels ? folderLabels(names) : undefined;
  if (found && 'none' in found) notes.push(found.none);
  return imageDataset({
    name: path.basename(path.resolve(files.path)),
    length: slots.length,
    channels,
    height: imageSize,
    width: imageSize,
    notes,
    fingerprint,
    label: found && 'classes' in found ? labelsAt(found, slots) : undefined,
    read(index, out, offset) {
      out.set(store.at(index), offset);
    },
  });
}

/** Decodes all pictures; those that can be read fill the store in order. */
async function decodeAll(files: PictureFiles, options: DatasetOptions, form: string): Promise<DecodedSet> {
  const { names } = files;
  const { imageSize: size, channels, background = 'white', onProgress } = options;
  const store = new PictureStore(names.length, channels * size * size);
  const hashes: (Buffer | undefined)[] = new Array(names.length);
  const failures = new Map<number, string>();
  /** Pictures of numbers: what is black and white in them is known once all have been seen. */
  const wide: number[] = [];
  let extent = { min: Number.POSITIVE_INFINITY, max: Number.NEGATIVE_INFINITY };
  const load = async (slot: number, range?: ValueRange): Promise<void> => {
    try {
      const bytes = await files.read(names[slot]!);
      const found = await decode(bytes, { size, background, range });
      if ('data' in found) {
        fit(found, channels, size, store.at(slot));
        hashes[slot] = createHash('sha256').update(bytes).digest();
      } else {
        wide.push(slot);
        extent = { min: Math.min(extent.min, found.min), max: Math.max(extent.max, found.max) };
      }
    } catch (error) {
      failures.set(slot, shown((error as Error).message.split('\n')[0]!, 200));
    }
  };
  let done = 0;
  await inParallel(names.length, async (slot) => {
    await load(slot);
    onProgress?.(++done, names.length, 'pictures');
  });
  const notes: string[] = [];
  const fingerprint = createHash('sha256').update(form);
  if (wide.length > 0) {
    const range = rangeOf(extent.min, extent.max);
    await inParallel(wide.length, (i) => load(wide[i]!, range));
    notes.push(rangeNote(extent, range));
    fingerprint.update(` ${range.low} ${range.high} `);
  }
  let to = 0;
  for (const [slot, hash] of hashes.entries()) {
    if (!hash) continue;
    fingerprint.update(hash);
    if (to !== slot) store.at(to).set(store.at(slot));
    to++;
  }
  store.truncate(to);
  return { store, fingerprint: fingerprint.digest('hex'), failures: inOrder(failures), notes };
}

/** Calls `fn` for each of `count` places, a few at a time. */
async function inParallel(count: number, fn: (place: number) => Promise<void>): Promise<void> {
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < count) await fn(next++);
  };
  await Promise.all(Array.from({ length: 2 * os.availableParallelism() }, worker));
}

/** Failures come in whatever order decoding ends in. */
const inOrder = (failures: ReadonlyMap<number, string>) => new Map([...failures].sort(([a], [b]) => a - b));

/** Keeps decoded pictures. @returns what to say of it. */
async function keep(folder: string, key: string, set: DecodedSet): Promise<string> {
  const gigabytes = MOST_CACHE_BYTES / 2 ** 30;
  try {
    const kept = await writeCached(folder, key, set);
    if (kept === undefined)
      return `The decoded pictures take more than the ${gigabytes} GiB that are kept for a next start, so they will be decoded again.`;
    return `The decoded pictures are kept for the next start, in ${folder} (at most ${gigabytes} GiB in all; \`forger cache\` shows and clears them).`;
  } catch (error) {
    return `The decoded pictures could not be kept for the next start (${shown((error as Error).message)}).`;
  }
}

/** "3 of 900 pictures could not be read and were skipped: 2 .png (why): a.png, b.png; 1 .jpg (why): c.jpg." */
function skippedNote(names: readonly string[], failures: ReadonlyMap<number, string>): string {
  const groups = new Map<string, string[]>();
  for (const [slot, reason] of failures) {
    const kind = `${extensionOf(names[slot]!)} (${reason})`;
    groups.set(kind, [...(groups.get(kind) ?? []), shown(names[slot]!)]);
  }
  const list = Array.from(groups, ([kind, failed]) => {
    const more = failed.length > NAMES_SHOWN ? ` and ${failed.length - NAMES_SHOWN} more` : '';
    return `${failed.length} ${kind}: ${failed.slice(0, NAMES_SHOWN).join(', ')}${more}`;
  });
  const [first, rest] = [list.slice(0, KINDS_SHOWN), list.length - KINDS_SHOWN];
  const more = rest > 0 ? `; and ${rest} more kinds` : '';
  return `${failures.size} of ${names.length} pictures could not be read and were skipped: ${first.join('; ')}${more}.`;
}

/** What of a folder or an archive is no picture, by extension; no sentence where all are. */
export function ignoredNote(names: readonly string[]): string[] {
  const counts = new Map<string, number>();
  for (const name of names) {
    if (PICTURE_NAME.test(name)) continue;
    const extension = extensionOf(name);
    counts.set(extension, (counts.get(extension) ?? 0) + 1);
  }
  if (counts.size === 0) return [];
  const list = [...counts].sort(([a, n], [b, m]) => m - n || (a < b ? -1 : 1));
  const shownFirst = list.slice(0, KINDS_SHOWN).map(([extension, count]) => `${count} ${extension}`);
  const more = list.length > KINDS_SHOWN ? `, and ${list.length - KINDS_SHOWN} more kinds` : '';
  return [`Files ignored because they are not pictures: ${shownFirst.join(', ')}${more}.`];
}

/** `.png`, in lower case. */
function extensionOf(name: string): string {
  return shown(path.posix.extname(name).toLowerCase(), 20) || 'without extension';
}
