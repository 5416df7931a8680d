// Reflection padding of one dimension.
import { sizeOf } from '../shape.ts';
import { type DType, empty, type Tensor } from '../tensor.ts';
import { flatGrid, flatWorkgroup } from './launch.ts';

/** Which dimension is padded, and by how many elements before and after; each is less than the dimension's size. */
export interface ReflectPad {
  readonly dim: number;
  readonly before: number;
  readonly after: number;
}

const constants = { WORKGROUP: flatWorkgroup };

export function reflectPad<D extends DType>(x: Tensor<D>, { dim, before, after }: ReflectPad): Tensor<D> {
  const size = x.shape[dim]!;
  const padded = before + size + after;
  const y = empty(x.shape.with(dim, padded), { device: x.device, dtype: x.dtype });
  x.device.dispatch(
    {
      name: 'reflect_pad',
      files: ['pad-reflect/forward.wgsl'],
      constants,
      bindings: ['read', 'write'],
    },
    [y.size, size, padded, sizeOf(x.shape.slice(dim + 1)), before],
    [x.range, y.range],
    flatGrid(x.device, y.size),
  );
  return y;
}

/** The adjoint: adds what each element was mirrored into. */
export function reflectPadBackward(gy: Tensor, { dim, before, after }: ReflectPad): Tensor {
  const padded = gy.shape[dim]!;
  const size = padded - before - after;
  const gx = empty(gy.shape.with(dim, size), { device: gy.device });
  gy.device.dispatch(
    {
      name: 'reflect_pad_backward',
      files: ['pad-reflect/backward.wgsl'],
      constants,
      bindings: ['read', 'write'],
    },
    [gx.size, size, padded, sizeOf(gx.shape.slice(dim + 1)), before],
    [gy.range, gx.range],
    flatGrid(gy.device, gx.size),
  );
  return gx;
}
