// Operations that only move elements: reshape, permute, slice, expand, cat, stack, constant padding.
import { record } from '../autograd/tape.ts';
import { ShapeError } from '../errors.ts';
import { fill } from '../kernels/fill.ts';
import { gatherStrided, stridedCopy } from '../kernels/structure.ts';
import { normalizeDim, type Shape, sameShape, showShape, sizeOf, stridesOf } from '../shape.ts';
import { checkFloat32, type DType, empty, type Tensor } from '../tensor.ts';

/**
 * The same values in another shape, on the same storage. One size may be -1 and follows from the others.
 * @throws ShapeError when the sizes differ.
 */
export function reshape<D extends DType>(x: Tensor<D>, shape: Shape): Tensor<D> {
  const known = shape.reduce((n, d) => (d === -1 ? n : n * d), 1);
  const target = shape.map((n) => (n === -1 ? x.size / known : n));
  if (
    shape.filter((n) => n === -1).length > 1 ||
    sizeOf(target) !== x.size ||
    target.some((n) => !Number.isInteger(n) || n < 1)
  ) {
    throw new ShapeError(
      `reshape: shape ${showShape(x.shape)} of ${x.size} elements cannot become ${showShape(shape)}.`,
    );
  }
  if (sameShape(target, x.shape)) return x;
  return record('reshape', x.view(target), [x], (gy) => [reshape(gy, x.shape)]);
}

/**
 * A copy with reordered dimensions: dimension i of the result is dimension dims[i] of x.
 * @throws ShapeError unless `dims` names each dimension once.
 */
export function permute<D extends DType>(x: Tensor<D>, dims: readonly number[]): Tensor<D> {
  const order = dims.map((d) => normalizeDim(d, x.rank, 'permute'));
  if (order.length !== x.rank || new Set(order).size !== x.rank) {
    throw new ShapeError(
      `permute: dimensions ${showShape(dims)} were given for shape ${showShape(x.shape)}; name each of the ${x.rank} once.`,
    );
  }
  const strides = stridesOf(x.shape);
  const y = gatherStrided(
    x,
    order.map((d) => x.shape[d]!),
    order.map((d) => strides[d]!),
  );
  const inverse = order.map((_, i) => order.indexOf(i));
  return record('permute', y, [x], (gy) => [permute(gy, inverse)]);
}

/** A copy with two dimensions swapped. @throws ShapeError on dimensions that do not exist. */
export function transpose<D extends DType>(x: Tensor<D>, dim0: number, dim1: number): Tensor<D> {
  const order = x.shape.map((_, i) => i);
  const a = normalizeDim(dim0, x.rank, 'transpose');
  const b = normalizeDim(dim1, x.rank, 'transpose');
  [order[a], order[b]] = [b, a];
  return permute(x, order);
}

/**
 * Elements start, start + step, … before `end` of dimension `dim`. Negative `start` and `end` count from the
 * end; both are limited to the dimension, as in Python. A slice of the leading dimension shares x's storage
 * if its offset is a multiple of `device.alignment`; any other slice is a copy.
 * @throws ShapeError on a scalar, a step below 1, and when nothing is selected.
 */
export function slice<D extends DType>(
  x: Tensor<D>,
  dim: number,
  start = 0,
  end = Number.POSITIVE_INFINITY,
  step = 1,
): Tensor<D> {
  if (x.rank === 0) throw new ShapeError('slice: a scalar was given; it has no dimension to slice.');
  const d = normalizeDim(dim, x.rank, 'slice');
  const n = x.shape[d]!;
  const limit = (i: number): number => Math.min(Math.max(i < 0 ? i + n : i, 0), n);
  const from = limit(start);
  const count = Math.ceil((limit(end) - from) / step);
  if (![from, limit(end), step].every(Number.isInteger) || step < 1 || count < 1) {
    throw new ShapeError(
      `slice: start ${start}, end ${end}, step ${step} of dimension ${d} with size ${n} selects nothing; expected whole numbers, start < end and step >= 1.`,
    );
  }
  const shape = x.shape.map((size, i) => (i === d ? count : size));
  const strides = stridesOf(x.shape);
  const offset = from * strides[d]!;
  const shareable =
    sizeOf(x.shape.slice(0, d)) === 1 && step === 1 && (offset * 4) % x.device.alignment === 0;
  const y = shareable
    ? x.view(shape, offset * 4)
    : gatherStrided(
        x,
        shape,
        strides.map((s, i) => (i === d ? s * step : s)),
        offset,
      );
  return record('slice', y, [x], (gy) => [place(gy, x.shape, d, from, step)]);
}

