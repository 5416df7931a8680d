// `pnpm torture kill` and `pnpm torture soak`: what a run must survive, for as long as one likes. Exits 1 when anything
// was lost or grew, 2 on wrong usage.

import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { CHECKPOINT_WRITES, PHASES } from './aftermath.ts';
import { type KillReport, tortureByKilling } from './kill.ts';
import { soak, soakTable } from './soak.ts';

const USAGE = `Usage: pnpm torture kill [--runs N] [--seed S] [--first I] [--jobs N] [--only SCENARIO]
         starts trainings, kills them at random moments and in the midst of checkpoint writes, resumes and compares;
         by default 100 runs, two at a time, with a seed of the clock; --first 7 --runs 1 repeats run 7 of a seed
       pnpm torture soak [--steps N] [--seed S] [--eager]
         trains in one process, samples the memory of device and process, and fits slopes; by default 10000 steps`;

/** Fewer say nothing. */
const LEAST_STEPS = 100;

class UsageError extends Error {}

async function kill(args: string[]): Promise<number> {
  const { values } = parseArgs({
    args,
    options: {
      runs: { type: 'string', default: '100' },
      seed: { type: 'string', default: String(Date.now() % 1_000_000) },
      first: { type: 'string', default: '0' },
      jobs: { type: 'string', default: '2' },
      only: { type: 'string', multiple: true },
    },
  });
  const { only } = values;
  const [runs, seed, first, jobs] = (['runs', 'seed', 'first', 'jobs'] as const).map((name) =>
    whole(name, values[name]),
  ) as [number, number, number, number];
  console.log(`${runs} runs, seed ${seed}`);
  const report = await tortureByKilling({
    ...{ runs, seed, first, jobs },
    ...(only && { only }),
    print: console.log,
  });
  for (const line of summary(report)) console.log(line);
  return report.faults.length > 0 ? 1 : 0;
}

async function runSoak(args: string[]): Promise<number> {
  const { values } = parseArgs({
    args,
    options: {
      steps: { type: 'string', default: '10000' },
      seed: { type: 'string', default: '0' },
      eager: { type: 'boolean', default: false },
    },
  });
  const { eager } = values;
  const steps = whole('steps', values.steps);
  if (steps < LEAST_STEPS) throw new UsageError(`--steps ${steps}: expected ${LEAST_STEPS} at least.`);
  console.log(`${steps} steps, ${eager ? 'eager' : 'captured'}, seed ${values.seed}`);
  const report = await soak({ steps, eager, seed: whole('seed', values.seed), print: console.log });
  for (const line of soakTable(report)) console.log(line);
  for (const fault of report.faults) console.log(`FAILED ${fault}`);
  if (report.faults.length === 0) console.log('flat');
  return report.faults.length > 0 ? 1 : 0;
}

function whole(name: string, text: string): number {
  const n = Number(text);
  if (/^\d+$/.test(text) && Number.isSafeInteger(n)) return n;
  throw new UsageError(`--${name} ${text}: expected a whole number.`);
}

function summary({ runs, resumed, equal, corrupt, kills, faults }: KillReport): string[] {
  const sum = (names: readonly string[]) =>
    [...kills].reduce((total, [name, count]) => total + (names.includes(name) ? count : 0), 0);
  const signals = [...kills.keys()].filter((name) => name.startsWith('SIG'));
  const rows = [...PHASES, ...signals.sort()].map(
    (name) => `  ${name.padEnd(42)} ${sum([name])}${CHECKPOINT_WRITES.some((p) => p === name) ? '  *' : ''}`,
  );
  return [
    '',
    `${sum(PHASES)} kills by SIGKILL, ${sum(CHECKPOINT_WRITES)} of them in a checkpoint write (*), and ${sum(signals)} stops by a signal that it hears:`,
    ...rows,
    `${runs} runs: ${resumed} resumed to their end, ${corrupt} corrupt, ${equal} byte-equal to an undisturbed run`,
    ...faults.map((fault) => `FAILED ${fault}`),
  ];
}

async function main([name, ...args]: string[]): Promise<number> {
  try {
    if (name === 'kill') return await kill(args);
    if (name === 'soak') return await runSoak(args);
    throw new UsageError(name === undefined ? 'a subcommand is missing.' : `there is no subcommand ${name}.`);
  } catch (error) {
    const wrong =
      error instanceof UsageError || `${(error as { code?: string }).code}`.startsWith('ERR_PARSE');
    if (!wrong) throw error;
    console.error(`pnpm torture: ${(error as Error).message}\n${USAGE}`);
    return 2;
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) process.exitCode = await main(process.argv.slice(2));
