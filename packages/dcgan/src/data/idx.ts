// IDX image files, as MNIST's: a big-endian header (magic 0x00000803 for unsigned bytes in three dimensions, then
// count, rows, columns) and the pixels. Format: http://yann.lecun.com/exdb/mnist/, "the IDX file format".
import { DataError } from '@forger/tensor';
import type { RawPictures } from './raw-images.ts';

/** The largest file that is read into memory whole. */
export const MAX_BYTES = 2 ** 31 - 1;

const HEADER_BYTES = 16;
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
