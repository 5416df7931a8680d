// Batch and instance normalisation: y = weight · (x - mean) / √(var + eps) + bias, per channel, through an
// activation.
//
// Batch normalisation computes mean and biased variance for each channel, instance normalisation for each
// channel of each sample. Method and gradient: Ioffe & Szegedy 2015, "Batch Normalization"; Ulyanov et al.
// 2016, "Instance Normalization".

import { isGradEnabled, noGrad, record } from '../autograd/tape.ts';
import { ConfigError, ShapeError } from '../errors.ts';
import {
  batchCoefficients,
  type Grouping,
  givenCoefficients,
  gradientSums,
  type NormSettings,
  normalize,
  normalizeBackward,
  type RunningStatistics,
  type Statistics,
} from '../kernels/norm.ts';
import { reduce } from '../kernels/reduce.ts';
import { unaryBackward } from '../kernels/unary.ts';
import { checkOptions } from '../options.ts';
import { sameShape, showShape } from '../shape.ts';
import { checkFloat32, type Tensor } from '../tensor.ts';
import { add, div, mul, sub } from './binary.ts';
import { mean, sum } from './reduce.ts';
import { reshape, slice } from './structure.ts';
import { sqrt, square } from './unary.ts';

export interface InstanceNormOptions {
  /** Scale per channel, [C]; 1 when left out. */
  readonly weight?: Tensor | null | undefined;
  /** Shift per channel, [C]; 0 when left out. */
  readonly bias?: Tensor | null | undefined;
  /** Added to the variance; at least 0. Default 1e-5. */
  readonly eps?: number | undefined;
  /**
   * Apply a leaky ReLU with this slope to the result in the same pass; 0 for ReLU. Equal to leakyRelu() or
   * relu() of the result, but the backward pass recomputes its input instead of keeping it. Default: no
   * activation.
   */
  readonly negativeSlope?: number | undefined;
}

export interface BatchNormOptions extends InstanceNormOptions {
  /** [C], without gradient. Used in evaluation, updated in place in training. Goes with runningVar. */
  readonly runningMean?: Tensor | null | undefined;
  /** [C], without gradient; holds the unbiased variance, as in PyTorch. Goes with runningMean. */
  readonly runningVar?: Tensor | null | undefined;
  /** Normalise by the batch's statistics and update the running ones. Default false. */
  readonly training?: boolean | undefined;
  /** Weight of the new value in the running statistics, 0 to 1. Default 0.1. */
  readonly momentum?: number | undefined;
  /** One int32, to which training adds the number of ghost batches. Goes with runningMean and runningVar. */
  readonly numBatchesTracked?: Tensor<'int32'> | null | undefined;
  /**
   * Number of equal parts of the batch, each normalised by its own statistics: ghost batch normalisation
   * (Hoffer et al. 2017, "Train longer, generalize better"). The running statistics are updated once for
   * each, in order. Default 1.
   */
  readonly ghostBatches?: number | undefined;
}

const INSTANCE_OPTIONS = { weight: true, bias: true, eps: true, negativeSlope: true } as const;
const BATCH_OPTIONS = {
  ...INSTANCE_OPTIONS,
  runningMean: true,
  runningVar: true,
  training: true,
  momentum: true,
  numBatchesTracked: true,
  ghostBatches: true,
} as const;

/** The settings of a normalisation. `given` are statistics that do not depend on x, or null. */
interface Normalization extends NormSettings {
  readonly name: string;
  readonly x: Tensor;
  readonly by: Grouping;
  readonly given: Statistics | null;
}

/**
 * Batch normalisation over all dimensions but the second, as torch.nn.functional.batch_norm.
 *
 * In training, and in evaluation without running statistics, x is normalised by its own mean and biased
 * variance, otherwise by the running statistics. Training updates the running statistics in place with the
 * batch's mean and unbiased variance. First and second gradients exist for x, weight and bias.
 * @param x (N, C), (N, C, L) or (N, C, H, W), float32.
 * @returns a tensor of x's shape.
 * @throws ShapeError on other shapes, on samples that ghostBatches does not divide, and when batch statistics
 * are wanted of one value per channel.
 * @throws ConfigError on eps, momentum or negativeSlope out of range.
 */
