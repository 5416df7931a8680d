// Losses of a run beside recorded ones. Training is chaotic: rounding alone drives two right runs apart,
// slowly at first.
// So the first steps are held to what rounding makes of them, step by step, and later ones, by means over windows of
// steps, to a band around what the recorded runs did, which differ from each other in nothing but rounding.
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { TOLERANCE } from '../peers.ts';
import type { Losses, TrainingRun } from './training-run.ts';

/** Recorded losses of a run. */
export interface Recorded extends TrainingRun {
  /** Where they were recorded, and when. */
  readonly adapter: string;
  readonly date: string;
  /** By which algorithm products were computed; 'rules' first. */
  readonly runs: readonly { readonly algorithm: string; readonly losses: readonly Losses[] }[];
}

export const recordedPath = (name: string): string =>
  fileURLToPath(new URL(`reference/losses-${name}.json`, import.meta.url));

/** Throws when there is no such file. */
export function readRecorded(name: string): Recorded {
  return JSON.parse(readFileSync(recordedPath(name), 'utf8')) as Recorded;
}

/**
 * Relative difference that a loss may have at least: WGSL leaves functions such as cos, which first weights and latents
 * are drawn with, 2^-11 of error, and Adam's first steps move each weight by about ±lr however small its gradient.
 */
const LEAST_TOLERANCE = 2e-3;
/** Of what the recorded runs differ by, up to some steps later. */
const SPREAD_FACTOR = 4;
const STEPS_LATER = 3;
/** From where the tolerance would be larger, steps are not compared one by one. */
const MOST_TOLERANCE = 0.15;
/**
 * Steps of a window, whose mean loss the recorded runs agree in for longer than in single ones. It may be outside of
 * theirs by a tenth, and by twice the factor that they are apart, but by no more than a factor of 3.
 */
const WINDOW = 10;
const BAND_SHARE = 1.1;
const MOST_BAND = 3;

export interface Comparison {
  /** Steps that were compared one by one. */
  readonly tight: number;
  /** The largest difference among them over what it may be. */
  readonly worst: number;
  /** Windows of later steps that were compared. */
  readonly windows: number;
  /** What was off, in words; empty when nothing was. */
  readonly wrong: readonly string[];
}

const which = ["the discriminator's loss", "the generator's loss"] as const;

/** Where only one run was recorded: what bench/peers.ts allows between libraries, and nothing step by step after it. */
const OF_ONE_RUN = TOLERANCE.float32;

/** How far apart the recorded runs are at each step: the largest relative difference from the first, so far. */
function spreads({ runs }: Recorded): number[] {
  const [first, ...others] = runs;
  let most = 0;
  return first!.losses.map((pair, step) => {
    for (const { losses } of others) {
      for (const [i, expected] of pair.entries())
        most = Math.max(most, Math.abs(losses[step]![i]! - expected) / Math.abs(expected));
    }
    return most;
  });
}

/** What each step's losses may differ by, relatively, for as many steps as are compared one by one. */
export function tolerances(recorded: Recorded): number[] {
  if (recorded.runs.length === 1) return OF_ONE_RUN.map((least) => Math.max(LEAST_TOLERANCE, least));
  const spread = spreads(recorded);
  const all = spread.map((_, step) =>
    Math.max(LEAST_TOLERANCE, SPREAD_FACTOR * spread[Math.min(step + STEPS_LATER, spread.length - 1)]!),
  );
  const end = all.findIndex((tolerance) => tolerance > MOST_TOLERANCE);
  return all.slice(0, end < 0 ? all.length : end);
}

const mean = (losses: readonly Losses[], i: number): number =>
  losses.reduce((sum, pair) => sum + pair[i]!, 0) / losses.length;

/**
 * Compares the first steps of a run, as many as it has.
 * @param looser by what tolerances are larger than those for float32.
 */
export function compareLosses(recorded: Recorded, losses: readonly Losses[], looser = 1): Comparison {
  const wrong: string[] = [];
  const [first] = recorded.runs;
  const allowed = tolerances(recorded).map((tolerance) => looser * tolerance);
  const end = allowed.findIndex((tolerance) => tolerance > MOST_TOLERANCE);
  const tight = Math.min(end < 0 ? allowed.length : end, losses.length);
  let worst = 0;
  for (let step = 0; step < tight; step++) {
    for (const [i, expected] of first!.losses[step]!.entries()) {
      const difference = Math.abs(losses[step]![i]! - expected) / Math.abs(expected);
      const share = difference / allowed[step]!;
      if (!(share <= worst)) worst = share;
      if (!(share <= 1))
        wrong.push(`${which[i]} of step ${step + 1} is ${losses[step]![i]}, recorded was ${expected}`);
    }
  }
  let windows = 0;
  for (let from = tight; from + WINDOW <= losses.length; from += WINDOW, windows++) {
    for (const i of [0, 1]) {
      const of = (list: readonly Losses[]): number => mean(list.slice(from, from + WINDOW), i);
      const found = of(losses);
      const known = recorded.runs.map((run) => of(run.losses));
      const apart = Math.max(...known) / Math.min(...known);
      const factor = known.length === 1 ? MOST_BAND : Math.min(MOST_BAND, BAND_SHARE * apart ** 2);
      const [low, high] = [Math.min(...known) / factor, Math.max(...known) * factor];
      if (found >= low && found <= high) continue;
      wrong.push(
        `${which[i]}, mean of steps ${from + 1} to ${from + WINDOW}, is ${found.toPrecision(3)}, expected ${low.toPrecision(3)} to ${high.toPrecision(3)}`,
      );
    }
  }
  return { tight, worst, windows, wrong };
}
