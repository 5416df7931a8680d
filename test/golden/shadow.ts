/**
 * Follows an expected training run past the kinks on its way.
 *
 * Training is piecewise smooth: when a leaky ReLU's input lies within float32's rounding of 0, the derivative
 * may come out as 1 or as 0.2, one unit of a small network is about 1 % of a gradient, and Adam passes that
 * on in full. PyTorch's own float32 run leaves its float64 run by 4e-3 in this way where the arithmetic is
 * right to 1e-7; with some 10⁵ inputs a step, every third run of eight steps meets such a one. So a run that
 * strays goes back a step or more and starts again with every weight moved by less than its own rounding.
 * Arithmetic that is right then soon falls on the same side of each kink, and agrees to 1e-6 to the end;
 * wrong arithmetic never does, since such a nudge changes a loss by 1e-7.
 */
import type { SafetensorsEntry } from '@forger/tensor';

/** Less than float32's rounding, which is 6e-8 to 1.2e-7 of a value, to either side. */
const NUDGE = 1e-7;

export type Snapshot = Map<string, SafetensorsEntry>;

export interface Shadowing<Found> {
  steps: number;
  /** Compares step `at`, or the end when `at` is `steps`. */
  compare(at: number): Promise<Found>;
  failures(found: Found): string[];
  snapshot(): Promise<Snapshot>;
  restore(snapshot: Snapshot): void;
  /** How often the run may be sent back before it counts as wrong. */
  mostNudges: number;
}

export interface Shadowed<Found> {
  /** What was compared, up to where the run was given up. */
  path: Found[];
  nudges: number;
  /** Of the first comparison that no nudge fixed. */
  failures: string[];
}

export async function shadow<Found>(run: Shadowing<Found>): Promise<Shadowed<Found>> {
  const path: Found[] = [];
  const before: Snapshot[] = [];
  let [nudges, furthest, back] = [0, 0, 1];
  for (let at = 0; at <= run.steps; ) {
    before[at] ??= await run.snapshot();
    path[at] = await run.compare(at);
    const failures = run.failures(path[at]!);
    if (failures.length === 0) {
      at++;
      if (at > furthest) [furthest, back] = [at, 1];
    } else if (at === 0 || nudges === run.mostNudges) {
      return { path: path.slice(0, at + 1), nudges, failures };
    } else {
      // A kink shows in the step after it, or later.
      at = Math.max(0, Math.min(at - 1, furthest - back++));
      before.length = at + 1;
      run.restore(nudged(before[at]!, ++nudges));
    }
  }
  return { path, nudges, failures: [] };
}

/** Weights and statistics moved by at most their own rounding; `seed` says how. */
function nudged(snapshot: Snapshot, seed: number): Snapshot {
  let word = seed;
  const draw = (): number => {
    word = (Math.imul(word, 1664525) + 1013904223) >>> 0; // Numerical Recipes' generator: good enough to scatter
    return word / 2 ** 31 - 1;
  };
  return new Map(
    Array.from(snapshot, ([name, { shape, data }]) => {
      const moves = data instanceof Float32Array && /^(generator|discriminator)\./.test(name);
      return [name, { shape, data: moves ? data.map((v) => v * (1 + NUDGE * draw())) : data }];
    }),
  );
}
