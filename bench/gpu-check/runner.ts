// Runs stages one after another, each as a process of its own with a time limit, so that one that fails, hangs or
// crashes takes nothing with it. Knows processes and records, not what stages do.
import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import type { Check, Figure, StageRecord } from './protocol.ts';

export interface StageProcess {
  readonly name: string;
  readonly title: string;
  /** Seconds after which the process is ended. */
  readonly limit: number;
  /** The program and its arguments, given the seconds that it has. */
  command(seconds: number): readonly string[];
}

/**
 * ok: every check held. wrong: one did not. skipped: it does not apply to this machine. failed: an error ended it.
 * timed out: it was ended at its limit. crashed: its process ended by a signal or without a last word. not
 * run: the time for all was over, or the run was stopped.
 */
export type Outcome = 'ok' | 'wrong' | 'skipped' | 'failed' | 'timed out' | 'crashed' | 'not run';

export interface StageResult {
  readonly name: string;
  readonly title: string;
  readonly outcome: Outcome;
  /** How it ended, where that is not by its last word. */
  readonly reason: string;
  readonly seconds: number;
  /** Seconds that it had. */
  readonly limit: number;
  readonly headline: string;
  readonly checks: readonly Check[];
  readonly figures: readonly Figure[];
  readonly notes: readonly string[];
}

export interface RunOptions {
  /** Seconds for all stages together. */
  readonly seconds: number;
  /** Told what a stage says, as it comes. */
  onRecord?(stage: StageProcess, record: StageRecord): void;
  /** Told what a stage's process writes on stdout and stderr. */
  onOutput?(stage: StageProcess, text: string): void;
  /** Told each result. */
  onResult?(result: StageResult): void;
  /** Ends the stage under way; those after it are not run. */
  readonly signal?: AbortSignal;
}

/** Less time than this is not worth beginning a stage with, in seconds. */
const LEAST_SECONDS = 2;

/** Of what a process writes on stderr, what is kept to explain its end. */
const KEPT_CHARACTERS = 4000;

/** Whether an outcome counts as something wrong. */
export const isWrong = ({ outcome }: Pick<StageResult, 'outcome'>): boolean =>
  outcome !== 'ok' && outcome !== 'skipped';

/** Runs the stages in their order. It throws nothing: whatever happens is in the results. */
export async function runStages(
  stages: readonly StageProcess[],
  options: RunOptions,
): Promise<StageResult[]> {
  const end = performance.now() + 1000 * options.seconds;
  const results: StageResult[] = [];
  for (const stage of stages) {
    const left = (end - performance.now()) / 1000;
    const limit = Math.min(stage.limit, left);
    const reason = options.signal?.aborted
      ? 'the run was stopped'
      : limit < LEAST_SECONDS
        ? 'no time was left'
        : '';
    const result = reason ? notRun(stage, reason) : await runStage(stage, limit, options);
    results.push(result);
    options.onResult?.(result);
  }
  return results;
}

function notRun({ name, title, limit }: StageProcess, reason: string): StageResult {
  const nothing = { headline: '', checks: [], figures: [], notes: [] };
  return { name, title, outcome: 'not run', reason, seconds: 0, limit, ...nothing };
}

