// Batches for training: named arrays, every epoch a new order of the data set, pixels scaled to the task's range.

import { ConfigError, DataError } from '@forger/tensor';
import type { HostBatch } from '../train/step-runner.ts';
import type { InputInfo, InputInfos, Inputs } from '../train/task.ts';
import { checkSeed, permutation, Random, STREAM } from './random.ts';
import type { Dataset, Field } from './types.ts';

/** Where batches stand: the epoch of the next batch, and how many batches of that epoch are gone. */
export interface BatchState {
  epoch: number;
  position: number;
  /** The same of further data sets by name, where there are several. */
  others?: Record<string, { epoch: number; position: number }>;
}

/**
 * Where a run's batches come from. Anything that has these members will do: data that are made as they are
 * asked for, or read by other means.
 */
export interface Batches {
  readonly batchSize: number;
  /** Whole batches in an epoch. */
  readonly batchesPerEpoch: number;
  /** What the inputs are, by name. */
  readonly inputs: InputInfos;
  /** The epoch of the next batch, which is also the number of epochs completed. */
  readonly epoch: number;
  /** The next batch; its arrays stay as they are until the call after the next one. */
  next(): HostBatch;
  /** The first `count` samples of an input, for previews; the order of batches does not change. */
  first(input: string, count: number): Float32Array | Int32Array;
  /** Where they stand, for a checkpoint: what JSON can hold. */
  state(): BatchState;
  /**
   * Continues from a state with the same batches as if they had never stopped. @throws DataError for another's state.
   */
  restore(state: BatchState): void;
  /** A hash of all that later batches depend on, so that a resumed run can refuse other data. */
  readonly fingerprint: string;
  /** One line for people, such as `glyphs, 60,000 pictures of 32x32x1`. */
  readonly description: string;
}

export interface BatchOptions {
  batchSize: number;
  /** An integer from 0 to 2^53-1; the order of epoch e follows from (seed, e) alone. */
  seed: number;
  /** The range of images: 'tanh' gives x/127.5 - 1, 'sigmoid' gives x/255. */
  range: 'tanh' | 'sigmoid';
  /** A fresh order in each epoch, else the data set's own. Default true. */
  shuffle?: boolean | undefined;
  /** The order of the channels of colour images. Default 'rgb'. */
  channelOrder?: 'rgb' | 'bgr' | undefined;
  /** What a batch consists of. Default: images under the name `real`. */
  inputs?: Inputs | undefined;
}

/** The data set that inputs are taken from unless they name another. */
export const MAIN_SOURCE = 'data';

/**
 * An endless sequence of batches from data sets in memory. By default each epoch takes the samples in a new
 * random order.
 * The short last batch is dropped, so an epoch leaves out `length % batchSize` samples, other ones each time. Each of
 * several data sets has its own order, and an epoch ends with the longest.
 *
 * Throws ConfigError when the batch is larger than a data set, the seed is out of range, or a data set is missing;
 * DataError when one has no such field.
 */
export class DatasetBatches implements Batches {
  readonly batchSize: number;
  readonly batchesPerEpoch: number;
  readonly inputs: InputInfos;
  readonly fingerprint: string;
  readonly description: string;
  readonly #readers: readonly InputReader[];
  readonly #orders: ReadonlyMap<string, Order>;
  /** The order whose epochs are the run's. */
  readonly #leading: Order;
  /** Buffers of two batches, filled in turn. */
  #buffers: [HostBatch, HostBatch];

