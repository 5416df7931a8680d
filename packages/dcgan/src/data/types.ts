// What a data set is to the rest of Forger, and what may be asked of one.

/** A set of equally sized square pictures, each channel-first bytes 0..255. */
export interface ImageDataset {
  readonly name: string;
  readonly length: number;
  readonly channels: number;
  readonly height: number;
  readonly width: number;
  /**
   * Writes image `index` as channels × height × width bytes into `out` from `offset`. The same index always
   * gives the same bytes. Throws a RangeError when `index` is not in 0..length-1.
   */
  read(index: number, out: Uint8Array, offset: number): void;
  /** What a person should know about the set, such as how many files were skipped; one sentence each. */
  readonly notes: string[];
  /** A hash of the pictures and of how they are fitted, so that a resumed run can refuse other data. */
  readonly fingerprint: string;
}

export interface DatasetOptions {
  /** Side of the square pictures, in pixels. */
  imageSize: number;
  /** 1: grey, from RGB by ITU-R 601 luma. 3: RGB, from grey by repetition. */
  channels: 1 | 3;
  /** CSS colour that transparent pictures are laid on; 'white' unless given. */
  background?: string | undefined;
  /** Where copies of mnist, fashion-mnist or cifar10 are on disk; nothing is downloaded when this is given. */
  dataDir?: string | undefined;
  /** Seed of `glyphs`; the other sets do not depend on it. An integer from 0 to 2^53-1. */
  seed: number;
  /** Fewest pictures worth training on; fewer is a DataError. 2 unless given. */
  minImages?: number | undefined;
  /** Told of slow openings: pictures decoded, or bytes downloaded. */
  onProgress?: ((done: number, total: number, unit: 'pictures' | 'bytes') => void) | undefined;
}

/** Throws unless `index` is one of `length` images. */
export function checkIndex(index: number, length: number): void {
  if (!Number.isInteger(index) || index < 0 || index >= length) {
    throw new RangeError(`image ${index} was asked for, and the data set holds images 0 to ${length - 1}`);
  }
}
