// Batched matrix products of strided operands by a core of gemm.ts.
import { empty, type Tensor } from '../tensor.ts';
import type { MatmulAlgorithm, MatmulProblem, MatrixLayout, ProductSizes } from './algorithm.ts';
import { type GemmCore, gemm, innerSplits } from './gemm.ts';
import { reduce } from './reduce.ts';

export function matmulBy(core: GemmCore): MatmulAlgorithm {
  const worthTrying = core.worthTrying?.matmul;
  return {
    supports: () => true,
    suits: (device, problem) => core.suits(device, sizesOf(problem)),
    ...(worthTrying && { worthTrying: (_, problem) => worthTrying(sizesOf(problem)) }),
    multiply: (a, b, problem, bias) => multiply(core, a, b, problem, bias),
  };
}

export function sizesOf({ batch, m, n, k }: MatmulProblem): ProductSizes {
  return { batch, m, n, macs: batch * m * n * k };
}

/** Long inner axes with few outputs are split, and the parts added up. */
function multiply(core: GemmCore, a: Tensor, b: Tensor, problem: MatmulProblem, bias: Tensor | null): Tensor {
  const { batch, m, n, k, a: la, b: lb } = problem;
  const { device } = a;
  const splits = bias ? 1 : innerSplits(device, m, n, batch, k);
  const c = empty([batch * splits, m, n], { device });
  gemm(device, core, {
    name: 'matmul',
    files: ['gemm/matmul.wgsl'],
    constants: { HAS_BIAS: bias !== null },
    params: [m, n, k, splits, la.batch, la.row, la.column, 0, lb.batch, lb.row, lb.column, 0],
    reads: [a.range, b.range, (bias ?? a).range],
    output: c.range,
    macs: batch * m * n * k,
    m,
    n,
    batch: batch * splits,
    along: { a: la.column === 1 ? 'inner' : 'outer', b: lb.row === 1 ? 'inner' : 'outer' },
    quads: quadsOf(la, m, k, Math.ceil(k / splits)),
  });
  if (splits === 1) return c;
  const parts = c.view([batch, splits, m, n]);
  const total = reduce('sum', parts, [1], false);
  parts.dispose();
  c.dispose();
  return total;
}

/** Along which axis four entries of A are neighbours in memory, whichever part of the inner axis a product has. */
function quadsOf(a: MatrixLayout, m: number, k: number, part: number): 'inner' | 'outer' | null {
  const fours = (...steps: number[]): boolean => steps.every((step) => step % 4 === 0);
  if (a.column === 1 && fours(a.row, a.batch, k, part)) return 'inner';
  return a.row === 1 && fours(a.column, a.batch, m) ? 'outer' : null;
}
