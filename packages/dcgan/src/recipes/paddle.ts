// The DCGAN of PaddlePaddle's book, chapter 9: https://github.com/PaddlePaddle/book/tree/develop/09.gan (dc_gan.py,
// network.py), for MNIST.

import {
  BatchNorm1d,
  BatchNorm2d,
  Conv2d,
  ConvTranspose2d,
  Flatten,
  fans,
  LeakyReLU,
  Linear,
  MaxPool2d,
  type Module,
  normal_,
  ReLU,
  Reshape,
  Sequential,
  Sigmoid,
  Tanh,
  xavierUniform_,
  zeros_,
} from '@forger/nn';
import { add, backward, noGrad, type Rng } from '@forger/tensor';
import type { Scalars, Sizes } from '../train/task.ts';
import { type GanContext, gan } from './gan.ts';
import { isWeighted } from './initialize.ts';
import { checkMultiple } from './networks.ts';
import { bceOfDoubleSigmoid } from './objectives.ts';
import { drawFakes, fakeLoss, meanOutputs, together, updateGenerator } from './updates.ts';

/** Paddle's default slope: not the paper's 0.2. */
const SLOPE = 0.02;

/** The width is gf_dim = df_dim; gfc_dim and dfc_dim are 32 and 16 times as many. */
function buildGenerator({ imageSize, width, channels, latentSize }: Sizes, random: Rng): Module {
  const options = { rng: random };
  const doubling = { ...options, stride: 2, padding: 2, outputPadding: 1 };
  const side = imageSize / 4;
  const features = 2 * width * side * side;
  return new Sequential({
    flatten: new Flatten(),
    fc1: new Linear(latentSize, 32 * width, options),
    bn1: new BatchNorm1d(32 * width, options),
    relu1: new ReLU(),
    fc2: new Linear(32 * width, features, options),
    bn2: new BatchNorm1d(features, options),
    relu2: new ReLU(),
    reshape: new Reshape([2 * width, side, side]),
    deconv1: new ConvTranspose2d(2 * width, 2 * width, 5, doubling),
    relu3: new ReLU(),
    deconv2: new ConvTranspose2d(2 * width, channels, 5, doubling),
    tanh: new Tanh(),
  });
}

function buildDiscriminator({ imageSize, width, channels }: Sizes, random: Rng): Module {
  const options = { rng: random };
  const side = pooledTwice(imageSize);
  return new Sequential({
    conv1: new Conv2d(channels, width, 5, options),
    lrelu1: new LeakyReLU(SLOPE),
    pool1: new MaxPool2d(2),
    conv2: new Conv2d(width, 2 * width, 5, options),
    pool2: new MaxPool2d(2),
    bn2: new BatchNorm2d(2 * width, options),
    lrelu2: new LeakyReLU(SLOPE),
    flatten: new Flatten(),
    fc3: new Linear(2 * width * side * side, 16 * width, options),
    bn3: new BatchNorm1d(16 * width, options),
    lrelu3: new LeakyReLU(SLOPE),
    fc4: new Linear(16 * width, 1, options),
    sigmoid: new Sigmoid(),
  });
}

/** The side that two unpadded 5×5 convolutions, each with a 2×2 pooling, leave. */
function pooledTwice(side: number): number {
  return ((side - 4) / 2 - 4) / 2;
}

/** Fluid's defaults: convolutions N(0, √(2 / inputs)), the other weights Xavier's uniform, biases 0. */
function initialize(network: Module, random: Rng): Module {
  const options = { rng: random };
  return network.apply((layer) => {
    if (!isWeighted(layer)) return;
    if (layer instanceof Conv2d)
      normal_(layer.weight, 0, Math.sqrt(2 / fans(layer.weight.shape).fanIn), options);
    else xavierUniform_(layer.weight, options);
    zeros_(layer.bias!);
  });
}

/** Two updates of the discriminator, on generated and then on real images. */
function updateDiscriminatorTwice(t: GanContext): Scalars {
  const { discriminator, optimizers, objective, real } = t;
  const fake = drawFakes(t);
  optimizers.discriminator.zeroGrad();
  const onFake = discriminator.forward(fake);
  const lossFake = fakeLoss(t, fake, onFake);
  backward(lossFake);
  optimizers.discriminator.step();

  optimizers.discriminator.zeroGrad();
  const onReal = discriminator.forward(real);
  const lossReal = objective.real(onReal);
  backward(lossReal);
  optimizers.discriminator.step();
  return { lossD: noGrad(() => add(lossFake, lossReal)), ...meanOutputs(t, onReal, onFake) };
}

const updates = together({
  discriminator: updateDiscriminatorTwice,
  // Two updates of the generator follow, each on new images; the loss of the second is logged.
  both: (t) => {
    const scalars = updateDiscriminatorTwice(t);
    const first = updateGenerator(t, t.generator.forward(t.drawLatents()));
    const second = updateGenerator(t, t.generator.forward(t.drawLatents()));
    return { ...scalars, ...second, lossGFirst: first.lossG! };
  },
});

export const paddle = gan({
  name: 'paddle',
  title: "the DCGAN of PaddlePaddle's book, chapter 9",
  source: 'https://github.com/PaddlePaddle/book/tree/develop/09.gan',
  flaws: [
    "The loss takes the discriminator's sigmoid for a logit, so it is never below 1.0064 and gradients are small: --loss non-saturating.",
    'Generated and real images update the discriminator one after the other, which biases it towards those that came last.',
  ],
  defaults: {
    data: 'mnist',
    imageSize: 28,
    width: 64,
    channels: 1,
    batchSize: 128,
    lr: 2e-4,
    epochs: 20,
  },
  latent: { size: 100, distribution: 'uniform' },
  pixelRange: 'tanh',
  previewMode: 'eval',
  checkSizes: ({ imageSize }) => checkMultiple('An image size', imageSize, 4, 16),
  generator: (sizes, rng) => initialize(buildGenerator(sizes, rng), rng),
  discriminator: (sizes, rng) => initialize(buildDiscriminator(sizes, rng), rng),
  adam: { betas: [0.9, 0.999] },
  objective: bceOfDoubleSigmoid,
  updates,
});
