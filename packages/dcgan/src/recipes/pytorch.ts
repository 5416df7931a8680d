// The DCGAN of PyTorch's examples: https://github.com/pytorch/examples/blob/main/dcgan/main.py
// It follows Radford, Metz and Chintala 2015 (arXiv 1511.06434), and so do names, layouts and order of operations here.

import { type Module, Tanh } from '@forger/nn';
import type { Rng } from '@forger/tensor';
import { gan } from './gan.ts';
import { isConv, normalScales, normalWeights } from './initialize.ts';
import { checkDoublingSize, doublingGenerator, halvingDiscriminator, hiddenChannels } from './networks.ts';
import { bceOfProbabilities } from './objectives.ts';
import { alternating } from './updates.ts';

/** `weights_init` of the example: convolutions N(0, 0.02), batch norm's scale N(1, 0.02) and shift 0. */
function initialize(network: Module, random: Rng): Module {
  return normalScales(normalWeights(network, random, isConv), random, 1);
}

export const pytorch = gan({
  name: 'pytorch',
  title: "the DCGAN of PyTorch's examples",
  source: 'https://github.com/pytorch/examples/tree/main/dcgan',
  flaws: [
    'The discriminator ends in a sigmoid, so its gradient vanishes where it is sure and wrong: --loss non-saturating.',
  ],
  defaults: {
    data: 'cifar10',
    imageSize: 64,
    width: 64,
    channels: 3,
    batchSize: 64,
    lr: 2e-4,
    epochs: 25,
  },
  latent: { size: 100, distribution: 'normal' },
  pixelRange: 'tanh',
  // The example never calls eval().
  previewMode: 'train',
  checkSizes: checkDoublingSize,
  generator: (sizes, rng) =>
    initialize(doublingGenerator(sizes, hiddenChannels(sizes), new Tanh(), rng), rng),
  discriminator: (sizes, rng) => initialize(halvingDiscriminator(sizes, hiddenChannels(sizes), rng), rng),
  adam: { betas: [0.5, 0.999] },
  objective: bceOfProbabilities,
  updates: alternating,
});
