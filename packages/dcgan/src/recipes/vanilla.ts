// The plain GAN of fully connected layers, of the same author as `notebook`:
// https://github.com/diegoalejogm/gans ("1. Vanilla GAN PyTorch.ipynb"). Layers have its names, weights
// PyTorch's defaults.

import {
  Dropout,
  Flatten,
  LeakyReLU,
  Linear,
  type Module,
  Reshape,
  Sequential,
  Sigmoid,
  Tanh,
} from '@forger/nn';
import type { Rng } from '@forger/tensor';
import type { Sizes } from '../train/task.ts';
import { gan } from './gan.ts';
import { bceOfProbabilities } from './objectives.ts';
import { alternatingOnFreshLatents } from './updates.ts';

/** The width is of the narrowest layer, 256. */
function buildGenerator({ imageSize, width, channels, latentSize }: Sizes, rng: Rng): Module {
  const pixels = channels * imageSize * imageSize;
  const hidden = (from: number, to: number): Module =>
    new Sequential(new Linear(from, to, { rng }), new LeakyReLU(0.2));
  return new Sequential({
    flatten: new Flatten(),
    hidden0: hidden(latentSize, width),
    hidden1: hidden(width, 2 * width),
    hidden2: hidden(2 * width, 4 * width),
    out: new Sequential(new Linear(4 * width, pixels, { rng }), new Tanh()),
    reshape: new Reshape([channels, imageSize, imageSize]),
  });
}

function buildDiscriminator({ imageSize, width, channels }: Sizes, rng: Rng): Module {
  const pixels = channels * imageSize * imageSize;
  const hidden = (from: number, to: number): Module =>
    new Sequential(new Linear(from, to, { rng }), new LeakyReLU(0.2), new Dropout(0.3, { rng }));
  return new Sequential({
    flatten: new Flatten(),
    hidden0: hidden(pixels, 4 * width),
    hidden1: hidden(4 * width, 2 * width),
    hidden2: hidden(2 * width, width),
    out: new Sequential(new Linear(width, 1, { rng }), new Sigmoid()),
  });
}

export const vanilla = gan({
  name: 'vanilla',
  title: "Diego Gomez Mosquera's plain GAN of fully connected layers",
  source: 'https://github.com/diegoalejogm/gans',
  flaws: [
    'No convolutions: images stay speckled, and modes get lost. The other recipes have convolutions.',
    'The discriminator ends in a sigmoid before its loss: --loss non-saturating.',
  ],
  defaults: {
    data: 'mnist',
    imageSize: 28,
    width: 256,
    channels: 1,
    batchSize: 100,
    lr: 2e-4,
    epochs: 200,
  },
  latent: { size: 100, distribution: 'normal' },
  pixelRange: 'tanh',
  previewMode: 'train',
  checkSizes: () => {},
  generator: buildGenerator,
  discriminator: buildDiscriminator,
  adam: { betas: [0.9, 0.999] },
  objective: bceOfProbabilities,
  updates: alternatingOnFreshLatents,
});
