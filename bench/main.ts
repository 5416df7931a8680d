// `pnpm bench [subcommand] [options]`: measures the adapter's ceilings, and Forger's kernels and steps (registry.ts).
import { parseArgs } from 'node:util';
import {
  type Ceilings,
  createDevice,
  type Device,
  ForgerError,
  measureCeilings,
  type Precision,
} from '@forger/tensor';
import { type BenchContext, type Benchmark, type BenchOption, row, UsageError } from './benchmark.ts';
import { benchmarks, defaults } from './registry.ts';
import { writeResult } from './results.ts';

function usage(): string {
  const option = ([name, { default: value, help }]: [string, BenchOption]): string =>
    row([0, 22], ['   ', `--${name} ${value}`, help]);
  const lines = benchmarks.flatMap(({ name, summary, options = {} }) => [
    row([0, 10], [' ', name, summary]),
    ...Object.entries(options).map(option),
  ]);
  return [
    'Usage: pnpm bench [subcommand] [options]',
    ...lines,
    `Without a subcommand: ${defaults.map(({ name }) => name).join(' and ')}. Options are shown with their defaults.`,
    'Of all: --json prints the results as JSON, --no-save writes nothing under bench/results/.',
  ].join('\n');
}

interface Request {
  readonly chosen: readonly Benchmark[];
  readonly values: Readonly<Record<string, string | boolean | undefined>>;
}

/** Throws UsageError. */
function parse(args: readonly string[]): Request {
  const name = args[0]?.startsWith('-') ? undefined : args[0];
  const chosen = name === undefined ? defaults : benchmarks.filter((b) => b.name === name);
  if (chosen.length === 0) throw new UsageError(`There is no benchmark called ${name}.`);
  const own = Object.assign({}, ...chosen.map(({ options = {} }) => options)) as Record<string, BenchOption>;
  const options = Object.fromEntries(
    Object.entries(own).map(([key, { default: value }]) => [
      key,
      { type: 'string', default: value } as const,
    ]),
  );
  const flag = { type: 'boolean', default: false } as const;
  try {
    const { values } = parseArgs({
      args: args.slice(name === undefined ? 0 : 1),
      options: { ...options, json: flag, 'no-save': flag, help: flag },
    });
    return { chosen, values };
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
}

/** Once computed, kept. */
function lazy<T>(make: () => Promise<T>): () => Promise<T> {
  let made: Promise<T> | undefined;
  return () => {
    made ??= make();
    return made;
  };
}

/** What the device of this run computes in; float32 where no benchmark asks. Throws UsageError. */
function precisionOf(value: string | boolean | undefined): Precision {
  if (value === undefined || value === 'float32' || value === 'mixed') return value ?? 'float32';
  throw new UsageError(`--precision ${value}: expected float32 or mixed.`);
}

async function run({ chosen, values }: Request): Promise<void> {
  let opened: Device | undefined;
  const print = (line: string): void => {
    if (!values.json) console.log(line);
  };
  const device = lazy(async () => {
    opened = await createDevice({ halfMatrices: true, precision: precisionOf(values.precision) });
    print(`adapter: ${opened.adapter.description || opened.adapter.device}`);
    return opened;
  });
  const ceilings = lazy(async (): Promise<Ceilings> => {
    const found = await measureCeilings(await device());
    print(
      `ceilings in this run: ${found.gflops.toFixed(1)} GFLOP/s in registers, ${found.gbs.toFixed(2)} GB/s copying\n`,
    );
    return found;
  });
  const text = (option: string): string => String(values[option]);
  const whole = (option: string): number => {
    const n = Number(text(option));
    if (Number.isInteger(n) && n >= 1) return n;
    throw new UsageError(`--${option} ${text(option)}: expected a whole number of at least 1.`);
  };
  const context: BenchContext = { device, ceilings, text, whole, print };
  const all: Record<string, object> = {};
  try {
    for (const { name, label, run } of chosen) {
      const result = await run(context);
      all[name] = result;
      const which = label?.(context);
      const file = which ? `${name}-${which}` : name;
      if (!values['no-save']) print(`saved ${writeResult(file, await device(), result)}\n`);
    }
    if (values.json) console.log(JSON.stringify(all, null, 2));
  } finally {
    opened?.destroy();
  }
}

try {
  const request = parse(process.argv.slice(2));
  if (request.values.help) console.log(usage());
  else await run(request);
} catch (error) {
  if (error instanceof UsageError) {
    console.error(`${error.message}\n${usage()}`);
    process.exitCode = 2;
  } else if (error instanceof ForgerError) {
    console.error(error.message);
    process.exitCode = 1;
  } else throw error;
}
