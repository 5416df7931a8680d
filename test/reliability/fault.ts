// What a fault is, how the command is started with one, and what must hold however it ends.

import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, readFileSync, symlinkSync } from 'node:fs';
import { constants, homedir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'vitest';
import { emptyFolder } from '../../packages/forger/test/cli/folders.ts';
import type { Injection } from './inject.ts';

/** Something that goes wrong, and how `forger` meets it. Each is a line of the table in docs/reliability.md. */
export interface Fault {
  readonly name: string;
  /** Makes it happen, in an empty folder of its own. @returns how the command that met it ended. */
  readonly provoke: (folder: string) => Promise<Outcome>;
  /** What is printed; `<words>` stand for what varies. */
  readonly sentence: string;
  readonly exitCode: number;
  /** What is still there afterwards, in words. */
  readonly kept: string;
  /** Throws unless that is so. */
  readonly isKept?: (folder: string, outcome: Outcome) => void | Promise<void>;
  /** Why it cannot be provoked on this machine. */
  readonly skip?: string | false;
}

export interface Outcome {
  /** 128 and more when a signal ended it, as shells have it. */
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface StartOptions {
  /** What goes wrong inside the device (inject.ts). */
  readonly inject?: Injection | readonly Injection[];
  readonly env?: NodeJS.ProcessEnv;
  /** A command that starts the command behind it in another way, such as with fewer rights. */
  readonly through?: readonly string[];
  /** Told of the process once it is there, to do something to it. */
  readonly onStart?: (child: ChildProcess) => void;
}

const root = fileURLToPath(new URL('../..', import.meta.url));
const preload = fileURLToPath(new URL('inject.mjs', import.meta.url));

/** What a second Ctrl-C ends with, which is no error of the command's. */
const INTERRUPTED = 130;

/** However wrong things are, no command takes longer than this for what the faults here ask of it. */
const LIMIT_MS = 60_000;

/** Starts `forger` with these arguments in `folder`, and waits until it ends by itself. */
export function forger(
  folder: string,
  args: readonly string[],
  { inject, env, through = [], onStart }: StartOptions = {},
): Promise<Outcome> {
  const script = [join(root, 'scripts/run.mjs'), 'packages/forger/src/cli/main.ts'];
  const injected = inject ? ['--import', preload] : [];
  const [command, ...rest] = [...through, process.execPath, ...injected, ...script, ...args];
  const child = spawn(command!, rest, {
    cwd: folder,
    env: { ...process.env, ...(inject && { FORGER_TEST_FAULT: JSON.stringify([inject].flat()) }), ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const text = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const) {
    child[name].setEncoding('utf8').on('data', (chunk: string) => {
      text[name] += chunk;
    });
  }
  onStart?.(child);
  return new Promise((resolve, reject) => {
    const limit = setTimeout(() => {
      child.kill('SIGKILL');
      reject(new Error(`forger ${args.join(' ')} hung: ${text.stdout}${text.stderr}`));
    }, LIMIT_MS);
    child.on('error', reject);
    child.on('close', (code, signal) => {
      clearTimeout(limit);
      resolve({ exitCode: code ?? 128 + constants.signals[signal!], ...text });
    });
  });
}

/** An environment in which the user's cache is empty, but for the graphics driver and what it has compiled. */
export function ownCache(folder: string): NodeJS.ProcessEnv {
  const { XDG_CACHE_HOME: users = join(homedir(), '.cache'), MESA_SHADER_CACHE_DIR } = process.env;
  const own = join(folder, 'cache');
  mkdirSync(join(own, 'forger'), { recursive: true });
  symlinkSync(join(users, 'forger/vulkan'), join(own, 'forger/vulkan'));
  return { XDG_CACHE_HOME: own, MESA_SHADER_CACHE_DIR: MESA_SHADER_CACHE_DIR ?? users };
}

/** A training run as small as can be, with checkpoints at steps 2, 4 and 6, into the folder `run`. */
export const TINY = [
  ...['train', '--out', 'run', '--image-size', '16', '--width', '8', '--batch-size', '8', '--tune', 'off'],
  ...['--steps', '6', '--checkpoint-every', '2', '--sample-every', '100'],
];

const calm = emptyFolder();
let undisturbed: Promise<Outcome> | undefined;

/** The folder of a run of `TINY` that nothing happened to. */
export async function undisturbedRun(): Promise<string> {
  undisturbed ??= forger(calm, TINY);
  const { exitCode, stderr } = await undisturbed;
  expect(exitCode, stderr).toBe(0);
  return join(calm, 'run');
}

/** Throws unless a run ended with the same weights as an undisturbed one, and told of each step once. */
export async function isUndisturbed(run: string): Promise<void> {
  const other = await undisturbedRun();
  const last = 'checkpoints/step-000006.safetensors';
  expect(readFileSync(join(run, last)).equals(readFileSync(join(other, last)))).toBe(true);
  const [losses, expected] = [run, other].map((dir) =>
    lines(readFileSync(join(dir, 'metrics.jsonl'), 'utf8')).map((line) => {
      const { step, lossD, lossG } = JSON.parse(line);
      return { step, lossD, lossG };
    }),
  );
  expect(losses).toEqual(expected);
}

/** Holds an outcome against a fault: its code, its one sentence, and no sign of an error that escaped. */
export function checkOutcome({ sentence, exitCode }: Fault, outcome: Outcome): void {
  const all = `${outcome.stdout}\n${outcome.stderr}`;
  expect(outcome.exitCode, all).toBe(exitCode);
  expect(outcome.stdout).not.toMatch(/^(validation|internal|out-of-memory):/m); // Dawn's own prints
  expect(all).not.toMatch(/^\s+at .*[:(]/m); // a stack
  expect(all).not.toMatch(/unhandled|unexpected error|triggerUncaughtException/i);
  const errors = lines(outcome.stderr).filter((line) => !/artificially reduced/.test(line));
  const pattern = patternOf(sentence);
  if (exitCode === 0 || exitCode === INTERRUPTED) {
    expect(errors.filter((line) => !line.startsWith('note: '))).toEqual([]);
    const said = lines(all).map((line) => line.replace(/^note: /, ''));
    expect(
      said.filter((line) => pattern.test(line)),
      all,
    ).toHaveLength(1);
    return;
  }
  expect(errors).toHaveLength(exitCode === 2 ? 2 : 1); // wrong usage is followed by where help is
  expect(errors[0]).toMatch(/^forger: /);
  expect(errors[0]!.slice('forger: '.length)).toMatch(pattern);
}

/** The table's lines for faults, in Markdown. */
export function tableRows(faults: readonly Fault[]): string[] {
  return faults.map(({ name, sentence, exitCode, kept }) =>
    ['', name, code(sentence), exitCode, kept, '']
      .map((cell) => String(cell).replaceAll('|', '\\|'))
      .join(' | ')
      .trim(),
  );
}

const lines = (text: string): string[] => text.split('\n').filter((line) => line !== '');

/** A sentence as a pattern: `<words>` match anything but nothing. */
function patternOf(sentence: string): RegExp {
  const parts = sentence.split(/<[^<>]+>/).map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'));
  return new RegExp(`^${parts.join('.+')}$`);
}

const code = (text: string): string => (text.includes('`') ? `\`\` ${text} \`\`` : `\`${text}\``);