  constructor(datasets: Dataset | Readonly<Record<string, Dataset>>, options: BatchOptions) {
    const { batchSize, seed, shuffle = true, inputs = { real: {} } } = options;
    checkSeed(seed);
    if (!Number.isInteger(batchSize) || batchSize < 1) {
      throw new ConfigError(`The batch size is ${batchSize}; give an integer of at least 1.`);
    }
    const sources = isDataset(datasets) ? { [MAIN_SOURCE]: datasets } : datasets;
    this.batchSize = batchSize;
    this.#readers = Object.entries(inputs).map(([name, { field = 'image', source = MAIN_SOURCE }]) => {
      const dataset = sources[source];
      if (!dataset)
        throw new ConfigError(
          `The input '${name}' is taken from the data set '${source}'; there are ${Object.keys(sources).join(', ') || 'none'}: give one of that name.`,
        );
      return new InputReader(name, source, dataset, field, options);
    });
    const used = [...new Set(this.#readers.map(({ source }) => source))];
    this.#orders = new Map(
      used.map((source, i) => [source, new Order(sources[source]!, i, { batchSize, seed, shuffle })]),
    );
    const orders = [...this.#orders.values()];
    this.#leading = orders.reduce((a, b) => (b.batchesPerEpoch > a.batchesPerEpoch ? b : a));
    this.batchesPerEpoch = this.#leading.batchesPerEpoch;
    this.inputs = Object.fromEntries(this.#readers.map(({ name, info }) => [name, info]));
    // Of images alone it is the data set's own, as runs of earlier versions have it.
    this.fingerprint = [...new Set(this.#readers.map(({ fingerprint }) => fingerprint))].join(' ');
    this.description = used.map((source) => describe(sources[source]!)).join('; ');
    const arrays = (): HostBatch =>
      Object.fromEntries(this.#readers.map((reader) => [reader.name, reader.array(batchSize)]));
    this.#buffers = [arrays(), arrays()];
  }

  get epoch(): number {
    return this.#leading.epoch;
  }

  next(): HostBatch {
    const indices = new Map(Array.from(this.#orders, ([source, order]) => [source, order.next()]));
    const [batch, other] = this.#buffers;
    this.#buffers = [other, batch];
    for (const reader of this.#readers) {
      const order = indices.get(reader.source)!;
      const out = batch[reader.name]!;
      for (let n = 0; n < order.length; n++) reader.read(order[n]!, out, n);
    }
    return batch;
  }

  first(input: string, count: number): Float32Array | Int32Array {
    const reader = this.#readers.find(({ name }) => name === input);
    if (!reader)
      throw new ConfigError(
        `Data of the input '${input}' were asked for; the task's inputs are ${this.#readers.map(({ name }) => name).join(', ')}.`,
      );
    const out = reader.array(count);
    for (let n = 0; n < count; n++) reader.read(n % reader.length, out, n);
    return out;
  }

  state(): BatchState {
    const { epoch, position } = this.#leading;
    const others = [...this.#orders].filter(([, order]) => order !== this.#leading);
    return {
      epoch,
      position,
      ...(others.length > 0 && {
        others: Object.fromEntries(
          others.map(([source, { epoch, position }]) => [source, { epoch, position }]),
        ),
      }),
    };
  }

  restore(state: BatchState): void {
    for (const [source, order] of this.#orders)
      order.moveTo(order === this.#leading ? state : (state.others?.[source] ?? { epoch: 0, position: -1 }));
  }
}

/** The order in which a data set's samples come. */
class Order {
  readonly batchesPerEpoch: number;
  readonly #length: number;
  readonly #options: { batchSize: number; seed: number; shuffle: boolean };
  readonly #place: number;
  #order: Uint32Array | undefined;
  epoch = 0;
  position = 0;

  /** @param place of the data set among several: orders of the same length are to differ. */
  constructor(
    { name, length }: Dataset,
    place: number,
    options: { batchSize: number; seed: number; shuffle: boolean },
  ) {
    const { batchSize } = options;
    if (batchSize > length) {
      throw new ConfigError(
        `The batch size is ${batchSize}, but the data set '${name}' holds only ${length} images; ` +
          `give a batch size of at most ${length}, or more images.`,
      );
    }
    this.batchesPerEpoch = Math.floor(length / batchSize);
    this.#length = length;
    this.#options = options;
    this.#place = place;
  }

  /** The indices of the next batch. */
  next(): Uint32Array {
    const { batchSize } = this.#options;
    this.#order ??= this.#newOrder();
    const batch = this.#order.subarray(this.position * batchSize, (this.position + 1) * batchSize);
    if (++this.position === this.batchesPerEpoch) this.#moveTo(this.epoch + 1, 0);
    return batch;
  }

  /** Costs the same however far the place is. @throws DataError for a place that no such order has. */
  moveTo({ epoch, position }: { epoch: number; position: number }): void {
    const valid = (value: number, limit: number) => Number.isInteger(value) && value >= 0 && value < limit;
    if (!valid(epoch, 2 ** 32) || !valid(position, this.batchesPerEpoch)) {
      throw new DataError(
        `The saved place in the data is epoch ${epoch}, batch ${position}, but an epoch here has ` +
          `${this.batchesPerEpoch} batches; resume with the data and the batch size that the run began with.`,
      );
    }
    this.#moveTo(epoch, position);
  }

  #moveTo(epoch: number, position: number): void {
    if (epoch !== this.epoch) this.#order = undefined;
    this.epoch = epoch;
    this.position = position;
  }

  #newOrder(): Uint32Array {
    const { seed, shuffle } = this.#options;
    if (!shuffle) return Uint32Array.from({ length: this.#length }, (_, i) => i);
    const stream = STREAM.shuffle + this.#place * STREAM.apart;
    return permutation(this.#length, new Random(seed, stream, this.epoch));
  }
}

/** Reads one input's values of a sample. */
class InputReader {
  readonly name: string;
  readonly source: string;
  readonly length: number;
  readonly info: InputInfo;
  readonly fingerprint: string;
  readonly #field: Field;
  readonly #size: number;
  readonly #bytes: Uint8Array;
  readonly #scaled: Float32Array;
  readonly #swaps: boolean;

  constructor(name: string, source: string, dataset: Dataset, fieldName: string, options: BatchOptions) {
    const field = dataset.fields[fieldName];
    if (!field)
      throw new DataError(
        `The input '${name}' needs the field '${fieldName}', and the data set '${dataset.name}' has ${Object.keys(dataset.fields).join(', ')}` +
          `${fieldName === 'label' ? ' but no labels: give data with a label file or with a folder for each class' : ''}.`,
      );
    const { range, channelOrder } = options;
    this.name = name;
    this.source = source;
    this.length = dataset.length;
    this.fingerprint = field.fingerprint;
    this.#field = field;
    const shape = field.kind === 'label' ? [] : [...field.shape];
    this.#size = shape.reduce((product, n) => product * n, 1);
    this.info =
      field.kind === 'label'
        ? { shape, dtype: 'int32', classes: field.classes }
        : { shape, dtype: 'float32' };
    this.#bytes = new Uint8Array(field.kind === 'image' ? this.#size : 0);
    this.#scaled = Float32Array.from({ length: 256 }, (_, x) => (range === 'tanh' ? x / 127.5 - 1 : x / 255));
    this.#swaps = field.kind === 'image' && channelOrder === 'bgr' && field.shape[0] === 3;
  }

  array(count: number): Float32Array | Int32Array {
    return this.#field.kind === 'label' ? new Int32Array(count) : new Float32Array(count * this.#size);
  }

  /** Writes the values of sample `index` as the n-th of `out`. */
  read(index: number, out: Float32Array | Int32Array, n: number): void {
    const field = this.#field;
    if (field.kind === 'label') out[n] = field.read(index);
    else if (field.kind === 'numbers') field.read(index, out as Float32Array, n * this.#size);
    else {
      const [bytes, scaled, at] = [this.#bytes, this.#scaled, n * this.#size];
      field.read(index, bytes, 0);
      if (this.#swaps) swapRedAndBlue(bytes);
      for (let i = 0; i < bytes.length; i++) out[at + i] = scaled[bytes[i]!]!;
    }
  }
}

function swapRedAndBlue(image: Uint8Array): void {
  const plane = image.length / 3;
  const red = image.slice(0, plane);
  image.copyWithin(0, 2 * plane);
  image.set(red, 2 * plane);
}

function describe({ name, length, fields }: Dataset): string {
  const image = Object.values(fields).find((field) => field.kind === 'image');
  if (!image) return `${name}, ${length.toLocaleString('en')} samples`;
  const [channels, height, width] = image.shape;
  return `${name}, ${length.toLocaleString('en')} pictures of ${width}x${height}x${channels}`;
}

const isDataset = (value: Dataset | Readonly<Record<string, Dataset>>): value is Dataset =>
  typeof (value as Dataset).length === 'number' && typeof (value as Dataset).fields === 'object';
