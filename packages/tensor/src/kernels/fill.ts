// Writing in place: fill with a constant, copy, add. The only kernels that change a tensor somebody else holds.
import { f32 } from '../device/device.ts';
import type { Tensor } from '../tensor.ts';
import { flatWalk, flatWorkgroup } from './launch.ts';

/** Fills `target` (float32) with one value. */
export function fill(target: Tensor, value: number): Tensor {
  if (value === 0) {
    target.device.clear(target.range);
    return target;
  }
  const { files, n, grid } = flatWalk(target);
  target.device.dispatch(
    {
      name: 'fill',
      files: [...files, 'fill/fill.wgsl'],
      constants: { WORKGROUP: flatWorkgroup },
      bindings: ['write'],
    },
    [n, f32(value)],
    [target.range],
    grid,
    { sizes: [target.size] },
  );
  return target;
}

/** Copies `source` over `target`, of equal size. */
export function copyInto(target: Tensor, source: Tensor): Tensor {
  target.device.copy(source.range, target.range, target.bytes);
  return target;
}

/** target += source, elementwise, float32 of equal size; they must not share a buffer. */
export function addInPlace(target: Tensor, source: Tensor): Tensor {
  const { files, n, grid } = flatWalk(target);
  target.device.dispatch(
    {
      name: 'add_in_place',
      files: [...files, 'fill/add_in_place.wgsl'],
      constants: { WORKGROUP: flatWorkgroup },
      bindings: ['read', 'write'],
    },
    [n],
    [source.range, target.range],
    grid,
    { sizes: [target.size] },
  );
  return target;
}
