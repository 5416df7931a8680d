// Weights of a file into a network.

import type { Module } from '@forger/nn';
import { CheckpointError, type SafetensorsEntry, showShape } from '@forger/tensor';
import { shown } from '../printable.ts';
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
 * @param what names the file and the network that it is compared with, for messages.
 * @returns what was done to them on the way, in sentences.
 * @throws CheckpointError, with a table of the names that are missing, unexpected or of another shape.
 */
export async function loadWeights(
  network: Module,
  entries: WeightEntries,
  what = 'the weights',
): Promise<string[]> {
  const state = network.stateDict();
  const optional = (name: string): boolean => name.endsWith(COUNTER);
  const faults = misfits(state, entries, optional);
  if (faults.length > 0) throw new CheckpointError(`${what}: the file does not fit it\n${faults.join('\n')}`);
  const values = new Map<string, SafetensorsEntry>();
  const converted = new Map<string, number>();
  for (const [name, entry] of entries) {
    values.set(name, { shape: entry.shape, data: await entry.read() });
    if (CONVERSIONS[entry.dtype]) converted.set(entry.dtype, (converted.get(entry.dtype) ?? 0) + 1);
  }
  const counters = [...state.keys()].filter((name) => optional(name) && !values.has(name));
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

type Shaped = ReadonlyMap<string, { readonly shape: readonly number[] }>;

const MOST_ROWS = 12;

/** What does not fit as a table: name, shape in the file, shape expected, and the nearest name. */
function misfits(expected: Shaped, given: Shaped, optional: (name: string) => boolean): string[] {
  const missing = [...expected.keys()].filter((name) => !given.has(name) && !optional(name));
  const rows: string[][] = [];
  for (const name of missing) rows.push([name, 'missing', showShape(expected.get(name)!.shape), '']);
  for (const [name, { shape }] of given) {
    const wanted = expected.get(name)?.shape;
    if (wanted && showShape(wanted) === showShape(shape)) continue;
    const near = wanted ? undefined : nearest(name, shape, missing, expected);
    rows.push([
      shown(name),
      showShape(shape),
      wanted ? showShape(wanted) : 'no such tensor',
      near ? `nearest: ${near}` : '',
    ]);
  }
  if (rows.length === 0) return [];
  const more = rows.length > MOST_ROWS ? [`  and ${rows.length - MOST_ROWS} more`] : [];
  const table = [['tensor', 'in the file', 'expected', ''], ...rows.slice(0, MOST_ROWS)];
  const widths = [0, 1, 2].map((i) => Math.max(...table.map((row) => row[i]!.length)));
  return [
    ...table.map((row) => `  ${row.map((cell, i) => cell.padEnd(widths[i] ?? 0)).join('  ')}`.trimEnd()),
    ...more,
  ];
}

/** Of the missing tensors the one that this is most likely: of the same shape, and with the longest common end. */
function nearest(
  name: string,
  shape: readonly number[],
  missing: readonly string[],
  expected: Shaped,
): string | undefined {
  const alike = (other: string): number => {
    let n = 0;
    while (n < name.length && name.at(-1 - n) === other.at(-1 - n)) n++;
    return n;
  };
  return missing
    .filter((other) => showShape(expected.get(other)!.shape) === showShape(shape))
    .sort((a, b) => alike(b) - alike(a))[0];
}
