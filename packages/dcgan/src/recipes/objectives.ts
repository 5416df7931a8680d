// What the two networks minimise, as functions of the discriminator's outputs: each recipe's own losses, and those that
// --loss puts in their place.

import type { Module } from '@forger/nn';
import { bce, bceWithLogits, mse } from '@forger/nn';
import {
  add,
  grad,
  mean,
  mul,
  neg,
  type Rng,
  relu,
  sigmoid,
  sqrt,
  square,
  sub,
  sum,
  type Tensor,
  uniform,
} from '@forger/tensor';
import type { LOSS_NAMES } from '../train/limits.ts';

/** Losses of one element each, means over the batch, of outputs of any shape. */
export interface Objective {
  /** A few words for tables. */
  title: string;
  /** The discriminator's loss on real images and on generated ones. */
  real(outputs: Tensor): Tensor;
  fake(outputs: Tensor): Tensor;
  /** The generator's loss. */
  generator(outputs: Tensor): Tensor;
  /**
   * The discriminator's outputs as probabilities of being real, for metrics. Outputs that are no
   * probabilities stay as they are.
   */
  probability(outputs: Tensor): Tensor;
  /** What `probability` returns: numbers from 0 to 1, or scores of any size. Absent where it is not known. */
  unit?: 'probability' | 'score';
  /** A penalty that is added to the discriminator's loss. */
  penalty?(discriminator: Module, real: Tensor, fake: Tensor, random: Rng): Tensor;
}

/**
 * An objective for a label of real images: 1, or less with one-sided label smoothing (arXiv 1606.03498, section 3.4).
 */
export type ObjectiveOf = (realLabel: number) => Objective;

const same = (outputs: Tensor): Tensor => outputs;

/** A loss of (outputs, label) for labels `realLabel` and 0; the generator wants the label 1. */
function labelled(
  title: string,
  loss: (outputs: Tensor, label: number) => Tensor,
  probability: Objective['probability'],
  unit: Objective['unit'] & string = 'probability',
): ObjectiveOf {
  return (realLabel) => ({
    title,
    real: (outputs) => loss(outputs, realLabel),
    fake: (outputs) => loss(outputs, 0),
    generator: (outputs) => loss(outputs, 1),
    probability,
    unit,
  });
}

/**
 * Goodfellow et al. 2014 (arXiv 1406.2661), the generator's as at the end of section 3, for outputs that are
 * probabilities.
 */
export const bceOfProbabilities = labelled('BCE', bce, same);
/** The same for logits: softplus(-y) where the label is 1, softplus(y) where it is 0. */
export const bceOfLogits = labelled('BCE of logits', bceWithLogits, sigmoid);
/** Paddle's: probabilities taken for logits, so that they pass a second sigmoid. */
export const bceOfDoubleSigmoid = labelled('BCE of sigmoid twice', bceWithLogits, same);
/**
 * Least squares (Mao et al. 2017, arXiv 1611.04076, without their factor 1/2), on the discriminator's outputs
 * as they are.
 */
export const leastSquares = labelled('least squares', mse, same, 'score');

/** The hinge loss (Lim and Ye 2017, arXiv 1705.02894): scores beyond ±1 are good enough. */
const hinge: Objective = {
  title: 'hinge',
  real: (scores) => mean(relu(sub(1, scores))),
  fake: (scores) => mean(relu(add(1, scores))),
  generator: (scores) => neg(mean(scores)),
  probability: same,
  unit: 'score',
};

/** λ of the WGAN-GP paper. */
const PENALTY_WEIGHT = 10;

/** Wasserstein with a gradient penalty (Gulrajani et al. 2017, arXiv 1704.00028, algorithm 1). */
const wassersteinWithPenalty: Objective = {
  title: 'WGAN-GP',
  real: (scores) => neg(mean(scores)),
  fake: mean,
  generator: (scores) => neg(mean(scores)),
  probability: same,
  unit: 'score',
  penalty: (discriminator, real, fake, random) =>
    mul(PENALTY_WEIGHT, gradientPenalty(discriminator, real, fake, random)),
};

/**
 * mean((‖∇D(x̂)‖ - 1)²), x̂ drawn on the lines from real images to generated ones, one norm for each image. Its own
 * gradient runs through the discriminator's second derivatives.
 */
export function gradientPenalty(discriminator: Module, real: Tensor, fake: Tensor, random: Rng): Tensor {
  const share = uniform([real.shape[0]!, 1, 1, 1], { rng: random });
  const between = add(real, mul(share, sub(fake.detach(), real)))
    .detach()
    .requiresGrad_();
  const [gradient] = grad(sum(discriminator.forward(between)), [between], { createGraph: true });
  // The small number keeps the root's gradient finite where the discriminator is flat.
  const norms = sqrt(add(sum(square(gradient!), [1, 2, 3]), 1e-12));
  return mean(square(sub(norms, 1)));
}

export type LossName = (typeof LOSS_NAMES)[number];

/** What --loss takes. All need a discriminator that gives logits. */
export const LOSSES = {
  bce: labelled('BCE', (logits, label) => bce(sigmoid(logits), label), sigmoid),
  'non-saturating': labelled('non-saturating', bceWithLogits, sigmoid),
  lsgan: leastSquares,
  hinge: () => hinge,
  'wgan-gp': () => wassersteinWithPenalty,
} as const satisfies Record<LossName, ObjectiveOf>;

/** Those that have no labels to smooth. */
export const WITHOUT_LABELS: readonly LossName[] = ['hinge', 'wgan-gp'];
