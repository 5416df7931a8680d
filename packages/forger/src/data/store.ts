// Room in memory for many pictures of one size.
import os from 'node:os';
import { DataError } from '@forger/tensor';

/** Places of `imageBytes` for `count` pictures, in arrays of at most 2 GiB each. */
export class PictureStore {
  #count: number;
  readonly imageBytes: number;
  readonly #perChunk: number;
  readonly #chunks: Uint8Array[] = [];

  /**
   * Throws DataError when the pictures would take more than three quarters of the machine's memory, or more
   * than it gives.
   */
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
    this.#count = count;
    this.imageBytes = imageBytes;
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

  get count(): number {
    return this.#count;
  }

  /** Leaves the places from `count` on away. */
  truncate(count: number): void {
    this.#count = count;
  }

  /** All places in order, a few arrays of them. */
  get chunks(): readonly Uint8Array[] {
    return this.#chunks
      .map((chunk, i) => {
        const left = Math.max(0, this.#count - i * this.#perChunk);
        return chunk.subarray(0, Math.min(left, this.#perChunk) * this.imageBytes);
      })
      .filter((chunk) => chunk.length > 0);
  }

  /** The bytes of one place, to read or to fill. */
  at(place: number): Uint8Array {
    const start = (place % this.#perChunk) * this.imageBytes;
    return this.#chunks[Math.floor(place / this.#perChunk)]!.subarray(start, start + this.imageBytes);
  }
}
