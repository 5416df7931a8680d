// Pictures of a folder or an archive, decoded once into memory at the size that training wants.
import { createHash } from 'node:crypto';
import os from 'node:os';
import path from 'node:path';
import { type DatasetOptions, Fitter, type ImageDataset, imageDataset, shown } from '@forger/dcgan/internal';
import { ConfigError, DataError } from '@forger/tensor';
import sharp from 'sharp';
import { decode, type Pixels } from './decode.ts';
import { readWhole } from './files.ts';
import { folderLabels, labelsAt } from './folder-labels.ts';
import { PictureStore } from './store.ts';

/** What sharp decodes everywhere; other files in the folder are not pictures. */
export const PICTURE_NAME = /\.(png|jpe?g|jfif|webp|gif|avif|tiff?)$/i;

const NAMES_SHOWN = 5;

/**
 * Fits a decoded picture into `out`: shorter side to `size`, centre kept. Up to four times that size the result is
 * torchvision's to the bit; libvips' own resizing differs from it, and shifts what it enlarges by up to half a pixel.
 */
function fit({ data, info }: Pixels, channels: 1 | 3, size: number, out: Uint8Array): void {
  const plane = info.width * info.height;
  const planes = new Uint8Array(3 * plane);
  for (let channel = 0; channel < 3; channel++) {
    // A grey picture may come as one channel; its value then stands for all three.
    const first = Math.min(channel, info.channels - 1);
    for (let i = 0; i < plane; i++) planes[channel * plane + i] = data[i * info.channels + first]!;
  }
  new Fitter(3, info.height, info.width, channels, size).fit(planes, 0, out, 0);
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
}

/** Pictures of a folder, by their names below it. */
export function filesOf(folder: string, names: string[]): PictureFiles {
  return { path: folder, names, read: (name) => readWhole(path.join(folder, name)) };
}

/**
 * Decodes pictures, in parallel. Files that cannot be decoded are skipped and named in `notes`. Throws DataError when
 * fewer than `options.minImages` remain, ConfigError for an unknown background.
 */
export async function openPictures(files: PictureFiles, options: DatasetOptions): Promise<ImageDataset> {
  const { names } = files;
  const { imageSize, channels, background = 'white', minImages = 2, onProgress } = options;
  checkBackground(background);
  const store = new PictureStore(names.length, channels * imageSize * imageSize);
  const hashes: (Buffer | undefined)[] = new Array(names.length);
  const failures = new Map<string, string>();

  let next = 0;
  let done = 0;
  const load = async (slot: number) => {
    const name = names[slot]!;
    let pixels: Pixels;
    let bytes: Uint8Array;
    try {
      bytes = await files.read(name);
      pixels = await decode(bytes, imageSize, background);
    } catch (error) {
      failures.set(name, shown((error as Error).message.split('\n')[0]!, 200));
      return;
    }
    fit(pixels, channels, imageSize, store.at(slot));
    hashes[slot] = createHash('sha256').update(bytes).digest();
  };
  const worker = async () => {
    while (next < names.length) {
      await load(next++);
      onProgress?.(++done, names.length, 'pictures');
    }
  };
  await Promise.all(Array.from({ length: 2 * os.availableParallelism() }, worker));

  const slots = names.map((_, slot) => slot).filter((slot) => hashes[slot] !== undefined);
  const notes = failures.size > 0 ? [skippedNote(names, failures)] : [];
  if (slots.length < minImages) {
    throw new DataError(
      `'${files.path}' holds ${slots.length} usable pictures, and at least ${minImages} are needed; give a folder ` +
        `with more pictures.${notes.length > 0 ? ` ${notes[0]}` : ''}`,
    );
  }
  const found = options.labels ? folderLabels(names) : undefined;
  if (found && 'none' in found) notes.push(found.none);
  const fingerprint = createHash('sha256').update(`pictures ${imageSize} ${channels} ${background}`);
  for (const slot of slots) fingerprint.update(hashes[slot]!);
  return imageDataset({
    name: path.basename(path.resolve(files.path)),
    length: slots.length,
    channels,
    height: imageSize,
    width: imageSize,
    notes,
    fingerprint: fingerprint.digest('hex'),
    label: found && 'classes' in found ? labelsAt(found, slots) : undefined,
    read(index, out, offset) {
      out.set(store.at(slots[index]!), offset);
    },
  });
}

/** "3 of 900 pictures could not be read and were skipped: a.png (why), b.png (why), c.png (why)." */
function skippedNote(names: string[], failures: Map<string, string>): string {
  const failed = names.filter((name) => failures.has(name));
  const list = failed.slice(0, NAMES_SHOWN).map((name) => `${shown(name)} (${failures.get(name)})`);
  if (failed.length > NAMES_SHOWN) list.push(`and ${failed.length - NAMES_SHOWN} more`);
  return `${failed.length} of ${names.length} pictures could not be read and were skipped: ${list.join(', ')}.`;
}
