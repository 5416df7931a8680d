// Elix's DCGAN notebook (PyTorch, before 0.4): least squares on a folder of images, one network for each batch.

import { Sigmoid } from '@forger/nn';
import { gan } from './gan.ts';
import { checkDoublingSize, doublingGenerator, halvingDiscriminator, hiddenChannels } from './networks.ts';
import { leastSquares } from './objectives.ts';
import { discriminatorLoss, drawFakes, turn, type Updates, updateGenerator } from './updates.ts';

/** The discriminator is left as it is while its loss is at most so much. */
const GOOD_ENOUGH = 0.1;

/** Even batches for the discriminator, odd ones for the generator; each batch has latents of its own. */
const updates: Updates = {
  parts: {
    discriminator: (t) => discriminatorLoss(t, drawFakes(t)),
    // The discriminator's step, by the gradients of the part before.
    update: (t) => {
      t.optimizers.discriminator.step();
      return {};
    },
    generator: (t) => updateGenerator(t, t.generator.forward(t.drawLatents())),
  },
  scheduleReadsMetrics: true,
  schedule:
    ({ nDis, loss }) =>
    ({ stepsDone, done, metrics }) => {
      if (done.length === 0) return turn(stepsDone, nDis, 'discriminator');
      if (done.length > 1 || done[0] === 'generator') return undefined;
      // The bound belongs to the notebook's own loss.
      return loss !== undefined || metrics.lossD! > GOOD_ENOUGH ? 'update' : undefined;
    },
};

export const elix = gan({
  name: 'elix',
  title: "Elix's DCGAN notebook: least squares on a folder of images",
  source: "Elix's DCGAN notebook",
  flaws: [
    'Least squares behind a sigmoid: the gradient vanishes where the discriminator is sure and wrong; --loss lsgan drops the sigmoid.',
    "The learning rate of 1e-3 is five times the paper's, and betas are Adam's defaults of 0.9 and 0.999: --lr 2e-4.",
    'Images come in the same order in each epoch, since the result of the shuffle is discarded. Red and blue are swapped (BGR).',
  ],
  defaults: {
    imageSize: 64,
    width: 64,
    channels: 3,
    batchSize: 10,
    lr: 1e-3,
    epochs: 10_000,
  },
  latent: { size: 100, distribution: 'normal' },
  pixelRange: 'sigmoid',
  channelOrder: 'bgr',
  shuffle: false,
  previewMode: 'train',
  checkSizes: checkDoublingSize,
  // The networks of `pytorch` with 256 channels where it has 512, and a sigmoid. First weights are PyTorch's defaults.
  generator: (sizes, rng) => doublingGenerator(sizes, hiddenChannels(sizes, 4), new Sigmoid(), rng),
  discriminator: (sizes, rng) => halvingDiscriminator(sizes, hiddenChannels(sizes, 4), rng),
  adam: { betas: [0.9, 0.999] },
  objective: leastSquares,
  updates,
});
