// The reference core, one output to an invocation, and the same in twice the precision.
import { plainSums } from './algorithm.ts';
import type { GemmCore, GemmProblem, Launch } from './gemm.ts';

const workgroup = 64;

function grid({ m, n, batch }: GemmProblem): Launch['grid'] {
  return [Math.min(65_535, Math.ceil((m * n) / workgroup)), 1, batch];
}

/** Multiply-adds of a convolution's three products up to which the tuner has the time to try this core. */
const mostToTry = 2 ** 24;

const constants = { WORKGROUP: workgroup };

/**
 * Computes what no other algorithm suits. For small products none is faster, and it compiles in a tenth of the time.
 */
export const naive: GemmCore = {
  name: 'naive',
  ...plainSums,
  specialValues: 'exact',
  shaders: ['gemm/core_naive.wgsl'],
  runsOn: () => true,
  suits: () => true,
  worthTrying: { convolution: ({ macs }) => 3 * macs < mostToTry },
  launch: (_, problem) => ({ files: naive.shaders, constants, grid: grid(problem) }),
};

/**
 * For tests that must tell a kernel's rounding from an error: it rounds once, and once more for each of the few parts
 * that are added up afterwards. It takes the rounding error of an infinite product or sum, ∞ - ∞.
 */
export const compensated: GemmCore = {
  ...naive,
  name: 'compensated',
  errorUnits: 2,
  errorGrowth: 1 / 16, // parts of at least 128 terms round once each: about √(terms / 128)
  specialValues: 'in place',
  shaders: ['gemm/core_compensated.wgsl'],
  untuned: true,
  suits: () => false,
  launch: (_, problem) => ({ files: compensated.shaders, constants, grid: grid(problem) }),
};
