// Convolution and transposed convolution over images, side by side.
import {
  ConfigError,
  conv2d,
  convTranspose2d,
  empty,
  type Pair,
  type Shape,
  type Tensor,
} from '@forger/tensor';
import { defaultInit_ } from '../init.ts';
import { type BiasOptions, deviceOf } from './options.ts';
import { WeightedLayer } from './weighted.ts';
import {
  describeWindow,
  type HeightWidth,
  imageShape,
  slideWindow,
  spreadWindow,
  toPair,
  type Window,
} from './window.ts';

export interface ConvOptions extends BiasOptions {
  /** Default 1. */
  readonly stride?: Pair | undefined;
  /** Zeros around the image. Default 0. */
  readonly padding?: Pair | undefined;
  /** Distance between the cells of the kernel. Default 1. */
  readonly dilation?: Pair | undefined;
  /** Default 1. */
  readonly groups?: number | undefined;
}

export interface ConvTransposeOptions extends ConvOptions {
  /** Rows and columns added at the bottom and right. Default 0. */
  readonly outputPadding?: Pair | undefined;
}

/** What both directions hold; they differ in the order of weight's first sizes and in the way the window goes. */
abstract class Conv extends WeightedLayer implements Window {
  readonly kernelSize: HeightWidth;
  readonly stride: HeightWidth;
  readonly padding: HeightWidth;
  readonly dilation: HeightWidth;
  readonly groups: number;
  readonly weight: Tensor;
  readonly bias: Tensor | null;

  constructor(
    readonly inChannels: number,
    readonly outChannels: number,
    kernelSize: Pair,
    options: ConvOptions,
    weightChannels: (groups: number) => HeightWidth,
  ) {
    super();
    this.kernelSize = toPair(kernelSize);
    this.stride = toPair(options.stride ?? 1);
    this.padding = toPair(options.padding ?? 0);
    this.dilation = toPair(options.dilation ?? 1);
    this.groups = options.groups ?? 1;
    if (inChannels % this.groups !== 0 || outChannels % this.groups !== 0) {
      throw new ConfigError(
        `${super.describe()}: ${inChannels} to ${outChannels} channels in ${this.groups} groups were asked for; both must divide by groups.`,
      );
    }
    const device = deviceOf(options);
    const shape = [...weightChannels(this.groups), ...this.kernelSize];
    this.weight = this.registerParameter('weight', empty(shape, { device }));
    this.bias =
      options.bias === false ? null : this.registerParameter('bias', empty([outChannels], { device }));
    defaultInit_(this.weight, this.bias, { rng: options.rng });
  }

  override describe(): string {
    return `${super.describe()} ${describeWindow(this)}`;
  }
}

/** Convolution: x [N, inChannels, H, W], weight [outChannels, inChannels / groups, kH, kW]. */
export class Conv2d extends Conv {
  constructor(inChannels: number, outChannels: number, kernelSize: Pair, options: ConvOptions = {}) {
    super(inChannels, outChannels, kernelSize, options, (groups) => [outChannels, inChannels / groups]);
  }

  forward(x: Tensor): Tensor {
    const { bias, stride, padding, dilation, groups } = this;
    return conv2d(x, this.usedWeight(), { bias, stride, padding, dilation, groups });
  }

  override outputShape(input: Shape): Shape {
    const [, h, w] = imageShape('Conv2d', input, this.inChannels);
    return [this.outChannels, ...slideWindow('Conv2d', [h, w], this)];
  }

  /** Every output element takes a product for each cell of its kernel. */
  override macs(input: Shape): number {
    const [, h, w] = this.outputShape(input) as [number, number, number];
    return this.weight.size * h * w;
  }
}

/** Transposed convolution: x [N, inChannels, H, W], weight [inChannels, outChannels / groups, kH, kW]. */
export class ConvTranspose2d extends Conv {
  readonly outputPadding: HeightWidth;
  protected override readonly outputDim = 1;

  constructor(inChannels: number, outChannels: number, kernelSize: Pair, options: ConvTransposeOptions = {}) {
    super(inChannels, outChannels, kernelSize, options, (groups) => [inChannels, outChannels / groups]);
    this.outputPadding = toPair(options.outputPadding ?? 0);
  }

  forward(x: Tensor): Tensor {
    const { bias, stride, padding, outputPadding, dilation, groups } = this;
    return convTranspose2d(x, this.usedWeight(), { bias, stride, padding, outputPadding, dilation, groups });
  }

  override outputShape(input: Shape): Shape {
    const [, h, w] = imageShape('ConvTranspose2d', input, this.inChannels);
    return [this.outChannels, ...spreadWindow('ConvTranspose2d', [h, w], this, this.outputPadding)];
  }

  /** Every input element is multiplied by each cell of its kernel, also where the product falls into the border. */
  override macs(input: Shape): number {
    this.outputShape(input);
    const [, h, w] = input as [number, number, number];
    return this.weight.size * h * w;
  }
}
