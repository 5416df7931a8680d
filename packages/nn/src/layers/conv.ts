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
import { checkOptions } from '@forger/tensor/internal';
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
  /** Groups of channels that are convolved separately; divides both channel counts. Default 1. */
  readonly groups?: number | undefined;
}

export interface ConvTransposeOptions extends ConvOptions {
  /** Rows and columns added at the bottom and right of the output. Default 0. */
  readonly outputPadding?: Pair | undefined;
}

const CONV_OPTIONS = {
  stride: true,
  padding: true,
  dilation: true,
  groups: true,
  bias: true,
  device: true,
  rng: true,
} as const;
const TRANSPOSE_OPTIONS = { ...CONV_OPTIONS, outputPadding: true } as const;

/**
 * The base of both directions. They differ in the order of the weight's first two sizes and in the output
 * size.
 */
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
    this.kernelSize = toPair(kernelSize, 'kernelSize', 1);
    this.stride = toPair(options.stride ?? 1, 'stride', 1);
    this.padding = toPair(options.padding ?? 0, 'padding', 0);
    this.dilation = toPair(options.dilation ?? 1, 'dilation', 1);
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

/**
 * Convolution of x [N, inChannels, H, W] to [N, outChannels, P, Q]; weight [outChannels, inChannels / groups,
 * kH, kW].
 * @throws ConfigError when `groups` does not divide the channels.
 */
export class Conv2d extends Conv {
  constructor(inChannels: number, outChannels: number, kernelSize: Pair, options: ConvOptions = {}) {
    checkOptions('Conv2d', options, CONV_OPTIONS);
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

  /** One multiply-add for each output position and weight. */
  override macs(input: Shape): number {
    const [, h, w] = this.outputShape(input) as [number, number, number];
    return this.weight.size * h * w;
  }
}

/**
 * Transposed convolution of x [N, inChannels, H, W] to [N, outChannels, P, Q]; weight [inChannels,
 * outChannels / groups, kH, kW]. @throws ConfigError when `groups` does not divide the channels.
 */
export class ConvTranspose2d extends Conv {
  readonly outputPadding: HeightWidth;
  protected override readonly outputDim = 1;

  constructor(inChannels: number, outChannels: number, kernelSize: Pair, options: ConvTransposeOptions = {}) {
    checkOptions('ConvTranspose2d', options, TRANSPOSE_OPTIONS);
    super(inChannels, outChannels, kernelSize, options, (groups) => [inChannels, outChannels / groups]);
    this.outputPadding = toPair(options.outputPadding ?? 0, 'outputPadding', 0);
  }

  forward(x: Tensor): Tensor {
    const { bias, stride, padding, outputPadding, dilation, groups } = this;
    return convTranspose2d(x, this.usedWeight(), { bias, stride, padding, outputPadding, dilation, groups });
  }

  override outputShape(input: Shape): Shape {
    const [, h, w] = imageShape('ConvTranspose2d', input, this.inChannels);
    return [this.outChannels, ...spreadWindow('ConvTranspose2d', [h, w], this, this.outputPadding)];
  }

  /** One multiply-add for each input position and weight, including products that fall outside the output. */
  override macs(input: Shape): number {
    this.outputShape(input);
    const [, h, w] = input as [number, number, number];
    return this.weight.size * h * w;
  }
}
