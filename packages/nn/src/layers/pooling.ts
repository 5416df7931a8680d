// Pooling of images, x [N, C, H, W]. No parameters.
import { avgPool2d, globalAvgPool2d, maxPool2d, type Pair, type Shape, type Tensor } from '@forger/tensor';
import { checkOptions } from '@forger/tensor/internal';
import { Module } from '../module.ts';
import { describeWindow, type HeightWidth, imageShape, slideWindow, toPair, type Window } from './window.ts';

export interface PoolOptions {
  /** Default: the kernel size. */
  readonly stride?: Pair | undefined;
  /** Default 0. */
  readonly padding?: Pair | undefined;
}

export interface MaxPoolOptions extends PoolOptions {
  /** Distance between the cells of a window. Default 1. */
  readonly dilation?: Pair | undefined;
}

export interface AvgPoolOptions extends PoolOptions {
  /** Whether padding counts in the divisor of the mean. Default true. */
  readonly countIncludePad?: boolean | undefined;
}

abstract class Pool extends Module implements Window {
  readonly kernelSize: HeightWidth;
  readonly stride: HeightWidth;
  readonly padding: HeightWidth;
  readonly dilation: HeightWidth;

  constructor(kernelSize: Pair, options: MaxPoolOptions = {}) {
    super();
    this.kernelSize = toPair(kernelSize, 'kernelSize', 1);
    this.stride = toPair(options.stride ?? kernelSize, 'stride', 1);
    this.padding = toPair(options.padding ?? 0, 'padding', 0);
    this.dilation = toPair(options.dilation ?? 1, 'dilation', 1);
  }

  override outputShape(input: Shape): Shape {
    const [channels, h, w] = imageShape(super.describe(), input);
    return [channels, ...slideWindow(super.describe(), [h, w], this)];
  }

  override describe(): string {
    return `${super.describe()} ${describeWindow(this)}`;
  }
}

/** The largest value of each window. */
export class MaxPool2d extends Pool {
  constructor(kernelSize: Pair, options: MaxPoolOptions = {}) {
    checkOptions('MaxPool2d', options, { stride: true, padding: true, dilation: true });
    super(kernelSize, options);
  }

  forward(x: Tensor): Tensor {
    const { kernelSize, stride, padding, dilation } = this;
    return maxPool2d(x, kernelSize, { stride, padding, dilation });
  }
}

/** The mean of each window. */
export class AvgPool2d extends Pool {
  readonly countIncludePad: boolean;

  constructor(kernelSize: Pair, options: AvgPoolOptions = {}) {
    checkOptions('AvgPool2d', options, { stride: true, padding: true, countIncludePad: true });
    const { stride, padding, countIncludePad } = options;
    super(kernelSize, { stride, padding });
    this.countIncludePad = countIncludePad ?? true;
  }

  forward(x: Tensor): Tensor {
    const { kernelSize, stride, padding, countIncludePad } = this;
    return avgPool2d(x, kernelSize, { stride, padding, countIncludePad });
  }
}

/** The mean of each channel: [N, C, H, W] becomes [N, C, 1, 1]. */
export class GlobalAvgPool extends Module {
  forward(x: Tensor): Tensor {
    return globalAvgPool2d(x);
  }

  override outputShape(input: Shape): Shape {
    return [imageShape('GlobalAvgPool', input)[0], 1, 1];
  }
}
