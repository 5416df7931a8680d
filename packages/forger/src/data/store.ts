// Room in memory for many pictures of one size.
import os from 'node:os';
import { DataError } from '@forger/tensor';

/** Places of `imageBytes` for `count` pictures, in arrays of at most 2 GiB each. */
export class PictureStore {
  readonly #imageBytes: number;
  readonly #perChunk: number;
  readonly #chunks: Uint8Array[] = [];

  /** Throws DataError when the pictures would take more than three quarters of the machine's memory, or more than it gives. */
  constructor(count: number, imageBytes: number, chunkBytes = 2 ** 31) {
    const total = count * imageBytes;
    const memory = Math.min(os.totalmem(), process.constrainedMemory() || Number.POSITIVE_INFINITY);
    const gigabytes = (bytes: number) => (bytes / 1e9).toFixed(1);
    if (total > 0.75 * memory) {
      throw new DataError(
        `${count} pictures at this size take ${gigabytes(total)} GB of memory, and this machine has ` +
          `${gigabytes(memory)} GB; give a smaller --image-size or fewer pictures.`,
      );
    }
    this.#imageBytes = imageBytes;
    this.#perChunk = Math.floor(chunkBytes / imageBytes);
    try {
      for (let left = count; left > 0; left -= this.#perChunk) {
        this.#chunks.push(new Uint8Array(Math.min(left, this.#perChunk) * imageBytes));
      }
    } catch (error) {
      throw new DataError(
        `${count} pictures at this size take ${gigabytes(total)} GB of memory, which the system would not give; ` +
          'give a smaller --image-size or fewer pictures, or close some programs.',
        { cause: error },
      );
    }
  }

  /** The bytes of one place, to read or to fill. */
  at(place: number): Uint8Array {
    const start = (place % this.#perChunk) * this.#imageBytes;
    return this.#chunks[Math.floor(place / this.#perChunk)]!.subarray(start, start + this.#imageBytes);
  }
}
