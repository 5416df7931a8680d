// softmax and log softmax along one dimension. Their gradients are computed from the result alone.
import { record } from '../autograd/tape.ts';
import { softmaxLines } from '../kernels/softmax.ts';
import { normalizeDim } from '../shape.ts';
import type { Tensor } from '../tensor.ts';
import { mul, sub } from './binary.ts';
import { sum } from './reduce.ts';
import { exp } from './unary.ts';

/**
 * e^x / Σ e^x over dimension `dim` (negative: from the end), without overflow. Same shape as x.
 * @throws ShapeError when the dimension does not exist or x is not float32.
 */
export function softmax(x: Tensor, dim: number): Tensor {
  const d = normalizeDim(dim, x.rank, 'softmax');
  const y = softmaxLines(x, d, false);
  return record('softmax', y, [x], (gy) => [mul(y, sub(gy, sum(mul(gy, y), d, true)))]);
}

/**
 * x - log Σ e^x over dimension `dim` (negative: from the end), without overflow and more accurate than
 * log(softmax(x)). Same shape as x.
 * @throws ShapeError when the dimension does not exist or x is not float32.
 */
export function logSoftmax(x: Tensor, dim: number): Tensor {
  const d = normalizeDim(dim, x.rank, 'logSoftmax');
  const y = softmaxLines(x, d, true);
  return record('logSoftmax', y, [x], (gy) => [sub(gy, mul(exp(y), sum(gy, d, true)))]);
}
