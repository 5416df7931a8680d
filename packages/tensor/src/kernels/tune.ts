// The tuner: finds the fastest core for each convolution and matrix product that some work needs, on this device. A core is
// proven before it is timed: against the plain one where that is quick, and against the core that rules would take at
// full size. Candidates are timed in turn, so that what else the machine does falls on all alike.
import type { Device } from '../device/device.ts';
import { timeInterleaved } from '../device/timing.ts';
import { type Tensor, tensor } from '../tensor.ts';
import { choicesOf, type Tunable } from './choices.ts';
import { type GemmCore, withGemmCore } from './gemm.ts';

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
  /** The core that was chosen, or null for the one that rules take. */
  readonly core: GemmCore | null;
  /** Time of the chosen core over that of the rules' core. */
  readonly ratio: number;
  /** Cores whose result was wrong, with the difference relative to the largest magnitude: a defect to be reported. */
  readonly wrong: readonly { readonly core: GemmCore; readonly difference: number }[];
}

export interface TuneReport {
  readonly problems: readonly TunedProblem[];
  /** Problems that there was no time for. */
  readonly left: number;
}

/** Problems below this many multiply-adds are not worth a compilation. */
const leastMacs = 2 ** 20;

/** What the plain core is asked at most: it does about 5·10⁸ multiply-adds a second on two processor cores. */
const plainMacs = 2 ** 24;

/** float32 sums in another order differ by less than 10⁻⁵ of the largest result; wrong ones by far more. */
const allowedDifference = 1e-4;

/** A core must save this share of the time to be preferred to the rules' one: less is within the noise. */
const leastGain = 0.05;

/**
 * The problems of some work that are worth a choice, the largest first. `work` is run dry: it computes nothing and changes
 * nothing.
 */
export function tunableProblems(device: Device, work: () => unknown): Tunable[] {
  const choices = choicesOf(device);
  const met = new Map<string, Tunable>();
  choices.met = met;
  try {
    device.dryRun(work);
  } finally {
    choices.met = null;
  }
  return [...met.values()]
    .filter(({ macs, candidates }) => macs >= leastMacs && candidates.length > 1)
    .sort((a, b) => b.macs - a.macs);
}

/**
 * Tunes the problems that `work` meets. `work` is run dry: it computes nothing and changes nothing, and what is chosen
 * holds for the device from then on.
 */
export async function tune(
  device: Device,
  work: () => unknown,
  options: TuneOptions = {},
): Promise<TuneReport> {
  const { seconds = 20, rounds = 3, onProgress, signal } = options;
  const choices = choicesOf(device);
  const open = tunableProblems(device, work).filter(({ key }) => !choices.chosen.has(key));
  const end = performance.now() + 1000 * seconds;
  const problems: TunedProblem[] = [];
  for (const problem of open) {
    if (performance.now() > end || signal?.aborted) break;
    const result = await tuneOne(device, problem, rounds, end);
    if (!result) break;
    // That the rules were right is kept too: who meets the problem again need not try it again.
    choices.chosen.set(problem.key, result.core ?? 'rules');
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
  const wrong: { core: GemmCore; difference: number }[] = [];
  const right: GemmCore[] = [];
  const byRule = problem.run(full);
  const plain = withGemmCore('naive', () => problem.run(part));
  for (const core of problem.candidates) {
    if (performance.now() > end) {
      free([...byRule, ...plain, ...part, ...full]);
      return null;
    }
    const difference = Math.max(
      await differenceOf(
        withGemmCore(core, () => problem.run(part)),
        plain,
      ),
      await differenceOf(
        withGemmCore(core, () => problem.run(full)),
        byRule,
      ),
    );
    if (difference <= allowedDifference) right.push(core);
    else wrong.push({ core, difference });
  }
  free([...byRule, ...plain, ...part]);
  const runs = [null, ...right].map((core) => (): void => {
    // Operands are packed anew each time, as in a step, where they have changed.
    device.dropAllPacked();
    free(core ? withGemmCore(core, () => problem.run(full)) : problem.run(full));
  });
  const [rule, ...times] = (await timeInterleaved(device, runs, rounds)).map(({ median }) => median);
  free(full);
  let [core, ratio]: [GemmCore | null, number] = [null, 1];
  for (const [i, time] of times.entries()) {
    if (time / rule! < Math.min(ratio, 1 - leastGain)) [core, ratio] = [right[i]!, time / rule!];
  }
  return { key: problem.key, core, ratio, wrong };
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

/** The largest difference over the largest expected magnitude, over all results; frees `results`. NaN counts as infinite. */
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
