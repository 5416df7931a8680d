/** The values of inputs: for each domain, ordinary ones and those that each kind of case is after. */
import { type Ref, sizeOf } from '../reference/array.ts';
import type { Draw } from './draw.ts';

export type Domain = (d: Draw, shape: readonly number[]) => Ref;

/** The least distance from a kink, several times what differences of reference.test.ts span. */
const kinkGap = 0.125;

const specials = [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];

/** How large numbers get in `magnitudes`, as powers of 2, and whether one array mixes them. */
export interface Range {
  readonly exponents?: readonly [least: number, most: number];
  /** Each element has its own size; otherwise all of an array have one. */
  readonly mixed?: boolean;
}

/** About 1e-36 to 1e36: within a hundredth of both ends of float32. */
export const whole: Range = { exponents: [-119, 119], mixed: true };

/** Sizes whose products with ordinary numbers, and sums of thousands of these, stay within float32. */
const products: Range = { exponents: [-100, 100] };

interface Values {
  /** An ordinary value, of size about 1. */
  readonly smooth: (d: Draw) => number;
  /** Values on kinks and ties. */
  readonly kinks: readonly number[];
  readonly range?: Range;
  /** Whether a value may be taken, for domains with borders. */
  readonly within?: (value: number) => boolean;
}

function domain({ smooth, kinks, range = products, within = () => true }: Values): Domain {
  const { exponents: [least, most] = products.exponents!, mixed } = range;
  return (d, shape) => {
    if (d.kind === 'kinks') return d.values(shape, () => d.pick(kinks));
    if (d.kind === 'magnitudes') {
      // Normal numbers are seldom near 0 or infinity: sizes are drawn by their exponents.
      const size = () => 2 ** d.int(least, most) * (1 + d.uniform());
      const common = size();
      return d.values(shape, () => {
        const value = smooth(d) * (mixed ? size() : common);
        return within(value) ? value : smooth(d);
      });
    }
    const drawn = d.values(shape, () => smooth(d));
    if (d.kind !== 'special') return drawn;
    for (let n = d.int(0, 3); n > 0; n--) {
      const value = d.pick(specials);
      if (within(value) || Number.isNaN(value)) drawn.data[d.int(0, drawn.data.length - 1)] = value;
    }
    return drawn;
  };
}

const few = [-2, -1, -0.5, -0, 0, 0, 0.5, 1, 2];

/** Any numbers. */
export const real = (range?: Range): Domain =>
  domain({ smooth: (d) => d.normal(), kinks: few, ...(range && { range }) });

/** Numbers of ordinary size in every case but `special`: parameters, and directions. */
export const ordinary: Domain = (d, shape) =>
  d.kind === 'special' ? real()(d, shape) : d.values(shape, () => d.normal());

/** Numbers away from the kinks of a function, and, among `kinks`, on them. */
export const avoiding = (kinks: readonly number[], range: Range = whole): Domain =>
  domain({
    smooth(d) {
      const value = 2 * d.normal();
      const near = kinks.find((kink) => Math.abs(value - kink) < kinkGap);
      return near === undefined ? value : near + (value < near ? -kinkGap : kinkGap);
    },
    kinks: [...kinks, ...kinks.map((kink) => -kink), ...few],
    range,
  });

/** Positive numbers. */
export const positive = (range: Range = whole): Domain =>
  domain({
    smooth: (d) => 0.3 + 2.7 * d.uniform(),
    kinks: [0.25, 0.5, 1, 1, 2],
    range,
    within: (x) => x > 0,
  });

/** Numbers of either sign, not near 0. */
export const awayFromZero = (range: Range = whole): Domain =>
  domain({
    smooth: (d) => (d.chance(0.5) ? -1 : 1) * (0.3 + 1.7 * d.uniform()),
    kinks: [-2, -1, -0.5, 0.5, 1, 2],
    range,
  });

/** Probabilities, 0 and 1 among the kinks. */
export const probability: Domain = domain({
  smooth: (d) => 0.05 + 0.9 * d.uniform(),
  kinks: [0, 0.25, 0.5, 1],
  range: { exponents: [-119, 0], mixed: true },
  within: (x) => x >= 0 && x <= 1,
});

/** `offset` plus multiples of 2·kinkGap: values of the offsets 0 and kinkGap never come near each other. */
export const lattice = (offset: 0 | 1): Domain =>
  domain({
    smooth: (d) => (2 * d.int(-8, 8) + offset) * kinkGap,
    kinks: few,
    range: { exponents: [-100, 100], mixed: true },
  });

/** All different, kinkGap apart, in random order: for functions that pick the largest or smallest. */
export const distinct: Domain = (d, shape) => {
  if (d.kind !== 'smooth') return real({ exponents: [-100, 100], mixed: true })(d, shape);
  const order = d.shuffled([...Array(sizeOf(shape)).keys()]);
  return d.values(shape, (i) => (order[i]! - Math.floor(order.length / 2)) * kinkGap);
};
