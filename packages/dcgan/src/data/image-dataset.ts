// `imageDataset`: a data set of pictures from whatever has them, with fields, checks and fingerprints.

import { ConfigError } from '@forger/tensor';
import { sha256 } from '@noble/hashes/sha2.js';
import { bytesToHex } from '@noble/hashes/utils.js';
import { sha256OfText } from '../sha256.ts';
import { checkIndex, type Field, type ImageDataset, type ImageField, type LabelField } from './types.ts';

/** Classes of the samples of a data set. */
export interface LabelSpec {
  /** Names of the classes; a label is an index into them. */
  classes: readonly string[];
  /** The class of sample `index`. */
  read(index: number): number;
  /** Default: a hash of all labels and names, computed when it is first asked for. */
  fingerprint?: string | undefined;
}

/** What `imageDataset` makes a data set of. */
export interface ImageDatasetSpec {
  name: string;
  /** Samples, at least 1. */
  length: number;
  /** 1 (grey) or 3 (colour). */
  channels: number;
  /** Of all pictures, in pixels. Recipes train on squares. */
  height: number;
  width: number;
  /**
   * Writes picture `index` as channels × height × width bytes into `out` from `offset`: always the same for
   * the same index.
   */
  read(index: number, out: Uint8Array, offset: number): void;
  /**
   * Identifies the images: a run resumes only with data of the same fingerprint. Default: a
   * SHA-256 of the shape and all images, computed on first use.
   */
  fingerprint?: string | undefined;
  label?: LabelSpec | undefined;
  /** Further fields, by name. */
  fields?: Readonly<Record<string, Field>> | undefined;
  notes?: readonly string[] | undefined;
}

/**
 * A data set of pictures.
 * @throws ConfigError for a length or shape that no data set has. Reading throws a RangeError for an index
 * out of range.
 */
export function imageDataset(spec: ImageDatasetSpec): ImageDataset {
  const { name, length, channels, height, width, label, fields, notes = [] } = spec;
  const whole = (value: number) => Number.isSafeInteger(value) && value >= 1;
  if (!whole(length))
    throw new ConfigError(`The data set '${name}' has a length of ${length}; give an integer of at least 1.`);
  if ((channels !== 1 && channels !== 3) || !whole(height) || !whole(width)) {
    throw new ConfigError(
      `The data set '${name}' has pictures of ${channels}×${height}×${width}; give 1 or 3 channels, and a height and width of at least 1.`,
    );
  }
  const read: ImageField['read'] = (index, out, offset) => {
    checkIndex(index, length);
    spec.read(index, out, offset);
  };
  let fingerprint = spec.fingerprint;
  const image: ImageField = {
    kind: 'image',
    shape: [channels, height, width],
    read,
    get fingerprint() {
      fingerprint ??= hashOfPictures(spec);
      return fingerprint;
    },
  };
  return {
    name,
    length,
    channels,
    height,
    width,
    fields: { ...fields, image, ...(label && { label: labelField(name, length, label) }) },
    read,
    notes,
    get fingerprint() {
      return image.fingerprint;
    },
  };
}

function labelField(name: string, length: number, spec: LabelSpec): LabelField {
  const { classes } = spec;
  if (classes.length === 0)
    throw new ConfigError(`The data set '${name}' has labels of no classes; give at least one.`);
  let fingerprint = spec.fingerprint;
  const read = (index: number): number => {
    checkIndex(index, length);
    return spec.read(index);
  };
  return {
    kind: 'label',
    classes,
    read,
    get fingerprint() {
      fingerprint ??= hashOfLabels(
        classes,
        Uint32Array.from({ length }, (_, i) => spec.read(i)),
      );
      return fingerprint;
    },
  };
}

/** A hash of the names of classes and of every sample's. */
function hashOfLabels(classes: readonly string[], labels: Uint32Array): string {
  return sha256OfText(`labels ${JSON.stringify(classes)} ${labels.join(' ')}`);
}

function hashOfPictures({ channels, height, width, length, read }: ImageDatasetSpec): string {
  const hash = sha256
    .create()
    .update(new TextEncoder().encode(`images ${channels} ${height} ${width} ${length}`));
  const picture = new Uint8Array(channels * height * width);
  for (let index = 0; index < length; index++) {
    read(index, picture, 0);
    hash.update(picture);
  }
  return bytesToHex(hash.digest());
}
