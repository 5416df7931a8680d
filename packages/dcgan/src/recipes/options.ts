// Options that every recipe takes: other losses and learning rates, weight averages, constraints on the discriminator.
// Without any, a recipe is as it was published.

import { GaussianNoise, GroupNorm, type Module, Sequential, Sigmoid, WeightedLayer } from '@forger/nn';
import { ConfigError, type Rng } from '@forger/tensor';
import { isBatchNorm } from './initialize.ts';
import { type LossName, WITHOUT_LABELS } from './objectives.ts';

export interface TrainingOptions {
  /**
   * Losses in place of the recipe's own. The discriminator then gives logits, and with wgan-gp it has layer norms in
   * place of batch norms.
   */
  loss?: LossName | undefined;
  /** Real images have the label 1 - labelSmoothing in the discriminator's loss; 0 to below 1. */
  labelSmoothing?: number | undefined;
  /** Updates of the discriminator for each update of the generator, each on another batch. */
  nDis?: number | undefined;
  /** Learning rate of each network. Default: that of the run. */
  dLr?: number | undefined;
  gLr?: number | undefined;
  /**
   * Decay of an exponential moving average of the generator's weights, 0 to below 1. Grids and checkpoints have it too.
   */
  ema?: number | undefined;
  /** Divide each weight of the discriminator by its largest singular value (arXiv 1802.05957). */
  spectralNorm?: boolean | undefined;
  /**
   * Standard deviation of noise that is added to the discriminator's input, real and generated, while training; at
   * least 0. A recipe that has noise in its discriminator (chainer) takes it at every such place instead.
   */
  noise?: number | undefined;
}

/** @throws ConfigError for options that cannot go together. */
export function checkOptions({ loss, labelSmoothing }: TrainingOptions): void {
  if (labelSmoothing && loss !== undefined && WITHOUT_LABELS.includes(loss)) {
    throw new ConfigError(
      `Label smoothing of ${labelSmoothing} was asked for with the loss ${loss}, which has no labels: leave one of them out.`,
    );
  }
}

/**
 * A discriminator with the options put into it.
 * @param rng the stream that first weights are drawn from.
 */
export function adaptDiscriminator(
  discriminator: Module,
  { loss, spectralNorm, noise }: TrainingOptions,
  rng: Rng,
): Module {
  let adapted = discriminator;
  if (loss !== undefined) adapted = withoutLastSigmoid(adapted);
  if (loss === 'wgan-gp') adapted = withLayerNorm(adapted, rng);
  if (noise !== undefined) adapted = withNoise(adapted, noise, rng);
  if (spectralNorm) {
    adapted.apply((layer) => {
      if (layer instanceof WeightedLayer) layer.spectralNorm({ rng });
    });
  }
  return adapted;
}

/** The same layers under the same names, less a sigmoid at the end. */
function withoutLastSigmoid(network: Module): Module {
  if (!(network instanceof Sequential)) return network;
  const layers = network.namedChildren();
  const [name, last] = layers.pop()!;
  if (!(last instanceof Sigmoid)) layers.push([name, withoutLastSigmoid(last)]);
  return new Sequential(Object.fromEntries(layers));
}

/**
 * The same layers under the same names, with layer norms in place of batch norms: the penalty is defined
 * for each image alone, and batch norms make a logit depend on the other images (arXiv 1704.00028, section 4).
 */
function withLayerNorm(layer: Module, rng: Rng): Module {
  if (layer instanceof Sequential) {
    const layers = layer.namedChildren().map(([name, child]) => [name, withLayerNorm(child, rng)]);
    return new Sequential(Object.fromEntries(layers));
  }
  if (!isBatchNorm(layer)) return layer;
  const { numFeatures, eps, weight, bias } = layer;
  const replaced = new GroupNorm(1, numFeatures, {
    eps,
    weight: weight !== null,
    bias: bias !== null,
    rng,
  });
  layer.dispose();
  return replaced;
}

/** Noise at the network's own places for it, else before its first layer. */
function withNoise(network: Module, sigma: number, rng: Rng): Module {
  const places = network
    .namedModules()
    .flatMap(([, layer]) => (layer instanceof GaussianNoise ? [layer] : []));
  for (const place of places) place.sigma = sigma;
  if (places.length > 0) return network;
  const noise = new GaussianNoise(sigma, { rng });
  return new Sequential({ noise, ...Object.fromEntries(network.namedChildren()) });
}
