// Reading elements and rows by index.
import { sizeOf } from '../shape.ts';
import { type DType, empty, type Tensor } from '../tensor.ts';
import { flatGrid, flatWorkgroup } from './launch.ts';

const constants = { WORKGROUP: flatWorkgroup };

/** The word that stands where an index names no row: NaN as float32. */
const missing = 0x7fc00000;

/** y[i] = x[index[i]] over flat positions; float32 in the shape of `index`, whose values must lie within x. */
export function take(x: Tensor, index: Tensor<'uint32'>): Tensor {
  const y = empty(index.shape, { device: x.device });
  x.device.dispatch(
    { name: 'take', files: ['gather/take.wgsl'], constants, bindings: ['read', 'read', 'write'] },
    [y.size],
    [x.range, index.range, y.range],
    flatGrid(x.device, y.size),
  );
  return y;
}

/** Rows of x in the order of `indices` (int32 or uint32, one dimension); rows outside x come out as NaN. */
export function takeRows<D extends DType>(x: Tensor<D>, indices: Tensor<'int32' | 'uint32'>): Tensor<D> {
  const [rows, ...inner] = x.shape;
  const y = empty([indices.size, ...inner], { device: x.device, dtype: x.dtype });
  x.device.dispatch(
    {
      name: 'index_select',
      files: ['gather/index_select.wgsl'],
      constants,
      bindings: ['read', 'read', 'write'],
    },
    [y.size, rows!, sizeOf(inner), missing],
    [x.range, indices.range, y.range],
    flatGrid(x.device, y.size),
  );
  return y;
}

/** The adjoint of takeRows for an x of `rows` rows: sums the rows of gy that have one index, in order. */
export function sumRows(gy: Tensor, indices: Tensor<'int32' | 'uint32'>, rows: number): Tensor {
  const inner = gy.shape.slice(1);
  const gx = empty([rows, ...inner], { device: gy.device });
  gy.device.dispatch(
    {
      name: 'index_select_backward',
      files: ['gather/index_select_backward.wgsl'],
      constants,
      bindings: ['read', 'read', 'write'],
    },
    [gx.size, indices.size, sizeOf(inner)],
    [gy.range, indices.range, gx.range],
    flatGrid(gy.device, gx.size),
  );
  return gx;
}
