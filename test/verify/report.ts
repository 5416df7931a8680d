/** What a verification prints: a line for each operation and variant, and each wrong case with what repeats it. */

import { unitRoundoff } from '../support/tolerances.ts';
import { commandOf, describeCase } from './cases.ts';
import type { Outcome, Row } from './run.ts';

/** Wrong cases of a row that are printed in full. */
const mostShown = 5;

const columns = (op: string, variant: string, ...rest: string[]): string =>
  [op.padEnd(17), variant.padEnd(11), ...rest].join(' ');

export const header = columns(
  'operation',
  'variant',
  'cases',
  'on it',
  'kernels',
  '  worst u',
  'of allowed',
  ' relative',
  ' worst case (--case N)',
);

const units = (value: number): string => (Number.isFinite(value) ? value.toFixed(1) : 'wrong');

function wrongLines({ case: c, worst }: Outcome): string[] {
  const error = `${units(worst.units)} units of roundoff, ${units(worst.allowed)} allowed`;
  return [
    `  WRONG  ${worst.what}: ${error}; ${worst.at}`,
    `         ${describeCase(c)}`,
    `         ${commandOf(c)}`,
  ];
}

/** @param single whether the row is of one case, which is then told in full. */
export function rowLines(row: Row, single: boolean): string[] {
  const { op, variant, worst, wrong } = row;
  if (!worst) return [columns(op, variant, 'no cases')];
  const { case: c, worst: comparison } = worst;
  const line = columns(
    op,
    variant,
    String(row.cases).padStart(5),
    String(row.onVariant).padStart(5),
    String(row.kernels).padStart(7),
    units(comparison.units).padStart(9),
    units(comparison.allowed).padStart(10),
    Number.isFinite(comparison.units)
      ? (comparison.units * unitRoundoff).toExponential(2).padStart(9)
      : '        -',
    ` ${c.index}: ${comparison.what}; ${describeCase(c)}`,
  );
  const more = wrong.length > mostShown ? [`  and ${wrong.length - mostShown} more wrong cases`] : [];
  return [
    line,
    ...wrong.slice(0, mostShown).flatMap(wrongLines),
    ...more,
    ...(single && wrong.length === 0 ? [`  ${comparison.at}`] : []),
  ];
}

export function totalLine(rows: readonly Row[], seconds: number): string {
  const [cases, wrong] = [
    rows.reduce((sum, row) => sum + row.cases, 0),
    rows.reduce((sum, row) => sum + row.wrong.length, 0),
  ];
  return `${cases} cases in ${rows.length} rows, ${wrong} wrong, ${seconds.toFixed(0)} s.`;
}
