// What every weight file comes down to: named tensors, read when they are asked for.

import type { SafetensorsData } from '@forger/tensor';

/** One tensor of a file. */
export interface WeightEntry {
  readonly shape: readonly number[];
  /** As the file stores it, by PyTorch's name: `float32`, `float16`, `int64`, … */
  readonly dtype: string;
  /**
   * The values in row-major order; floats of any other width come as float32. Throws CheckpointError when
   * they are damaged.
   */
  read(): Promise<SafetensorsData>;
}

/** Named tensors, in the order of the file. Parts of names are divided by `.` or `/`. */
export type WeightEntries = ReadonlyMap<string, WeightEntry>;

/** The most dimensions that a tensor may have; PyTorch's and numpy's own limit is 64. */
export const MAX_DIMENSIONS = 64;

/** A name from a file as it may stand in a message, however long a hostile one is. */
export function quote(name: string): string {
  return JSON.stringify(name.length > 80 ? `${name.slice(0, 80)}…` : name);
}
