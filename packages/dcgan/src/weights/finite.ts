// Weights that are not numbers: a network with one draws black pictures, so they are looked for before it is used.

import { CheckpointError } from '@forger/tensor';
import { shown } from '../printable.ts';
import type { WeightEntries } from './entry.ts';

/** One sentence on NaN and infinite values among the weights; undefined when there are none. */
export async function nonFinite(entries: WeightEntries): Promise<string | undefined> {
  const found: { name: string; nans: number; infinite: number; size: number }[] = [];
  for (const [name, entry] of entries) {
    const data = await entry.read();
    if (!(data instanceof Float32Array || data instanceof Float64Array)) continue;
    let nans = 0;
    let infinite = 0;
    for (const value of data) {
      if (Number.isNaN(value)) nans++;
      else if (!Number.isFinite(value)) infinite++;
    }
    if (nans + infinite > 0) found.push({ name, nans, infinite, size: data.length });
  }
  const [first] = found;
  if (!first) return undefined;
  const total = (of: 'nans' | 'infinite'): number => found.reduce((sum, one) => sum + one[of], 0);
  const more = found.length > 1 ? ` and ${found.length - 1} more` : '';
  return `${total('nans')} NaN and ${total('infinite')} infinite values are among the weights, in ${shown(first.name)}${more}`;
}

/**
 * @param name of the file, for the message.
 * @returns what to say when the user goes on with such weights.
 * @throws CheckpointError for NaN or infinite values, unless they are allowed.
 */
export async function checkFinite(name: string, entries: WeightEntries, allowed: boolean): Promise<string[]> {
  const found = await nonFinite(entries);
  if (found === undefined) return [];
  if (allowed) return [`${name}: ${found}`];
  throw new CheckpointError(
    `${name}: ${found}, so its pictures would show nothing: take an earlier checkpoint, or go on with --allow-nan`,
  );
}
