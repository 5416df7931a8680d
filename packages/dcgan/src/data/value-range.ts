// Pictures whose values are no bytes: which value is black and which is white.

/** Values of black and white. */
export interface ValueRange {
  readonly low: number;
  readonly high: number;
}

/** Resampling overshoots a little. */
const SLACK = 0.5;

/**
 * The usual range that values lie in: 0 to 1, -1 to 1, 0 to 255, 0 to 65535, else their own. One range serves
 * a whole data set: pictures keep their brightness.
 */
export function rangeOf(min: number, max: number): ValueRange {
  if (min >= 0 && max <= 1 + SLACK) return { low: 0, high: 1 };
  if (min >= -1 - SLACK && max <= 1 + SLACK) return { low: -1, high: 1 };
  if (min >= 0 && max <= 255) return { low: 0, high: 255 };
  if (min >= 0 && max <= 65_535) return { low: 0, high: 65_535 };
  return { low: min, high: max };
}

/** The least and the largest value. @returns undefined when one is NaN or infinite. */
export function extremes(values: ArrayLike<number>): { min: number; max: number } | undefined {
  let [min, max] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (let i = 0; i < values.length; i++) {
    const value = values[i]!;
    if (!Number.isFinite(value)) return undefined;
    if (value < min) min = value;
    if (value > max) max = value;
  }
  return { min, max };
}

/** Values as bytes; what lies beyond black or white is cut off. */
export function toBytes(values: ArrayLike<number>, { low, high }: ValueRange): Uint8Array<ArrayBuffer> {
  const scale = high > low ? 255 / (high - low) : 0;
  // A clamped array rounds to the nearest byte.
  const out = new Uint8ClampedArray(values.length);
  for (let i = 0; i < values.length; i++) out[i] = (values[i]! - low) * scale;
  return new Uint8Array(out.buffer);
}

/** One sentence on what was taken for black and white. */
export function rangeNote({ min, max }: { min: number; max: number }, { low, high }: ValueRange): string {
  const short = (x: number) => String(Number(x.toPrecision(4)));
  return `Values are numbers from ${short(min)} to ${short(max)}: ${short(low)} is taken as black and ${short(high)} as white.`;
}
