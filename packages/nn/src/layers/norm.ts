// Batch, instance and group normalisation.
import {
  add,
  batchNorm,
  instanceNorm,
  leakyRelu,
  mul,
  ones,
  reshape,
  type Shape,
  ShapeError,
  showShape,
  type Tensor,
  zeros,
} from '@forger/tensor';
import { checkOptions } from '@forger/tensor/internal';
import { Module } from '../module.ts';
import { LeakyReLU, ReLU } from './activation.ts';
import { deviceOf, type ParameterOptions } from './options.ts';
import { imageShape } from './window.ts';

/** Options of scale and shift, and eps. */
interface AffineOptions extends ParameterOptions {
  /** Whether there is a scale per channel, initially 1. Default: `affine`. */
  readonly weight?: boolean | undefined;
  /**
   * Whether there is a shift per channel, initially 0. Default: `affine`. A shift alone is Chainer's
   * `use_gamma=False`.
   */
  readonly bias?: boolean | undefined;
  /** Added to the variance. Default 1e-5. */
  readonly eps?: number | undefined;
}

export interface BatchNormOptions extends AffineOptions {
  /** Scale and shift. Default true. */
  readonly affine?: boolean | undefined;
  /**
   * Weight of the new value in the running statistics, 0 to 1. Default 0.1, which is a decay of 0.9 in
   * Chainer.
   */
  readonly momentum?: number | undefined;
  /**
   * Keep running statistics for evaluation; without them evaluation uses the batch's statistics. Default
   * true.
   */
  readonly trackRunningStats?: boolean | undefined;
}

export interface InstanceNormOptions extends AffineOptions {
  /** Scale and shift. Default false, as in PyTorch. */
  readonly affine?: boolean | undefined;
}

const AFFINE_OPTIONS = {
  affine: true,
  weight: true,
  bias: true,
  eps: true,
  device: true,
  rng: true,
} as const;

abstract class Norm extends Module {
  readonly eps: number;
  readonly weight: Tensor | null;
  readonly bias: Tensor | null;

  constructor(
    readonly numFeatures: number,
    affine: boolean,
    options: AffineOptions,
  ) {
    super();
    const { weight = affine, bias = affine } = options;
    const device = deviceOf(options);
    this.eps = options.eps ?? 1e-5;
    this.weight = weight ? this.registerParameter('weight', ones([numFeatures], { device })) : null;
    this.bias = bias ? this.registerParameter('bias', zeros([numFeatures], { device })) : null;
  }

  /** The normalisation, followed in the same pass by a leaky ReLU if a slope is given (0: ReLU). */
  protected abstract normalize(x: Tensor, negativeSlope: number | undefined): Tensor;

  forward(x: Tensor): Tensor {
    return this.normalize(x, undefined);
  }

  override forwardWith(next: Module, x: Tensor): Tensor | null {
    const negativeSlope = this.forward === Norm.prototype.forward ? slopeOf(next) : undefined;
    return negativeSlope === undefined ? null : this.normalize(x, negativeSlope);
  }

  /** Throws ShapeError unless one sample may have this shape. */
  protected abstract checkSample(shape: Shape): void;

  override outputShape(input: Shape): Shape {
    this.checkSample(input);
    return input;
  }
}

/**
 * The negative slope of a ReLU (0) or LeakyReLU; undefined for other modules and for subclasses that override
 * forward.
 */
function slopeOf(module: Module): number | undefined {
  if (module instanceof ReLU && module.forward === ReLU.prototype.forward) return 0;
  if (module instanceof LeakyReLU && module.forward === LeakyReLU.prototype.forward)
    return module.negativeSlope;
  return undefined;
}

/** The base of the batch norms. They differ in the shapes that they accept. */
abstract class BatchNorm extends Norm {
  /**
   * Number of equal parts of a batch that have statistics of their own (see `batchNorm`); `forwardBatches`
   * sets it.
   */
  ghostBatches = 1;
  readonly momentum: number;
  readonly runningMean: Tensor | null = null;
  readonly runningVar: Tensor | null = null;
  /**
   * Number of training batches, an int32 on the device. It is in PyTorch's files; no result depends on it.
   */
  readonly numBatchesTracked: Tensor<'int32'> | null = null;