export function batchNorm(x: Tensor, options: BatchNormOptions = {}): Tensor {
  checkOptions('batchNorm', options, BATCH_OPTIONS);
  const name = 'batchNorm';
  const { training = false, momentum = 0.1, ghostBatches = 1 } = options;
  if (x.rank < 2 || x.rank > 4) throw badInput(name, x, '(N, C), (N, C, L) or (N, C, H, W)');
  if (!(momentum >= 0 && momentum <= 1)) {
    throw new ConfigError(`${name}: momentum ${momentum} was given; expected a number from 0 to 1.`);
  }
  const [rows, channels] = x.shape as [number, number];
  if (!Number.isInteger(ghostBatches) || ghostBatches < 1 || rows % ghostBatches !== 0) {
    throw new ShapeError(
      `${name}: ${ghostBatches} ghost batches of ${x.toString()} were asked for; expected a whole number that divides its ${rows} samples.`,
    );
  }
  const running = runningStatistics(name, options, x);
  const given = training ? null : running;
  const parts = given ? 1 : ghostBatches;
  const run = x.size / (rows * channels);
  const by = { parts, rows: rows / parts, channels, run, groups: parts * channels };
  const batches = options.numBatchesTracked ?? null;
  if (batches && (batches.size !== 1 || batches.dtype !== 'int32' || !running)) {
    throw new ShapeError(
      `${name}: numBatchesTracked is ${batches.toString()}${running ? '' : ', without runningMean and runningVar'}; expected one int32 that goes with them.`,
    );
  }
  const follow = training && running ? { ...running, momentum, batches } : null;
  return apply({ name, x, by, ...settings(name, options, x), given }, follow);
}

/**
 * Normalisation of every channel of every sample by its own mean and biased variance, as
 * torch.nn.functional.instance_norm. First and second gradients exist for x, weight and bias.
 * @param x (N, C, L) or (N, C, H, W), float32.
 * @returns a tensor of x's shape.
 * @throws ShapeError on other shapes, and on one value per channel of a sample. ConfigError on a negative eps
 * or a slope out of range.
 */
export function instanceNorm(x: Tensor, options: InstanceNormOptions = {}): Tensor {
  checkOptions('instanceNorm', options, INSTANCE_OPTIONS);
  const name = 'instanceNorm';
  if (x.rank < 3 || x.rank > 4) throw badInput(name, x, '(N, C, L) or (N, C, H, W)');
  const [samples, channels] = x.shape as [number, number];
  const groups = samples * channels;
  const by = { parts: samples, rows: 1, channels, run: x.size / groups, groups };
  return apply({ name, x, by, ...settings(name, options, x), given: null }, null);
}

function settings(name: string, options: InstanceNormOptions, x: Tensor): NormSettings {
  const { eps = 1e-5, negativeSlope = null } = options;
  if (!(eps >= 0)) throw new ConfigError(`${name}: eps ${eps} was given; expected a number of at least 0.`);
  if (negativeSlope !== null && !Number.isFinite(negativeSlope)) {
    throw new ConfigError(
      `${name}: negativeSlope ${negativeSlope} was given; expected a finite number: 0 for ReLU.`,
    );
  }
  const weight = perChannel(name, 'weight', options.weight, x);
  const bias = perChannel(name, 'bias', options.bias, x);
  return { weight, bias, eps, slope: negativeSlope };
}

function badInput(name: string, x: Tensor, expected: string): ShapeError {
  return new ShapeError(`${name}: ${x.toString()} was given; expected shape ${expected}.`);
}

function perChannel(name: string, what: string, t: Tensor | null | undefined, x: Tensor): Tensor | null {
  if (!t) return null;
  const channels = x.shape[1]!;
  if (!sameShape(t.shape, [channels]) || t.dtype !== 'float32') {
    throw new ShapeError(
      `${name}: ${what} is ${t.toString()}; x of shape ${showShape(x.shape)} needs float32 [${channels}], one per channel.`,
    );
  }
  return t;
}

function runningStatistics(name: string, options: BatchNormOptions, x: Tensor): Statistics | null {
  const runningMean = perChannel(name, 'runningMean', options.runningMean, x);
  const runningVar = perChannel(name, 'runningVar', options.runningVar, x);
  if (!runningMean && !runningVar) return null;
  if (!runningMean || !runningVar) {
    throw new ShapeError(
      `${name}: only one of runningMean and runningVar was given; pass both, or neither to use the batch's own statistics.`,
    );
  }
  if (runningMean.requiresGrad || runningVar.requiresGrad) {
    throw new ShapeError(`${name}: running statistics have no gradient; detach() them.`);
  }
  return { mean: runningMean, variance: runningVar };
}

