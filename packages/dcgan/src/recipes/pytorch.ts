// The DCGAN of PyTorch's examples: https://github.com/pytorch/examples/blob/main/dcgan/main.py
// It follows Radford, Metz and Chintala 2015 (arXiv 1511.06434), and so do names, layouts and order of operations here.

import { type Module, Tanh } from '@forger/nn';
import type { Rng } from '@forger/tensor';
import { checkDoublingSize, doublingGenerator, halvingDiscriminator, hiddenChannels } from './doubling.ts';
import { isConv, normalScales, normalWeights } from './initialize.ts';
import { bceOfProbabilities } from './objectives.ts';
import type { NetworkSizes, Networks, Recipe, StepContext, StepResult } from './recipe.ts';
import { DISCRIMINATOR, updateDiscriminator, updateGenerator } from './steps.ts';

/** `weights_init` of the example: convolutions N(0, 0.02), batch norm's scale N(1, 0.02) and shift 0. */
function initialize(network: Module, random: Rng): Module {
  return normalScales(normalWeights(network, random, isConv), random, 1);
}

function build(sizes: NetworkSizes, random: Rng): Networks {
  const hidden = hiddenChannels(sizes);
  return {
    generator: initialize(doublingGenerator(sizes, hidden, new Tanh(), random), random),
    discriminator: initialize(halvingDiscriminator(sizes, hidden, random), random),
  };
}

/** The generator is judged by the discriminator just updated, on the pictures that it was updated with. */
function step(t: StepContext): StepResult {
  const fake = t.generator.forward(t.drawLatent());
  const judged = updateDiscriminator(t, fake);
  return t.part === DISCRIMINATOR ? judged : { ...judged, ...updateGenerator(t, fake) };
}

export const pytorch: Recipe = {
  name: 'pytorch',
  title: "the DCGAN of PyTorch's examples",
  source: 'https://github.com/pytorch/examples/tree/main/dcgan',
  flaws: [
    'The discriminator ends in a sigmoid before its loss, so a verdict that is sure and wrong teaches nothing: --loss non-saturating.',
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
  sampleMode: 'train',
  checkSizes: checkDoublingSize,
  build,
  adam: { betas: [0.5, 0.999] },
  objective: bceOfProbabilities,
  step,
};
