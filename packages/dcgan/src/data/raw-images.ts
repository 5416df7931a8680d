// Uncompressed pictures of one size held in memory, fitted as they are read: the common end of IDX and CIFAR files.
import { createHash } from 'node:crypto';
import { DataError } from '@forger/tensor';
import { Fitter } from './fit.ts';
import { checkIndex, type DatasetOptions, type ImageDataset } from './types.ts';

/** Pictures as they stand in files: each record is `skip` bytes of something else, then the channel-first pixels. */
export interface RawPictures {
  channels: 1 | 3;
  height: number;
  width: number;
  skip: number;
  /** Whole records each. */
  parts: Uint8Array[];
}

export class RawImages implements ImageDataset {
  readonly name: string;
  readonly length: number;
  readonly channels: number;
  readonly height: number;
  readonly width: number;
  readonly notes: string[];
  readonly fingerprint: string;
  /** SHA-256 of all pixels in order, before fitting. */
  readonly pixelHash: string;
  readonly #raw: RawPictures;
  readonly #fitter: Fitter;
  readonly #recordBytes: number;

  /** Throws DataError when there are fewer pictures than `options.minImages`. */
  constructor(name: string, raw: RawPictures, options: DatasetOptions, notes: string[] = []) {
    const { imageSize, channels, minImages = 2 } = options;
    const pixels = raw.channels * raw.height * raw.width;
    this.name = name;
    this.#raw = raw;
    this.#recordBytes = raw.skip + pixels;
    this.length = raw.parts.reduce((sum, part) => sum + part.length / this.#recordBytes, 0);
    if (this.length < minImages) {
      throw new DataError(
        `'${name}' holds ${this.length} images, and at least ${minImages} are needed; give a larger data set.`,
      );
    }
    this.channels = channels;
    this.height = imageSize;
    this.width = imageSize;
    this.notes = notes;
    this.#fitter = new Fitter(raw.channels, raw.height, raw.width, channels, imageSize);
    const hash = createHash('sha256');
    for (const part of raw.parts) {
      if (raw.skip === 0) hash.update(part);
      else {
        for (let at = raw.skip; at < part.length; at += this.#recordBytes) {
          hash.update(part.subarray(at, at + pixels));
        }
      }
    }
    this.pixelHash = hash.digest('hex');
    const form = ['raw', raw.channels, raw.height, raw.width, this.length, imageSize, channels];
    this.fingerprint = createHash('sha256')
      .update(`${form.join(' ')} ${this.pixelHash}`)
      .digest('hex');
  }

  read(index: number, out: Uint8Array, offset: number): void {
    checkIndex(index, this.length);
    let at = index * this.#recordBytes;
    for (const part of this.#raw.parts) {
      if (at < part.length) {
        this.#fitter.fit(part, at + this.#raw.skip, out, offset);
        return;
      }
      at -= part.length;
    }
  }
}
