// What an algorithm for convolutions and matrix products is, and what it is asked for. The list is algorithms.ts.
import type { Device } from '../device/device.ts';
import type { ShaderFile } from '../shaders.generated.ts';
import type { Tensor } from '../tensor.ts';

export interface Algorithm {
  /** Its name in `device.withAlgorithm`, variants of tests, the tuner's records and profiles. */
  readonly name: string;
  /** Allowed error of short sums, in units of `unitRoundoff` of the result's largest magnitude; see `allowedUnits`. */
  readonly errorUnits: number;
  /** What each unit of a sum's random walk adds to it; little where sums are carried in twice the precision. */
  readonly errorGrowth: number;
  /** What becomes of NaN and infinity among the operands: of all three products of a convolution, or of each. */
  readonly specialValues: SpecialValues | Readonly<Record<ConvProduct, SpecialValues>>;
  /** WGSL files that no other algorithm's kernels are linked from; each of its kernels has one of them. */
  readonly shaders: readonly ShaderFile[];
  /** Kernels that a processor takes seconds to compile. */
  readonly compilesSlowly?: true;
  /** The tuner does not try it: it is for tests, or of another precision. */
  readonly untuned?: true;
  /** Whether an adapter has what the kernels need. */
  runsOn(device: Device): boolean;
  readonly convolution?: ConvAlgorithm;
  readonly matmul?: MatmulAlgorithm;
}

/**
 * What becomes of NaN and infinity:
 * - exact: each appears unchanged in the elements whose formula has it, and nowhere else;
 * - in place: in those elements, but NaN may replace infinity;
 * - spread: in neighbouring elements too, since whole tiles or texels are multiplied, some by zeros.
 */
export type SpecialValues = 'exact' | 'in place' | 'spread';

/** When an algorithm is taken. */
export interface Rules<Problem> {
  /** Whether it can compute this; what it cannot goes to the implicit product or the plain one that suits. */
  supports(device: Device, problem: Problem): boolean;
  /** The rule. Of the algorithms that support a problem, the first in the list that suits it computes it. */
  suits(device: Device, problem: Problem): boolean;
  /** Whether the tuner should time it on a problem that it supports. Default: yes. */
  worthTrying?(device: Device, problem: Problem): boolean;
}

/** The three products of a convolution y = conv(x, w). */
export interface ConvAlgorithm extends Rules<ConvProblem> {
  /** y [N, K, P, Q] = conv(x, w) + bias over channels. */
  forward(x: Tensor, weight: Tensor, bias: Tensor | null, z: ConvSizes): Tensor;
  /** The x-shaped product of gy and w, + bias: the gradient in x, and the transposed convolution of gy. */
  inputGradient(gy: Tensor, weight: Tensor, bias: Tensor | null, z: ConvSizes): Tensor;
  /** The w-shaped product of x and gy: the gradient in the weight. */
  weightGradient(x: Tensor, gy: Tensor, z: ConvSizes): Tensor;
}

export interface MatmulAlgorithm extends Rules<MatmulProblem> {
  /** C [batch, m, n] = A B + bias over columns, of operands that lie as the problem says. */
  multiply(a: Tensor, b: Tensor, problem: MatmulProblem, bias: Tensor | null): Tensor;
}

/** Sizes of a convolution: x [N, C, H, W], w [K, C / groups, R, S], y [N, K, P, Q]. */
export interface ConvSizes {
  readonly n: number;
  readonly c: number;
  readonly h: number;
  readonly w: number;
  readonly k: number;
  readonly r: number;
  readonly s: number;
  readonly p: number;
  readonly q: number;
  readonly stride: readonly [number, number];
  readonly padding: readonly [number, number];
  readonly dilation: readonly [number, number];
  readonly groups: number;
}

export type ConvProduct = 'forward' | 'inputGradient' | 'weightGradient';

export interface ConvProblem extends ProductSizes {
  readonly product: ConvProduct;
  readonly z: ConvSizes;
  /** The matrix product that it is, where the window is the whole of x (whole-window.ts); else null. */
  readonly matmul: MatmulProblem | null;
}

/** `batch` products of m × k and k × n matrices. */
export interface MatmulProblem {
  readonly batch: number;
  readonly m: number;
  readonly n: number;
  readonly k: number;
  readonly a: MatrixLayout;
  readonly b: MatrixLayout;
}

/** How a matrix lies in its buffer, in elements; `batch` 0 shares one matrix between all products. */
export interface MatrixLayout {
  readonly batch: number;
  readonly row: number;
  readonly column: number;
}

/** Rows and columns of one product, the number of products, and the multiply-adds of all of them together. */
export interface ProductSizes {
  readonly m: number;
  readonly n: number;
  readonly batch: number;
  readonly macs: number;
}

/** Multiply-adds of each of a convolution's three products. */
export const convMacs = (z: ConvSizes): number => (z.n * z.k * z.p * z.q * z.c * z.r * z.s) / z.groups;

/**
 * Whether y is one position that sees the whole of x: then each product is a plain matrix product (whole-window.ts).
 */
export function isWholeWindow(z: ConvSizes): boolean {
  const dense = z.padding[0] === 0 && z.padding[1] === 0 && z.dilation[0] === 1 && z.dilation[1] === 1;
  return z.groups === 1 && dense && z.p === 1 && z.q === 1 && z.h === z.r && z.w === z.s;
}

/** float32's unit roundoff. */
export const unitRoundoff = 2 ** -24;

/**
 * The error that a result may have, in units of `unitRoundoff` of its largest magnitude, for sums of `terms` terms: the
 * one bound that tests, `pnpm verify`, benchmarks and the tuner hold an algorithm to.
 *
 * Each step of a kernel rounds by one unit or, for WGSL's exp, log and division, a few, and the longest chains have a
 * dozen steps: 32 units. A sum of n terms of random sign, added up one after another, errs by Σₖ 0.4u·√k = 0.3·u·n as a
 * root mean square, on results of √n: 0.3·√n units for one in the middle and about four times that, √n, for the worst
 * of thousands. Where the terms are `few` different numbers, rounding errors repeat instead of cancelling: n/2 units
 * (Higham 2002, section 4.2, on partial sums of half the total on average).
 */
export function allowedUnits(algorithm: ErrorBound, terms: number, few = false): number {
  return algorithm.errorUnits + algorithm.errorGrowth * (few ? terms / 2 : Math.sqrt(terms));
}

export type ErrorBound = Pick<Algorithm, 'errorUnits' | 'errorGrowth'>;

/** The bound of a kernel that adds up in float32, one term after another. */
export const plainSums: ErrorBound = { errorUnits: 32, errorGrowth: 1 };
