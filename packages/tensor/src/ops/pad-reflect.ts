// Reflection padding. Dimensions are padded one after another, which equals padding all at once.
import { record } from '../autograd/tape.ts';
import { ShapeError } from '../errors.ts';
import { type ReflectPad, reflectPad, reflectPadBackward } from '../kernels/pad-reflect.ts';
import { showShape } from '../shape.ts';
import type { DType, Tensor } from '../tensor.ts';
import { checkPads, type PadPair } from './structure.ts';

/**
 * Pads x with its mirror image without repeating the border: [1, 2, 3] padded by [2, 1] is [3, 2, 1, 2, 3,
 * 2], as PyTorch's ReflectionPad1d to 3d.
 * @param x any dtype and shape.
 * @param pads pairs for the last dimensions in their order: [[top, bottom], [left, right]] for images.
 * @throws ShapeError on a pad that is negative, fractional, or not less than the size of its dimension.
 */
export function padReflect<D extends DType>(x: Tensor<D>, pads: readonly PadPair[]): Tensor<D> {
  let y = x;
  for (const [dim, [before, after]] of checkPads(x, pads, 'padReflect').entries()) {
    if (Math.max(before, after) >= x.shape[dim]!) {
      throw new ShapeError(
        `padReflect: pads ${JSON.stringify(pads)} were given for shape ${showShape(x.shape)}; each must be less than the size of its dimension.`,
      );
    }
    if (before + after > 0) y = mirror(y, { dim, before, after });
  }
  return y;
}

function mirror<D extends DType>(x: Tensor<D>, pad: ReflectPad): Tensor<D> {
  return record('padReflect', reflectPad(x, pad), [x], (gy) => [mirrorAdjoint(gy, pad)]);
}

function mirrorAdjoint(g: Tensor, pad: ReflectPad): Tensor {
  return record('padReflectBackward', reflectPadBackward(g, pad), [g], (gy) => [mirror(gy, pad)]);
}
