/**
 * Elementwise functions of one input, each with its first two derivatives and what random draws need to know
 * of it. At a kink the derivative is the one PyTorch's backward returns: 0 for relu and abs, negativeSlope
 * for leakyRelu, alpha for elu, 1 at clamp's ends.
 * So it is at NaN: 1 for relu and elu, negativeSlope for leakyRelu, 0 for abs and clamp.
 */
import { map } from './array.ts';
import { input, type NoArgs, type ReferenceOp } from './op.ts';

/** What tests need to know of a function besides its values. */
export interface UnaryOp<A> extends ReferenceOp<A> {
  /** Where the function or its derivative jumps, if anywhere; empty where that depends on the arguments. */
  readonly kinks?: readonly number[];
  /** Whether it is one of positive numbers only. */
  readonly positive: boolean;
  /** Values of each argument to try, in the order in which the operation takes them. */
  readonly parameters: { readonly [Name in keyof A]-?: readonly NonNullable<A[Name]>[] };
}

function unary<A = NoArgs>(
  f: (x: number, args: A) => number,
  derivative: (x: number, args: A) => number,
  curvature: (x: number, args: A) => number,
  facts: Partial<Pick<UnaryOp<A>, 'kinks' | 'positive' | 'parameters'>> = {},
): Omit<UnaryOp<A>, 'name'> {
  return {
    positive: false,
    parameters: {} as UnaryOp<A>['parameters'],
    ...facts,
    forward: (inputs, args) => map(input(inputs, 0), (x) => f(x, args)),
    backward: (inputs, args, gy) => [map(input(inputs, 0), (x, i) => gy.data[i]! * derivative(x, args))],
    second(inputs, args, gy, v) {
      const along = v[0]!.data;
      return [
        map(input(inputs, 0), (x, i) => gy.data[i]! * along[i]! * curvature(x, args)),
        map(input(inputs, 0), (x, i) => along[i]! * derivative(x, args)),
      ];
    },
  };
}

/** 1/(1 + e^−x) without overflow on either side. */
export function sigmoidOf(x: number): number {
  return x >= 0 ? 1 / (1 + Math.exp(-x)) : Math.exp(x) / (1 + Math.exp(x));
}

/** log(1 + e^x) without overflow. */
export function softplusOf(x: number): number {
  return Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)));
}

/**
 * The error function, to about 1e-15: erf(x) = 2/√π·e^(−x²)·Σ 2ⁿx^(2n+1)/(2n+1)!! (Abramowitz & Stegun 7.1.6).
 * Its terms are all of one sign, so nothing cancels; beyond 6 the result rounds to ±1.
 */
export function erf(x: number): number {
  if (Math.abs(x) > 6) return Math.sign(x);
  let term = x;
  let sum = x;
  for (let n = 1; Math.abs(term) > 1e-18 * Math.abs(sum); n++) {
    term *= (2 * x * x) / (2 * n + 1);
    sum += term;
  }
  return (2 / Math.sqrt(Math.PI)) * Math.exp(-x * x) * sum;
}

/**
 * The lower tail of the normal distribution for x <= -3, by the continued fraction of its quotient with the density
 * (Abramowitz & Stegun 26.2.14): 60 steps are good to 1e-15 there.
 */
function lowerTail(x: number): number {
  let fraction = 0;
  for (let k = 60; k > 0; k--) fraction = k / (-x + fraction);
  return normalPdf(x) / (-x + fraction);
}

/** The standard normal distribution function and density. */
const normalCdf = (x: number) => (x < -3 ? lowerTail(x) : (1 + erf(x / Math.SQRT2)) / 2);
const normalPdf = (x: number) => Math.exp((-x * x) / 2) / Math.sqrt(2 * Math.PI);

export interface LeakyReluArgs {
  negativeSlope: number;
}
export interface PowArgs {
  exponent: number;
}
export interface ClampArgs {
  min?: number;
  max?: number;
}
export interface EluArgs {
  alpha: number;
}

/** The sign of x; 0 for NaN, as torch.sign. */
export const signOf = (x: number): number => (x > 0 ? 1 : x < 0 ? -1 : 0);

