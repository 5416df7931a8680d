// Pooling of images: maximum, average, and the average over a whole image.

import { record } from '../autograd/tape.ts';
import { ShapeError } from '../errors.ts';
import { take } from '../kernels/gather.ts';
import {
  avgPoolBackward,
  avgPoolForward,
  maxPoolBackward,
  maxPoolForward,
  type PoolGeometry,
} from '../kernels/pool.ts';
import { checkOptions } from '../options.ts';
import { type Pair, pair, showShape, slideSize } from '../shape.ts';
import type { Tensor } from '../tensor.ts';
import { mean } from './reduce.ts';

export interface MaxPool2dOptions {
  /** Default: the kernel size. */
  readonly stride?: Pair | undefined;
  /** Cells of -infinity added around the image, at most half of the kernel. Default 0. */
  readonly padding?: Pair | undefined;
  /** Distance between the cells of a window. Default 1. */
  readonly dilation?: Pair | undefined;
}

export interface AvgPool2dOptions {
  /** Default: the kernel size. */
  readonly stride?: Pair | undefined;
  /** Zeros added around the image, at most half of the kernel. Default 0. */
  readonly padding?: Pair | undefined;
  /** Whether padding counts in the divisor of the mean. Default true. */
  readonly countIncludePad?: boolean | undefined;
}

/** Throws ShapeError unless x is float32 (N, C, H, W). */
function checkImages(x: Tensor, name: string): readonly [number, number, number, number] {
  if (x.rank !== 4 || x.dtype !== 'float32') {
    throw new ShapeError(
      `${name}: ${x.dtype} of shape ${showShape(x.shape)} was given; expected float32 (N, C, H, W).`,
    );
  }
  return x.shape as readonly number[] as [number, number, number, number];
}

function geometryOf(
  name: string,
  x: Tensor,
  kernelSize: Pair,
  options: MaxPool2dOptions & AvgPool2dOptions,
): PoolGeometry {
  const inputShape = checkImages(x, name);
  const kernel = pair(kernelSize, `${name}: kernelSize`, 1);
  const stride = pair(options.stride ?? kernelSize, `${name}: stride`, 1);
  const padding = pair(options.padding ?? 0, `${name}: padding`, 0);
  const dilation = pair(options.dilation ?? 1, `${name}: dilation`, 1);
  const along = (axis: 0 | 1): number => {
    const size = inputShape[axis + 2]!;
    const span = dilation[axis] * (kernel[axis] - 1) + 1;
    const count = slideSize(size, {
      kernel: kernel[axis],
      stride: stride[axis],
      padding: padding[axis],
      dilation: dilation[axis],
    });
    const what = `kernelSize ${showShape(kernel)}, padding ${showShape(padding)} and dilation ${showShape(dilation)} were given for images of ${inputShape[2]}×${inputShape[3]}`;
    if (2 * padding[axis] > span) {
      throw new ShapeError(`${name}: ${what}; the padding must be at most half of the kernel.`);
    }
    if (count < 1)
      throw new ShapeError(`${name}: ${what}; the kernel is larger than the image: use a smaller one.`);
    // A dilated window can lie around the image without covering any of it.
    for (let at = 0; at < count; at++) {
      const first = at * stride[axis] - padding[axis];
      const tap = first < 0 ? Math.ceil(-first / dilation[axis]) : 0;
      if (first + tap * dilation[axis] >= size) {
        throw new ShapeError(`${name}: ${what}; window ${at} would hold padding only: use less of either.`);
      }
    }
    return count;
  };
  const outputShape = [inputShape[0], inputShape[1], along(0), along(1)] as const;
  const countIncludePad = options.countIncludePad ?? true;
  return { inputShape, outputShape, kernelSize: kernel, stride, padding, dilation, countIncludePad };
}

/**
 * The largest value of each window: (N, C, H, W) → (N, C, P, Q), as torch.nn.functional.max_pool2d, with
 * P = ⌊(H + 2·padding - dilation·(kernel - 1) - 1) / stride⌋ + 1. A window with a NaN gives NaN. Of equal
 * values the first receives the gradient.
 * @throws ShapeError on other shapes and dtypes, and when the windows do not fit the image.
 */
export function maxPool2d(x: Tensor, kernelSize: Pair, options: MaxPool2dOptions = {}): Tensor {
  checkOptions('maxPool2d', options, { stride: true, padding: true, dilation: true });
  const geometry = geometryOf('maxPool2d', x, kernelSize, options);
  const { y, index } = maxPoolForward(x, geometry);
  record('maxPool2d', y, [x], (gy) => [spread(gy, index, geometry)]);
  if (!y.requiresGrad) index.dispose();
  return y;
}

/** Adds g to the positions in `index`; linear in g, with `pick` as its adjoint. */
function spread(g: Tensor, index: Tensor<'uint32'>, geometry: PoolGeometry): Tensor {
  const y = maxPoolBackward(g, index, geometry);
  return record('maxPool2dBackward', y, [g], (gy) => [pick(gy, index, geometry)]);
}

/** Reads x at the positions in `index`. */
function pick(x: Tensor, index: Tensor<'uint32'>, geometry: PoolGeometry): Tensor {
  return record('maxPool2dPick', take(x, index), [x], (gy) => [spread(gy, index, geometry)]);
}

/**
 * The mean of each window: (N, C, H, W) → (N, C, P, Q) with P = ⌊(H + 2·padding - kernel) / stride⌋ + 1, as
 * torch.nn.functional.avg_pool2d.
 * @throws ShapeError on other shapes and dtypes, and when the windows do not fit the image.
 */
export function avgPool2d(x: Tensor, kernelSize: Pair, options: AvgPool2dOptions = {}): Tensor {
  checkOptions('avgPool2d', options, { stride: true, padding: true, countIncludePad: true });
  const geometry = geometryOf('avgPool2d', x, kernelSize, options);
  return average(x, geometry);
}

function average(x: Tensor, geometry: PoolGeometry): Tensor {
  return record('avgPool2d', avgPoolForward(x, geometry), [x], (gy) => [averageAdjoint(gy, geometry)]);
}

function averageAdjoint(g: Tensor, geometry: PoolGeometry): Tensor {
  return record('avgPool2dBackward', avgPoolBackward(g, geometry), [g], (gy) => [average(gy, geometry)]);
}

/**
 * The mean over height and width: (N, C, H, W) → (N, C, 1, 1), as torch.nn.functional.adaptive_avg_pool2d
 * with size 1. @throws ShapeError on other shapes and dtypes.
 */
export function globalAvgPool2d(x: Tensor): Tensor {
  checkImages(x, 'globalAvgPool2d');
  return mean(x, [2, 3], true);
}
