// Runs cases in a process of their own, which is killed when a case takes too long and started anew after it dies.

import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Done } from './worker.ts';

/** Cases of one parser: drawn ones, or one of the corpus. */
export type Job = { parser: string } & ({ seed: number; from: number; count: number } | { file: string });

export interface Finding {
  parser: string;
  kind: 'crash' | 'hang';
  /** The drawn case, or the file of the corpus. */
  seed?: number;
  index?: number;
  file?: string;
  message: string;
}

/** What came of one parser's cases. */
export interface Tally {
  cases: number;
  accepted: number;
  refused: number;
  crashes: number;
  hangs: number;
  /** Milliseconds. */
  longest: number;
  /** Bytes: of the process, and of the case that made it grow most. */
  peak: number;
  growth: number;
}

export interface Limits {
  /** A case takes milliseconds; a loop without end is what is looked for, on however busy a machine. */
  caseMs: number;
}

const START_MS = 120_000;

/** A worker may have so much data; a claim of 2^50 bytes is refused by the system instead of being granted unused. */
const DATA_KIB = 2 * 2 ** 20;

/** After so many deaths of the worker the rest of the cases are given up. */
const MOST_DEATHS = 40;

const script = (name: string) => fileURLToPath(new URL(name, import.meta.url));

/** Runs jobs in order. @returns the tally by parser. */
export async function runJobs(
  jobs: readonly Job[],
  onFinding: (finding: Finding) => void | Promise<void>,
  limits: Limits = { caseMs: 30_000 },
): Promise<Map<string, Tally>> {
  const tallies = new Map<string, Tally>();
  let left = [...jobs];
  for (let deaths = 0; left.length > 0; deaths++) {
    if (deaths > MOST_DEATHS) throw new Error(`the worker died ${deaths} times; the rest was not run`);
    left = await runUntilDeath(left, tallies, onFinding, limits);
  }
  return tallies;
}

/** @returns what is left to do after the case that ended the worker; nothing when it did all. */
async function runUntilDeath(
  jobs: readonly Job[],
  tallies: Map<string, Tally>,
  onFinding: (finding: Finding) => void | Promise<void>,
  { caseMs }: Limits,
): Promise<Job[]> {
  // The case under way.
  let [job, index] = [0, 0];
  const begin = (at: number) => {
    job = at;
    const next = jobs[at];
    index = next && 'from' in next ? next.from : 0;
  };
  begin(0);
  const tally = (parser: string): Tally => {
    const none = { cases: 0, accepted: 0, refused: 0, crashes: 0, hangs: 0, longest: 0, peak: 0, growth: 0 };
    return tallies.get(parser) ?? tallies.set(parser, none).get(parser)!;
  };
  const found = async (kind: Finding['kind'], message: string) => {
    const { parser, ...cases } = jobs[job]!;
    const which = 'file' in cases ? cases : { seed: cases.seed, index };
    await onFinding({ parser, kind, message, ...which });
  };

  let hung = false;
  let started = false;
  let faults = '';
  const root = mkdtempSync(join(tmpdir(), 'forger-fuzz-'));
  const worker = start(jobs, root);
  const kill = () => {
    hung = true;
    worker.kill('SIGKILL');
  };
  let timer = setTimeout(kill, START_MS);
  worker.stderr!.on('data', (text) => {
    faults = (faults + text).slice(-2000);
  });
  let told = Promise.resolve();
  worker.on('message', (message: Done | 'ready') => {
    clearTimeout(timer);
    timer = setTimeout(kill, caseMs);
    started = true;
    if (message === 'ready') return;
    const { parser, ...cases } = jobs[message.job]!;
    const { outcome, milliseconds, growth, peak } = message;
    const sums = tally(parser);
    sums.cases++;
    sums[outcome === 'crash' ? 'crashes' : outcome]++;
    sums.longest = Math.max(sums.longest, milliseconds);
    sums.peak = Math.max(sums.peak, peak);
    sums.growth = Math.max(sums.growth, growth);
    if (outcome === 'crash') {
      const text = message.message ?? '';
      const which = 'file' in cases ? cases : { seed: cases.seed, index: message.index };
      told = told.then(() => onFinding({ parser, kind: 'crash', message: text, ...which }));
    }
    const isLast = 'file' in cases || message.index + 1 === cases.from + cases.count;
    if (isLast) begin(message.job + 1);
    else [job, index] = [message.job, message.index + 1];
  });
  const [code, signal] = await new Promise<[number | null, string | null]>((resolve) =>
    worker.on('close', (...end) => resolve(end)),
  );
  clearTimeout(timer);
  rmSync(root, { recursive: true, force: true });
  await told;
  if (code === 0 && job === jobs.length) return [];
  if (!started) throw new Error(`the worker did not start (${signal ?? code}): ${faults}`);
  const sums = tally(jobs[job]!.parser);
  sums.cases++;
  sums[hung ? 'hangs' : 'crashes']++;
  const last = faults.trim().split('\n').at(-1)?.slice(0, 200);
  await found(
    hung ? 'hang' : 'crash',
    hung ? `no end after ${caseMs / 1000} s` : `the process died (${signal ?? code}): ${last}`,
  );
  const [current, ...rest] = jobs.slice(job);
  if (!current || 'file' in current) return rest;
  const after = current.from + current.count - (index + 1);
  return after > 0 ? [{ ...current, from: index + 1, count: after }, ...rest] : rest;
}

function start(jobs: readonly Job[], root: string): ChildProcess {
  const node = [
    process.execPath,
    '--max-old-space-size=1024',
    '--expose-gc',
    script('../../scripts/run.mjs'),
  ];
  const words = [...node, script('worker.ts'), JSON.stringify(jobs), root];
  const limited = process.platform === 'linux' ? ['/bin/sh', '-c', LIMIT, 'sh', ...words] : words;
  const [command, ...args] = limited as [string, ...string[]];
  return spawn(command, args, { stdio: ['ignore', 'ignore', 'pipe', 'ipc'] });
}

const LIMIT = `ulimit -d ${DATA_KIB}; exec "$@"`;
