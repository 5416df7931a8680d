// safetensors files as weights.

import { readSafetensors, type SafetensorsDType } from '@forger/tensor';
import type { WeightEntries, WeightEntry } from './entry.ts';

/** PyTorch's names of the types that are turned into float32; the others' own names serve. */
const NAMES: Partial<Record<SafetensorsDType, string>> = {
  F64: 'float64',
  F32: 'float32',
  F16: 'float16',
  BF16: 'bfloat16',
};

/** The tensors of a file. @throws CheckpointError when it is damaged or foreign. */
export function readSafetensorsWeights(bytes: Uint8Array): WeightEntries {
  return new Map(
    Array.from(readSafetensors(bytes).tensors, ([name, { shape, dtype, data }]): [string, WeightEntry] => [
      name,
      { shape, dtype: NAMES[dtype] ?? dtype, read: async () => data },
    ]),
  );
}
