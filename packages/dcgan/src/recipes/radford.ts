// The DCGAN paper's own code, for faces: Radford, Metz and Chintala 2015 (arXiv 1511.06434),
// https://github.com/Newmu/dcgan_code, faces/train_uncond_dcgan.py. Its weights are of 5×5; Theano gives them no names.

import {
  BatchNorm1d,
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
import { normalScales, normalWeights } from './initialize.ts';
import { checkDoublingSize, hiddenChannels } from './networks.ts';
import { bceOfProbabilities } from './objectives.ts';
import { drawFakes, inTurns, updateDiscriminator, updateGenerator } from './updates.ts';

const EPS = 1e-8;

/** The width is ngf = ndf, 128; at 64×64 the first layer has 8 times as many channels. */
function buildGenerator(sizes: Sizes, random: Rng): Module {
  const options = { bias: false, rng: random };
  const norm = { rng: random, eps: EPS };
  const doubling = { ...options, stride: 2, padding: 2, outputPadding: 1 };
  const hidden = hiddenChannels(sizes);
  const features = hidden[0]! * 4 * 4;
  const layers: Module[] = [
    new Flatten(),
    new Linear(sizes.latentSize, features, options),
    new BatchNorm1d(features, norm),
    new ReLU(),
    new Reshape([hidden[0]!, 4, 4]),
  ];
  for (const [i, channels] of hidden.slice(1).entries()) {
    layers.push(
      new ConvTranspose2d(hidden[i]!, channels, 5, doubling),
      new BatchNorm2d(channels, norm),
      new ReLU(),
    );
  }
  return new Sequential({
    main: new Sequential(
      ...layers,
      new ConvTranspose2d(hidden.at(-1)!, sizes.channels, 5, doubling),
      new Tanh(),
    ),
  });
}

function buildDiscriminator(sizes: Sizes, random: Rng): Module {
  const options = { bias: false, rng: random };
  const halving = { ...options, stride: 2, padding: 2 };
  const hidden = hiddenChannels(sizes).reverse();
  const layers: Module[] = [new Conv2d(sizes.channels, hidden[0]!, 5, halving), new LeakyReLU(0.2)];
  for (const [i, channels] of hidden.slice(1).entries()) {
    layers.push(
      new Conv2d(hidden[i]!, channels, 5, halving),
      new BatchNorm2d(channels, { rng: random, eps: EPS }),
      new LeakyReLU(0.2),
    );
  }
  return new Sequential({
    main: new Sequential(
      ...layers,
      new Flatten(),
      new Linear(hidden.at(-1)! * 4 * 4, 1, options),
      new Sigmoid(),
    ),
  });
}

function initialize(network: Module, rng: Rng): Module {
  return normalScales(normalWeights(network, rng), rng, 1);
}

/** Even batches train the generator, odd ones the discriminator; each has latents of its own. */
const updates = inTurns('generator', {
  generator: (t) => updateGenerator(t, t.generator.forward(t.drawLatents())),
  discriminator: (t) => updateDiscriminator(t, drawFakes(t)),
});

export const radford = gan({
  name: 'radford',
  title: "the DCGAN paper's own code, for faces",
  source: 'https://github.com/Newmu/dcgan_code',
  flaws: [
    'Batch norms have no running statistics, so an image depends on the others of its batch. Here they are updated, but not used.',
    'Each network sees only every other batch. The epsilon of batch norms is 1e-8.',
  ],
  defaults: {
    imageSize: 64,
    width: 128,
    channels: 3,
    batchSize: 128,
    lr: 2e-4,
    epochs: 25,
  },
  latent: { size: 100, distribution: 'uniform' },
  pixelRange: 'tanh',
  previewMode: 'train',
  alwaysBatchStatistics: true,
  checkSizes: checkDoublingSize,
  generator: (sizes, rng) => initialize(buildGenerator(sizes, rng), rng),
  discriminator: (sizes, rng) => initialize(buildDiscriminator(sizes, rng), rng),
  // Its first beta also shrinks by 1 - 1e-8 a step, which is 1 in float32. Weight decay is `l2`.
  adam: { betas: [0.5, 0.999], weightDecay: 1e-5 },
  objective: bceOfProbabilities,
  updates,
});
