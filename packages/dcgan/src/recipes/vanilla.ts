// The plain GAN of fully connected layers, of the same author as `notebook`:
// https://github.com/diegoalejogm/gans ("1. Vanilla GAN PyTorch.ipynb"). Layers have its names, weights PyTorch's defaults.

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
import { updateApart } from './notebook.ts';
import { bceOfProbabilities } from './objectives.ts';
import type { NetworkSizes, Networks, Recipe } from './recipe.ts';

/** The width is of the narrowest layer, 256. */
function build({ imageSize, width, channels, latentSize }: NetworkSizes, random: Rng): Networks {
  const options = { rng: random };
  const pixels = channels * imageSize * imageSize;
  const grow = (from: number, to: number): Module =>
    new Sequential(new Linear(from, to, options), new LeakyReLU(0.2));
  const judge = (from: number, to: number): Module =>
    new Sequential(new Linear(from, to, options), new LeakyReLU(0.2), new Dropout(0.3, options));
  return {
    generator: new Sequential({
      flatten: new Flatten(),
      hidden0: grow(latentSize, width),
      hidden1: grow(width, 2 * width),
      hidden2: grow(2 * width, 4 * width),
      out: new Sequential(new Linear(4 * width, pixels, options), new Tanh()),
      reshape: new Reshape([channels, imageSize, imageSize]),
    }),
    discriminator: new Sequential({
      flatten: new Flatten(),
      hidden0: judge(pixels, 4 * width),
      hidden1: judge(4 * width, 2 * width),
      hidden2: judge(2 * width, width),
      out: new Sequential(new Linear(width, 1, options), new Sigmoid()),
    }),
  };
}

export const vanilla: Recipe = {
  name: 'vanilla',
  title: "Diego Gomez Mosquera's plain GAN of fully connected layers",
  source: 'https://github.com/diegoalejogm/gans',
  flaws: [
    'No convolutions: pictures stay speckled, and kinds of pictures get lost; the other recipes mend it.',
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
  sampleMode: 'train',
  checkSizes: () => {},
  build,
  adam: { betas: [0.9, 0.999] },
  objective: bceOfProbabilities,
  step: updateApart,
};
