// From the start of the process to the first finished step of `forger train` without flags: how long a user
// waits. Each run is a fresh process, with a shader cache of its own: empty (cold), or filled by the run before (warm).
// The user's own shader cache is left alone; what the tuner found before is used, as it would be. Mesa's
// drivers heed the folder; for others cold and warm are alike.
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { type BenchContext, type Benchmark, row } from './benchmark.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const marksModule = pathToFileURL(join(root, 'bench/startup-marks.mjs')).href;

/** The marks of train.ts in their order, and the part of the start that ends at each. */
const parts = {
  'forger:imported': 'import',
  'forger:device': 'device',
  'forger:tuned': 'tune',
  'forger:compiled': 'compile',
  'forger:data': 'data',
} as const;

/** Milliseconds that each part took, 'first step' the last, and all together. */
type Times = Record<string, number>;

async function startOnce(shaderCache: string): Promise<Times> {
  const folder = mkdtempSync(join(tmpdir(), 'forger-startup-'));
  try {
    const marksFile = join(folder, 'marks.json');
    const command = ['scripts/run.mjs', 'packages/forger/src/cli/main.ts', 'train', '--json', '--steps', '1'];
    const begun = performance.now();
    const child = spawn(
      process.execPath,
      ['--import', marksModule, ...command, '--out', join(folder, 'run')],
      {
        cwd: root,
        stdio: ['ignore', 'pipe', 'ignore'],
        env: { ...process.env, MESA_SHADER_CACHE_DIR: shaderCache, FORGER_MARKS: marksFile },
      },
    );
    const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
    let total = Number.NaN;
    for await (const line of createInterface(child.stdout)) {
      if (line.startsWith('{"event":"step"')) total = performance.now() - begun;
    }
    const code = await ended;
    if (code !== 0 || Number.isNaN(total)) {
      throw new Error(`forger train --steps 1 made no step; it exited with ${code}.`);
    }
    const marks = JSON.parse(readFileSync(marksFile, 'utf8')) as Times;
    const times: Times = {};
    let before = 0;
    for (const [mark, part] of Object.entries(parts)) {
      times[part] = marks[mark]! - before;
      before = marks[mark]!;
    }
    return { ...times, 'first step': total - before, total };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

interface Summary {
  readonly runs: number;
  /** Milliseconds to the first finished step: median, least, most. */
  readonly median: number;
  readonly spread: readonly [number, number];
  /** Median milliseconds of each part. */
  readonly parts: Times;
}

function summarize(runs: readonly Times[]): Summary {
  const sorted = (name: string): number[] => runs.map((run) => run[name]!).sort((a, b) => a - b);
  const median = (name: string): number => sorted(name)[Math.floor(runs.length / 2)]!;
  const names = Object.keys(runs[0]!).filter((name) => name !== 'total');
  const totals = sorted('total');
  return {
    runs: runs.length,
    median: median('total'),
    spread: [totals[0]!, totals.at(-1)!],
    parts: Object.fromEntries(names.map((name) => [name, median(name)])),
  };
}

async function run({ whole, print }: BenchContext): Promise<object> {
  const counts = { cold: whole('cold'), warm: whole('warm') };
  const times: Record<'cold' | 'warm', Times[]> = { cold: [], warm: [] };
  let cache = '';
  const newCache = (): void => {
    if (cache) rmSync(cache, { recursive: true, force: true });
    cache = mkdtempSync(join(tmpdir(), 'forger-shaders-'));
  };
  try {
    for (let i = 0; i < counts.cold; i++) {
      newCache();
      times.cold.push(await startOnce(cache));
    }
    for (let i = 0; i < counts.warm; i++) times.warm.push(await startOnce(cache));
  } finally {
    rmSync(cache, { recursive: true, force: true });
  }
  const result = { cold: summarize(times.cold), warm: summarize(times.warm) };
  const widths = [6, -22, ...Object.values(parts).map(() => -9), -11];
  print(row(widths, ['cache', 'first step done (s)', ...Object.values(parts), 'first step']));
  for (const [name, { median, spread, parts: medians }] of Object.entries(result)) {
    const seconds = [median, ...spread].map((ms) => (ms / 1000).toFixed(2));
    const cells = Object.values(medians).map((ms) => (ms / 1000).toFixed(2));
    print(row(widths, [name, `${seconds[0]} (${seconds[1]} to ${seconds[2]})`, ...cells]));
  }
  return { startup: result };
}

export const startup: Benchmark = {
  name: 'startup',
  summary:
    'from process start to the first finished step of the default run, with an empty and a filled shader cache',
  options: {
    cold: { default: '3', help: 'runs with an empty shader cache' },
    warm: { default: '5', help: 'runs with a filled one' },
  },
  run,
};
