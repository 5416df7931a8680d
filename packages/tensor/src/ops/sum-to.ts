// The adjoint of broadcasting, for backward functions. Not exported from the package.
import { type Shape, sameShape } from '../shape.ts';
import type { Tensor } from '../tensor.ts';
import { sum } from './reduce.ts';
import { reshape } from './structure.ts';

/** Sums a gradient of a broadcast result back to the shape of the operand. */
export function sumTo(g: Tensor, shape: Shape): Tensor {
  if (sameShape(g.shape, shape)) return g;
  const lead = g.rank - shape.length;
  const dims = g.shape
    .map((_, i) => i)
    .filter((i) => i < lead || (shape[i - lead] === 1 && g.shape[i] !== 1));
  return reshape(dims.length > 0 ? sum(g, dims, true) : g, shape);
}
