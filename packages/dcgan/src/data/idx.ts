// IDX files, as MNIST's. Images: a big-endian header (magic 0x00000803 for unsigned bytes in three dimensions, then
// count, rows, columns) and the pixels. Labels: magic 0x00000801, count, and a byte each.
// Format: http://yann.lecun.com/exdb/mnist/, "the IDX file format".
import { DataError } from '@forger/tensor';
import { gunzip } from './gunzip.ts';
import type { LabelSpec } from './image-dataset.ts';
import { type FitOptions, openRawImages, type RawPictures } from './raw-images.ts';
import type { ImageDataset } from './types.ts';

/** The largest file that is read into memory whole. */
export const MAX_BYTES = 2 ** 31 - 1;

const HEADER_BYTES = 16;
const LABEL_HEADER_BYTES = 8;
const MAGIC_IMAGES = 0x00000803;
const MAGIC_LABELS = 0x00000801;

/** `train-images-idx3-ubyte`, `train-images.idx3-ubyte`, either with `.gz`; any name before `idx3-ubyte` will do. */
export const IDX_NAME = /[-.]idx3-ubyte(\.gz)?$/;

export interface IdxHeader {
  count: number;
  rows: number;
  columns: number;
  /** Length of a right file, header and pixels. */
  bytes: number;
}

/** Reads the header; `file` is only named in errors. Throws DataError for one that is not an image file's. */
export function parseIdxHeader(head: Uint8Array, file: string): IdxHeader {
  if (head.length < HEADER_BYTES) {
    throw new DataError(
      `'${file}' holds ${head.length} bytes, less than the ${HEADER_BYTES} of an IDX header; ` +
        'it was probably cut short, so download or copy it again.',
    );
  }
  const view = new DataView(head.buffer, head.byteOffset, head.byteLength);
  const magic = view.getUint32(0);
  if (magic !== MAGIC_IMAGES) {
    const found = `0x${magic.toString(16).padStart(8, '0')}${magic === MAGIC_LABELS ? ' (labels)' : ''}`;
    throw new DataError(
      `'${file}' begins with the magic number ${found}, and 0x00000803 (IDX images of unsigned bytes) was ` +
        'expected; give an images file such as train-images-idx3-ubyte.gz, a CIFAR-10 data_batch_*.bin or a folder.',
    );
  }
  const [count, rows, columns] = [view.getUint32(4), view.getUint32(8), view.getUint32(12)];
  const bytes = HEADER_BYTES + count * rows * columns;
  if (count === 0 || rows === 0 || columns === 0 || bytes > MAX_BYTES) {
    throw new DataError(
      `'${file}' has an IDX header of ${count} images of ${rows}×${columns}, and at least one image and at most ` +
        '2 GiB in all were expected; the header is probably damaged, so download or copy the file again.',
    );
  }
  return { count, rows, columns, bytes };
}

/**
 * The pictures of an IDX image file in memory, without gzip; `file` is only named in errors.
 * @throws DataError for a damaged file, another magic number, or more or less data than the header says.
 */
export function parseIdx(content: Uint8Array, file: string): RawPictures {
  const { count, rows, columns, bytes } = parseIdxHeader(content, file);
  if (content.length !== bytes) {
    const kind = content.length < bytes ? 'short' : 'long';
    throw new DataError(
      `'${file}' is too ${kind}: its header says ${count} images of ${rows}×${columns}, ${bytes} ` +
        `bytes in all, and it holds ${content.length}; download or copy it again.`,
    );
  }
  return { channels: 1, height: rows, width: columns, skip: 0, parts: [content.subarray(HEADER_BYTES)] };
}

/**
 * The names that the labels of an image file go by, best first: train-labels-idx1-ubyte for train-images-idx3-ubyte.
 */
export function labelNames(imageName: string): string[] {
  const stem = imageName
    .replace(/\.gz$/, '')
    .replace(/[-.]idx3-ubyte$/, '')
    .replace(/images(?!.*images)/, 'labels');
  const names = [`${stem}-idx1-ubyte`, `${stem}.idx1-ubyte`];
  // Beside a file of one form the labels are of the same.
  if (/\.idx3-ubyte/.test(imageName)) names.reverse();
  return names.flatMap((name) => [name, `${name}.gz`]);
}

