// What a pickle of PyTorch's may name: dictionaries, tensors, parameters and the storages that tensors lie in.
// https://github.com/pytorch/pytorch/blob/main/torch/_utils.py, torch/serialization.py.

import { CheckpointError } from '@forger/tensor';
import type { Budget } from './budget.ts';
import { bytesPerElement, type ElementType, misplaced, readElements, reserve } from './elements.ts';
import { MAX_DIMENSIONS, quote, type WeightEntry } from './entry.ts';
import {
  damagedPickle,
  PickleGlobal,
  type PickleMap,
  PickleObject,
  type PickleRules,
  type PickleValue,
  refusedPickle,
  setItem,
} from './pickle.ts';
import type { Strided } from './strided.ts';

/** An array outside the pickle. `offset` and `length` count elements of it; the older format has views of arrays. */
class Storage extends PickleObject {
  constructor(
    readonly key: string,
    readonly dtype: ElementType,
    readonly offset: number,
    readonly length: number,
  ) {
    super();
  }
}

/** A tensor that a pickle describes. */
export class TorchTensor extends PickleObject {
  constructor(
    readonly storage: Storage,
    readonly place: Strided,
  ) {
    super();
  }
}

/** A storage that tensors name: all of its bytes. */
export interface StoredArray {
  readonly dtype: ElementType;
  readonly elements: number;
}

const DTYPES: Readonly<Record<string, ElementType>> = {
  FloatStorage: 'float32',
  DoubleStorage: 'float64',
  HalfStorage: 'float16',
  BFloat16Storage: 'bfloat16',
  LongStorage: 'int64',
  IntStorage: 'int32',
  ShortStorage: 'int16',
  CharStorage: 'int8',
  ByteStorage: 'uint8',
  BoolStorage: 'bool',
};

/** The most items that dictionaries may be filled with by calls; Python 2 wrote OrderedDict(items). */
const MOST_ITEMS = 1_000_000;

function isCount(value: PickleValue | undefined): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

/** The rules of one file, and the storages that its pickle named. */
export class TorchRules implements PickleRules {
  /** By key. */
  readonly storages = new Map<string, StoredArray>();
  readonly #globals = new Map<string, PickleGlobal>();
  #items = 0;

