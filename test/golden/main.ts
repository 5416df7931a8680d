/**
 * `pnpm golden [--variant ALGORITHM] [PATH ...]`: runs golden cases on the device and says how far off the
 * results are. A path is a folder with operations or training runs anywhere below it, one training run, or
 * one file of operations. With `--variant` every product of the operations is made by that algorithm where it
 * can; training runs keep the compensated one.
 * Exits 1 when anything is off, 2 when there is nothing to run.
 */
import { existsSync, readdirSync, statSync } from 'node:fs';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { createDevice, type Device } from '@forger/tensor';
import { type Algorithm, algorithms, algorithmsNamed } from '@forger/tensor/internal';
import { openGoldenFile } from './cases.ts';
import { type FamilyResult, runFamily } from './ops.ts';
import { isTrainingRun, type RunResult, runTolerance, runTraining } from './training.ts';

const defaultFolder = fileURLToPath(new URL('../../../shared/golden', import.meta.url));

interface Found {
  /** Shortest name that tells it from the others below the path given. */
  label: string;
  kind: 'operations' | 'training';
  path: string;
}

/** Everything that can be run at or below a path, in alphabetical order. */
export function findGolden(path: string, from = path): Found[] {
  const label = (relative(from, path) || path).replace(/\.safetensors$/, '');
  if (!statSync(path).isDirectory()) return [{ label, kind: 'operations', path }];
  if (isTrainingRun(path)) return [{ label, kind: 'training', path }];
  return readdirSync(path, { withFileTypes: true })
    .filter((entry) => entry.isDirectory() || entry.name.endsWith('.safetensors'))
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .flatMap(({ name }) => findGolden(join(path, name), from));
}

export interface Totals {
  cases: number;
  families: number;
  runs: number;
  notBuilt: number;
  failed: number;
}

/** Runs what was found, with a line for each. */
export async function runGolden(
  device: Device,
  found: readonly Found[],
  print: (line: string) => void,
  algorithm: Algorithm | null = null,
): Promise<Totals> {
  const totals: Totals = { cases: 0, families: 0, runs: 0, notBuilt: 0, failed: 0 };
  const width = Math.max(...found.map(({ label }) => label.length));
  for (const { label, kind, path } of found) {
    const name = label.padEnd(width);
    let failures: string[];
    try {
      if (kind === 'operations') {
        const result = await runFamily(device, openGoldenFile(path), algorithm);
        failures = result.failures;
        totals.cases += result.cases;
        totals.families++;
        print(`${name}  ${familyLine(result)}`);
      } else {
        const result = await runTraining(device, path);
        failures = result.failures;
        if (result.built) totals.runs++;
        else totals.notBuilt++;
        print(`${name}  ${runLine(result)}`);
      }
    } catch (error) {
      failures = [(error as Error).message]; // a file that cannot be read
      print(`${name}  FAILED`);
    }
    for (const failure of failures) print(`  FAILED  ${failure}`);
    totals.failed += failures.length > 0 ? 1 : 0;
  }
  return totals;
}

const show = (error: number) => error.toExponential(1);

function outcome(failures: readonly string[]): string {
  return failures.length === 0 ? 'ok' : 'FAILED';
}

function familyLine({ cases, recovered, worst, allowed, failures }: FamilyResult): string {
  // Where an input shares its name with the result, the file holds the result only.
  const note = recovered > 0 ? `  (${recovered} with an operand worked out from the rest)` : '';
  const error = `worst error ${show(worst.error)} of ${show(allowed)} allowed`;
  return `${String(cases).padStart(3)} cases  ${error}  ${outcome(failures)}${note}`;
}

function runLine({ recipe, built, steps, nudges, worst, failures }: RunResult): string {
  if (!built) return `not built: there is no recipe '${recipe}' here`;
  const parts = (Object.keys(worst) as (keyof typeof worst)[]).map(
    (part) => `${part} ${show(worst[part].error)} of ${show(runTolerance[part])}`,
  );
  const note = nudges > 0 ? `  (nudged ${nudges} times past a kink)` : '';
  return `${String(steps).padStart(3)} steps  ${parts.join(', ')}  ${outcome(failures)}${note}`;
}

async function main(words: readonly string[]): Promise<number> {
  const { values, positionals: paths } = parseArgs({
    args: [...words],
    allowPositionals: true,
    options: { variant: { type: 'string' } },
  });
  const { variant } = values;
  const named = variant === undefined ? [] : algorithmsNamed(variant);
  if (variant !== undefined && named.length === 0) {
    const known = algorithms.map(({ name }) => name).join(', ');
    console.error(`pnpm golden: --variant ${variant}: expected one of ${known}.`);
    return 2;
  }
  if (paths.length === 0 && !existsSync(defaultFolder)) {
    console.error(
      'pnpm golden: name a folder with golden cases; the default, ../shared/golden, is not there.',
    );
    return 2;
  }
  const missing = paths.find((path) => !existsSync(path));
  if (missing !== undefined) {
    console.error(`pnpm golden: ${missing}: there is no such file or folder.`);
    return 2;
  }
  const found = (paths.length > 0 ? paths : [defaultFolder]).flatMap((path) => findGolden(path));
  if (found.length === 0) {
    console.error(`pnpm golden: ${paths.join(', ')} holds no golden cases.`);
    return 2;
  }
  const device = await createDevice({ halfMatrices: named[0]?.name === 'subgroup-matrix' });
  if (!named.every((one) => one.runsOn(device))) {
    console.error(`pnpm golden: --variant ${variant}: this adapter cannot run it.`);
    device.destroy();
    return 1;
  }
  device.forceAlgorithm(variant ?? null);
  try {
    const { cases, families, runs, notBuilt, failed } = await runGolden(
      device,
      found,
      console.log,
      named[0] ?? null,
    );
    const built = notBuilt > 0 ? `; ${notBuilt} training runs not built` : '';
    console.log(
      `${cases} cases in ${families} families and ${runs} training runs, ${failed} failed${built}.`,
    );
    return failed > 0 ? 1 : 0;
  } finally {
    device.destroy();
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) process.exitCode = await main(process.argv.slice(2));
