// Pooling over images: without parameters.
import { avgPool2d, globalAvgPool2d, maxPool2d, type Shape, type Tensor } from '@forger/tensor';
import { Module } from '../module.ts';
import {
  describeWindow,
  imageShape,
  type Pair,
  type PairOption,
  slideWindow,
  toPair,
  type Window,
} from './window.ts';

export interface PoolOptions {
  /** Default: the kernel size. */
  readonly stride?: PairOption | undefined;
  /** Default 0. */
  readonly padding?: PairOption | undefined;
}

abstract class Pool extends Module implements Window {
  readonly kernelSize: Pair;
  readonly stride: Pair;
  readonly padding: Pair;
  readonly dilation: Pair = [1, 1];

  constructor(kernelSize: PairOption, options: PoolOptions = {}) {
    super();
    this.kernelSize = toPair(kernelSize);
    this.stride = toPair(options.stride ?? kernelSize);
    this.padding = toPair(options.padding ?? 0);
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
  forward(x: Tensor): Tensor {
    return maxPool2d(x, this.kernelSize, { stride: this.stride, padding: this.padding });
  }
}

/** The mean of each window; padding counts as zeros. */
export class AvgPool2d extends Pool {
  forward(x: Tensor): Tensor {
    return avgPool2d(x, this.kernelSize, { stride: this.stride, padding: this.padding });
  }
}

/** The mean of each channel: [C, H, W] becomes [C, 1, 1]. */
export class GlobalAvgPool extends Module {
  forward(x: Tensor): Tensor {
    return globalAvgPool2d(x);
  }

  override outputShape(input: Shape): Shape {
    return [imageShape('GlobalAvgPool', input)[0], 1, 1];
  }
}
