// Broadcasting and its adjoint, which sums: each is the other's backward function.
import { record } from '../autograd/tape.ts';
import { ShapeError } from '../errors.ts';
import { reduce } from '../kernels/reduce.ts';
import { gatherStrided } from '../kernels/structure.ts';
import {
  broadcastShapes,
  broadcastStrides,
  checkShape,
  normalizeDims,
  type Shape,
  sameShape,
  showShape,
} from '../shape.ts';
import { checkFloat32, type DType, type Tensor } from '../tensor.ts';
import { reshape } from './structure.ts';

/**
 * A copy that repeats dimensions of size 1 up to `shape` (NumPy broadcasting); -1 keeps a size. The gradient
 * sums over the repeats.
 * @throws ShapeError when another size would change.
 */
export function expand<D extends DType>(x: Tensor<D>, shape: Shape): Tensor<D> {
  const target = shape.map((n, i) => (n === -1 ? (x.shape[i - shape.length + x.rank] ?? n) : n));
  checkShape(target, 'expand');
  if (!sameShape(broadcastShapes(x.shape, target, 'expand'), target)) {
    throw new ShapeError(
      `expand: shape ${showShape(x.shape)} cannot become ${showShape(shape)}; only sizes of 1 are repeated.`,
    );
  }
  if (sameShape(x.shape, target)) return x;
  const y = gatherStrided(x, target, broadcastStrides(x.shape, target));
  return record('expand', y, [x], (gy) => [sumTo(gy, x.shape)]);
}

/** Dimensions to reduce; negative ones count from the end. Undefined for all. */
export type Dims = number | readonly number[] | undefined;

/** The shape of a reduction that keeps its dimensions as 1. */
export function keptShape(shape: Shape, dims: readonly number[]): number[] {
  return shape.map((n, i) => (dims.includes(i) ? 1 : n));
}

/** Sum over `dims`. */
export function sum(x: Tensor, dims?: Dims, keepdim = false): Tensor {
  checkFloat32('sum', x);
  const list = normalizeDims(dims, x.rank, 'sum');
  return record('sum', reduce('sum', x, list, keepdim), [x], (gy) => [
    expand(reshape(gy, keptShape(x.shape, list)), x.shape),
  ]);
}

/** Sums a gradient of a broadcast result back to the shape of the operand. */
export function sumTo(g: Tensor, shape: Shape): Tensor {
  if (sameShape(g.shape, shape)) return g;
  const lead = g.rank - shape.length;
  const dims = g.shape
    .map((_, i) => i)
    .filter((i) => i < lead || (shape[i - lead] === 1 && g.shape[i] !== 1));
  return reshape(dims.length > 0 ? sum(g, dims, true) : g, shape);
}
