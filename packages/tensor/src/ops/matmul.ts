// Matrix products: matmul with NumPy's batching rules, and linear layers.
import { record } from '../autograd/tape.ts';
import { ShapeError } from '../errors.ts';
import type { MatmulProblem, MatrixLayout } from '../kernels/algorithm.ts';
import { chooseMatmul } from '../kernels/choose.ts';
import { broadcastShapes, type Shape, sameShape, showShape, sizeOf } from '../shape.ts';
import { checkFloat32, type Tensor } from '../tensor.ts';
import { expand, sum, sumTo } from './broadcast.ts';
import { reshape, transpose } from './structure.ts';

/**
 * Matrix product as torch.matmul: [..., m, k] × [..., k, n] → [..., m, n], with broadcast leading dimensions.
 * A vector counts as a row (left) or a column (right); the result does not have that dimension.
 * @throws ShapeError on scalars, on shapes that do not fit and on other dtypes than float32.
 */
export function matmul(a: Tensor, b: Tensor): Tensor {
  checkFloat32('matmul', a, b);
  if (a.rank === 0 || b.rank === 0) {
    throw new ShapeError(
      `matmul: shapes ${showShape(a.shape)} and ${showShape(b.shape)} were given; each needs at least 1 dimension.`,
    );
  }
  if (a.rank === 1 || b.rank === 1) {
    const y = matmul(a.rank === 1 ? reshape(a, [1, a.size]) : a, b.rank === 1 ? reshape(b, [b.size, 1]) : b);
    const shape = [...y.shape];
    if (b.rank === 1) shape.pop();
    if (a.rank === 1) shape.splice(b.rank === 1 ? shape.length - 1 : shape.length - 2, 1);
    return reshape(y, shape);
  }
  const [m, k] = a.shape.slice(-2) as [number, number];
  const [kb, n] = b.shape.slice(-2) as [number, number];
  if (k !== kb) {
    throw new ShapeError(
      `matmul: shapes ${showShape(a.shape)} and ${showShape(b.shape)} do not fit: the last size ${k} of the first and the second to last ${kb} of the second must be equal.`,
    );
  }
  const batch = broadcastShapes(a.shape.slice(0, -2), b.shape.slice(0, -2), 'matmul (leading dimensions)');
  const left = spread(a, batch);
  const right = spread(b, batch);
  const product = multiply(left.tensor, right.tensor, {
    batch: sizeOf(batch),
    m,
    n,
    k,
    a: { batch: left.shared ? 0 : m * k, row: k, column: 1 },
    b: { batch: right.shared ? 0 : k * n, row: n, column: 1 },
  });
  return record('matmul', product.view([...batch, m, n]), [a, b], (gy, needs) => [
    needs[0] ? sumTo(matmul(gy, transpose(b, -1, -2)), a.shape) : null,
    needs[1] ? sumTo(matmul(transpose(a, -1, -2), gy), b.shape) : null,
  ]);
}

function multiply(a: Tensor, b: Tensor, problem: MatmulProblem, bias: Tensor | null = null): Tensor {
  return chooseMatmul(a.device, problem).multiply(a, b, problem, bias);
}

/** An operand whose leading dimensions match `batch`, or that is one matrix shared by all. */
function spread(t: Tensor, batch: Shape): { tensor: Tensor; shared: boolean } {
  const lead = t.shape.slice(0, -2);
  if (sizeOf(lead) === 1) return { tensor: t, shared: true };
  if (sameShape(lead, batch)) return { tensor: t, shared: false };
  return { tensor: expand(t, [...batch, ...t.shape.slice(-2)]), shared: false };
}

/** Rows of the last dimension: [..., k] as [rows, k]. */
const asRows = (t: Tensor): Tensor => reshape(t, [-1, t.shape.at(-1)!]);

/**
 * y = x weightᵀ + bias, as torch.nn.functional.linear.
 * @param x [..., inFeatures]
 * @param weight [outFeatures, inFeatures]
 * @param bias [outFeatures]
 * @returns [..., outFeatures]
 * @throws ShapeError on other shapes and dtypes.
 */
export function linear(x: Tensor, weight: Tensor, bias: Tensor | null = null): Tensor {
  checkFloat32('linear', x, weight, bias);
  const inFeatures = x.shape.at(-1);
  if (weight.rank !== 2 || inFeatures !== weight.shape[1]) {
    throw new ShapeError(
      `linear: input ${showShape(x.shape)} and weight ${showShape(weight.shape)} do not fit: the last size of the input must equal the weight's second.`,
    );
  }
  if (bias && !sameShape(bias.shape, [weight.shape[0]!])) {
    throw new ShapeError(`linear: bias ${showShape(bias.shape)} was given; expected [${weight.shape[0]}].`);
  }
  const rows = product(asRows(x), false, weight, true, bias);
  return reshape(rows, [...x.shape.slice(0, -1), weight.shape[0]!]);
}

/** op(a) op(b) of two matrices, where op transposes if `ta` or `tb` is set, without a transposed copy. */
function product(a: Tensor, ta: boolean, b: Tensor, tb: boolean, bias: Tensor | null = null): Tensor {
  const layout = (t: Tensor, flip: boolean): MatrixLayout =>
    flip ? { batch: 0, row: 1, column: t.shape[1]! } : { batch: 0, row: t.shape[1]!, column: 1 };
  const m = a.shape[ta ? 1 : 0]!;
  const k = a.shape[ta ? 0 : 1]!;
  const n = b.shape[tb ? 0 : 1]!;
  const c = multiply(a, b, { batch: 1, m, n, k, a: layout(a, ta), b: layout(b, tb) }, bias);
  return record('product', c.view([m, n]), bias ? [a, b, bias] : [a, b], (gy, needs) => [
    // d op(a) = gy op(b)ᵀ and d op(b) = op(a)ᵀ gy, each transposed where the operand was.
    needs[0] ? (ta ? product(b, tb, gy, true) : product(gy, false, b, !tb)) : null,
    needs[1] ? (tb ? product(gy, true, a, ta) : product(a, !ta, gy, false)) : null,
    needs[2] ? sum(gy, [0]) : null,
  ]);
}
