// Reductions of float32 tensors over any dimensions: sum, mean, variance, max, min. Reduced dimensions are
// removed, or kept with size 1 if `keepdim` is true. All throw ShapeError on dimensions that do not exist or
// repeat.
import { record } from '../autograd/tape.ts';
import { ShapeError } from '../errors.ts';
import { binary } from '../kernels/binary.ts';
import { reduce } from '../kernels/reduce.ts';
import { normalizeDims } from '../shape.ts';
import { checkFloat32, type Tensor } from '../tensor.ts';
import { div, mul, sub } from './binary.ts';
import { type Dims, expand, keptShape, sum } from './broadcast.ts';
import { reshape } from './structure.ts';
import { square } from './unary.ts';

export { type Dims, sum };

function count(x: Tensor, dims: readonly number[]): number {
  return dims.reduce((n, d) => n * x.shape[d]!, 1);
}

/** Mean over `dims`. */
export function mean(x: Tensor, dims?: Dims, keepdim = false): Tensor {
  checkFloat32('mean', x);
  const list = normalizeDims(dims, x.rank, 'mean');
  const scale = 1 / count(x, list);
  return record('mean', reduce('sum', x, list, keepdim, scale), [x], (gy) => {
    const spread = expand(reshape(gy, keptShape(x.shape, list)), x.shape);
    return [scale === 1 ? spread : mul(spread, scale)];
  });
}

/**
 * Variance over `dims`: the sum of squared distances from the mean, divided by n - correction.
 * @param correction 0 (default) for the biased variance, as in batch norm; 1 for PyTorch's default.
 * @throws ShapeError when n <= correction.
 */
export function variance(x: Tensor, dims?: Dims, keepdim = false, correction = 0): Tensor {
  checkFloat32('variance', x);
  const list = normalizeDims(dims, x.rank, 'variance');
  const n = count(x, list);
  if (n <= correction)
    throw new ShapeError(`variance: ${n} values with correction ${correction}; more values are needed.`);
  const squares = square(sub(x, mean(x, list, true)));
  return mul(sum(squares, list, keepdim), 1 / (n - correction));
}

function extreme(kind: 'max' | 'min', x: Tensor, dims: Dims, keepdim: boolean): Tensor {
  checkFloat32(kind, x);
  const list = normalizeDims(dims, x.rank, kind);
  const y = reduce(kind, x, list, keepdim);
  return record(kind, y, [x], (gy) => {
    const kept = keptShape(x.shape, list);
    const mask = binary('equalMask', x, y.view(kept));
    const weight = div(mask, reduce('sum', mask, list, true));
    return [mul(weight, reshape(gy, kept))];
  });
}

/** Largest value over `dims`; NaN if any is NaN. Ties share the gradient equally, as with torch.amax. */
export function max(x: Tensor, dims?: Dims, keepdim = false): Tensor {
  return extreme('max', x, dims, keepdim);
}

/** Smallest value over `dims`; NaN if any is NaN. Ties share the gradient equally, as with torch.amin. */
export function min(x: Tensor, dims?: Dims, keepdim = false): Tensor {
  return extreme('min', x, dims, keepdim);
}
