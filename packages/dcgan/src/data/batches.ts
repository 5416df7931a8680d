// Batches for training: every epoch a new order of the data set, pixels scaled to the generator's range.
import { ConfigError, DataError } from '@forger/tensor';
import { checkSeed, permutation, Random, STREAM } from './random.ts';
import type { ImageDataset } from './types.ts';

export interface BatchOptions {
  batchSize: number;
  /** An integer from 0 to 2^53-1; the order of epoch e follows from (seed, e) alone. */
  seed: number;
  /** The range of the generator's last activation: 'tanh' gives x/127.5 - 1, 'sigmoid' gives x/255. */
  range: 'tanh' | 'sigmoid';
  /** A fresh order in each epoch, else the data set's own. Default true. */
  shuffle?: boolean | undefined;
  /** The order of the channels of colour pictures. Default 'rgb'. */
  channelOrder?: 'rgb' | 'bgr' | undefined;
}

/** Where a BatchSource stands: the epoch of its next batch, and how many batches of that epoch are gone. */
export interface BatchState {
  epoch: number;
  position: number;
}

/**
 * An endless row of batches. Each epoch walks a fresh permutation of the data, unless told otherwise; the short last batch is dropped,
 * so an epoch leaves out `length % batchSize` images, other ones each time.
 *
 * Throws ConfigError when the batch is larger than the data set, or the seed out of range.
 */
export class BatchSource {
  /** Full batches in an epoch. */
  readonly batchesPerEpoch: number;
  readonly #dataset: ImageDataset;
  readonly #options: BatchOptions;
  readonly #imageBytes: number;
  readonly #bytes: Uint8Array;
  readonly #scaled: Float32Array;
  readonly #buffers: [Float32Array, Float32Array];
  #order: Uint32Array | undefined;
  #epoch = 0;
  #position = 0;

  constructor(dataset: ImageDataset, options: BatchOptions) {
    const { batchSize, seed, range } = options;
    checkSeed(seed);
    if (!Number.isInteger(batchSize) || batchSize < 1) {
      throw new ConfigError(`The batch size is ${batchSize}; give an integer of at least 1.`);
    }
    if (batchSize > dataset.length) {
      throw new ConfigError(
        `The batch size is ${batchSize}, but the data set '${dataset.name}' holds only ${dataset.length} images; ` +
          `give a batch size of at most ${dataset.length}, or more images.`,
      );
    }
    this.batchesPerEpoch = Math.floor(dataset.length / batchSize);
    this.#dataset = dataset;
    this.#options = options;
    this.#imageBytes = dataset.channels * dataset.height * dataset.width;
    this.#bytes = new Uint8Array(batchSize * this.#imageBytes);
    this.#scaled = Float32Array.from({ length: 256 }, (_, x) => (range === 'tanh' ? x / 127.5 - 1 : x / 255));
    this.#buffers = [new Float32Array(this.#bytes.length), new Float32Array(this.#bytes.length)];
  }

  /** The epoch of the next batch, which is also the number of epochs completed. */
  get epoch(): number {
    return this.#epoch;
  }

  /**
   * The next batch, N × C × H × W. Two arrays are filled in turn: a batch stays as it is until the call after
   * the next one.
   */
  next(): Float32Array {
    const { batchSize, channelOrder } = this.#options;
    this.#order ??= this.#newOrder();
    const bytes = this.#bytes;
    const scaled = this.#scaled;
    for (let n = 0; n < batchSize; n++) {
      const index = this.#order[this.#position * batchSize + n]!;
      this.#dataset.read(index, bytes, n * this.#imageBytes);
      if (channelOrder === 'bgr' && this.#dataset.channels === 3) this.#swapRedAndBlue(n * this.#imageBytes);
    }
    const [batch, other] = this.#buffers;
    this.#buffers[0] = other;
    this.#buffers[1] = batch;
    for (let i = 0; i < bytes.length; i++) batch[i] = scaled[bytes[i]!]!;
    if (++this.#position === this.batchesPerEpoch) this.#moveTo(this.#epoch + 1, 0);
    return batch;
  }

  /** Where the source stands, for a checkpoint. */
  state(): BatchState {
    return { epoch: this.#epoch, position: this.#position };
  }

  /**
   * Continues from a state taken with the same data, batch size and seed, with the same batches as if it had
   * never stopped. Costs the same however far the state is. Throws DataError for a state that no such source has.
   */
  restore(state: BatchState): void {
    const { epoch, position } = state;
    const valid = (value: number, limit: number) => Number.isInteger(value) && value >= 0 && value < limit;
    if (!valid(epoch, 2 ** 32) || !valid(position, this.batchesPerEpoch)) {
      throw new DataError(
        `The saved place in the data is epoch ${epoch}, batch ${position}, but an epoch here has ` +
          `${this.batchesPerEpoch} batches; resume with the data and the batch size that the run began with.`,
      );
    }
    this.#moveTo(epoch, position);
  }

  #newOrder(): Uint32Array {
    const { length } = this.#dataset;
    const { seed, shuffle = true } = this.#options;
    if (!shuffle) return Uint32Array.from({ length }, (_, i) => i);
    return permutation(length, new Random(seed, STREAM.shuffle, this.#epoch));
  }

  #swapRedAndBlue(at: number): void {
    const plane = this.#imageBytes / 3;
    const image = this.#bytes.subarray(at, at + this.#imageBytes);
    const red = image.slice(0, plane);
    image.copyWithin(0, 2 * plane);
    image.set(red, 2 * plane);
  }

  #moveTo(epoch: number, position: number): void {
    if (epoch !== this.#epoch) this.#order = undefined;
    this.#epoch = epoch;
    this.#position = position;
  }
}
