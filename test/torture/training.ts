// A `forger train` in a process of its own, followed through the JSON lines that it prints.

import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../..', import.meta.url));

/** A line of `forger train --json`, as far as it matters here. */
export interface Told {
  readonly event: 'start' | 'step' | 'note' | 'sample' | 'checkpoint' | 'profile' | 'done';
  readonly message?: string;
  readonly path?: string;
  readonly step?: number;
  readonly reason?: 'finished' | 'interrupted';
}

export interface Ended {
  readonly exitCode: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** However slow the machine, a training of the torture takes no longer. */
const LIMIT_MS = 180_000;

export class Training {
  readonly events: Told[] = [];
  /** What it printed that is no JSON, such as an outcry of the graphics driver. */
  readonly strange: string[] = [];
  /** Resolved when the process has ended and all that it wrote was read. */
  readonly ended: Promise<Ended>;
  readonly #child: ChildProcess;
  readonly #began = performance.now();
  #startMs: number | undefined;
  #stderr = '';
  #rest = '';
  #milliseconds = 0;
  #isOver = false;
  #hung = false;

  /** @param args what follows `forger train`. */
  constructor(args: readonly string[]) {
    this.#child = spawn(
      process.execPath,
      [join(root, 'scripts/run.mjs'), 'packages/forger/src/cli/main.ts', 'train', ...args, '--json'],
      { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, npm_lifecycle_event: '' } },
    );
    this.#child.stdout!.setEncoding('utf8').on('data', (chunk: string) => this.#hear(chunk));
    this.#child.stderr!.setEncoding('utf8').on('data', (chunk: string) => {
      this.#stderr += chunk;
    });
    const limit = setTimeout(() => {
      this.#hung = true;
      this.kill('SIGKILL');
    }, LIMIT_MS);
    this.ended = new Promise((resolve, reject) => {
      this.#child.on('error', reject);
      this.#child.on('close', (exitCode, signal) => {
        clearTimeout(limit);
        this.#isOver = true;
        this.#milliseconds = performance.now() - this.#began;
        if (this.#hung) reject(new Error(`forger train ${args.join(' ')} hung`));
        else resolve({ exitCode, signal });
      });
    });
  }

  /** Whether the process has ended. */
  get isOver(): boolean {
    return this.#isOver;
  }

  /** How long the process took. */
  get milliseconds(): number {
    return this.#milliseconds;
  }

  /** When it told that training begins, in milliseconds after it was started. */
  get startMs(): number | undefined {
    return this.#startMs;
  }

  /** What it wrote to standard error, Dawn's usual remarks left out. */
  get errors(): string[] {
    return this.#stderr.split('\n').filter((line) => line !== '' && !/artificially reduced/.test(line));
  }

  of(event: Told['event']): Told[] {
    return this.events.filter((told) => told.event === event);
  }

  kill(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  #hear(chunk: string): void {
    const lines = (this.#rest + chunk).split('\n');
    this.#rest = lines.pop()!;
    for (const line of lines) {
      const told = parse(line);
      if (!told) {
        this.strange.push(line);
        continue;
      }
      if (told.event === 'start') this.#startMs = performance.now() - this.#began;
      this.events.push(told);
    }
  }
}

function parse(line: string): Told | undefined {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}
