// Reading the values of flags: what is out of range gets one sentence that names the flag.

import type { WholeRange } from '@forger/dcgan/limits';
import { UsageError } from './errors.ts';

type Parser<T> = (text: string) => T;

/** A whole number within a range. */
export function wholeNumber(flag: string, { least, most }: WholeRange): Parser<number> {
  return (text) => {
    const value = numberIn(text);
    if (!Number.isInteger(value) || value < least) {
      throw new UsageError(`${flag} ${text}: expected a whole number of at least ${least}`);
    }
    if (value > most) throw new UsageError(`${flag} ${text}: expected a whole number of at most ${most}`);
    return value;
  };
}

/** A finite number above 0. */
export function positiveNumber(flag: string): Parser<number> {
  return (text) => {
    const value = numberIn(text);
    if (!Number.isFinite(value) || value <= 0)
      throw new UsageError(`${flag} ${text}: expected a number above 0`);
    return value;
  };
}

/** A number of at least `least` and below `below`. */
export function numberFrom(flag: string, least: number, below = Number.POSITIVE_INFINITY): Parser<number> {
  const range = below === Number.POSITIVE_INFINITY ? `at least ${least}` : `from ${least} to below ${below}`;
  return (text) => {
    const value = numberIn(text);
    if (!(value >= least && value < below))
      throw new UsageError(`${flag} ${text}: expected a number ${range}`);
    return value;
  };
}

/** One of a few values. */
export function oneOf<T extends string | number>(flag: string, values: readonly T[]): Parser<T> {
  return (text) => {
    const found = values.find((value) => String(value) === text);
    if (found === undefined) throw new UsageError(`${flag} ${text}: expected ${values.join(' or ')}`);
    return found;
  };
}

/** Text that is not empty. */
export function nonEmpty(flag: string): Parser<string> {
  return (text) => {
    if (text.trim() === '') throw new UsageError(`${flag}: expected a value, and it is empty`);
    return text;
  };
}

/** Names with commas between them. */
export function names(flag: string): Parser<string[]> {
  return (text) => {
    const found = text.split(',').map((name) => name.trim());
    if (found.some((name) => name === ''))
      throw new UsageError(`${flag} ${text}: expected names with commas between them`);
    return found;
  };
}

/** A path with one of a few extensions, in either case. */
export function pathEnding(...extensions: string[]): (flag: string) => Parser<string> {
  return (flag) => (text) => {
    if (!extensions.some((extension) => text.toLowerCase().endsWith(extension)))
      throw new UsageError(`${flag} ${text}: expected a file name that ends in ${extensions.join(' or ')}`);
    return text;
  };
}

// Number('') is 0, and blank is not meant as a number.
function numberIn(text: string): number {
  return text.trim() === '' ? Number.NaN : Number(text);
}