  constructor() {
    const known = (name: string, call?: (args: readonly PickleValue[]) => PickleValue) =>
      this.#globals.set(name, new PickleGlobal(name, call));
    known('collections.OrderedDict', (args) => this.#dictionary(args));
    known('torch._utils._rebuild_tensor', rebuildTensor);
    known('torch._utils._rebuild_tensor_v2', rebuildTensor);
    known('torch._utils._rebuild_parameter', rebuildParameter);
    known('torch.Size', ([sizes]) => sizes ?? []);
    for (const name of Object.keys(DTYPES)) known(`torch.${name}`);
  }

  global(name: string): PickleGlobal | undefined {
    return this.#globals.get(name);
  }

  /** ('storage', class, key, device, elements) and, in the older format, the view (key, offset, elements) or None. */
  persistent(id: PickleValue): PickleValue {
    if (!Array.isArray(id)) throw damagedPickle('the id of a storage is no tuple');
    const [kind, type, key, , elements, view] = id;
    if (kind === 'module')
      throw refusedPickle('holds a whole network with its source code, as torch.save(model) writes it');
    if (kind !== 'storage') throw refusedPickle('keeps something beside it that is no storage');
    const dtype = type instanceof PickleGlobal ? DTYPES[type.name.replace('torch.', '')] : undefined;
    if (!dtype || typeof key !== 'string' || !isCount(elements))
      throw damagedPickle('the id of a storage is no (class, key, device, size)');
    const bytes = elements * bytesPerElement(dtype);
    if (!Number.isSafeInteger(bytes))
      throw damagedPickle(`storage ${quote(key)} would have ${elements} elements`);
    const known = this.storages.get(key);
    if (known && (known.dtype !== dtype || known.elements !== elements))
      throw damagedPickle(`storage ${quote(key)} is described in two ways`);
    this.storages.set(key, { dtype, elements });
    if (view === undefined || view === null) return new Storage(key, dtype, 0, elements);
    const [, offset, length] = Array.isArray(view) ? view : [];
    if (!isCount(offset) || !isCount(length) || offset + length > elements)
      throw damagedPickle(`a view of storage ${quote(key)} reaches beyond its ${elements} elements`);
    return new Storage(key, dtype, offset, length);
  }

  #dictionary([items = []]: readonly PickleValue[]): PickleMap {
    if (!Array.isArray(items)) throw damagedPickle('an OrderedDict is made of what is no list');
    this.#items += items.length;
    if (this.#items > MOST_ITEMS)
      throw refusedPickle(`fills dictionaries with more than ${MOST_ITEMS} items`);
    const map: PickleMap = new Map();
    for (const pair of items) {
      if (!Array.isArray(pair) || pair.length !== 2)
        throw damagedPickle('an item of an OrderedDict is no pair');
      setItem(map, pair[0]!, pair[1]!);
    }
    return map;
  }
}

/** (storage, offset, shape, stride, …): what follows is about gradients. */
function rebuildTensor(args: readonly PickleValue[]): TorchTensor {
  const [storage, offset, shape, stride] = args;
  if (!(storage instanceof Storage) || !Array.isArray(shape) || !Array.isArray(stride))
    throw damagedPickle('a tensor is made of something other than storage, offset, shape and stride');
  if (shape.length > MAX_DIMENSIONS || stride.length > MAX_DIMENSIONS)
    throw damagedPickle(
      `a tensor has ${shape.length} dimensions where at most ${MAX_DIMENSIONS} are allowed`,
    );
  const place = { shape, stride, offset } as Strided;
  const fault = misplaced(place, storage.length);
  if (fault) throw damagedPickle(`a tensor in storage ${quote(storage.key)} has ${fault}`);
  // Copies: the pickle may still add to its lists.
  return new TorchTensor(storage, {
    shape: [...place.shape],
    stride: [...place.stride],
    offset: place.offset,
  });
}

/** (data, requires_grad, hooks). */
function rebuildParameter([data]: readonly PickleValue[]): TorchTensor {
  if (!(data instanceof TorchTensor))
    throw damagedPickle('a parameter is made of something other than a tensor');
  return data;
}

/** Dictionaries in dictionaries, in practice two or three. */
const MOST_DEPTH = 16;
/** Names repeat the keys that lead to them: long keys that thousands of tensors share would fill the memory. */
const MOST_NAME = 1000;

/**
 * Every tensor of an unpickled value, named by the keys that lead to it, joined with `.`.
 * @param read gives the bytes of a storage.
 */
export function torchEntries(
  value: PickleValue,
  read: (key: string) => Promise<Uint8Array>,
  budget: Budget,
): Map<string, WeightEntry> {
  const entries = new Map<string, WeightEntry>();
  // Containers may hold each other, or themselves.
  const seen = new Set<object>();
  const walk = (node: PickleValue, path: string, depth: number): void => {
    if (node instanceof TorchTensor) {
      if (entries.has(path)) throw damagedPickle(`two tensors are called ${quote(path)}`);
      entries.set(path, torchEntry(node, read, budget));
      return;
    }
    if (!(node instanceof Map || Array.isArray(node)) || seen.has(node)) return;
    seen.add(node);
    if (depth === MOST_DEPTH) throw refusedPickle(`nests dictionaries more than ${MOST_DEPTH} deep`);
    for (const [key, child] of node.entries()) {
      const name = path === '' ? `${key}` : `${path}.${key}`;
      if (name.length > MOST_NAME) throw refusedPickle(`holds a name of more than ${MOST_NAME} characters`);
      walk(child, name, depth + 1);
    }
  };
  walk(value, '', 0);
  if (entries.size === 0) throw new CheckpointError(`it holds no tensors, but ${describe(value)}`);
  return entries;
}

function torchEntry(
  { storage, place }: TorchTensor,
  read: (key: string) => Promise<Uint8Array>,
  budget: Budget,
): WeightEntry {
  const { key, dtype, offset } = storage;
  reserve(dtype, place.shape, budget);
  return {
    shape: place.shape,
    dtype,
    read: async () => readElements(dtype, await read(key), { ...place, offset: offset + place.offset }),
  };
}

function describe(value: PickleValue): string {
  if (value instanceof Map)
    return `a dictionary with the keys ${Array.from(value.keys(), String).slice(0, 10).map(quote).join(', ')}`;
  if (Array.isArray(value)) return `a list of ${value.length}`;
  return value instanceof PickleGlobal ? value.name : typeof value;
}
