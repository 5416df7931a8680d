// Batched matrix products of strided operands.
import { empty, type Tensor } from '../tensor.ts';
import { gemm, innerSplits } from './gemm.ts';
import { reduce } from './reduce.ts';

/** How a matrix lies in its buffer, in elements; `batch` 0 shares one matrix between all products. */
export interface MatrixLayout {
  readonly batch: number;
  readonly row: number;
  readonly column: number;
}

export interface MatmulSizes {
  readonly batch: number;
  readonly m: number;
  readonly n: number;
  readonly k: number;
}

/** C[z] = A[z] B[z] (+ bias over columns), shape [batch, m, n]. Long inner axes with few outputs are split. */
export function matmulKernel(
  a: Tensor,
  la: MatrixLayout,
  b: Tensor,
  lb: MatrixLayout,
  sizes: MatmulSizes,
  bias?: Tensor,
): Tensor {
  const { batch, m, n, k } = sizes;
  const { device } = a;
  const splits = bias ? 1 : innerSplits(device, m, n, batch, k);
  const c = empty([batch * splits, m, n], { device });
  gemm(device, {
    name: 'matmul',
    files: ['gemm/matmul.wgsl'],
    constants: { HAS_BIAS: bias !== undefined },
    params: [m, n, k, splits, la.batch, la.row, la.column, 0, lb.batch, lb.row, lb.column, 0],
    reads: [a.range, b.range, (bias ?? a).range],
    output: c.range,
    macs: batch * m * n * k,
    m,
    n,
    batch: batch * splits,
  });
  if (splits === 1) return c;
  const parts = c.view([batch, splits, m, n]);
  const total = reduce('sum', parts, [1], false);
  parts.dispose();
  c.dispose();
  return total;
}
