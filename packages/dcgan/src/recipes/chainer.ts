// The DCGAN of Chainer's examples, which its tutorial walks through:
// https://github.com/chainer/chainer/tree/master/examples/dcgan (net.py, updater.py, train_dcgan.py).
// Layers have its names: a weight that Chainer's .npz calls dc1/W is dc1.weight here.

import {
  BatchNorm1d,
  BatchNorm2d,
  Conv2d,
  ConvTranspose2d,
  Flatten,
  GaussianNoise,
  LeakyReLU,
  Linear,
  type Module,
  ReLU,
  Reshape,
  Sequential,
  Sigmoid,
} from '@forger/nn';
import type { Rng } from '@forger/tensor';
import type { Sizes } from '../train/task.ts';
import { gan } from './gan.ts';
import { normalWeights } from './initialize.ts';
import { checkMultiple } from './networks.ts';
import { bceOfLogits } from './objectives.ts';
import { simultaneous } from './updates.ts';

/** Standard deviation of the noise before every leaky ReLU and at the pictures. */
const SIGMA = 0.2;

/** Chainer's batch norm; the momentum of 0.1 is its decay of 0.9. */
const EPS = 2e-5;

/** The picture's side is 8 times the first layer's, `bottom_width`; the width is `ch`. */
const bottomWidth = ({ imageSize }: Sizes): number => imageSize / 8;

function buildGenerator(sizes: Sizes, random: Rng): Module {
  const { width: ch, channels, latentSize } = sizes;
  const side = bottomWidth(sizes);
  const options = { rng: random };
  const doubling = { ...options, stride: 2, padding: 1 };
  const norm = { ...options, eps: EPS };
  return new Sequential({
    flatten: new Flatten(),
    l0: new Linear(latentSize, side * side * ch, options),
    // Over each unit of the layer, not over each channel: it stands before the reshape.
    bn0: new BatchNorm1d(side * side * ch, norm),
    relu0: new ReLU(),
    reshape: new Reshape([ch, side, side]),
    dc1: new ConvTranspose2d(ch, ch / 2, 4, doubling),
    bn1: new BatchNorm2d(ch / 2, norm),
    relu1: new ReLU(),
    dc2: new ConvTranspose2d(ch / 2, ch / 4, 4, doubling),
    bn2: new BatchNorm2d(ch / 4, norm),
    relu2: new ReLU(),
    dc3: new ConvTranspose2d(ch / 4, ch / 8, 4, doubling),
    bn3: new BatchNorm2d(ch / 8, norm),
    relu3: new ReLU(),
    dc4: new ConvTranspose2d(ch / 8, channels, 3, { ...options, stride: 1, padding: 1 }),
    sigmoid: new Sigmoid(),
  });
}

/** Seven convolutions by turns 3×3 and halving 4×4, then one logit. Its batch norms have a shift and no scale. */
function buildDiscriminator(sizes: Sizes, random: Rng): Module {
  const { width: ch, channels } = sizes;
  const side = bottomWidth(sizes);
  const options = { rng: random };
  const keeping = { ...options, stride: 1, padding: 1 };
  const halving = { ...options, stride: 2, padding: 1 };
  const noise = (): Module => new GaussianNoise(SIGMA, options);
  const norm = (n: number): Module => new BatchNorm2d(n, { ...options, weight: false, eps: EPS });
  return new Sequential({
    noise: noise(),
    c0_0: new Conv2d(channels, ch / 8, 3, keeping),
    noise0_0: noise(),
    lrelu0_0: new LeakyReLU(0.2),
    c0_1: new Conv2d(ch / 8, ch / 4, 4, halving),
    bn0_1: norm(ch / 4),
    noise0_1: noise(),
    lrelu0_1: new LeakyReLU(0.2),
    c1_0: new Conv2d(ch / 4, ch / 4, 3, keeping),
    bn1_0: norm(ch / 4),
    noise1_0: noise(),
    lrelu1_0: new LeakyReLU(0.2),
    c1_1: new Conv2d(ch / 4, ch / 2, 4, halving),
    bn1_1: norm(ch / 2),
    noise1_1: noise(),
    lrelu1_1: new LeakyReLU(0.2),
    c2_0: new Conv2d(ch / 2, ch / 2, 3, keeping),
    bn2_0: norm(ch / 2),
    noise2_0: noise(),
    lrelu2_0: new LeakyReLU(0.2),
    c2_1: new Conv2d(ch / 2, ch, 4, halving),
    bn2_1: norm(ch),
    noise2_1: noise(),
    lrelu2_1: new LeakyReLU(0.2),
    c3_0: new Conv2d(ch, ch, 3, keeping),
    bn3_0: norm(ch),
    noise3_0: noise(),
    lrelu3_0: new LeakyReLU(0.2),
    flatten: new Flatten(),
    l4: new Linear(side * side * ch, 1, options),
  });
}

export const chainer = gan({
  name: 'chainer',
  title: "the DCGAN of Chainer's examples and tutorial",
  source: 'https://github.com/chainer/chainer/tree/master/examples/dcgan',
  flaws: [
    "Chainer updates weights in place, so the generator's gradient mixes old activations with new weights. Here both gradients are computed before either update.",
    "The generator's loss keeps growing while its images stay good (chainer/chainer#4812): --ema 0.999 steadies the images, --label-smoothing 0.1 slows the discriminator.",
    'Weight decay also applies to biases and to the scales and shifts of batch norms.',
  ],
  defaults: {
    data: 'cifar10',
    imageSize: 32,
    width: 512,
    channels: 3,
    batchSize: 50,
    lr: 2e-4,
    epochs: 1000,
    sampleEvery: 1000,
    checkpointEvery: 1000,
  },
  latent: { size: 100, distribution: 'uniform' },
  pixelRange: 'sigmoid',
  previewMode: 'eval',
  checkSizes: ({ imageSize, width }) => {
    checkMultiple('An image size', imageSize, 8);
    checkMultiple('A width', width, 8);
  },
  generator: (sizes, rng) => normalWeights(buildGenerator(sizes, rng), rng),
  discriminator: (sizes, rng) => normalWeights(buildDiscriminator(sizes, rng), rng),
  adam: { betas: [0.5, 0.999], weightDecay: 1e-4, epsPlacement: 'chainer' },
  objective: bceOfLogits,
  updates: simultaneous,
});
