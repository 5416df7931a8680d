// `.pth` files as PyTorch wrote them before 1.6, and does with `_use_new_zipfile_serialization=False`: four pickles (a
// magic number, the protocol, the writer's system, the value), a fifth with the keys of the arrays, and the arrays in
// that order, each with its count of elements in 8 bytes before it.
// https://github.com/pytorch/pytorch/blob/main/torch/serialization.py, `_legacy_save`.

import { CheckpointError } from '@forger/tensor';
import { Budget } from './budget.ts';
import { bytesPerElement } from './elements.ts';
import { quote, type WeightEntries } from './entry.ts';
import { type PickleRules, type PickleValue, refusedPickle, unpickle } from './pickle.ts';
import { type StoredArray, TorchRules, torchEntries } from './pytorch-pickle.ts';

const MAGIC = 0x1950a86a20f9469cfc6cn;
const PROTOCOL = 1001;

/** The pickles around the value name nothing. */
const plain: PickleRules = {
  global: () => undefined,
  persistent: () => {
    throw refusedPickle('names a storage where none can be');
  },
};

/** Whether a file begins as a pickle does that PyTorch or anyone else wrote: with the protocol, 2 or later. */
export function isPickle(bytes: Uint8Array): boolean {
  return bytes[0] === 0x80 && bytes[1]! >= 2 && bytes[1]! <= 5;
}

/**
 * The tensors of a file, named by the keys that lead to them.
 * @throws CheckpointError when it is damaged, more than weights, or a pickle of another program.
 */
export function readLegacyTorch(bytes: Uint8Array): WeightEntries {
  const magic = unpickle(bytes, plain);
  if (magic.value !== MAGIC)
    throw new CheckpointError(
      'it is a pickle, but not one of torch.save: in PyTorch, save the weights with torch.save(model.state_dict(), path)',
    );
  const protocol = unpickle(bytes, plain, magic.end);
  if (protocol.value !== PROTOCOL)
    throw new CheckpointError(
      `it is of PyTorch's protocol ${String(protocol.value)}; expected ${PROTOCOL}: save it again with a newer PyTorch`,
    );
  const system = unpickle(bytes, plain, protocol.end);
  if (!(system.value instanceof Map) || system.value.get('little_endian') !== true)
    throw new CheckpointError(
      'it was written on a machine of another byte order: save it again on another machine',
    );
  const rules = new TorchRules();
  const { value, end } = unpickle(bytes, rules, system.end);
  const keys = unpickle(bytes, plain, end);
  const arrays = placeArrays(bytes, rules.storages, keys.value, keys.end);
  return torchEntries(value, async (key) => arrays.get(key)!, new Budget(bytes.byteLength));
}

/** The bytes of each array, which follow one another from `start`. */
function placeArrays(
  bytes: Uint8Array,
  storages: ReadonlyMap<string, StoredArray>,
  keys: PickleValue,
  start: number,
): Map<string, Uint8Array> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const arrays = new Map<string, Uint8Array>();
  let at = start;
  for (const key of Array.isArray(keys) ? keys : []) {
    const storage = typeof key === 'string' ? storages.get(key) : undefined;
    if (!storage || arrays.has(key as string))
      throw new CheckpointError(
        `its list of arrays names ${quote(String(key))} twice or for nothing: copy or download it again`,
      );
    const size = storage.elements * bytesPerElement(storage.dtype);
    const claimed = at + 8 <= bytes.byteLength ? view.getBigInt64(at, true) : undefined;
    if (claimed !== BigInt(storage.elements) || at + 8 + size > bytes.byteLength)
      throw new CheckpointError(
        `its storage ${quote(key as string)} is described as ${size} bytes, which are not there: copy or download it again`,
      );
    arrays.set(key as string, bytes.subarray(at + 8, at + 8 + size));
    at += 8 + size;
  }
  for (const key of storages.keys()) {
    if (!arrays.has(key))
      throw new CheckpointError(
        `its storage ${quote(key)} is described and not there: copy or download it again`,
      );
  }
  return arrays;
}