/** How many labels the header of a label file says, and its length in all. Throws DataError for another header. */
export function parseIdxLabelHeader(head: Uint8Array, file: string): { count: number; bytes: number } {
  if (head.length < LABEL_HEADER_BYTES) {
    throw new DataError(
      `'${file}' holds ${head.length} bytes, less than the ${LABEL_HEADER_BYTES} of an IDX header; ` +
        'it was probably cut short, so download or copy it again.',
    );
  }
  const view = new DataView(head.buffer, head.byteOffset, head.byteLength);
  const magic = view.getUint32(0);
  if (magic !== MAGIC_LABELS) {
    const found = `0x${magic.toString(16).padStart(8, '0')}${magic === MAGIC_IMAGES ? ' (images)' : ''}`;
    throw new DataError(
      `'${file}' begins with the magic number ${found}, and 0x00000801 (IDX labels of unsigned bytes) was ` +
        'expected; give a labels file such as train-labels-idx1-ubyte.gz.',
    );
  }
  const count = view.getUint32(4);
  return { count, bytes: LABEL_HEADER_BYTES + count };
}

/**
 * The labels of an IDX label file in memory, without gzip, one for each of `images` pictures; files are only
 * named in errors.
 * @param classes names of the classes. Default: 0, 1, 2, … to the largest label.
 * @throws DataError for a damaged file, another number of labels, or a label that no class has.
 */
export function parseIdxLabels(
  content: Uint8Array,
  file: string,
  images: { count: number; file: string },
  classes?: readonly string[],
): LabelSpec {
  const { count, bytes } = parseIdxLabelHeader(content, file);
  if (content.length !== bytes) {
    throw new DataError(
      `'${file}' is too ${content.length < bytes ? 'short' : 'long'}: its header says ${count} labels, ${bytes} bytes in ` +
        `all, and it holds ${content.length}; download or copy it again.`,
    );
  }
  if (count !== images.count) {
    throw new DataError(
      `'${file}' holds ${count} labels, and '${images.file}' holds ${images.count} images; put the labels beside the ` +
        'images that they belong to.',
    );
  }
  const labels = content.subarray(LABEL_HEADER_BYTES);
  const largest = labels.reduce((most, label) => Math.max(most, label), 0);
  const names = classes ?? Array.from({ length: largest + 1 }, (_, label) => String(label));
  if (largest >= names.length) {
    throw new DataError(
      `'${file}' has the label ${largest}, and 0 to ${names.length - 1} were expected; give the labels that belong to ` +
        `'${images.file}'.`,
    );
  }
  return { classes: names, read: (index) => labels[index]! };
}

/** IDX files in memory, plain or gzip. */
export interface IdxFiles {
  images: Uint8Array;
  labels?: Uint8Array | undefined;
  /** Names of the classes. Default: 0, 1, 2, … */
  classes?: readonly string[] | undefined;
}

/**
 * MNIST, or any data in its format, from memory: what a page has fetched, or a user has dropped on it.
 * @throws DataError for damaged files, or labels that do not go with the images.
 */
export async function idxDataset(
  name: string,
  { images, labels, classes }: IdxFiles,
  options: FitOptions,
): Promise<ImageDataset> {
  const file = `${name}, images`;
  const content = await gunzip(images, file, HEADER_BYTES, (head) => parseIdxHeader(head, file).bytes);
  const raw = parseIdx(content, file);
  if (!labels) return openRawImages(name, raw, options);
  const labelFile = `${name}, labels`;
  const unpacked = await gunzip(
    labels,
    labelFile,
    LABEL_HEADER_BYTES,
    (head) => parseIdxLabelHeader(head, labelFile).bytes,
  );
  const { count } = parseIdxHeader(content, file);
  const label = parseIdxLabels(unpacked, labelFile, { count, file }, classes);
  return openRawImages(name, { ...raw, label }, options);
}
