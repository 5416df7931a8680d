/**
 * Elementwise functions of one input, each with its first two derivatives. At a kink the derivative is the one PyTorch's
 * backward returns: 0 for relu and abs, negativeSlope for leakyRelu, alpha for elu, 1 at clamp's ends.
 * So it is at NaN: 1 for relu and elu, negativeSlope for leakyRelu, 0 for abs and clamp.
 */
import { map } from './array.ts';
import { input, type NoArgs, type ReferenceOp } from './op.ts';

function unary<A>(
  name: string,
  f: (x: number, args: A) => number,
  derivative: (x: number, args: A) => number,
  curvature: (x: number, args: A) => number,
): ReferenceOp<A> {
  return {
    name,
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

const within = (x: number, { min = -Infinity, max = Infinity }: ClampArgs) => x >= min && x <= max;

export const relu = unary<NoArgs>(
  'relu',
  (x) => Math.max(x, 0),
  (x) => (x <= 0 ? 0 : 1),
  () => 0,
);
export const leakyRelu = unary<LeakyReluArgs>(
  'leakyRelu',
  (x, { negativeSlope }) => (x > 0 ? x : negativeSlope * x),
  (x, { negativeSlope }) => (x > 0 ? 1 : negativeSlope),
  () => 0,
);
export const tanh = unary<NoArgs>(
  'tanh',
  Math.tanh,
  (x) => 1 / Math.cosh(x) ** 2,
  (x) => (-2 * Math.tanh(x)) / Math.cosh(x) ** 2,
);
export const sigmoid = unary<NoArgs>(
  'sigmoid',
  sigmoidOf,
  (x) => sigmoidOf(x) * sigmoidOf(-x),
  (x) => sigmoidOf(x) * sigmoidOf(-x) * -Math.tanh(x / 2),
);
export const softplus = unary<NoArgs>('softplus', softplusOf, sigmoidOf, (x) => sigmoidOf(x) * sigmoidOf(-x));
export const exp = unary<NoArgs>('exp', Math.exp, Math.exp, Math.exp);
export const log = unary<NoArgs>(
  'log',
  Math.log,
  (x) => 1 / x,
  (x) => -1 / (x * x),
);
export const sqrt = unary<NoArgs>(
  'sqrt',
  Math.sqrt,
  (x) => 1 / (2 * Math.sqrt(x)),
  (x) => -1 / (4 * x * Math.sqrt(x)),
);
/** The sign of x; 0 for NaN, as torch.sign. */
export const signOf = (x: number): number => (x > 0 ? 1 : x < 0 ? -1 : 0);

export const abs = unary<NoArgs>('abs', Math.abs, signOf, () => 0);
export const neg = unary<NoArgs>(
  'neg',
  (x) => -x,
  () => -1,
  () => 0,
);
export const square = unary<NoArgs>(
  'square',
  (x) => x * x,
  (x) => 2 * x,
  () => 2,
);
export const pow = unary<PowArgs>(
  'pow',
  (x, { exponent }) => x ** exponent,
  (x, { exponent }) => (exponent === 0 ? 0 : exponent * x ** (exponent - 1)),
  (x, { exponent: p }) => (p * (p - 1) === 0 ? 0 : p * (p - 1) * x ** (p - 2)),
);
export const clamp = unary<ClampArgs>(
  'clamp',
  (x, { min = -Infinity, max = Infinity }) => Math.min(Math.max(x, min), max),
  (x, args) => (within(x, args) ? 1 : 0),
  () => 0,
);
export const elu = unary<EluArgs>(
  'elu',
  (x, { alpha }) => (x > 0 ? x : alpha * Math.expm1(x)),
  (x, { alpha }) => (x <= 0 ? alpha * Math.exp(x) : 1),
  (x, { alpha }) => (x <= 0 ? alpha * Math.exp(x) : 0),
);
/** x·Φ(x), the exact form of Hendrycks & Gimpel (2016). */
export const gelu = unary<NoArgs>(
  'gelu',
  (x) => x * normalCdf(x),
  (x) => normalCdf(x) + (normalPdf(x) === 0 ? 0 : x * normalPdf(x)),
  (x) => (normalPdf(x) === 0 ? 0 : normalPdf(x) * (2 - x * x)),
);
export const silu = unary<NoArgs>(
  'silu',
  (x) => x * sigmoidOf(x),
  (x) => sigmoidOf(x) * (1 + x * sigmoidOf(-x)),
  (x) => sigmoidOf(x) * sigmoidOf(-x) * (2 - x * Math.tanh(x / 2)),
);
