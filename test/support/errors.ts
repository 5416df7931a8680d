/** How far a result is from an expected one. */
import { readAll, type Tensor } from '@forger/tensor';
import { type Ref, sameShape } from '../reference/array.ts';

/** A result on the device and what it should be. */
export interface Comparison {
  name: string;
  actual: Tensor;
  expected: Ref;
  /** The size of what cancelled on the way to a smaller result; errors are relative to it then. */
  cancelled?: number;
}

export interface Deviation {
  name: string;
  /**
   * The largest difference, relative to the largest expected magnitude; NaN when anything is, or for another
   * shape.
   */
  error: number;
}

/**
 * The largest difference relative to the largest expected magnitude (to 1 when all expected values are 0);
 * NaN when any value is, or for another number of values.
 * @param least a magnitude to take instead when it is larger.
 */
export function relativeError(actual: ArrayLike<number>, expected: ArrayLike<number>, least = 0): number {
  if (actual.length !== expected.length) return Number.NaN;
  let [difference, magnitude] = [0, least];
  for (let i = 0; i < expected.length; i++) {
    difference = Math.max(difference, Math.abs(actual[i]! - expected[i]!)); // NaN from the first NaN on
    magnitude = Math.max(magnitude, Math.abs(expected[i]!));
  }
  return difference / (magnitude || 1);
}

/** The deviation of each result, read from the device with one wait. */
export async function deviations(comparisons: readonly Comparison[]): Promise<Deviation[]> {
  const values = await readAll(comparisons.map(({ actual }) => actual));
  return comparisons.map(({ name, actual, expected, cancelled }, i) =>
    sameShape(actual.shape, expected.shape)
      ? { name, error: relativeError(values[i]!, expected.data, cancelled) }
      : { name: `${name}, of shape [${actual.shape}] for [${expected.shape}],`, error: Number.NaN },
  );
}

/** The one furthest off; NaN is further than anything. */
export function worst(list: readonly Deviation[]): Deviation {
  return list.reduce((most, one) => (one.error > most.error || Number.isNaN(one.error) ? one : most), {
    name: '',
    error: 0,
  });
}

/**
 * The root mean square of the differences over that of the expected values (over 1 when these are all 0).
 * @param allowance how far off all values may be on average before it counts.
 */
export function rmsError(actual: ArrayLike<number>, expected: ArrayLike<number>, allowance = 0): number {
  let [difference, magnitude] = [0, 0];
  for (let i = 0; i < expected.length; i++) {
    difference += (actual[i]! - expected[i]!) ** 2;
    magnitude += expected[i]! ** 2;
  }
  const beyond = Math.sqrt(difference / expected.length) - allowance;
  return beyond <= 0 ? 0 : beyond / (Math.sqrt(magnitude / expected.length) || 1);
}
