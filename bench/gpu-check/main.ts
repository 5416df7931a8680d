/**
 * `pnpm gpu-check`: what this machine's GPU makes of Forger: right or not, and how fast. docs/gpu-check.md says how to
 * read what it prints. Exits 0 when nothing was wrong, 1 when something was, 2 on wrong usage.
 *
 * The command starts a process of itself for each stage (`--stage NAME`), which only its parent does.
 */
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { UsageError } from '../benchmark.ts';
import { saveResult } from '../results.ts';
import { MACHINE } from './protocol.ts';
import { Results } from './results.ts';
import { type Rules, rulesNames } from './rules.ts';
import { runStage } from './run-stage.ts';
import { isWrong, runStages, type StageProcess } from './runner.ts';
import type { StageOptions } from './stage.ts';
import { type StageEntry, stages } from './stages.ts';

const usage = `Usage: pnpm gpu-check [options]
  --minutes M              for all stages together, 9 at most (9)
  --out DIR                where results go (runs/gpu-check-DATE)
  --only NAME[,NAME]       only these stages, in this order
  --skip NAME[,NAME]       not these
  --stage-limit NAME=S     seconds that a stage may take; may be given several times
  --rules own|gpu|software choose kernels as for this adapter, or pretend another kind (own)
  --python PATH            a Python that has torch (python3)
  --golden DIR             further golden cases (../shared/golden/ops, where it is there)
  --save                   also write the report to bench/results/
Stages, with their seconds:
${stages.map(({ name, seconds, title }) => `  ${name.padEnd(12)} ${String(seconds).padStart(3)}  ${title}`).join('\n')}`;

const MOST_MINUTES = 9;
/** Of the time for all, what starting processes may take. */
const SPARE_SHARE = 0.1;

interface Request {
  readonly chosen: readonly StageEntry[];
  readonly limits: ReadonlyMap<string, number>;
  readonly seconds: number;
  readonly out: string;
  readonly rules: Rules;
  readonly python: string;
  readonly golden: string | null;
  readonly save: boolean;
}

function find(option: string, name: string): StageEntry {
  const stage = stages.find((one) => one.name === name);
  if (stage) return stage;
  throw new UsageError(`--${option} ${name}: the stages are ${stages.map((one) => one.name).join(', ')}.`);
}

function positive(option: string, text: string): number {
  const value = Number(text);
  if (Number.isFinite(value) && value > 0) return value;
  throw new UsageError(`--${option} ${text}: expected a number above 0.`);
}

function limitsOf(words: readonly string[]): Map<string, number> {
  return new Map(
    words.map((word) => {
      const [name, seconds] = word.split('=');
      if (!name || seconds === undefined)
        throw new UsageError(`--stage-limit ${word}: expected NAME=SECONDS.`);
      return [find('stage-limit', name).name, positive('stage-limit', seconds)];
    }),
  );
}

const text = { type: 'string' } as const;
const several = { type: 'string', multiple: true } as const;

