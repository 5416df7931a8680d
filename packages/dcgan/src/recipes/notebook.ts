// The DCGAN notebook of Diego Gomez Mosquera, which a widespread PyTorch notebook repeats word for word:
// https://github.com/diegoalejogm/gans ("2. DC-GAN PyTorch.ipynb"). Layers have its names.

import {
  BatchNorm2d,
  Conv2d,
  ConvTranspose2d,
  Flatten,
  LeakyReLU,
  Linear,
  type Module,
  ReLU,
  Reshape,
  Sequential,
  Sigmoid,
  Tanh,
} from '@forger/nn';
import type { Rng } from '@forger/tensor';
import type { Sizes } from '../train/task.ts';
import { gan } from './gan.ts';
import { isConv, normalScales, normalWeights } from './initialize.ts';
import { checkDoublingSize, hiddenChannels } from './networks.ts';
import { bceOfProbabilities } from './objectives.ts';
import { alternatingOnFreshLatents } from './updates.ts';

/** A linear stem without batch norm or activation, then doublings; the width is of the last hidden layer, 128. */
function buildGenerator(sizes: Sizes, random: Rng): Module {
  const doubling = { bias: false, rng: random, stride: 2, padding: 1 };
  const hidden = hiddenChannels(sizes);
  const layers: Record<string, Module> = {
    flatten: new Flatten(),
    linear: new Linear(sizes.latentSize, hidden[0]! * 4 * 4, { rng: random }),
    reshape: new Reshape([hidden[0]!, 4, 4]),
  };
  for (const [i, channels] of hidden.entries()) {
    const next = hidden[i + 1];
    const conv = new ConvTranspose2d(channels, next ?? sizes.channels, 4, doubling);
    layers[`conv${i + 1}`] = next
      ? new Sequential(conv, new BatchNorm2d(next, { rng: random }), new ReLU())
      : new Sequential(conv);
  }
  return new Sequential({ ...layers, out: new Tanh() });
}

function buildDiscriminator(sizes: Sizes, random: Rng): Module {
  const halving = { bias: false, rng: random, stride: 2, padding: 1 };
  const hidden = hiddenChannels(sizes).reverse();
  const layers: Record<string, Module> = {};
  for (const [i, channels] of hidden.entries()) {
    const conv = new Conv2d(hidden[i - 1] ?? sizes.channels, channels, 4, halving);
    layers[`conv${i + 1}`] =
      i === 0
        ? new Sequential(conv, new LeakyReLU(0.2))
        : new Sequential(conv, new BatchNorm2d(channels, { rng: random }), new LeakyReLU(0.2));
  }
  return new Sequential({
    ...layers,
    flatten: new Flatten(),
    out: new Sequential(new Linear(hidden.at(-1)! * 4 * 4, 1, { rng: random }), new Sigmoid()),
  });
}

/** `init_weights`: convolutions and, by the same line, the scales of batch norms from N(0, 0.02). */
function initialize(network: Module, random: Rng): Module {
  return normalScales(normalWeights(network, random, isConv), random, 0);
}

export const notebook = gan({
  name: 'notebook',
  title: "Diego Gomez Mosquera's DCGAN notebook",
  source: 'https://github.com/diegoalejogm/gans',
  flaws: [
    'Scales of batch norms start near 0, so it learns slowly for the first few hundred steps.',
    'The discriminator ends in a sigmoid before its loss: --loss non-saturating.',
  ],
  defaults: {
    data: 'cifar10',
    imageSize: 64,
    width: 128,
    channels: 3,
    batchSize: 100,
    lr: 2e-4,
    epochs: 200,
  },
  latent: { size: 100, distribution: 'normal' },
  pixelRange: 'tanh',
  previewMode: 'train',
  checkSizes: checkDoublingSize,
  generator: (sizes, rng) => initialize(buildGenerator(sizes, rng), rng),
  discriminator: (sizes, rng) => initialize(buildDiscriminator(sizes, rng), rng),
  adam: { betas: [0.5, 0.999] },
  objective: bceOfProbabilities,
  updates: alternatingOnFreshLatents,
});
