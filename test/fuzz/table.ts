// What came of the cases of each parser, as a table.

import type { Tally } from './jobs.ts';

const HEAD = ['parser', 'cases', 'accepted', 'refused', 'crashes', 'hangs', 'longest', 'peak', 'growth'];
const WIDTHS = [14, 7, 9, 8, 8, 6, 9, 9, 9];

const mebibytes = (bytes: number) => `${Math.round(bytes / 2 ** 20)} MiB`;

/** A line for each parser; `head` puts the columns' names above. */
export function tableLines(
  tallies: readonly (readonly [parser: string, tally: Tally])[],
  head: boolean,
): string[] {
  const rows = tallies.map(
    ([parser, { cases, accepted, refused, crashes, hangs, longest, peak, growth }]) => [
      parser,
      ...[cases, accepted, refused, crashes, hangs].map(String),
      `${Math.round(longest)} ms`,
      mebibytes(peak),
      mebibytes(growth),
    ],
  );
  return [...(head ? [HEAD] : []), ...rows].map((row) =>
    row.map((cell, i) => (i === 0 ? cell.padEnd(WIDTHS[i]!) : cell.padStart(WIDTHS[i]!))).join('  '),
  );
}
