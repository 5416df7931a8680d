/** Draws of elementwise functions, of one tensor and of two that broadcast. */
import { broadcastShapes, sameShape, sizeOf } from '../../reference/array.ts';
import { unaryOps } from '../../reference/unary.ts';
import type { Draw } from '../draw.ts';
import { type OpCases, ofElements } from '../op-cases.ts';
import { avoiding, awayFromZero, type Domain, lattice, ordinary, positive, real, whole } from '../values.ts';

function unary(domain: Domain, args: (d: Draw) => object = () => ({})): OpCases {
  return ofElements((d) => ({ args: args(d), inputs: [domain(d, d.flatShape())] }));
}

function binary(x: Domain, y: Domain): OpCases {
  return {
    draw(d) {
      const shape = d.flatShape(d.small ? 4 : 8);
      const [a, b] = [d.broadcastable(shape), d.broadcastable(shape)];
      return { args: {}, inputs: [x(d, a), y(d, b)] };
    },
    elements: ({ inputs: [x, y] }) => sameShape(x!.shape, y!.shape),
    terms: ({ inputs: [x, y] }) => {
      const out = sizeOf(broadcastShapes(x!.shape, y!.shape));
      return out / Math.min(x!.data.length, y!.data.length);
    },
  };
}

/** Functions of single numbers are right over the whole range; products and quotients of two as far as float32 goes. */
const anywhere = real(whole);
const pair = real({ exponents: [-90, 90], mixed: true });
/** Products of two of these stay in the range, and differences of such products do. */
const factors = { exponents: [-60, 60], mixed: true } as const;
/** Squares of these, and their products with another, stay in the range. */
const half = { exponents: [-40, 40], mixed: true } as const;
/** So do the cubes of these, which the second derivatives of a quotient have. */
const third = { exponents: [-25, 25], mixed: true } as const;

const bounds = [{ min: -1, max: 1.5 }, { min: 0.25 }, { max: -0.5 }, { min: 0.5, max: 0.5 }, {}];

/** Functions of one tensor: over all numbers, all positive ones, or all but near their kinks. */
const functions = Object.fromEntries(
  Object.entries(unaryOps).map(([name, { kinks, positive: onlyPositive, parameters }]) => {
    const domain = kinks ? avoiding(kinks) : onlyPositive ? positive() : anywhere;
    const args = (d: Draw) =>
      Object.fromEntries(
        Object.entries(parameters).map(([parameter, values]) => [parameter, d.pick(values)]),
      );
    return [name, unary(domain, args)];
  }),
) as Record<keyof typeof unaryOps, OpCases>;

export const elementwise = {
  ...functions,
  pow: ofElements((d) => {
    const exponent = d.pick(unaryOps.pow.parameters.exponent);
    // Negative numbers have whole powers only.
    const either = Number.isInteger(exponent) && d.chance(0.5);
    const range = { exponents: [-119, 119], mixed: true } as const;
    return { args: { exponent }, inputs: [(either ? awayFromZero : positive)(range)(d, d.flatShape())] };
  }),
  clamp: ofElements((d) => {
    const args = d.pick(bounds);
    return { args, inputs: [avoiding([...new Set<number>(Object.values(args))])(d, d.flatShape())] };
  }),
  add: binary(pair, pair),
  sub: binary(pair, pair),
  mul: binary(real(factors), real(factors)),
  div: binary(real(half), awayFromZero(third)),
  maximum: binary(lattice(0), lattice(1)),
  minimum: binary(lattice(0), lattice(1)),
  squaredDifference: binary(real(half), real(half)),
  dropout: unary(ordinary, (d) => ({ p: d.pick([0, 0.1, 0.5, 0.9, 1]), seed: d.int(0, 2 ** 31) })),
} satisfies Record<string, OpCases>;
