// The tuner: finds the fastest algorithm for each convolution and matrix product that some work needs, on
// this device. An algorithm is proven before it is timed: against the plain one where that is quick, and
// against the one that rules would take at full size. Candidates are timed in turn, so that what else the
// machine does falls on all alike.

import type { Device } from '../device/device.ts';
import type { AbortSignal } from '../device/globals.ts';
import { timeInterleaved } from '../device/timing.ts';
import { type Tensor, tensor } from '../tensor.ts';
import { type Algorithm, allowedUnits, unitRoundoff } from './algorithm.ts';
import { algorithms, algorithmsNamed } from './algorithms.ts';
import { choicesOf, forgetDecisions } from './choose.ts';
import { type Tunable, tunableProblems } from './tunable.ts';

export interface TuneOptions {
  /** Problems are taken, the largest first, until this many seconds have passed. Default 20. */
  readonly seconds?: number;
  /** Samples of each candidate. Default 3. */
  readonly rounds?: number;
  readonly onProgress?: (done: number, total: number) => void;
  readonly signal?: AbortSignal;
}

export interface TunedProblem {
  readonly key: string;
  /** The algorithm that was chosen, or null for the one that rules take. */
  readonly algorithm: string | null;
  /** Time of the chosen algorithm over that of the rules' one. */
  readonly ratio: number;
  /**
   * Algorithms whose result was wrong, with the difference relative to the largest magnitude: a defect to be reported.
   */
  readonly wrong: readonly { readonly algorithm: string; readonly difference: number }[];
}

export interface TuneReport {
  readonly problems: readonly TunedProblem[];
  /** Problems that there was no time for. */
  readonly left: number;
}

/** What the plain algorithm is asked at most: it does about 5·10⁸ multiply-adds a second on two processor cores. */
const plainMacs = 2 ** 24;

/** An algorithm must save this share of the time to be preferred to the rules' one: less is within the noise. */
const leastGain = 0.05;

/**
 * Tunes the problems that `work` meets. `work` is run dry: it computes nothing and changes nothing, and what is chosen
 * holds for the device from then on.
 */
export async function tune(
  device: Device,
  work: () => unknown,
  options: TuneOptions = {},
): Promise<TuneReport> {
  const { chosen } = choicesOf(device);
  const open = tunableProblems(device, work).filter(({ key }) => !chosen.has(key));
  return tuneProblems(device, open, options);
}

/** Tunes these problems, in this order. */
export async function tuneProblems(
  device: Device,
  open: readonly Tunable[],
  { seconds = 20, rounds = 3, onProgress, signal }: TuneOptions = {},
): Promise<TuneReport> {
  const { chosen } = choicesOf(device);
  const end = performance.now() + 1000 * seconds;
  const problems: TunedProblem[] = [];
  for (const problem of open) {
    if (performance.now() > end || signal?.aborted) break;
    const result = await tuneOne(device, problem, rounds, end);
    if (!result) break;
    // Where the rules' algorithm is the fastest, that is recorded too, so the problem is not timed again.
    chosen.set(problem.key, result.algorithm ?? 'rules');
    forgetDecisions(device);
    problems.push(result);
    onProgress?.(problems.length, open.length);
  }
  return { problems, left: open.length - problems.length };
}

/** Null when the time was up before every candidate was proven. */
async function tuneOne(
  device: Device,
  problem: Tunable,
  rounds: number,
  end: number,
): Promise<TunedProblem | null> {
  const full = operandsOf(device, problem.shapes(1));
  const part = operandsOf(device, problem.shapes(Math.min(1, plainMacs / problem.macs)));
  const wrong: { algorithm: string; difference: number }[] = [];
  const right: string[] = [];
  const runBy = (name: string, operands: readonly Tensor[]): readonly Tensor[] =>
    device.withAlgorithm(name, () => problem.run(operands));
  const byRule = problem.run(full);
  const plain = runBy('naive', part);
  const exact = algorithmsNamed('naive');
  const tuned = algorithms.filter(({ untuned }) => !untuned);
  for (const name of problem.candidates) {
    if (performance.now() > end) {
      free([...byRule, ...plain, ...part, ...full]);
      return null;
    }
    const fromPlain = await differenceOf(runBy(name, part), plain);
    const fromRule = await differenceOf(runBy(name, full), byRule);
    const named = algorithmsNamed(name);
    const isRight =
      fromPlain <= allowedDifference(named, exact, problem.terms) &&
      // The rules may take the least exact one.
      fromRule <= allowedDifference(tuned, exact, problem.terms);
    if (isRight) right.push(name);
    else wrong.push({ algorithm: name, difference: Math.max(fromPlain, fromRule) });
  }
  free([...byRule, ...plain, ...part]);
  const runs = [null, ...right].map((name) => (): void => {
    // Operands are packed anew each time, as in a step, where they have changed.
    device.dropAllPacked();
    free(name ? runBy(name, full) : problem.run(full));
  });
  const [rule, ...times] = (await timeInterleaved(device, runs, rounds)).map(({ median }) => median);
  free(full);
  let [algorithm, ratio]: [string | null, number] = [null, 1];
  for (const [i, time] of times.entries()) {
    if (time / rule! < Math.min(ratio, 1 - leastGain)) [algorithm, ratio] = [right[i]!, time / rule!];
  }
  return { key: problem.key, algorithm, ratio, wrong };
}

/** By how much right results of two algorithms may differ, relative to the largest magnitude. */
function allowedDifference(a: readonly Algorithm[], b: readonly Algorithm[], terms: number): number {
  const most = (of: readonly Algorithm[]) => Math.max(...of.map((one) => allowedUnits(one, terms)));
  return (most(a) + most(b)) * unitRoundoff;
}

function operandsOf(device: Device, shapes: readonly (readonly number[])[]): Tensor[] {
  // Random numbers: the sums of anything regular, such as a sine, cancel, and what is left is mostly rounding.
  let state = 1;
  return shapes.map((shape) => {
    const size = shape.reduce((a, b) => a * b, 1);
    const values = Float32Array.from({ length: size }, () => {
      state = (Math.imul(state, 1664525) + 1013904223) | 0; // Numerical Recipes' generator
      return state / 2 ** 31;
    });
    return tensor(values, shape, { device }).keep();
  });
}

function free(tensors: readonly Tensor[]): void {
  for (const t of tensors) t.dispose();
}

/**
 * The largest difference over the largest expected magnitude, over all results; frees `results`. NaN counts
 * as infinite.
 */
async function differenceOf(results: readonly Tensor[], expected: readonly Tensor[]): Promise<number> {
  let worst = 0;
  for (const [i, result] of results.entries()) {
    const [a, b] = [await result.data(), await expected[i]!.data()];
    let [most, difference] = [0, 0];
    for (let j = 0; j < b.length; j++) {
      most = Math.max(most, Math.abs(b[j]!));
      const d = Math.abs(a[j]! - b[j]!);
      difference = Math.max(difference, Number.isNaN(d) ? Number.POSITIVE_INFINITY : d);
    }
    worst = Math.max(worst, difference / most);
  }
  free(results);
  return worst;
}