async function runStage(stage: StageProcess, limit: number, options: RunOptions): Promise<StageResult> {
  const began = performance.now();
  const records: StageRecord[] = [];
  const ended = await follow(stage, limit, options, (record) => {
    records.push(record);
    options.onRecord?.(stage, record);
  });
  const of = <T extends StageRecord['type']>(type: T) =>
    records.filter((record): record is Extract<StageRecord, { type: T }> => record.type === type);
  const checks = of('check');
  // The last figure of a name counts.
  const figures = [...new Map(of('figure').map((figure) => [figure.name, figure])).values()];
  const error = of('error').at(-1);
  const last = records.at(-1);
  let [outcome, reason]: [Outcome, string] = ['ok', ''];
  if (ended.why) [outcome, reason] = ended.why;
  else if (error) [outcome, reason] = ['failed', error.text];
  else if (ended.code === null) [outcome, reason] = ['crashed', `${ended.signal}${ended.lastLine}`];
  else if (last?.type !== 'done' && last?.type !== 'skipped')
    [outcome, reason] = ['crashed', `it exited with ${ended.code} before its end${ended.lastLine}`];
  else if (ended.code !== 0) [outcome, reason] = ['crashed', `it exited with ${ended.code}${ended.lastLine}`];
  else if (checks.some(({ ok }) => !ok)) outcome = 'wrong';
  else if (last.type === 'skipped') [outcome, reason] = ['skipped', last.text];
  return {
    name: stage.name,
    title: stage.title,
    outcome,
    reason,
    seconds: (performance.now() - began) / 1000,
    limit,
    headline: of('headline').at(-1)?.text ?? '',
    checks,
    figures,
    notes: of('note').map(({ text }) => text),
  };
}

interface Ended {
  readonly code: number | null;
  readonly signal: string | null;
  /** ": " and the last line of its stderr, if any. */
  readonly lastLine: string;
  /** Set where we ended it. */
  readonly why: [Outcome, string] | null;
}

async function follow(
  stage: StageProcess,
  limit: number,
  { onOutput, signal }: RunOptions,
  onRecord: (record: StageRecord) => void,
): Promise<Ended> {
  const [program, ...args] = stage.command(limit);
  // A group of its own, so that what the stage started ends with it.
  const child = spawn(program!, args, { stdio: ['ignore', 'pipe', 'pipe', 'pipe'], detached: true });
  let why: Ended['why'] = null;
  const stop = (because: [Outcome, string]): void => {
    why ??= because;
    endGroup(child);
  };
  const timer = setTimeout(
    () => stop(['timed out', `it was ended after ${limit.toFixed(0)} s`]),
    1000 * limit,
  );
  const onAbort = (): void => stop(['not run', 'the run was stopped']);
  signal?.addEventListener('abort', onAbort);
  let stderr = '';
  child.stdout!.setEncoding('utf8').on('data', (text: string) => onOutput?.(stage, text));
  child.stderr!.setEncoding('utf8').on('data', (text: string) => {
    stderr = (stderr + text).slice(-KEPT_CHARACTERS);
    onOutput?.(stage, text);
  });
  const lines = createInterface({ input: child.stdio[3] as Readable });
  lines.on('line', (line) => {
    const record = parse(line);
    if (record) onRecord(record);
  });
  const records = new Promise<void>((resolve) => lines.once('close', resolve));
  const { code, name } = await new Promise<{ code: number | null; name: string | null }>((resolve) => {
    child.once('error', (error) => {
      why ??= ['crashed', `it could not be started: ${error.message}`];
      resolve({ code: null, name: null });
    });
    child.once('exit', (exit, by) => resolve({ code: exit, name: by }));
  });
  clearTimeout(timer);
  signal?.removeEventListener('abort', onAbort);
  endGroup(child); // what it may have left behind, which would hold the pipes open
  await records;
  const line = telling(stderr);
  return { code, signal: name, lastLine: line ? `: ${line}` : '', why };
}

/** Of what a process wrote before it fell, the line that says most: its last error, else the last that is no stack. */
function telling(text: string): string | undefined {
  const lines = text.split('\n').map((line) => line.trim());
  const stack = /^(at |\d+: |Node\.js v|-+ |\^|$)/;
  return (
    lines.findLast((line) => /^\w*Error\b.*: /.test(line)) ?? lines.findLast((line) => !stack.test(line))
  );
}

function endGroup({ pid }: ChildProcess): void {
  try {
    if (pid !== undefined) process.kill(-pid, 'SIGKILL');
  } catch {} // all of it has ended
}

/** A line that a crash cut off is no record. */
function parse(line: string): StageRecord | null {
  try {
    return JSON.parse(line) as StageRecord;
  } catch {
    return null;
  }
}
