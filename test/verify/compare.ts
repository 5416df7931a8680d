/** Holds what a device gave against what float64 says, special numbers and the ends of float32's range included. */
import { leastNormal, unitRoundoff } from '../support/tolerances.ts';
import type { Expectation, Expected } from './expected.ts';

/** How one tensor compares. */
export interface Comparison {
  readonly what: string;
  /**
   * Largest error in units of roundoff, relative to what it may be relative to; infinite where a special
   * number is wrong.
   */
  readonly units: number;
  readonly allowed: number;
  /** Where in the tensor it is, what was there and what should be. */
  readonly at: string;
}

/** float32 has no numbers from here on: they round to infinity. */
const overflow = 2 ** 128;

/**
 * What a flushed number may be multiplied by: an upstream gradient (4), coefficients, and an x of up to 90,
 * beyond which exponentials vanish.
 */
const coefficients = 512;

const wrong = Number.POSITIVE_INFINITY;

/** The error of one element; 0 where both are the same special number, or one is as good as the other. */
function errorOf(actual: number, expected: number, width: number, specials: Expected['specials']): number {
  const special = !Number.isFinite(actual);
  if (specials === 'spread' && special) return 0;
  if (Number.isNaN(expected)) return (specials === 'exact' ? Number.isNaN(actual) : special) ? 0 : wrong;
  const size = Math.abs(expected);
  const infinity = Math.sign(expected) * wrong;
  if (size === wrong) return (specials === 'exact' ? actual === infinity : special) ? 0 : wrong;
  // Numbers beyond the range are infinities, and within an error's width of its end either.
  if (size >= overflow - width && actual === infinity) return 0;
  if (special || size >= overflow + width) return wrong;
  return Math.abs(actual - expected);
}

/** Tensors of a case beside what they should be; null stands for a gradient that does not depend on its input. */
export function compare(
  expectation: Expectation,
  actual: readonly (ArrayLike<number> | null)[],
): Comparison[] {
  let sensitivities: readonly Float64Array[] | null = null;
  return expectation.results.map((expected, i) => {
    const found = measure(expectation, expected, actual[i] ?? null, null);
    if (found.units <= found.allowed) return found;
    sensitivities ??= expectation.sensitivities();
    return measure(expectation, expected, actual[i] ?? null, sensitivities[i]!);
  });
}

function measure(
  { elements, terms, along }: Expectation,
  { what, values, allowed, second, cancels, specials, factor }: Expected,
  actual: ArrayLike<number> | null,
  sensitivities: Float64Array | null,
): Comparison {
  const { data } = values;
  let scale = 0;
  if (!elements) {
    for (const value of data) if (Math.abs(value) < overflow) scale = Math.max(scale, Math.abs(value));
    scale += cancels;
    if (sensitivities)
      scale += sensitivities.reduce((most, one) => (one < overflow ? Math.max(most, one) : most), 0);
  }
  let [worst, where] = [0, 0];
  for (let k = 0; k < data.length; k++) {
    const [a, e] = [actual ? actual[k]! : 0, data[k]!];
    if (factor && !(Math.abs(factor[k]!) < overflow / 4)) continue;
    const size = elements ? Math.abs(e) + (sensitivities ? sensitivities[k]! : 0) : scale;
    const error = errorOf(a, e, size * allowed * unitRoundoff, specials);
    if (error === 0) continue;
    // Where the terms of a sum are beyond the range, so may be the sum.
    if (sensitivities && size >= overflow && !Number.isFinite(a)) continue;
    const flushed = terms * coefficients * leastNormal * (second ? along(k) : 1);
    const units = error / Math.max(size * unitRoundoff, flushed / allowed);
    if (!(units <= worst)) [worst, where] = [units, k];
  }
  const at = `element ${where} of [${values.shape}] is ${actual ? actual[where] : 'without gradient'}, should be ${data[where]}`;
  return { what, units: worst, allowed, at };
}
