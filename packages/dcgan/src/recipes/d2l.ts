// The DCGAN of "Dive into Deep Learning", its MXNet page:
// https://d2l.ai/chapter_generative-adversarial-networks/dcgan.html Layers have the names of its PyTorch
// page: G_block's conv2d_trans and batch_norm, D_block's conv2d and batch_norm.

import {
  BatchNorm2d,
  Conv2d,
  ConvTranspose2d,
  LeakyReLU,
  type Module,
  ReLU,
  Sequential,
  Tanh,
} from '@forger/nn';
import { noGrad, type Rng } from '@forger/tensor';
import type { Sizes } from '../train/task.ts';
import { gan } from './gan.ts';
import { normalWeights } from './initialize.ts';
import { checkDoublingSize, hiddenChannels } from './networks.ts';
import { bceOfLogits } from './objectives.ts';
import { together, updateDiscriminator, updateGenerator } from './updates.ts';

function buildGenerator(sizes: Sizes, random: Rng): Module {
  const options = { bias: false, rng: random };
  const doubling = { ...options, stride: 2, padding: 1 };
  const hidden = hiddenChannels(sizes);
  const blocks = hidden.map(
    (channels, i) =>
      new Sequential({
        conv2d_trans: new ConvTranspose2d(
          hidden[i - 1] ?? sizes.latentSize,
          channels,
          4,
          i === 0 ? options : doubling,
        ),
        batch_norm: new BatchNorm2d(channels, { rng: random }),
        activation: new ReLU(),
      }),
  );
  return new Sequential(
    ...blocks,
    new ConvTranspose2d(hidden.at(-1)!, sizes.channels, 4, doubling),
    new Tanh(),
  );
}

/** Batch norm after every convolution but the last, the first one included, against the paper. Ends in a logit. */
function buildDiscriminator(sizes: Sizes, random: Rng): Module {
  const options = { bias: false, rng: random };
  const hidden = hiddenChannels(sizes).reverse();
  const blocks = hidden.map(
    (channels, i) =>
      new Sequential({
        conv2d: new Conv2d(hidden[i - 1] ?? sizes.channels, channels, 4, {
          ...options,
          stride: 2,
          padding: 1,
        }),
        batch_norm: new BatchNorm2d(channels, { rng: random }),
        activation: new LeakyReLU(0.2),
      }),
  );
  return new Sequential(...blocks, new Conv2d(hidden.at(-1)!, 1, 4, options));
}

/** The discriminator's loss is the mean over both kinds of images, not their sum. */
const SCALE = 1 / 2;

/** The generator runs again, on the same latents, for its own update. */
const updates = together({
  discriminator: (t) => {
    const latents = t.drawLatents();
    return updateDiscriminator(
      t,
      noGrad(() => t.generator.forward(latents)),
      SCALE,
    );
  },
  both: (t) => {
    const latents = t.drawLatents();
    const scalars = updateDiscriminator(
      t,
      noGrad(() => t.generator.forward(latents)),
      SCALE,
    );
    return { ...scalars, ...updateGenerator(t, t.generator.forward(latents)) };
  },
});

export const d2l = gan({
  name: 'd2l',
  title: 'the DCGAN of "Dive into Deep Learning", on sprites',
  source: 'https://d2l.ai/chapter_generative-adversarial-networks/dcgan.html',
  flaws: [
    "The learning rate of 0.005 is 25 times the paper's: --lr 2e-4.",
    "The discriminator's first layer has a batch norm; the paper's has none.",
  ],
  defaults: {
    data: 'sprites',
    imageSize: 64,
    width: 64,
    channels: 3,
    batchSize: 256,
    lr: 5e-3,
    epochs: 20,
  },
  latent: { size: 100, distribution: 'normal' },
  pixelRange: 'tanh',
  previewMode: 'eval',
  checkSizes: checkDoublingSize,
  // `init.Normal(0.02)`: weights only, as MXNet does it; batch norms start at 1 and 0.
  generator: (sizes, rng) => normalWeights(buildGenerator(sizes, rng), rng),
  discriminator: (sizes, rng) => normalWeights(buildDiscriminator(sizes, rng), rng),
  adam: { betas: [0.5, 0.999] },
  objective: bceOfLogits,
  updates,
});
