// Losses: binary cross-entropy on probabilities and on logits, mean squared and absolute error,
// cross-entropy.

import { isGradEnabled, isOne, record } from '../autograd/tape.ts';
import { ConfigError, ShapeError } from '../errors.ts';
import {
  type PointwiseLoss,
  type PointwiseLossKind,
  pickLabels,
  placeLabels,
  pointwiseLoss,
  reducedLoss,
} from '../kernels/loss.ts';
import { reduce } from '../kernels/reduce.ts';
import { checkOptions } from '../options.ts';
import { sameShape, showShape } from '../shape.ts';
import { type DType, Tensor, tensor } from '../tensor.ts';
import { mul } from './binary.ts';
import { sumTo } from './broadcast.ts';
import type { IndexTensor } from './gather.ts';
import { mean, sum } from './reduce.ts';
import { logSoftmax } from './softmax.ts';

export type Reduction = 'mean' | 'sum' | 'none';

export interface LossOptions {
  /** 'mean' (default) and 'sum' give one value of shape []; 'none' one loss per element. */
  readonly reduction?: Reduction | undefined;
}

function reductionOf(name: string, options: LossOptions): Reduction {
  checkOptions(name, options, { reduction: true });
  const { reduction = 'mean' } = options;
  if (!['mean', 'sum', 'none'].includes(reduction)) {
    throw new ConfigError(
      `${name}: reduction "${String(reduction)}" was given; expected "mean", "sum" or "none".`,
    );
  }
  return reduction;
}

function checkPair(name: string, x: Tensor, target: Tensor | number): void {
  if (x.dtype !== 'float32') throw new ShapeError(`${name}: x is ${x.toString()}; expected float32.`);
  if (typeof target === 'number') {
    if (!Number.isFinite(target))
      throw new ConfigError(`${name}: target ${target} was given; expected a finite number.`);
  } else if (!sameShape(target.shape, x.shape) || target.dtype !== 'float32') {
    throw new ShapeError(
      `${name}: target is ${target.toString()}; expected float32 of x's shape ${showShape(x.shape)}, or one number for all elements.`,
    );
  }
}

/**
 * Up to this many predictions, a reduced loss and its gradient are computed in one pass, since the number of
 * dispatches dominates. On lavapipe the pass takes a third of the time of separate passes for 64 predictions,
 * four fifths for 4,096, and twice as long for 65,536, because one invocation adds up each part.
 */
const fusedUpTo = 8192;

/** The inputs that a pointwise loss has gradients for. */
function variables(x: Tensor, target: Tensor | number): Tensor[] {
  return target instanceof Tensor ? [x, target] : [x];
}

function apply(kind: PointwiseLossKind, x: Tensor, target: Tensor | number, options: LossOptions): Tensor {
  const reduction = reductionOf(kind, options);
  checkPair(kind, x, target);
  const f: PointwiseLoss = { kind, xOrder: 0, tOrder: 0 };
  const scale = reduction === 'mean' ? 1 / x.size : 1;
  const operands = variables(x, target);
  if (reduction !== 'none' && x.requiresGrad && isGradEnabled() && x.size <= fusedUpTo) {
    const { y, gradient } = reducedLoss(kind, x, target, scale);
    return record(kind, y, operands, (gy, needs) => {
      if (!isOne(gy) || isGradEnabled() || gradient.disposed)
        return gradients(f, x, target, scale, gy, needs);
      const [, inTarget] = gradients(f, x, target, scale, gy, [false, needs[1] ?? false]);
      return [needs[0] ? moveOut(gradient) : null, inTarget ?? null].slice(0, operands.length);
    });
  }
  let y = pointwiseLoss(f, x, target, 1);
  if (reduction !== 'none') {
    const losses = y;
    const dims = x.shape.map((_, i) => i);
    y = reduce('sum', losses, dims, false, scale);
    losses.dispose();
  }
  return record(kind, y, operands, (gy, needs) => gradients(f, x, target, scale, gy, needs));
}

/** Moves the values of `t` into a new tensor that belongs to the current scope, and disposes `t`. */
function moveOut(t: Tensor): Tensor {
  const own = t.view(t.shape);
  t.dispose();
  return own;
}

/** scale · g · the next derivative of f, for each variable that needs it. */
function gradients(
  f: PointwiseLoss,
  x: Tensor,
  target: Tensor | number,
  scale: number,
  g: Tensor,
  needs: readonly boolean[],
): (Tensor | null)[] {
  const inX = { ...f, xOrder: f.xOrder + 1 };
  const inTarget = { ...f, tOrder: f.tOrder + 1 };
  return variables(x, target).map((_, i) =>
    needs[i] ? derivative(i === 0 ? inX : inTarget, x, target, scale, g) : null,
  );
}

/**
 * scale · g · f(x, target) for a derivative f, itself differentiable in x, target and g (which may be one
 * element).
 */
