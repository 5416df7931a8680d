/** Draws of normalisations: groups short, long and split, a batch of one, groups of two values, means far from 0. */
import { map, type Ref, sizeOf } from '../../reference/array.ts';
import { referenceOps } from '../../reference/index.ts';
import type { Draw } from '../draw.ts';
import type { Call, OpCases } from '../op-cases.ts';
import { ordinary, positive, real } from '../values.ts';
import { largestOf } from './reduce.ts';

/** Squares, and the products of these with ordinary numbers, stay within float32. */
const range = { exponents: [-40, 40] } as const;

/** Values of x. A large common part costs digits that no float32 result can have; conditioning says how many. */
function values(d: Draw, shape: number[]): Ref {
  const x = real(range)(d, shape);
  if (d.kind !== 'magnitudes' || d.chance(0.6)) return x;
  const far = d.pick([30, 1000, 30_000]);
  return map(x, () => Math.fround(far + d.normal()));
}

/** Sizes of (N, C, …) where at least two values share a mean. */
function shapeOf(d: Draw, instance: boolean): number[] {
  if (!d.small && d.chance(0.2)) {
    // Enough in a group for several workgroups: whole quads and not, in one run and in many.
    const run = d.pick([
      [32, 33],
      [64, 64],
      [17, 60],
      [1, 1030],
    ]);
    return [d.pick([1, 1, 2, 3]), d.pick([1, 2, 3]), ...run];
  }
  if (!d.small && !instance && d.chance(0.1)) return [d.pick([300, 1025, 2048]), d.pick([1, 2, 5])];
  for (;;) {
    const rank = d.int(instance ? 3 : 2, 4);
    const [n, c, ...run] = d.shape(rank, rank) as [number, number, ...number[]];
    if (sizeOf(run) * (instance ? 1 : n) >= (d.small ? 3 : 2)) return [n, c, ...run];
  }
}

/**
 * float32's rounding, or a step of differences, can change the sign of what lies this near 0 beside the largest value.
 */
const nearKink = (d: Draw): number => (d.small ? 2 ** -6 : 2 ** -17);

/**
 * A call whose activation has no value so near its kink that rounding decides its side: drawn again until
 * then, and after some draws without the activation.
 */
function clearOfKink(d: Draw, name: 'batchNorm' | 'instanceNorm', draw: () => Call): Call {
  const op = referenceOps[name] as { forward(inputs: readonly Ref[], args: unknown): Ref };
  for (let left = 20; ; left--) {
    const { inputs, args } = draw();
    const plain = { ...(args as object), negativeSlope: undefined };
    if ((args as { negativeSlope?: number }).negativeSlope === undefined) return { inputs, args };
    const sizes = op.forward(inputs, plain).data.map(Math.abs);
    const largest = sizes.reduce((most, size) => Math.max(most, size || 0), 0);
    if (!sizes.some((size) => size < nearKink(d) * largest)) return { inputs, args };
    if (left === 0) return { inputs, args: plain };
  }
}

/** Elements of a group, and what a sum over the samples adds up in the gradient of a weight. */
const terms = ({ inputs: [x] }: Call): number => sizeOf(x!.shape) / x!.shape[1]!;

/**
 * A mean is rounded to float32, off by a unit of its size: beside values that lie far closer together than
 * that it is the error of all that is made of their distances. For means of ordinary size conditioning says
 * as much.
 */
const cancels: NonNullable<OpCases['cancels']> = ({ inputs: [x, weight], args, gy, v }) => {
  const far = largestOf(x!);
  const { affine, eps } = args as { affine: boolean; eps: number };
  if (!x!.data.every((value) => Math.abs(value) >= far / 2)) return { result: 0, first: 0, second: 0 };
  const sigma = smallestDeviation(x!, eps);
  const result = ((affine ? Math.max(1, largestOf(weight!)) : 1) * far) / sigma;
  const first = (result * largestOf(gy) * Math.sqrt(terms({ inputs: [x!], args }))) / Math.min(1, sigma);
  const along = v.reduce((most, one) => Math.max(most, one ? largestOf(one) : 0), 1);
  return { result, first, second: (first * along) / Math.min(1, sigma) };
};

/** √(variance + eps) of the run of (N, C, …) whose values lie closest together. */
function smallestDeviation(x: Ref, eps: number): number {
  const run = sizeOf(x.shape.slice(2));
  let least = Number.POSITIVE_INFINITY;
  for (let at = 0; at < x.data.length; at += run) {
    const values = x.data.subarray(at, at + run);
    const mean = values.reduce((sum, value) => sum + value, 0) / run;
    least = Math.min(least, values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / run);
  }
  return Math.sqrt(least + eps);
}

const compared = { elements: () => false, terms };

const epsOf = (d: Draw) => d.pick([1e-3, 1e-5, 2e-5]);
const slopeOf = (d: Draw) => d.pick([undefined, 0, 0.2, -0.3]);

/** The arguments without activation where a large common part costs so many digits that its side is anybody's guess. */
const withoutFar = <A extends object>(args: A, x: Ref): A =>
  x.data.some((value) => Math.abs(value) > 20) ? { ...args, negativeSlope: undefined } : args;

export const norms = {
  batchNorm: {
    ...compared,
    draw(d) {
      const training = d.chance(0.7);
      const shape = training || d.chance(0.7) ? shapeOf(d, false) : [1, d.size()];
      const channels = [shape[1]!];
      const affine = d.chance(0.7);
      const runningStats = !training || d.chance(0.5);
      const momentum = d.pick([0, 0.01, 0.1, 1]);
      const args = { training, affine, runningStats, momentum, eps: epsOf(d), negativeSlope: slopeOf(d) };
      return clearOfKink(d, 'batchNorm', () => {
        const x = values(d, shape);
        const parameters = affine ? [ordinary(d, channels), ordinary(d, channels)] : [];
        const variances = positive({ exponents: [-3, 3] });
        const running = runningStats ? [ordinary(d, channels), variances(d, channels)] : [];
        return { args: withoutFar(args, x), inputs: [x, ...parameters, ...running] };
      });
    },
  },
  instanceNorm: {
    ...compared,
    cancels,
    draw(d) {
      const shape = shapeOf(d, true);
      const channels = [shape[1]!];
      const affine = d.chance(0.7);
      const args = { affine, eps: epsOf(d), negativeSlope: slopeOf(d) };
      return clearOfKink(d, 'instanceNorm', () => {
        const x = values(d, shape);
        const parameters = affine ? [ordinary(d, channels), ordinary(d, channels)] : [];
        return { args: withoutFar(args, x), inputs: [x, ...parameters] };
      });
    },
  },
} satisfies Record<string, OpCases>;
