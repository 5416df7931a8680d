// Weights of a file into a network.

import type { Module } from '@forger/nn';
import type { SafetensorsEntry } from '@forger/tensor';
import type { WeightEntries } from './entry.ts';

/** How floats that are not float32 become so. */
const CONVERSIONS: Readonly<Record<string, string>> = {
  float16: 'exactly',
  bfloat16: 'exactly',
  float64: 'rounded to the nearest',
};

const COUNTER = 'num_batches_tracked';

/**
 * Copies weights into a network, all or nothing.
 * @returns what was done to them on the way, in sentences.
 * @throws CheckpointError, with every name that is missing, unexpected or of another shape.
 */
export async function loadWeights(network: Module, entries: WeightEntries): Promise<string[]> {
  const state = network.stateDict();
  const values = new Map<string, SafetensorsEntry>();
  const converted = new Map<string, number>();
  for (const [name, entry] of entries) {
    // What has no place is named in the refusal, and not read.
    const data = state.has(name) ? await entry.read() : new Float32Array(0);
    values.set(name, { shape: entry.shape, data });
    if (state.has(name) && CONVERSIONS[entry.dtype])
      converted.set(entry.dtype, (converted.get(entry.dtype) ?? 0) + 1);
  }
  const counters = [...state.keys()].filter((name) => name.endsWith(COUNTER) && !values.has(name));
  for (const name of counters) values.set(name, { shape: [], data: new Int32Array(1) });
  network.loadStateDict(values);
  return [
    ...Array.from(
      converted,
      ([dtype, count]) => `${count} tensors of ${dtype} were converted to float32, ${CONVERSIONS[dtype]}`,
    ),
    ...(counters.length > 0
      ? [`${COUNTER} is not in the file and starts at 0; nothing is computed with it`]
      : []),
  ];
}
