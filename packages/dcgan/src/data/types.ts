// What a data set is to the rest of Forger, and what may be asked of one.

/** Pictures of one shape, channels × height × width, as bytes 0..255. */
export interface ImageField {
  readonly kind: 'image';
  readonly shape: readonly [channels: number, height: number, width: number];
  /** Writes picture `index`, channel-first, into `out` from `offset`. Throws a RangeError for an index out of range. */
  read(index: number, out: Uint8Array, offset: number): void;
  /** A hash of all values of the field, so that a resumed run can refuse other data. */
  readonly fingerprint: string;
}

/** A class for each sample. */
export interface LabelField {
  readonly kind: 'label';
  /** Names of the classes; a label is an index into them. */
  readonly classes: readonly string[];
  /** The class of sample `index`, 0..classes.length-1. Throws a RangeError for an index out of range. */
  read(index: number): number;
  /** A hash of all values of the field, so that a resumed run can refuse other data. */
  readonly fingerprint: string;
}

/** Numbers of one shape for each sample, such as attributes or coordinates. */
export interface NumbersField {
  readonly kind: 'numbers';
  readonly shape: readonly number[];
  /**
   * Writes the numbers of sample `index`, row-major, into `out` from `offset`. Throws a RangeError for an
   * index out of range.
   */
  read(index: number, out: Float32Array, offset: number): void;
  /** A hash of all values of the field, so that a resumed run can refuse other data. */
  readonly fingerprint: string;
}

/** One named part of every sample. The same index always gives the same values. */
export type Field = ImageField | LabelField | NumbersField;

/** Samples of named fields. */
export interface Dataset {
  readonly name: string;
  /** How many samples there are; indices go from 0 to length - 1. */
  readonly length: number;
  readonly fields: Readonly<Record<string, Field>>;
  /** What a person should know about the set, such as how many files were skipped; one sentence each. */
  readonly notes: readonly string[];
}

/** A data set of pictures: the field `image`, and `label` where the classes are known. */
export interface ImageDataset extends Dataset {
  readonly channels: number;
  readonly height: number;
  readonly width: number;
  readonly fields: ImageFields;
  /** `read` of the field `image`. */
  read(index: number, out: Uint8Array, offset: number): void;
  /** `fingerprint` of the field `image`: a hash of the pictures and of how they are fitted. */
  readonly fingerprint: string;
}

export type ImageFields = Readonly<Record<string, Field>> & {
  readonly image: ImageField;
  readonly label?: LabelField;
};

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
  /**
   * Look for a class for each picture, the field `label`, and download it where the pictures are. A set without
   * labels has no such field, and a note that says why. Off unless given: then no file of labels is read.
   */
  labels?: boolean | undefined;
  /**
   * Folder where the decoded pictures of large sets are kept for the next opening; nowhere unless given. In Node alone.
   */
  pictureCache?: string | undefined;
  /** Told of slow openings: pictures decoded, or bytes downloaded. */
  onProgress?: ((done: number, total: number, unit: 'pictures' | 'bytes') => void) | undefined;
}

/** Throws unless `index` is one of `length` images. */
export function checkIndex(index: number, length: number): void {
  if (!Number.isInteger(index) || index < 0 || index >= length) {
    throw new RangeError(`image ${index} was asked for, and the data set holds images 0 to ${length - 1}`);
  }
}
