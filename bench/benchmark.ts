// What a benchmark is: a subcommand of `pnpm bench` with options of its own. registry.ts lists them, main.ts runs them.
import type { Ceilings, Device } from '@forger/tensor';

/** An option `--name value` of a benchmark. */
export interface BenchOption {
  /** Its default, as it would be typed. */
  readonly default: string;
  readonly help: string;
}

export interface Benchmark {
  /** The subcommand. */
  readonly name: string;
  /** One line: what it measures. */
  readonly summary: string;
  readonly options?: Readonly<Record<string, BenchOption>>;
  /** What tells results of this benchmark with other options apart, in the name of the result's file; may be empty. */
  label?(context: BenchContext): string;
  /** Measures and prints; what it returns is saved under bench/results/ and printed by `--json`. */
  run(context: BenchContext): Promise<object>;
}

/** What a benchmark works with. */
export interface BenchContext {
  /** The device that the benchmarks of this run share, opened at the first call and destroyed by main.ts. */
  device(): Promise<Device>;
  /** The ceilings of that device, measured at the first call. */
  ceilings(): Promise<Ceilings>;
  /** The value of an option as it was typed. */
  text(option: string): string;
  /** The value of an option that is a whole number of at least 1. Throws UsageError on anything else. */
  whole(option: string): number;
  /** Prints a line for people; silent under `--json`. */
  print(line: string): void;
}

/** An option or a subcommand that cannot be meant. */
export class UsageError extends Error {}

/** Cells of one row in columns; positive widths align to the left, negative ones to the right. */
export function row(widths: readonly number[], cells: readonly string[]): string {
  const columns = cells.map((cell, i) => {
    const width = widths[i] ?? 0;
    return width < 0 ? cell.padStart(-width) : cell.padEnd(width);
  });
  return columns.join(' ').trimEnd();
}
