// CIFAR-10 in its binary form: records of one label byte (0 to 9) and 32×32 pixels, red plane, green plane, blue
// plane. Format: https://www.cs.toronto.edu/~kriz/cifar.html, "Binary version".
import { DataError } from '@forger/tensor';
import { shown } from '../printable.ts';
import type { LabelSpec } from './image-dataset.ts';
import { type FitOptions, openRawImages, type RawPictures } from './raw-images.ts';
import { readTar } from './tar.ts';
import type { ImageDataset } from './types.ts';

const SIDE = 32;
const RECORD_BYTES = 1 + 3 * SIDE * SIDE;
/** The published archive inflates to 184 MB; anything far beyond that is not it. */
export const MAX_ARCHIVE_BYTES = 512 * 2 ** 20;

/** The names of the training batches, alone or inside the archive. */
export const CIFAR_BATCH = /(^|\/)data_batch_\d+\.bin$/;
/** The file of the classes' names, a line each. */
export const CIFAR_META = 'batches.meta.txt';
export const CIFAR_ARCHIVE = /(^|\/)cifar-10-binary\.tar\.gz$/;

/** Checks one batch; `file` is only named in errors. Throws DataError for bytes that are not CIFAR-10 records. */
function checkBatch(bytes: Uint8Array, file: string): Uint8Array {
  if (bytes.length === 0 || bytes.length % RECORD_BYTES !== 0) {
    throw new DataError(
      `'${file}' holds ${bytes.length} bytes, and a multiple of ${RECORD_BYTES} (CIFAR-10 records of a label and ` +
        `${SIDE}×${SIDE} RGB) was expected; download or copy the binary version of CIFAR-10 again.`,
    );
  }
  for (let at = 0; at < bytes.length; at += RECORD_BYTES) {
    if (bytes[at]! > 9) {
      throw new DataError(
        `'${file}' has the label ${bytes[at]} in record ${at / RECORD_BYTES}, and 0 to 9 was expected; ` +
          'it is not CIFAR-10, so give a data_batch_*.bin of its binary version.',
      );
    }
  }
  return bytes;
}

/** The classes as published, in the order of their labels. */
export const CIFAR_CLASSES: readonly string[] = [
  'airplane',
  'automobile',
  'bird',
  'cat',
  'deer',
  'dog',
  'frog',
  'horse',
  'ship',
  'truck',
];

/** The names in batches.meta.txt; `file` is only named in errors. @throws DataError unless there are ten. */
export function parseCifarMeta(bytes: Uint8Array, file: string): string[] {
  const names = new TextDecoder()
    .decode(bytes)
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '');
  if (names.length !== CIFAR_CLASSES.length) {
    throw new DataError(
      `'${file}' holds ${names.length} names of classes, and ${CIFAR_CLASSES.length} were expected; remove it, and the published names are taken.`,
    );
  }
  return names;
}

/** A batch file in memory. */
export interface CifarFile {
  /** Named in errors. */
  name: string;
  bytes: Uint8Array;
}

/** The pictures and labels of binary batches, in the given order. @throws DataError for bytes of another form. */
export function parseCifarBatches(
  files: readonly CifarFile[],
  classes: readonly string[] = CIFAR_CLASSES,
): RawPictures {
  const parts = files.map(({ name, bytes }) => checkBatch(bytes, name));
  return { channels: 3, height: SIDE, width: SIDE, skip: 1, parts, label: labelsOf(parts, classes) };
}

function labelsOf(parts: readonly Uint8Array[], classes: readonly string[]): LabelSpec {
  return {
    classes,
    read(index) {
      let at = index * RECORD_BYTES;
      for (const part of parts) {
        if (at < part.length) return part[at]!;
        at -= part.length;
      }
      throw new RangeError(`label ${index} was asked for`);
    },
  };
}

/**
 * CIFAR-10 from its binary batches in memory, with its labels.
 * @param files the batches, in order. @throws DataError for bytes of another form.
 */
export async function cifarDataset(
  name: string,
  files: readonly CifarFile[],
  options: FitOptions,
): Promise<ImageDataset> {
  return openRawImages(name, parseCifarBatches(files), options);
}

/**
 * The training batches of cifar-10-binary.tar, in memory and without gzip; `file` is only named in errors.
 * @param labels take the classes' names from the archive.
 * @throws DataError for any other content.
 */
export function parseCifarArchive(archive: Uint8Array, file: string, labels = false): RawPictures {
  const all = readTar(archive, file);
  const entries = all.filter((entry) => CIFAR_BATCH.test(entry.name));
  if (entries.length === 0) {
    throw new DataError(`'${file}' has no data_batch_*.bin in it; download cifar-10-binary.tar.gz again.`);
  }
  entries.sort((a, b) => (a.name < b.name ? -1 : 1));
  const meta = labels ? all.find((entry) => entry.name.split('/').at(-1) === CIFAR_META) : undefined;
  return parseCifarBatches(
    entries.map(({ name, bytes }) => ({ name: `${file}:${shown(name)}`, bytes })),
    meta && parseCifarMeta(meta.bytes, `${file}:${shown(meta.name)}`),
  );
}