/** Throws UsageError. @returns null when help was asked for. */
function parse(args: readonly string[]): Request | null {
  const options = {
    minutes: text,
    out: text,
    only: text,
    skip: text,
    'stage-limit': several,
    rules: text,
    python: text,
    golden: text,
    save: { type: 'boolean' },
    help: { type: 'boolean' },
  } as const;
  const parsed = ((): ReturnType<typeof parseArgs<{ options: typeof options }>> => {
    try {
      return parseArgs({ args: [...args], options });
    } catch (error) {
      throw new UsageError((error as Error).message);
    }
  })();
  const { values } = parsed;
  if (values.help) return null;
  const minutes = positive('minutes', values.minutes ?? String(MOST_MINUTES));
  if (minutes > MOST_MINUTES)
    throw new UsageError(`--minutes ${minutes}: it takes ${MOST_MINUTES} minutes at most.`);
  const rules = rulesNames.find((name) => name === (values.rules ?? 'own'));
  if (!rules) throw new UsageError(`--rules ${values.rules}: expected ${rulesNames.join(', ')}.`);
  const only = values.only?.split(',').map((name) => find('only', name)) ?? stages;
  const skip = values.skip?.split(',').map((name) => find('skip', name)) ?? [];
  const chosen = only.filter((stage) => !skip.includes(stage));
  if (chosen.length === 0) throw new UsageError('No stage is left to run.');
  if (values.golden !== undefined && !existsSync(values.golden))
    throw new UsageError(`--golden ${values.golden}: there is no such folder.`);
  const beside = fileURLToPath(new URL('../../../shared/golden/ops', import.meta.url));
  const date = new Date().toISOString().slice(0, 19).replace('T', '-').replaceAll(':', '');
  return {
    chosen,
    limits: limitsOf(values['stage-limit'] ?? []),
    seconds: 60 * minutes,
    out: resolve(values.out ?? join('runs', `gpu-check-${date}`)),
    rules,
    python: values.python ?? 'python3',
    golden: values.golden ?? (existsSync(beside) ? beside : null),
    save: values.save ?? false,
  };
}

/** How this program is started again: from its bundle, or from its source as scripts/run.mjs does. */
function ownCommand(): string[] {
  const path = process.argv[1]!;
  if (!path.endsWith('.ts')) return [process.execPath, path];
  return [process.execPath, fileURLToPath(new URL('../../scripts/run.mjs', import.meta.url)), path];
}

/** Stages with their limits: shortened alike where the time for all is shorter than theirs, unless given. */
function processesOf({ chosen, limits, seconds, out, rules, python, golden }: Request): StageProcess[] {
  const given = chosen.reduce((sum, { name }) => sum + (limits.get(name) ?? 0), 0);
  const own = chosen.reduce((sum, stage) => sum + (limits.has(stage.name) ? 0 : stage.seconds), 0);
  const share = Math.min(1, Math.max(0, (1 - SPARE_SHARE) * seconds - given) / own);
  const options = { rules, python, golden, out };
  return chosen.map(({ name, title, seconds: usual }) => ({
    name,
    title,
    limit: limits.get(name) ?? usual * share,
    command: (has) => [
      ...ownCommand(),
      '--stage',
      name,
      JSON.stringify({ ...options, seconds: has } satisfies StageOptions),
    ],
  }));
}

async function runAll(request: Request): Promise<number> {
  const { chosen, seconds, out, rules, save } = request;
  const asked = { stages: chosen.map(({ name }) => name), seconds, rules };
  const results = new Results(out, asked);
  const stop = new AbortController();
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(name, () => stop.abort());
  const all = await runStages(processesOf(request), {
    seconds,
    signal: stop.signal,
    onRecord: (stage, record) => {
      results.record(stage, record);
      if (record.type === 'figure' && record.name !== MACHINE) console.log(`${stage.name}: ${record.text}`);
      if (record.type === 'note') console.log(`${stage.name}: ${record.text}`);
      if (record.type === 'check')
        console.log(`${stage.name}: ${record.ok ? 'ok' : 'WRONG'}  ${record.name}: ${record.detail}`);
    },
    onOutput: (stage, output) => results.output(stage, output),
    onResult: (result) => {
      results.result(result);
      console.log(`${result.name}: ${result.outcome} ${result.reason}\n`);
    },
  });
  for (const line of results.table()) console.log(line);
  if (save && results.machine)
    console.log(
      `Saved as ${saveResult(rules === 'own' ? 'gpu-check' : `gpu-check-rules-${rules}`, results.machine, results.body)}.`,
    );
  return all.some(isWrong) ? 1 : 0;
}

const args = process.argv.slice(2);
if (args[0] === '--stage') await runStage(args[1]!, JSON.parse(args[2]!) as StageOptions);
else {
  try {
    const request = parse(args);
    if (request) process.exitCode = await runAll(request);
    else console.log(usage);
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    console.error(`pnpm gpu-check: ${error.message}\n${usage}`);
    process.exitCode = 2;
  }
}
