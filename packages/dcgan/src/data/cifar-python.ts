// CIFAR's Python version: pickled dictionaries of a numpy array N×3072 (red, green and blue plane) under
// `data`, and a list of labels. Read by our own interpreter of pickles, which runs nothing.
// https://www.cs.toronto.edu/~kriz/cifar.html
import { CheckpointError, DataError } from '@forger/tensor';
import {
  damagedPickle,
  PickleGlobal,
  PickleObject,
  type PickleRules,
  type PickleValue,
  refusedPickle,
  unpickle,
} from '../weights/pickle.ts';
import { CIFAR_CLASSES } from './cifar.ts';
import type { RawPictures } from './raw-images.ts';

/** The names of the training batches, alone or inside the archive. */
export const CIFAR_PYTHON_BATCH = /(^|\/)data_batch_\d+$/;

const SIDE = 32;
const PICTURE_BYTES = 3 * SIDE * SIDE;

/** A numpy array as its pickle describes it. */
class PickledArray extends PickleObject {
  shape: readonly PickleValue[] = [];
  data: Uint8Array = new Uint8Array();
}

/** The dtype of bytes; its further attributes say nothing of it. */
class ByteType extends PickleObject {}

const RULES: PickleRules = {
  global(name) {
    const call = CALLS[name];
    return call && new PickleGlobal(name, call);
  },
  persistent() {
    throw refusedPickle('refers to something outside it');
  },
  bytesInText: true,
  build(target, state) {
    if (target instanceof ByteType) return target;
    if (!(target instanceof PickledArray) || !Array.isArray(state)) return undefined;
    const [, shape, dtype, fortran, data] = state;
    if (!Array.isArray(shape) || !(dtype instanceof ByteType) || fortran === true)
      throw refusedPickle('holds an array that is not one of rows of bytes');
    target.shape = shape;
    target.data = asBytes(data);
    return target;
  },
};

const array = () => new PickledArray();
const CALLS: Readonly<Record<string, (args: readonly PickleValue[]) => PickleValue>> = {
  'numpy.core.multiarray._reconstruct': array,
  'numpy._core.multiarray._reconstruct': array,
  'numpy.ndarray': array,
  'numpy.dtype': ([code]) => {
    if (code !== 'u1') throw refusedPickle(`holds an array of the dtype ${String(code)}`);
    return new ByteType();
  },
  /** How Python 3 writes bytes for Python 2. */
  '_codecs.encode': ([text]) => asBytes(text),
};

function asBytes(value: PickleValue | undefined): Uint8Array {
  if (value instanceof Uint8Array) return value;
  if (typeof value !== 'string') throw damagedPickle('an array has no bytes');
  return Uint8Array.from(value, (character) => character.charCodeAt(0));
}

/**
 * One batch of the Python version.
 * @param file is only named in errors. @throws DataError for any other content; nothing in it is run.
 */
function parseBatch(bytes: Uint8Array, file: string): { data: Uint8Array; labels: Uint8Array } {
  let value: PickleValue;
  try {
    ({ value } = unpickle(bytes, RULES));
  } catch (error) {
    if (!(error instanceof CheckpointError)) throw error;
    throw new DataError(`'${file}' is no batch of CIFAR's Python version: ${error.message}.`, {
      cause: error,
    });
  }
  const found = value instanceof Map ? value : undefined;
  const data = found?.get('data');
  const [rows, columns] = data instanceof PickledArray ? data.shape : [];
  if (
    !(data instanceof PickledArray) ||
    columns !== PICTURE_BYTES ||
    typeof rows !== 'number' ||
    data.data.length !== rows * PICTURE_BYTES
  ) {
    throw new DataError(
      `'${file}' holds no array of rows of ${PICTURE_BYTES} bytes under 'data'; give a data_batch_1 … of CIFAR's Python version.`,
    );
  }
  const labels = found!.get('labels');
  const valid = Array.isArray(labels) && labels.length === rows;
  if (
    !valid ||
    !labels.every((label) => Number.isInteger(label) && (label as number) >= 0 && (label as number) <= 9)
  ) {
    throw new DataError(`'${file}' has no list of ${rows} labels from 0 to 9; download or copy it again.`);
  }
  return { data: data.data, labels: Uint8Array.from(labels as number[]) };
}

/** CIFAR-10's training pictures from batches of its Python version, in order. @throws DataError */
export function parseCifarPython(files: readonly { name: string; bytes: Uint8Array }[]): RawPictures {
  const batches = files.map(({ name, bytes }) => parseBatch(bytes, name));
  const labels = batches.flatMap((batch) => [...batch.labels]);
  return {
    channels: 3,
    height: SIDE,
    width: SIDE,
    skip: 0,
    parts: batches.map(({ data }) => data),
    label: { classes: CIFAR_CLASSES, read: (index) => labels[index]! },
  };
}
