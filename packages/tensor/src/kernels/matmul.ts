// Batched matrix products of strided operands.
import { empty, type Tensor } from '../tensor.ts';
import { byChoice } from './choices.ts';
import { forcedCore, gemm, innerSplits, supportsCore, withGemmCore } from './gemm.ts';
import { inHalf } from './gemm-matrix.ts';
import { fitsPoints, fromPoints, type Operand, toPoints, type WinogradForm } from './points.ts';
import { reduce } from './reduce.ts';
import { texelProduct, tilesOf } from './texel-product.ts';

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

/** Whether a product has enough rows and columns for the uniform core, and few enough of its blocks of rows for a grid. */
const fillsUniform = (m: number, n: number): boolean => Math.min(m, n) >= 16 && m <= 8 * 65_535;

/** `matmulKernel` on the core that is chosen for its sizes. */
export function matmulByChoice(...call: Parameters<typeof matmulKernel>): Tensor {
  const [{ device }, , , , { batch, m, n, k }] = call;
  if (!forcedCore() && inHalf(device, { macs: batch * m * n * k, m, n, batch }))
    return withGemmCore('matrix', () => matmulKernel(...call));
  const tunable = () => ({
    family: 'matmul' as const,
    macs: batch * m * n * k,
    candidates: (device.adapter.software && supportsCore(device, 'texture')
      ? (['naive', 'uniform', 'texture'] as const)
      : (['naive', 'tiled', 'subgroup', 'uniform', 'texture'] as const)
    ).filter((core) => supportsCore(device, core) && (core !== 'uniform' || fillsUniform(m, n))),
    shapes: (share: number) => {
      const inner = Math.max(1, Math.floor(k * share));
      return [
        [batch, m, inner],
        [batch, inner, n],
      ];
    },
    run: ([a, b]: readonly Tensor[]) => {
      const inner = a!.shape[2]!;
      return [
        matmulKernel(
          a!,
          { batch: m * inner, row: inner, column: 1 },
          b!,
          { batch: inner * n, row: n, column: 1 },
          { batch, m, n, k: inner },
        ),
      ];
    },
  });
  return byChoice(device, `matmul ${batch} ${m} ${n} ${k}`, tunable, () => matmulKernel(...call));
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
  const left = planesOf(m, k, la.row, la.column);
  const right = planesOf(n, k, lb.column, lb.row);
  const result = { ...rowOfPlanes, role: 'output', images: m, channels: n, w: 1, tiles: [1, 1] } as const;
  if (left && right && onTexels(a, sizes, left, right, result)) {
    const product = fromPoints(result, plain, bias ?? null, a, (c) =>
      texelProduct(
        device,
        'matmul/texture',
        { ...toPoints(b, right, plain), along: 'inner' },
        { ...toPoints(a, left, plain), along: 'inner' },
        c,
      ),
    );
    const view = product.view([1, m, n]);
    product.dispose();
    return view;
  }
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

/** No transform: the points are the entries themselves. */
const plain: WinogradForm = { file: 'winograd/f1x1.wgsl', outputs: 1, taps: 1 };

/** Multiply-adds below which packing the operands is not worth its dispatches. */
const leastMacs = 2 ** 20;

const rowOfPlanes = { h: 1, padding: [0, 0], stride: 1 } as const;

/** A matrix whose inner axis is the channels of planes of one row; null when it does not lie so. */
function planesOf(outer: number, inner: number, outerStride: number, innerStride: number): Operand | null {
  const planes = { ...rowOfPlanes, role: 'input', channels: inner } as const;
  if (innerStride === 1 && outerStride === inner) return { ...planes, images: outer, w: 1, tiles: [1, 1] };
  if (outerStride === 1 && innerStride === outer)
    return { ...planes, images: 1, w: outer, tiles: [1, outer] };
  return null;
}

/** Whether a product takes the texture core: forced, or on a software adapter where it pays and keeps both cores busy. */
function onTexels({ device }: Tensor, { batch, m, n, k }: MatmulSizes, ...operands: Operand[]): boolean {
  const forced = forcedCore();
  if (batch !== 1 || (forced && forced !== 'texture') || !supportsCore(device, 'texture')) return false;
  if (operands.some((o) => !fitsPoints(device, o, plain))) return false;
  if (forced) return true;
  const workgroups = tilesOf(Math.min(m, n), Math.max(m, n));
  return device.adapter.software && m * n * k >= leastMacs && Math.min(m, n) >= 8 && workgroups >= 2;
}
