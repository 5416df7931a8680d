// Stage 3: short training runs, whose losses are compared with those recorded on a software adapter; grids of
// generated images.
import { join } from 'node:path';
import type { Device } from '@forger/tensor';
import { compareLosses, readRecorded } from '../losses.ts';
import type { StageContext } from '../stage.ts';
import { flopOf, stepCases } from '../step-cases.ts';
import { roughSeconds } from '../timing.ts';
import { type Losses, train, trainingRuns } from '../training-run.ts';

export interface ShortRun {
  readonly name: keyof typeof trainingRuns;
  /** Seconds after which it ends early. */
  readonly seconds: number;
  /** Steps, instead of all. */
  readonly steps?: number;
  /** By what tolerances are larger than those for float32. */
  readonly factor?: number;
  /** Whether sample grids are written. */
  readonly grid: boolean;
}

/** Trains and compares. @returns steps done, and the milliseconds of one, the first left out. */
export async function trainAndCompare(
  context: StageContext,
  device: Device,
  { name, seconds, steps, factor = 1, grid }: ShortRun,
): Promise<{ steps: number; milliseconds: number }> {
  const whole = trainingRuns[name];
  const run = steps === undefined ? whole : { ...whole, steps };
  const losses: Losses[] = [];
  const label = device.precision === 'float32' ? name : `${name}, ${device.precision}`;
  const picture = `grid-${label.replace(', ', '-')}.png`;
  const end = performance.now() + 1000 * seconds;
  let [began, last] = [0, 0];
  await train(device, run, {
    onStep: (pair) => {
      losses.push(pair);
      last = performance.now();
      if (losses.length === 1) began = last;
      return last + (last - began) / losses.length < end;
    },
    ...(grid && { grid: join(context.options.out, picture) }),
  });
  const { tight, worst, windows, wrong } = compareLosses(readRecorded(name), losses, factor);
  if (losses.length < run.steps) context.note(`${label}: time for ${losses.length} of ${run.steps} steps.`);
  context.check(
    `losses of ${label}`,
    wrong.length === 0,
    wrong[0] ??
      `${tight} steps within ${(100 * worst).toFixed(0)}% of what rounding may make of them, ${windows} later windows of steps within their band`,
    { losses, wrong },
  );
  const milliseconds = (last - began) / Math.max(1, losses.length - 1);
  context.figure(
    `training ${label}`,
    `${label}: ${losses.length} steps${losses.length > 1 ? `, ${milliseconds.toFixed(1)} ms each with its batch drawn and its losses read` : ''}${grid ? `; pictures in ${picture}` : ''}`,
    { steps: losses.length, milliseconds, losses },
  );
  return { steps: losses.length, milliseconds };
}

/** The time of a step of `pytorch` over that of one of `quick`, on an adapter that is slow. */
const PYTORCH_OVER_QUICK = 40;

/** Fewer steps than this say nothing. */
const LEAST_STEPS = 3;

/** Of the time, what the first run may take. */
const QUICK_SHARE = 0.7;

export async function training(context: StageContext): Promise<void> {
  const told: string[] = [];
  let milliseconds = 0;
  await context.attempt('quick', {}, async (device) => {
    if ((await roughSeconds(device, LEAST_STEPS * flopOf(device, stepCases.A))) > context.left()) {
      context.note('No time was left for steps of quick: this adapter is slow.');
      milliseconds = Number.POSITIVE_INFINITY;
      return;
    }
    const done = await trainAndCompare(context, device, {
      name: 'quick',
      seconds: QUICK_SHARE * context.left(),
      grid: true,
    });
    milliseconds = done.milliseconds;
    told.push(`${done.steps} steps of quick`);
    context.headline(told.join(', '));
  });
  // Compiling and the first step come on top.
  if (context.left() < (4 * PYTORCH_OVER_QUICK * milliseconds) / 1000) {
    context.note('No time was left for a step of pytorch, 64×64, width 64, batch 128.');
    if (told.length === 0) context.skip('there was no time for a step on this adapter');
    return;
  }
  await context.attempt('pytorch', {}, async (device) => {
    const done = await trainAndCompare(context, device, {
      name: 'pytorch',
      seconds: context.left(),
      grid: true,
    });
    told.push(`${done.steps} of pytorch`);
    context.headline(told.join(', '));
  });
}
