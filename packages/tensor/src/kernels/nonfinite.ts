// Finding NaN and infinity on the device: what training asks of its weights before it shows or saves them.
import { ShapeError } from '../errors.ts';
import { type DType, empty, type Tensor } from '../tensor.ts';
import { flatGrid, flatWorkgroup } from './launch.ts';

/**
 * Marks the tensors that hold NaN or infinity. Nothing waits.
 * @param tensors float32, one at least, all of one device.
 * @returns uint32, as long as the list: 1 for each that does, 0 for the others.
 */
export function markNonFinite(tensors: readonly Tensor<DType>[]): Tensor<'uint32'> {
  const [first] = tensors;
  if (!first || tensors.some(({ dtype }) => dtype !== 'float32'))
    throw new ShapeError('markNonFinite: expected a list of float32 tensors, one at least.');
  const { device } = first;
  const flags = empty([tensors.length], { device, dtype: 'uint32' });
  device.clear(flags.range);
  for (const [index, x] of tensors.entries()) {
    device.dispatch(
      {
        name: 'nonfinite',
        files: ['reduce/nonfinite.wgsl'],
        constants: { WORKGROUP: flatWorkgroup },
        bindings: ['read', 'write'],
      },
      [x.size, index],
      [x.range, flags.range],
      flatGrid(device, x.size),
      { sizes: [x.size] },
    );
  }
  return flags;
}
