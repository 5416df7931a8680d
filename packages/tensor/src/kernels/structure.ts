// Moving elements between layouts.
import { ShapeError } from '../errors.ts';
import { collapseDims, type Shape, sizeOf, stridesOf } from '../shape.ts';
import { type DType, empty, type Tensor } from '../tensor.ts';
import { maxRank } from './binary.ts';
import { flatGrid, flatWorkgroup } from './launch.ts';

/** How a block of elements is laid out in a buffer: element strides and where its first element is. */
export interface Layout {
  readonly strides: readonly number[];
  readonly offset: number;
}

/** Copies a block of `shape` from one layout in `source` to another in `target`. */
export function stridedCopy<D extends DType>(
  source: Tensor<D>,
  from: Layout,
  target: Tensor<D>,
  to: Layout,
  shape: Shape,
): void {
  const dims = collapseDims(shape, [from.strides, to.strides]);
  if (dims.shape.length > maxRank) {
    throw new ShapeError(
      `A copy over more than ${maxRank} separate dimensions is not supported; reshape first.`,
    );
  }
  const params = [sizeOf(shape), from.offset, to.offset, 0];
  for (let d = 0; d < maxRank; d++) {
    params.push(dims.shape[d] ?? 1, dims.strides[0]![d] ?? 0, dims.strides[1]![d] ?? 0, 0);
  }
  source.device.dispatch(
    {
      name: 'strided_copy',
      files: ['structure/strided_copy.wgsl'],
      constants: { WORKGROUP: flatWorkgroup, RANK: dims.shape.length },
      bindings: ['read', 'write'],
    },
    params,
    [source.range, target.range],
    flatGrid(source.device, sizeOf(shape)),
  );
}

/** A contiguous tensor of `shape` read from `x` with the given layout. */
export function gatherStrided<D extends DType>(
  x: Tensor<D>,
  shape: Shape,
  strides: readonly number[],
  offset = 0,
): Tensor<D> {
  const y = empty(shape, { device: x.device, dtype: x.dtype });
  stridedCopy(x, { strides, offset }, y, { strides: stridesOf(shape), offset: 0 }, shape);
  return y;
}
