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
import { checkMultiple } from './doubling.ts';
import { isWeighted } from './initialize.ts';
import { bceOfDoubleSigmoid } from './objectives.ts';
import type { NetworkSizes, Networks, Recipe, StepContext, StepResult } from './recipe.ts';
import { beliefs, DISCRIMINATOR, drawFakes, fakeLoss, updateGenerator } from './steps.ts';

/** Paddle's default slope: not the paper's 0.2. */
const SLOPE = 0.02;

/** Updates of the generator in a step. */
const GENERATOR_UPDATES = 2;

/** The width is gf_dim = df_dim; gfc_dim and dfc_dim are 32 and 16 times as many. */
function buildGenerator({ imageSize, width, channels, latentSize }: NetworkSizes, random: Rng): Module {
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

function buildDiscriminator({ imageSize, width, channels }: NetworkSizes, random: Rng): Module {
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

function build(sizes: NetworkSizes, random: Rng): Networks {
  return {
    generator: initialize(buildGenerator(sizes, random), random),
    discriminator: initialize(buildDiscriminator(sizes, random), random),
  };
}

/** Two updates of the discriminator, on generated and then on real pictures, and two of the generator, each on new ones. */
function step(t: StepContext): StepResult {
  const { generator, discriminator, optimizers, objective, real, drawLatent, part } = t;
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

  const judged = { lossD: noGrad(() => add(lossFake, lossReal)), ...beliefs(t, onReal, onFake) };
  if (part === DISCRIMINATOR) return judged;
  const updates = Array.from({ length: GENERATOR_UPDATES }, () =>
    updateGenerator(t, generator.forward(drawLatent())),
  );
  return { ...judged, ...updates.at(-1), lossG: updates.flatMap(({ lossG = [] }) => lossG) };
}

export const paddle: Recipe = {
  name: 'paddle',
  title: "the DCGAN of PaddlePaddle's book, chapter 9",
  source: 'https://github.com/PaddlePaddle/book/tree/develop/09.gan',
  flaws: [
    "The discriminator's sigmoid is taken for a logit, so its loss is never below 1.0064 and gradients are small: --loss non-saturating.",
    'Generated and real pictures update the discriminator one after the other: it leans to whichever came last.',
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
  sampleMode: 'eval',
  checkSizes: ({ imageSize }) => checkMultiple('An image size', imageSize, 4, 16),
  build,
  adam: { betas: [0.9, 0.999] },
  objective: bceOfDoubleSigmoid,
  step,
};
