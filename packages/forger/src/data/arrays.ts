// Pictures in numpy's files: one array as .npy, or several as .npz, such as Keras' mnist.npz with x_train and y_train.

import path from 'node:path';
import {
  Budget,
  isNpz,
  type LabelSpec,
  layoutOf,
  picturesOfArray,
  readNpy,
  readNpz,
  type WeightEntry,
  ZipArchive,
} from '@forger/dcgan/internal';
import { CheckpointError, DataError } from '@forger/tensor';
import { readWhole } from './files.ts';
import { rawSource, type Source } from './source.ts';

export const ARRAY_NAME = /\.np[yz]$/i;

/** What pictures for training are called, in this order, where there are several arrays of pictures. */
const IMAGE_KEYS = ['x_train', 'train_images', 'images', 'image', 'x', 'X', 'data', 'arr_0'];
const LABEL_KEYS = ['y_train', 'train_labels', 'labels', 'label', 'y', 'Y', 'targets', 'arr_1'];

/** @throws DataError when a file is damaged, or holds no pictures, or several arrays that could be meant. */
export async function findInArrays(file: string, labels = false): Promise<Source> {
  const bytes = await readWhole(file);
  try {
    if (/\.npy$/i.test(file)) {
      const budget = new Budget(bytes.length);
      return await sourceOf(file, readNpy(path.basename(file), bytes, budget));
    }
    const archive = new ZipArchive(bytes);
    if (!isNpz(archive))
      throw new DataError(`'${file}' is no archive of numpy arrays; give one that numpy.savez wrote.`);
    const arrays = await readNpz(archive, bytes.length);
    const label = labels ? LABEL_KEYS.find((key) => arrays.has(key)) : undefined;
    return await sourceOf(file, chosen(file, arrays), label === undefined ? undefined : arrays.get(label));
  } catch (error) {
    if (!(error instanceof CheckpointError)) throw error;
    throw new DataError(`'${file}': ${error.message}.`, { cause: error });
  }
}

function chosen(file: string, arrays: ReadonlyMap<string, WeightEntry>): WeightEntry {
  const usual = IMAGE_KEYS.find((key) => arrays.has(key));
  if (usual !== undefined) return arrays.get(usual)!;
  const pictures = [...arrays].filter(([, { shape }]) => shape.length >= 3 && layoutOf(shape));
  if (pictures.length === 1) return pictures[0]![1];
  const list = Array.from(arrays, ([name, { shape }]) => `${name} [${shape.join(', ')}]`).join(', ');
  throw new DataError(
    `'${file}' holds the arrays ${list}, and one of pictures was expected; save the wanted one as a .npy, or under the name images.`,
  );
}

async function sourceOf(file: string, entry: WeightEntry, labels?: WeightEntry): Promise<Source> {
  const { raw, notes } = picturesOfArray({ shape: entry.shape, data: await entry.read() }, file);
  const label = labels && labelsOf(await labels.read(), entry.shape[0]!);
  return rawSource(file, { ...raw, ...(label && { label }) }, notes);
}

/** Whole numbers from 0 on, one for each picture; anything else is not taken for labels. */
function labelsOf(values: ArrayLike<number | bigint>, count: number): LabelSpec | undefined {
  const labels = Array.from({ length: values.length }, (_, i) => Number(values[i]));
  if (
    labels.length !== count ||
    !labels.every((label) => Number.isInteger(label) && label >= 0 && label < 65_536)
  )
    return undefined;
  const classes = Array.from(
    { length: labels.reduce((most, label) => Math.max(most, label), 0) + 1 },
    (_, n) => String(n),
  );
  return { classes, read: (index) => labels[index]! };
}