/** The adjoint of slice: zeros of `shape` with g at the sliced positions. */
function place(g: Tensor, shape: Shape, dim: number, start: number, step: number): Tensor {
  const y = fill(empty(shape, { device: g.device }), 0);
  const strides = stridesOf(shape);
  const to = { strides: strides.map((s, i) => (i === dim ? s * step : s)), offset: start * strides[dim]! };
  stridedCopy(g, { strides: stridesOf(g.shape), offset: 0 }, y, to, g.shape);
  const end = start + (g.shape[dim]! - 1) * step + 1;
  return record('place', y, [g], (gy) => [slice(gy, dim, start, end, step)]);
}

/** Joins tensors of one dtype along dimension `dim`. @throws ShapeError unless all other sizes agree. */
export function cat<D extends DType>(tensors: readonly Tensor<D>[], dim = 0): Tensor<D> {
  const first = tensors[0];
  if (!first) throw new ShapeError('cat: an empty list was given; expected at least one tensor.');
  if (first.rank === 0)
    throw new ShapeError('cat: a scalar was given; it has no dimension to join along: use stack.');
  const d = normalizeDim(dim, first.rank, 'cat');
  for (const t of tensors) {
    if (
      t.dtype !== first.dtype ||
      t.rank !== first.rank ||
      t.shape.some((n, i) => i !== d && n !== first.shape[i])
    ) {
      throw new ShapeError(
        `cat: ${t.toString()} does not fit ${first.toString()} along dimension ${d}; all other sizes and dtypes must agree.`,
      );
    }
  }
  const shape = first.shape.map((n, i) => (i === d ? tensors.reduce((sum, t) => sum + t.shape[d]!, 0) : n));
  const y = empty(shape, { device: first.device, dtype: first.dtype });
  const strides = stridesOf(shape);
  const starts: number[] = [];
  let at = 0;
  for (const t of tensors) {
    starts.push(at);
    const offset = at * strides[d]!;
    if (d === 0) {
      const { buffer, offset: start } = y.range;
      y.device.copy(t.range, { buffer, offset: start + 4 * offset, bytes: t.bytes }, t.bytes);
    } else stridedCopy(t, { strides: stridesOf(t.shape), offset: 0 }, y, { strides, offset }, t.shape);
    at += t.shape[d]!;
  }
  return record('cat', y, tensors, (gy, needs) =>
    tensors.map((t, i) => (needs[i] ? slice(gy, d, starts[i]!, starts[i]! + t.shape[d]!) : null)),
  );
}

/** Joins tensors of one shape and dtype along a new dimension `dim`. @throws ShapeError when they differ. */
export function stack<D extends DType>(tensors: readonly Tensor<D>[], dim = 0): Tensor<D> {
  const first = tensors[0];
  if (!first) throw new ShapeError('stack: an empty list was given; expected at least one tensor.');
  const d = normalizeDim(dim, first.rank + 1, 'stack');
  const other = tensors.find((t) => !sameShape(t.shape, first.shape) || t.dtype !== first.dtype);
  if (other)
    throw new ShapeError(
      `stack: ${other.toString()} does not fit ${first.toString()}; all shapes and dtypes must be the same.`,
    );
  return cat(
    tensors.map((t) => reshape(t, [...t.shape.slice(0, d), 1, ...t.shape.slice(d)])),
    d,
  );
}

/** Number of elements added before and after along one dimension. */
export type PadPair = readonly [before: number, after: number];

/**
 * Pads x (float32) with `value`.
 * @param pads pairs for the last dimensions in their order: [[top, bottom], [left, right]] for images.
 * @throws ShapeError on negative or fractional pads, and on more pairs than dimensions.
 */
export function padConstant(x: Tensor, pads: readonly PadPair[], value = 0): Tensor {
  checkFloat32('padConstant', x);
  const all = checkPads(x, pads, 'padConstant');
  const shape = x.shape.map((n, i) => n + all[i]![0] + all[i]![1]);
  const y = fill(empty(shape, { device: x.device }), value);
  const strides = stridesOf(shape);
  const offset = all.reduce((sum, [before], i) => sum + before * strides[i]!, 0);
  stridedCopy(x, { strides: stridesOf(x.shape), offset: 0 }, y, { strides, offset }, x.shape);
  return record('padConstant', y, [x], (gy) => {
    let g = gy;
    for (const [i, [before]] of all.entries()) g = slice(g, i, before, before + x.shape[i]!);
    return [g];
  });
}

/** The pad pairs of all dimensions of x, from pairs for the last ones. */
export function checkPads(x: Tensor<DType>, pads: readonly PadPair[], name: string): PadPair[] {
  if (pads.length > x.rank || pads.flat().some((n) => !Number.isInteger(n) || n < 0)) {
    throw new ShapeError(
      `${name}: pads ${JSON.stringify(pads)} were given for shape ${showShape(x.shape)}; expected at most ${x.rank} pairs of whole numbers >= 0.`,
    );
  }
  return [...Array.from({ length: x.rank - pads.length }, (): PadPair => [0, 0]), ...pads];
}
