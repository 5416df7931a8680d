// A long training in this process, with its memory sampled on the way: of the device, of V8, and of the process.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { newConfig, type Reporter, RunFolder, type StartInfo, trainRun } from '@forger/cli';
import { findRecipe } from '@forger/dcgan';
import { type Device, getDefaultDevice } from '@forger/tensor';
import { fitSlope, type Slope } from './slope.ts';

export interface SoakOptions {
  readonly steps: number;
  readonly seed: number;
  /** Record every step anew instead of replaying it. */
  readonly eager?: boolean;
  readonly print: (line: string) => void;
  /** Called after each step: for tests that make something grow. */
  readonly disturb?: (step: number, device: Device) => void;
}

/** What is sampled. Bytes of the device include what its pool keeps for later. */
const QUANTITIES = ['live buffers', 'live bytes', 'pooled bytes', 'V8 heap', 'RSS'] as const;
export type Quantity = (typeof QUANTITIES)[number];

export interface SoakReport {
  readonly samples: readonly ({ step: number } & Record<Quantity, number>)[];
  /** Per 1000 steps, after the warm-up. */
  readonly slopes: Readonly<Record<Quantity, Slope>>;
  /** What grew; empty when all is flat. */
  readonly faults: readonly string[];
}

/** Compilations, caches, V8's code and heap, and the allocators' arenas settle in this part of the steps. */
const WARM_UP = 0.25;
const SAMPLES = 200;
const LEAST_INTERVAL = 10;

/**
 * MiB per 1000 steps that a slope must exceed by two standard errors to count as growth. V8 and the allocators never
 * stand quite still; a leak of one float a step would be 0.004, of one small JavaScript object a step 0.1.
 */
const BOUNDS: Readonly<Partial<Record<Quantity, number>>> = { 'V8 heap': 0.05, RSS: 1 };

const MIB = 2 ** 20;

/** A training of the quick recipe with everything that a run does: data, metrics, grids, checkpoints. */
export async function soak({ steps, seed, eager = false, print, disturb }: SoakOptions): Promise<SoakReport> {
  const dir = mkdtempSync(join(tmpdir(), 'forger-soak-'));
  const config = newConfig(findRecipe('quick'), {
    ...{ imageSize: 16, width: 8, batchSize: 8, steps, seed },
    ...{ sampleEvery: 100, checkpointEvery: 200 },
  });
  const samples: ({ step: number } & Record<Quantity, number>)[] = [];
  const collect = garbageCollector();
  const every = Math.max(LEAST_INTERVAL, Math.floor(steps / SAMPLES));
  const run = await RunFolder.create(config, { out: join(dir, 'run') });
  let device: Device | undefined;
  const reporter: Reporter = {
    start: (info: StartInfo) => {
      device = getDefaultDevice();
      print(`device: ${info.adapter}`);
    },
    step: ({ step }) => {
      disturb?.(step, device!);
      if (step % every !== 0) return;
      collect();
      const { liveBuffers, liveBytes, pooledBytes } = device!.memory();
      const { rss, heapUsed } = process.memoryUsage();
      samples.push({
        step,
        ...{ 'live buffers': liveBuffers, 'live bytes': liveBytes, 'pooled bytes': pooledBytes },
        ...{ 'V8 heap': heapUsed, RSS: rss },
      });
    },
    note: print,
    sample: () => {},
    checkpoint: () => {},
    profile: () => {},
    done: () => {},
  };
  try {
    const signal = new AbortController().signal;
    await trainRun(config, { run, reporter, signal, debug: false, resume: false, eager, tuning: 'off' });
  } finally {
    run.close();
    rmSync(dir, { recursive: true, force: true });
  }
  return evaluate(samples);
}

/** Fits what was sampled after the warm-up. */
export function evaluate(samples: SoakReport['samples']): SoakReport {
  const settled = samples.slice(Math.ceil(WARM_UP * samples.length));
  const thousands = settled.map(({ step }) => step / 1000);
  const fit = (name: Quantity) =>
    [
      name,
      fitSlope(
        thousands,
        settled.map((sample) => sample[name]),
      ),
    ] as const;
  const slopes = Object.fromEntries(QUANTITIES.map(fit)) as Record<Quantity, Slope>;
  const faults: string[] = [];
  const half = Math.floor(settled.length / 2);
  for (const name of ['live buffers', 'live bytes', 'pooled bytes'] as const) {
    const most = (part: SoakReport['samples']) => Math.max(...part.map((sample) => sample[name]));
    const [before, after] = [most(settled.slice(0, half)), most(settled.slice(half))];
    if (after > before) faults.push(`${name} grew from ${before} to ${after}; flat is 0`);
  }
  for (const [name, bound] of Object.entries(BOUNDS) as [Quantity, number][]) {
    const { slope, standardError } = slopes[name];
    if ((slope - 2 * standardError) / MIB > bound)
      faults.push(
        `${name} grew by ${show(slopes[name])} MiB per 1000 steps; flat is ${bound} or less, within two standard errors`,
      );
  }
  return { samples, slopes, faults };
}

/** The course of a soak, and its slopes. */
export function soakTable({ samples, slopes }: SoakReport): string[] {
  const widths = [16, 14, 16, 18, 16, 14];
  const line = (cells: readonly string[]) =>
    cells
      .map((cell, i) => cell.padEnd(widths[i]!))
      .join('')
      .trimEnd();
  const unit = (name: Quantity) => (name === 'live buffers' ? 1 : MIB);
  const row = (step: string, cell: (name: Quantity) => string) => line([step, ...QUANTITIES.map(cell)]);
  const tenths = Array.from(
    { length: 10 },
    (_, i) => samples[Math.floor(((i + 1) * samples.length) / 10) - 1]!,
  );
  const first = samples[Math.ceil(WARM_UP * samples.length)]!.step;
  return [
    row('step', (name) => name + (unit(name) === 1 ? '' : ', MiB')),
    ...tenths.map((sample) =>
      row(String(sample.step), (name) => (sample[name] / unit(name)).toFixed(unit(name) === 1 ? 0 : 3)),
    ),
    row('per 1000 steps', (name) => show(slopes[name], unit(name))),
    row('flat is', (name) => (BOUNDS[name] === undefined ? 'no growth' : `up to ${BOUNDS[name]}`)),
    `${samples.length} samples, each after a garbage collection; slopes with standard errors, from step ${first} on`,
  ];
}

function show({ slope, standardError }: Slope, unit = MIB): string {
  return `${(slope / unit).toFixed(3)} ± ${(standardError / unit).toFixed(3)}`;
}

/** V8's, without the flag that would have to be given when the process starts. */
function garbageCollector(): () => void {
  setFlagsFromString('--expose-gc');
  return runInNewContext('gc');
}
