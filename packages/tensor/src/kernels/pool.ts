// Pooling over the windows of (N, C, H, W) planes.
import { empty, type Tensor } from '../tensor.ts';
import { flatGrid, flatWorkgroup } from './launch.ts';

/** How windows lie over planes; pairs are (height, width). */
export interface PoolGeometry {
  /** (N, C, H, W) and (N, C, P, Q). */
  readonly inputShape: readonly [number, number, number, number];
  readonly outputShape: readonly [number, number, number, number];
  readonly kernelSize: readonly [number, number];
  readonly stride: readonly [number, number];
  readonly padding: readonly [number, number];
  readonly dilation: readonly [number, number];
  /** Average pooling: whether padding counts in the divisor. */
  readonly countIncludePad: boolean;
}

const constants = { WORKGROUP: flatWorkgroup };

function params(n: number, g: PoolGeometry): number[] {
  const [, , h, w] = g.inputShape;
  const [, , p, q] = g.outputShape;
  const windows = [...g.kernelSize, ...g.stride, ...g.padding, ...g.dilation];
  return [n, h, w, p, q, ...windows, g.countIncludePad ? 1 : 0];
}

/** The largest value of each window, and (uint32) where in x it is. */
export function maxPoolForward(x: Tensor, g: PoolGeometry): { y: Tensor; index: Tensor<'uint32'> } {
  const y = empty(g.outputShape, { device: x.device });
  const index = empty(g.outputShape, { device: x.device, dtype: 'uint32' });
  x.device.dispatch(
    {
      name: 'max_pool',
      files: ['elementwise/is_nan.wgsl', 'pool/window.wgsl', 'pool/max_forward.wgsl'],
      constants,
      bindings: ['read', 'write', 'write'],
    },
    params(y.size, g),
    [x.range, y.range, index.range],
    flatGrid(x.device, y.size),
  );
  return { y, index };
}

/** Sums gy into the cells that `index` (from maxPoolForward) names. */
export function maxPoolBackward(gy: Tensor, index: Tensor<'uint32'>, g: PoolGeometry): Tensor {
  const gx = empty(g.inputShape, { device: gy.device });
  gy.device.dispatch(
    {
      name: 'max_pool_backward',
      files: ['pool/window.wgsl', 'pool/max_backward.wgsl'],
      constants,
      bindings: ['read', 'read', 'write'],
    },
    params(gx.size, g),
    [gy.range, index.range, gx.range],
    flatGrid(gy.device, gx.size),
  );
  return gx;
}

/** The mean of each window. */
export function avgPoolForward(x: Tensor, g: PoolGeometry): Tensor {
  const y = empty(g.outputShape, { device: x.device });
  x.device.dispatch(
    {
      name: 'avg_pool',
      files: ['pool/window.wgsl', 'pool/avg_area.wgsl', 'pool/avg_forward.wgsl'],
      constants,
      bindings: ['read', 'write'],
    },
    params(y.size, g),
    [x.range, y.range],
    flatGrid(x.device, y.size),
  );
  return y;
}

/** The adjoint of avgPoolForward: spreads each gy over its window. */
export function avgPoolBackward(gy: Tensor, g: PoolGeometry): Tensor {
  const gx = empty(g.inputShape, { device: gy.device });
  gy.device.dispatch(
    {
      name: 'avg_pool_backward',
      files: ['pool/window.wgsl', 'pool/avg_area.wgsl', 'pool/avg_backward.wgsl'],
      constants,
      bindings: ['read', 'write'],
    },
    params(gx.size, g),
    [gy.range, gx.range],
    flatGrid(gy.device, gx.size),
  );
  return gx;
}
