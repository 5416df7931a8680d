/**
 * `pnpm verify [--cases N] [--op NAME] [--variant NAME] [--seed S] [--case I]`: random calls of every
 * operation, by every kernel that can compute it, against float64: results, gradients by both backward
 * passes, and gradients of gradients.
 * Exits 1 when anything is off, 2 on wrong usage.
 */
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { createDevice, type Device } from '@forger/tensor';
import type { ReferenceOpName } from '../reference/index.ts';
import { opNames } from './cases.ts';
import { header, rowLines, totalLine } from './report.ts';
import { type Row, verify } from './run.ts';
import { allVariants, supportsVariant, type Variant, variantsNamed, variantsOf } from './variants.ts';

interface Request {
  ops: readonly ReferenceOpName[];
  variants: readonly Variant[];
  seed: number;
  first: number;
  count: number;
}

const usage = `Usage: pnpm verify [--cases N] [--op NAME[,NAME]] [--variant NAME[,NAME]] [--seed S] [--case I]
  --cases N     random calls of each operation in each variant (100)
  --op NAME     only these operations
  --variant V   only these variants: ${allVariants.join(', ')}
  --seed S      a whole number that all calls follow from (1)
  --case I      only call number I, as the table names it`;

class UsageError extends Error {}

function whole(name: string, text: string, least: number): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < least)
    throw new UsageError(`--${name} ${text}: expected a whole number of at least ${least}.`);
  return value;
}

function among<T extends string>(name: string, text: string | undefined, known: readonly T[]): readonly T[] {
  if (text === undefined) return known;
  return text.split(',').map((word) => {
    const found = known.find((one) => one === word);
    if (!found) throw new UsageError(`--${name} ${word}: expected one of ${known.join(', ')}.`);
    return found;
  });
}

function variantsAmong(text: string | undefined): readonly Variant[] {
  return (text?.split(',') ?? allVariants).flatMap((word) => {
    const found = variantsNamed(word);
    if (found.length === 0)
      throw new UsageError(`--variant ${word}: expected one of ${allVariants.join(', ')}.`);
    return found;
  });
}

function parse(words: readonly string[]): Request | null {
  const text = { type: 'string' } as const;
  const options = { cases: text, op: text, variant: text, seed: text, case: text, help: { type: 'boolean' } };
  let values: { [name in keyof typeof options]?: string | boolean };
  try {
    values = parseArgs({
      args: [...words],
      options: options as typeof options & { help: { type: 'boolean' } },
    }).values;
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
  if (values.help) return null;
  const string = (name: keyof typeof options) => values[name] as string | undefined;
  const one = string('case');
  return {
    ops: among('op', string('op'), opNames),
    variants: variantsAmong(string('variant')),
    seed: whole('seed', string('seed') ?? '1', 0),
    first: one === undefined ? 0 : whole('case', one, 0),
    count: one === undefined ? whole('cases', string('cases') ?? '100', 1) : 1,
  };
}

/**
 * Runs all that was asked for, with a line for each operation and variant as soon as it is known. Each operation has a
 * device of its own: what thousands of shapes leave in a device's caches goes with it.
 */
async function run({ ops, variants, ...cases }: Request): Promise<Row[]> {
  const all = ops.flatMap((op) => variantsOf(op).filter((one) => variants.includes(one)));
  const rows: Row[] = [];
  let done = 0;
  for (const op of ops) {
    const device = await createDevice({ halfMatrices: true });
    try {
      for (const variant of variantsOf(op)) {
        if (!variants.includes(variant)) continue;
        if (process.stderr.isTTY)
          process.stderr.write(`\r${done} of ${all.length}: ${op} ${variant} `.padEnd(60));
        const row = await rowOf(device, op, variant, cases);
        if (row) rows.push(row);
        done++;
      }
    } finally {
      device.destroy();
    }
  }
  return rows;
}

/** One line of the table, printed; null where the adapter cannot run the variant. */
async function rowOf(
  device: Device,
  op: ReferenceOpName,
  variant: Variant,
  cases: Pick<Request, 'seed' | 'first' | 'count'>,
): Promise<Row | null> {
  if (!supportsVariant(device, variant)) {
    console.log(`${op}/${variant}: this adapter cannot run it.`);
    return null;
  }
  const row = await verify(device, op, variant, cases);
  if (process.stderr.isTTY) process.stderr.write(`\r${' '.repeat(60)}\r`);
  for (const line of rowLines(row, cases.count === 1)) console.log(line);
  return row;
}

async function main(words: readonly string[]): Promise<number> {
  const request = parse(words);
  if (!request) {
    console.log(usage);
    return 0;
  }
  const device = await createDevice();
  const { adapter } = device;
  device.destroy();
  console.log(`seed ${request.seed}, ${adapter.description || adapter.device}`);
  console.log(header);
  const started = performance.now();
  const rows = await run(request);
  console.log(totalLine(rows, (performance.now() - started) / 1000));
  return rows.some(({ wrong }) => wrong.length > 0) ? 1 : 0;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  try {
    process.exitCode = await main(process.argv.slice(2));
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    console.error(`pnpm verify: ${error.message}\n${usage}`);
    process.exitCode = 2;
  }
}