function apply(norm: Normalization, follow: RunningStatistics | null): Tensor {
  const { name, x, by, weight, bias, given } = norm;
  checkFloat32(name, x);
  if (!given && by.rows * by.run === 1) {
    throw new ShapeError(
      `${name}: expected more than 1 value per channel to take statistics of, but x has shape ${showShape(x.shape)}; use a larger batch or larger pictures, or running statistics in evaluation.`,
    );
  }
  const inputs = [x, weight, bias].filter((t) => t !== null);
  const recorded = isGradEnabled() && inputs.some((t) => t.requiresGrad);
  const coefficients = given ? givenCoefficients(by, norm, given) : batchCoefficients(x, by, norm, follow);
  const y = normalize(x, by, norm, coefficients);
  if (!recorded) {
    coefficients.dispose();
    return y;
  }
  return record(name, y, inputs, (gy, needs) => {
    const wanted = (t: Tensor | null): boolean => t !== null && needs[inputs.indexOf(t)] === true;
    const gradients = isGradEnabled() ? gradientsInOperations : gradientsInKernels;
    const needed = { x: wanted(x), weight: wanted(weight), bias: wanted(bias) };
    const found = gradients(norm, coefficients, gy, needed);
    return [found.x, ...(weight ? [found.weight] : []), ...(bias ? [found.bias] : [])];
  });
}

interface Needed {
  readonly x: boolean;
  readonly weight: boolean;
  readonly bias: boolean;
}

interface Gradients {
  readonly x: Tensor | null;
  readonly weight: Tensor | null;
  readonly bias: Tensor | null;
}

/** The gradients by two fused kernels: the sums of each group, then x's gradient in one pass. */
function gradientsInKernels(
  norm: Normalization,
  coefficients: Tensor,
  gy: Tensor,
  needed: Needed,
): Gradients {
  const { x, by, given } = norm;
  const sums = needed.weight || needed.bias || !given ? gradientSums(x, gy, by, norm, coefficients) : null;
  const overSamples = (t: Tensor): Tensor =>
    by.parts === 1 ? t : reduce('sum', t.view([by.parts, by.channels]), [0], false);
  return {
    x: needed.x ? normalizeBackward(x, gy, by, norm, coefficients, given ? null : sums) : null,
    weight: needed.weight ? overSamples(sums!.dot) : null,
    bias: needed.bias ? overSamples(sums!.sum) : null,
  };
}

/**
 * The same gradients made of differentiable operations. x̂, mean and variance are recomputed from x, so that
 * a second backward pass also goes through the statistics.
 */
function gradientsInOperations(
  norm: Normalization,
  coefficients: Tensor,
  gy: Tensor,
  needed: Needed,
): Gradients {
  const { x, by, weight, eps, slope, given } = norm;
  const channels: number[] = [1, 1, by.channels, 1];
  const folded = [by.parts, by.rows, by.channels, by.run];
  const dims = [1, 3];
  /** The result of the normalisation without activation, recomputed. */
  const own = (): Tensor => normalize(x, by, { ...norm, slope: null }, coefficients);
  const g = reshape(slope === null ? gy : throughActivation(own(), slope, gy), folded);
  const values = reshape(x, folded);
  /** A coefficient that the forward pass computed from given statistics. */
  const kept = (column: number): Tensor => reshape(slice(coefficients, 1, column, column + 1), channels);
  const centred = sub(values, given ? kept(0) : mean(values, dims, true));
  const stabilized = given ? null : add(mean(square(centred), dims, true), eps);
  const std = stabilized ? sqrt(stabilized) : div(1, kept(1));
  // Of two values, whose distances c from their mean are equal and opposite, x̂ = c/√(c² + eps) has the
  // derivative eps/(c² + eps)^(3/2): all else in the derivative of the quotient cancels. See
  // normalize_backward.wgsl too.
  const derivativeOfPairs =
    stabilized && by.rows * by.run === 2 ? (): Tensor => div(div(eps, stabilized), std) : null;
  const xHat = derivativeOfPairs
    ? record(
        'normalizedPairs',
        noGrad(() => div(centred, std)),
        [centred],
        (gy) => [mul(gy, derivativeOfPairs())],
      )
    : div(centred, std);
  const inputGradient = (): Tensor => {
    const scaled = weight ? mul(g, reshape(weight, channels)) : g;
    if (!stabilized) return div(scaled, std);
    const centredGradient = sub(scaled, mean(scaled, dims, true));
    if (derivativeOfPairs) return mul(centredGradient, derivativeOfPairs());
    return div(sub(centredGradient, mul(xHat, mean(mul(scaled, xHat), dims, true))), std);
  };
  return {
    x: needed.x ? reshape(inputGradient(), x.shape) : null,
    weight: needed.weight ? sum(mul(g, xHat), [0, 1, 3]) : null,
    bias: needed.bias ? sum(g, [0, 1, 3]) : null,
  };
}

/** The gradient of a (leaky) ReLU of x, linear in g; the sign of x has no gradient. */
function throughActivation(x: Tensor, slope: number, g: Tensor): Tensor {
  const gx = unaryBackward({ kind: 'leakyRelu', a: slope }, 1, x, g);
  return record('throughActivation', gx, [g], (gy) => [throughActivation(x, slope, gy)]);
}
