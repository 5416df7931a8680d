// The DCGAN of TensorFlow's tutorial: https://www.tensorflow.org/tutorials/generative/dcgan
// Layers have the names that Keras gives them. Keras stores kernels as [h, w, …]; here they are laid out as PyTorch's.

import {
  BatchNorm1d,
  BatchNorm2d,
  Conv2d,
  ConvTranspose2d,
  Dropout,
  Flatten,
  LeakyReLU,
  Linear,
  type Module,
  Reshape,
  Sequential,
  Tanh,
  xavierUniform_,
  ZeroPad2d,
  zeros_,
} from '@forger/nn';
import type { Rng } from '@forger/tensor';
import type { Sizes } from '../train/task.ts';
import { gan } from './gan.ts';
import { isWeighted } from './initialize.ts';
import { checkMultiple } from './networks.ts';
import { bceOfLogits } from './objectives.ts';
import { simultaneous } from './updates.ts';

/** Keras' defaults: they differ from PyTorch's, and the slope from the paper's 0.2. */
const SLOPE = 0.3;
const NORM = { eps: 1e-3, momentum: 0.01 } as const;

/** The width is of the generator's last hidden layer and the discriminator's first, 64. */
function buildGenerator({ imageSize, width, channels, latentSize }: Sizes, random: Rng): Module {
  const options = { bias: false, rng: random };
  const norm = { ...NORM, rng: random };
  const side = imageSize / 4;
  const features = 4 * width * side * side;
  // 'same' with stride 2: one row and column before the picture, two behind, of which the last is cut off again.
  const doubling = { ...options, stride: 2, padding: 1 };
  const cut = (): Module => new ZeroPad2d(0, -1, 0, -1);
  return new Sequential({
    flatten: new Flatten(),
    dense: new Linear(latentSize, features, options),
    batch_normalization: new BatchNorm1d(features, norm),
    leaky_re_lu: new LeakyReLU(SLOPE),
    reshape: new Reshape([4 * width, side, side]),
    conv2d_transpose: new ConvTranspose2d(4 * width, 2 * width, 5, { ...options, padding: 2 }),
    batch_normalization_1: new BatchNorm2d(2 * width, norm),
    leaky_re_lu_1: new LeakyReLU(SLOPE),
    conv2d_transpose_1: new ConvTranspose2d(2 * width, width, 5, doubling),
    cut_1: cut(),
    batch_normalization_2: new BatchNorm2d(width, norm),
    leaky_re_lu_2: new LeakyReLU(SLOPE),
    conv2d_transpose_2: new ConvTranspose2d(width, channels, 5, doubling),
    cut_2: cut(),
    tanh: new Tanh(),
  });
}

/** Dropout in place of batch norm; ends in a logit. */
function buildDiscriminator({ imageSize, width, channels }: Sizes, random: Rng): Module {
  const options = { rng: random };
  const halving = { ...options, stride: 2 };
  const same = (): Module => new ZeroPad2d(1, 2, 1, 2);
  const side = imageSize / 4;
  return new Sequential({
    same: same(),
    conv2d: new Conv2d(channels, width, 5, halving),
    leaky_re_lu_3: new LeakyReLU(SLOPE),
    dropout: new Dropout(0.3, options),
    same_1: same(),
    conv2d_1: new Conv2d(width, 2 * width, 5, halving),
    leaky_re_lu_4: new LeakyReLU(SLOPE),
    dropout_1: new Dropout(0.3, options),
    flatten: new Flatten(),
    dense_1: new Linear(2 * width * side * side, 1, options),
  });
}

/** Glorot's uniform, biases 0. */
function initialize(network: Module, random: Rng): Module {
  return network.apply((layer) => {
    if (!isWeighted(layer)) return;
    xavierUniform_(layer.weight, { rng: random });
    if (layer.bias) zeros_(layer.bias);
  });
}

export const tensorflow = gan({
  name: 'tensorflow',
  title: "the DCGAN of TensorFlow's tutorial",
  source: 'https://www.tensorflow.org/tutorials/generative/dcgan',
  flaws: [
    "It learns slowly: half the paper's learning rate, Adam's default betas, and Keras' negative slope of 0.3: --lr 2e-4.",
  ],
  defaults: {
    data: 'mnist',
    imageSize: 28,
    width: 64,
    channels: 1,
    batchSize: 256,
    lr: 1e-4,
    epochs: 50,
  },
  latent: { size: 100, distribution: 'normal' },
  pixelRange: 'tanh',
  previewMode: 'eval',
  checkSizes: ({ imageSize }) => checkMultiple('An image size', imageSize, 4),
  generator: (sizes, rng) => initialize(buildGenerator(sizes, rng), rng),
  discriminator: (sizes, rng) => initialize(buildDiscriminator(sizes, rng), rng),
  // PyTorch's epsilon; Keras adds its own, 1e-7, in another place, which shows only where gradients are as small.
  adam: { betas: [0.9, 0.999] },
  objective: bceOfLogits,
  updates: simultaneous,
});
