// Elementwise functions of two tensors, with broadcasting.
import { ShapeError } from '../errors.ts';
import { broadcastShapes, broadcastStrides, collapseDims } from '../shape.ts';
import { empty, type Tensor } from '../tensor.ts';
import { flatGrid, flatWorkgroup } from './launch.ts';

const kinds = {
  add: 0,
  sub: 1,
  mul: 2,
  div: 3,
  maximum: 4,
  minimum: 5,
  equalMask: 6,
  greaterMask: 7,
} as const;

export type BinaryKind = keyof typeof kinds;

/** The most dimensions, after merging, that the strided kernels take. */
export const maxRank = 8;

/** f(a, b) of two float32 tensors of broadcastable shapes. Masks are 1 where the comparison holds, else 0. */
export function binary(kind: BinaryKind, a: Tensor, b: Tensor): Tensor {
  if (a.dtype !== 'float32' || b.dtype !== 'float32') {
    throw new ShapeError(`${kind}: dtypes ${a.dtype} and ${b.dtype} were given; both must be float32.`);
  }
  const shape = broadcastShapes(a.shape, b.shape, kind);
  const dims = collapseDims(shape, [broadcastStrides(a.shape, shape), broadcastStrides(b.shape, shape)]);
  if (dims.shape.length > maxRank) {
    throw new ShapeError(
      `${kind}: broadcasting over more than ${maxRank} dimensions is not supported; reshape first.`,
    );
  }
  const y = empty(shape, { device: a.device });
  const params = [y.size, 0, 0, 0];
  for (let d = 0; d < maxRank; d++) {
    params.push(dims.shape[d] ?? 1, dims.strides[0]![d] ?? 0, dims.strides[1]![d] ?? 0, 0);
  }
  a.device.dispatch(
    {
      name: kind,
      files: ['elementwise/is_nan.wgsl', 'binary/binary.wgsl'],
      constants: { WORKGROUP: flatWorkgroup, KIND: kinds[kind], RANK: dims.shape.length },
      bindings: ['read', 'read', 'write'],
    },
    params,
    [a.range, b.range, y.range],
    flatGrid(a.device, y.size),
  );
  return y;
}
