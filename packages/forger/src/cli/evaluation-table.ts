// An evaluation as a table for the terminal.

import type { Evaluation } from '@forger/dcgan';
import { withError, written } from '../evaluate/values.ts';
import { tableLines } from './table.ts';

/** One line for each value, with what real images give; below it what all of them share. */
export function evaluationLines(evaluation: Evaluation, title: string): string[] {
  const { values, count, network, seed, real, floor, notes } = evaluation;
  const rows = Object.entries(values).map(([name, value]) => [
    value.title,
    name,
    withError(value),
    floorOf(value),
    aim(value, value.floor),
  ]);
  return [
    ...tableLines([[title, '', 'value', 'real images', 'best'], ...rows], [2, 3]),
    `${count.toLocaleString('en')} images on each side; real: ${real}; for the column real images: ${floor ?? 'none to spare'}`,
    `features of ${network.title} (${network.name}, ${network.hash}, ${network.size} numbers); seed ${seed}`,
    ...notes.map((note) => `note: ${note}`),
  ];
}

function floorOf({ floor, floorStandardError, digits }: Evaluation['values'][string]): string {
  return floor === undefined ? '-' : withError({ value: floor, standardError: floorStandardError, digits });
}

function aim({ better, ideal }: Evaluation['values'][string], floor: number | undefined): string {
  if (ideal === 'floor' && floor !== undefined) return 'as real images';
  if (typeof ideal === 'number') return written(ideal, 2);
  return better;
}