const within = (x: number, { min = -Infinity, max = Infinity }: ClampArgs) => x >= min && x <= max;

/** The functions by name: operations, random draws and tests iterate over this table. */
export const unaryOps = named({
  relu: unary(
    (x) => Math.max(x, 0),
    (x) => (x <= 0 ? 0 : 1),
    () => 0,
    { kinks: [0] },
  ),
  leakyRelu: unary<LeakyReluArgs>(
    (x, { negativeSlope }) => (x > 0 ? x : negativeSlope * x),
    (x, { negativeSlope }) => (x > 0 ? 1 : negativeSlope),
    () => 0,
    { kinks: [0], parameters: { negativeSlope: [0.01, 0.2, 0, 1, -0.5] } },
  ),
  tanh: unary(
    Math.tanh,
    (x) => 1 / Math.cosh(x) ** 2,
    (x) => (-2 * Math.tanh(x)) / Math.cosh(x) ** 2,
  ),
  sigmoid: unary(
    sigmoidOf,
    (x) => sigmoidOf(x) * sigmoidOf(-x),
    (x) => sigmoidOf(x) * sigmoidOf(-x) * -Math.tanh(x / 2),
  ),
  softplus: unary(softplusOf, sigmoidOf, (x) => sigmoidOf(x) * sigmoidOf(-x)),
  exp: unary(Math.exp, Math.exp, Math.exp),
  log: unary(
    Math.log,
    (x) => 1 / x,
    (x) => -1 / (x * x),
    { positive: true },
  ),
  sqrt: unary(
    Math.sqrt,
    (x) => 1 / (2 * Math.sqrt(x)),
    (x) => -1 / (4 * x * Math.sqrt(x)),
    { positive: true },
  ),
  abs: unary(Math.abs, signOf, () => 0, { kinks: [0] }),
  neg: unary(
    (x) => -x,
    () => -1,
    () => 0,
  ),
  square: unary(
    (x) => x * x,
    (x) => 2 * x,
    () => 2,
  ),
  pow: unary<PowArgs>(
    (x, { exponent }) => x ** exponent,
    (x, { exponent }) => (exponent === 0 ? 0 : exponent * x ** (exponent - 1)),
    (x, { exponent: p }) => (p * (p - 1) === 0 ? 0 : p * (p - 1) * x ** (p - 2)),
    { positive: true, parameters: { exponent: [-3, -2, -1, -0.5, 0, 0.5, 1, 1.5, 1.7, 2, 3, 5, 64] } },
  ),
  clamp: unary<ClampArgs>(
    (x, { min = -Infinity, max = Infinity }) => Math.min(Math.max(x, min), max),
    (x, args) => (within(x, args) ? 1 : 0),
    () => 0,
    { kinks: [], parameters: { min: [-1, 0.25], max: [1.5, -0.5] } },
  ),
  elu: unary<EluArgs>(
    (x, { alpha }) => (x > 0 ? x : alpha * Math.expm1(x)),
    (x, { alpha }) => (x <= 0 ? alpha * Math.exp(x) : 1),
    (x, { alpha }) => (x <= 0 ? alpha * Math.exp(x) : 0),
    { kinks: [0], parameters: { alpha: [1, 0.5, 2] } },
  ),
  /** x·Φ(x), the exact form of Hendrycks & Gimpel (2016). */
  gelu: unary(
    (x) => x * normalCdf(x),
    (x) => normalCdf(x) + (normalPdf(x) === 0 ? 0 : x * normalPdf(x)),
    (x) => (normalPdf(x) === 0 ? 0 : normalPdf(x) * (2 - x * x)),
  ),
  silu: unary(
    (x) => x * sigmoidOf(x),
    (x) => sigmoidOf(x) * (1 + x * sigmoidOf(-x)),
    (x) => sigmoidOf(x) * sigmoidOf(-x) * (2 - x * Math.tanh(x / 2)),
  ),
});

type Named<Ops> = { readonly [Name in keyof Ops]: Ops[Name] & { readonly name: string } };

function named<Ops extends object>(ops: Ops): Named<Ops> {
  return Object.fromEntries(Object.entries(ops).map(([name, op]) => [name, { ...op, name }])) as Named<Ops>;
}