function derivative(f: PointwiseLoss, x: Tensor, target: Tensor | number, scale: number, g: Tensor): Tensor {
  const y = pointwiseLoss(f, x, target, scale, g);
  const inputs = [...variables(x, target), g];
  return record(`${f.kind}Backward`, y, inputs, (gy, needs) => [
    ...(needs.slice(0, -1).includes(true)
      ? gradients(f, x, target, scale, mul(gy, g), needs)
      : variables(x, target).map(() => null)),
    needs.at(-1) ? sumTo(derivative(f, x, target, scale, gy), g.shape) : null,
  ]);
}

/**
 * Binary cross-entropy of probabilities: -(t log x + (1 - t) log(1 - x)), as
 * torch.nn.functional.binary_cross_entropy.
 *
 * The logarithms are at least -100, as in PyTorch. The gradient is (x - t) / max(x(1 - x), 1e-12), which is
 * finite at x = 0 and 1. Differentiable in x and in a target tensor, three times in all.
 * @param x probabilities in [0, 1], any shape; a value outside gives NaN.
 * @param target of x's shape, or one number for all elements.
 * @throws ShapeError on a target of another shape or dtype. ConfigError on a target that is not finite, or a
 * reduction that is none of the three.
 */
export function bce(x: Tensor, target: Tensor | number, options: LossOptions = {}): Tensor {
  return apply('bce', x, target, options);
}

/**
 * Binary cross-entropy of logits: softplus(x) - t x = bce(sigmoid(x), t), without overflow or lost digits.
 * Differentiable in x and in a target tensor, three times in all.
 * @param x logits, any shape.
 * @param target of x's shape, or one number for all elements.
 * @throws as `bce`.
 */
export function bceWithLogits(x: Tensor, target: Tensor | number, options: LossOptions = {}): Tensor {
  return apply('bceWithLogits', x, target, options);
}

/**
 * Squared error (x - t)². Differentiable in x and in a target tensor, three times in all.
 * @param x float32, any shape.
 * @param target of x's shape (there is no broadcasting), or one number for all elements.
 * @throws as `bce`.
 */
export function mse(x: Tensor, target: Tensor | number, options: LossOptions = {}): Tensor {
  return apply('mse', x, target, options);
}

/**
 * Absolute error |x - t|; the gradient where x = t is 0. Differentiable in x and in a target tensor.
 * @param x float32, any shape.
 * @param target of x's shape (there is no broadcasting), or one number for all elements.
 * @throws as `bce`.
 */
export function l1(x: Tensor, target: Tensor | number, options: LossOptions = {}): Tensor {
  return apply('l1', x, target, options);
}

/**
 * Cross-entropy of logits against class numbers: log Σ e^x - x[label] of each row.
 * @param logits (N, C), float32.
 * @param labels class numbers 0..C-1, one per row: a list, or an int32 or uint32 tensor (N). In a tensor,
 * which only the device can read, a label out of range makes the row's loss NaN. A list is uploaded at each
 * call, so inside device.capture() pass a tensor.
 * @throws ShapeError on logits or labels of another shape or dtype, and on a label out of range in a list.
 * ConfigError on an unknown reduction.
 */
export function crossEntropy(
  logits: Tensor,
  labels: IndexTensor | readonly number[],
  options: LossOptions = {},
): Tensor {
  const reduction = reductionOf('crossEntropy', options);
  if (logits.rank !== 2) {
    throw new ShapeError(`crossEntropy: logits are ${logits.toString()}; expected float32 (N, C).`);
  }
  const losses = negativeLogLikelihood(logSoftmax(logits, 1), labelTensor(logits, labels));
  if (reduction === 'none') return losses;
  return reduction === 'mean' ? mean(losses) : sum(losses);
}

function labelTensor(logits: Tensor, labels: Tensor<DType> | readonly number[]): IndexTensor {
  const [rows, classes] = logits.shape as [number, number];
  if (labels instanceof Tensor) {
    if (labels.dtype === 'float32' || !sameShape(labels.shape, [rows])) {
      throw new ShapeError(
        `crossEntropy: labels are ${labels.toString()}; logits of shape ${showShape(logits.shape)} need int32 or uint32 [${rows}].`,
      );
    }
    return labels as IndexTensor;
  }
  if (labels.length !== rows) {
    throw new ShapeError(
      `crossEntropy: ${labels.length} labels were given for ${rows} rows of logits; expected one per row.`,
    );
  }
  const wrong = labels.find((label) => !Number.isInteger(label) || label < 0 || label >= classes);
  if (wrong !== undefined) {
    throw new ShapeError(
      `crossEntropy: label ${wrong} was given; expected whole numbers 0 to ${classes - 1}.`,
    );
  }
  return tensor(Int32Array.from(labels), [rows], { device: logits.device, dtype: 'int32' });
}

function negativeLogLikelihood(logP: Tensor, labels: IndexTensor): Tensor {
  return record('negativeLogLikelihood', pickLabels(logP, labels), [logP], (gy) => [
    spreadToLabels(gy, labels, logP.shape[1]!),
  ]);
}

/** The adjoint of negativeLogLikelihood, linear in g. */
function spreadToLabels(g: Tensor, labels: IndexTensor, classes: number): Tensor {
  return record('spreadToLabels', placeLabels(g, labels, classes), [g], (gy) => [
    negativeLogLikelihood(gy, labels),
  ]);
}