  constructor(numFeatures: number, options: BatchNormOptions = {}) {
    checkOptions('a batch norm', options, { ...AFFINE_OPTIONS, momentum: true, trackRunningStats: true });
    super(numFeatures, options.affine ?? true, options);
    this.momentum = options.momentum ?? 0.1;
    const device = deviceOf(options);
    if (options.trackRunningStats === false) return;
    this.runningMean = this.registerBuffer('running_mean', zeros([numFeatures], { device }));
    this.runningVar = this.registerBuffer('running_var', ones([numFeatures], { device }));
    this.numBatchesTracked = this.registerBuffer(
      'num_batches_tracked',
      zeros([], { device, dtype: 'int32' }),
    );
  }

  protected normalize(x: Tensor, negativeSlope: number | undefined): Tensor {
    this.checkSample(x.shape.slice(1));
    const {
      runningMean,
      runningVar,
      numBatchesTracked,
      weight,
      bias,
      training,
      momentum,
      eps,
      ghostBatches,
    } = this;
    const statistics = { runningMean, runningVar, numBatchesTracked, training, momentum, ghostBatches };
    return batchNorm(x, { ...statistics, weight, bias, eps, negativeSlope });
  }
}

/** Normalises each feature over the batch: x [N, C] or [N, C, L]. */
export class BatchNorm1d extends BatchNorm {
  protected checkSample(shape: Shape): void {
    if (shape.length < 1 || shape.length > 2 || shape[0] !== this.numFeatures) {
      throw new ShapeError(
        `BatchNorm1d: a sample of shape ${showShape(shape)} was given; expected [${this.numFeatures}] or [${this.numFeatures}, length].`,
      );
    }
  }
}

/** Normalises each channel over batch, height and width: x [N, C, H, W]. */
export class BatchNorm2d extends BatchNorm {
  protected checkSample(shape: Shape): void {
    imageShape('BatchNorm2d', shape, this.numFeatures);
  }
}

/**
 * Normalises each channel of each sample over height and width: x [N, C, H, W]. It has no running statistics.
 */
export class InstanceNorm2d extends Norm {
  constructor(numFeatures: number, options: InstanceNormOptions = {}) {
    checkOptions('InstanceNorm2d', options, AFFINE_OPTIONS);
    super(numFeatures, options.affine ?? false, options);
  }

  protected normalize(x: Tensor, negativeSlope: number | undefined): Tensor {
    this.checkSample(x.shape.slice(1));
    const { weight, bias, eps } = this;
    return instanceNorm(x, { weight, bias, eps, negativeSlope });
  }

  protected checkSample(shape: Shape): void {
    imageShape('InstanceNorm2d', shape, this.numFeatures);
  }
}

/**
 * Normalises groups of channels of each sample over channels and positions: x [N, C, …]. Scale and shift per
 * channel follow unless `affine` is false. With one group it is layer normalisation (Ba, Kiros and Hinton
 * 2016), with one channel per group instance normalisation. Wu and He, "Group normalization" (ECCV 2018).
 * @throws ShapeError when the groups do not divide the channels.
 */
export class GroupNorm extends Norm {
  constructor(
    readonly numGroups: number,
    numChannels: number,
    options: InstanceNormOptions = {},
  ) {
    checkOptions('GroupNorm', options, AFFINE_OPTIONS);
    super(numChannels, options.affine ?? true, options);
    if (numChannels % numGroups !== 0) {
      throw new ShapeError(
        `GroupNorm: ${numChannels} channels in ${numGroups} groups were asked for; groups must divide channels.`,
      );
    }
  }

  protected normalize(x: Tensor, negativeSlope: number | undefined): Tensor {
    this.checkSample(x.shape.slice(1));
    const grouped = reshape(x, [x.shape[0]!, this.numGroups, -1]);
    let y = reshape(instanceNorm(grouped, { eps: this.eps }), x.shape);
    const perChannel = [1, this.numFeatures, ...x.shape.slice(2).map(() => 1)];
    if (this.weight) y = mul(y, reshape(this.weight, perChannel));
    if (this.bias) y = add(y, reshape(this.bias, perChannel));
    return negativeSlope === undefined ? y : leakyRelu(y, negativeSlope);
  }

  protected checkSample(shape: Shape): void {
    if (shape[0] === this.numFeatures) return;
    throw new ShapeError(
      `GroupNorm: a sample of shape ${showShape(shape)} was given; expected ${this.numFeatures} channels first.`,
    );
  }

  override describe(): string {
    return `${super.describe()} ${this.numGroups}`;
  }
}
