// The DCGAN of PyTorch's examples: https://github.com/pytorch/examples/blob/main/dcgan/main.py
// It follows Radford, Metz and Chintala 2015 (arXiv 1511.06434), and so do names, layouts and order of operations here.

import {
  Adam,
  BatchNorm2d,
  bce,
  Conv2d,
  ConvTranspose2d,
  LeakyReLU,
  type Module,
  normal_,
  ReLU,
  Sequential,
  Sigmoid,
  Tanh,
  zeros_,
} from '@forger/nn';
import { add, backward, ConfigError, type Generator, mean, noGrad, type Shape } from '@forger/tensor';
import type { NetworkSizes, Networks, Optimizers, Recipe, StepContext, StepResult } from './recipe.ts';

const LEAST_SIZE = 16;
const REAL = 1;
const FAKE = 0;

/**
 * Channels of the hidden layers from the 4×4 layer to the picture, and how often the size doubles. At 64×64 these are
 * the published 8, 4, 2 and 1 times the width; another size has one factor of 2 more or less in front, as in the Torch
 * code that the example was ported from.
 */
function hiddenChannels({ imageSize, width }: NetworkSizes): number[] {
  const doublings = Math.log2(imageSize / 4);
  return Array.from({ length: doublings }, (_, i) => width * 2 ** (doublings - 1 - i));
}

function checkImageSize(size: number): void {
  if (size >= LEAST_SIZE && Number.isInteger(Math.log2(size))) return;
  throw new ConfigError(
    `An image size of ${size} was given; this network doubles a 4×4 layer, so it makes pictures of 16, 32, 64, 128, … pixels: choose one of these.`,
  );
}

/** A 4×4 layer from the latents, doubled until the picture is as large as asked; batch norm and ReLU between. */
function buildGenerator(sizes: NetworkSizes, random: Generator): Module {
  const options = { bias: false, generator: random };
  const hidden = hiddenChannels(sizes);
  const layers: Module[] = [new ConvTranspose2d(sizes.latentSize, hidden[0]!, 4, options)];
  for (const [i, channels] of hidden.entries()) {
    layers.push(
      new BatchNorm2d(channels, { generator: random }),
      new ReLU(),
      new ConvTranspose2d(channels, hidden[i + 1] ?? sizes.channels, 4, {
        ...options,
        stride: 2,
        padding: 1,
      }),
    );
  }
  return new Sequential({ main: new Sequential(...layers, new Tanh()) });
}

/** The generator's mirror image: halved down to 4×4, then one probability; no batch norm at the picture. */
function buildDiscriminator(sizes: NetworkSizes, random: Generator): Module {
  const options = { bias: false, generator: random };
  const halving = { ...options, stride: 2, padding: 1 };
  const hidden = hiddenChannels(sizes).reverse();
  const layers: Module[] = [new Conv2d(sizes.channels, hidden[0]!, 4, halving), new LeakyReLU(0.2)];
  for (const [i, channels] of hidden.slice(1).entries()) {
    layers.push(
      new Conv2d(hidden[i]!, channels, 4, halving),
      new BatchNorm2d(channels, { generator: random }),
      new LeakyReLU(0.2),
    );
  }
  return new Sequential({
    main: new Sequential(...layers, new Conv2d(hidden.at(-1)!, 1, 4, options), new Sigmoid()),
  });
}

/** `weights_init` of the example: convolutions N(0, 0.02), batch norm's scale N(1, 0.02) and shift 0. */
function initialize(network: Module, random: Generator): Module {
  return network.apply((layer) => {
    if (layer instanceof Conv2d || layer instanceof ConvTranspose2d) {
      normal_(layer.weight, 0, 0.02, { generator: random });
    } else if (layer instanceof BatchNorm2d) {
      normal_(layer.weight!, 1, 0.02, { generator: random });
      zeros_(layer.bias!);
    }
  });
}

function build(sizes: NetworkSizes, random: Generator): Networks {
  return {
    generator: initialize(buildGenerator(sizes, random), random),
    discriminator: initialize(buildDiscriminator(sizes, random), random),
  };
}

function optimizers({ generator, discriminator }: Networks, lr: number): Optimizers {
  const options = { lr, betas: [0.5, 0.999] } as const;
  return {
    generator: new Adam(generator.namedParameters(), options),
    discriminator: new Adam(discriminator.namedParameters(), options),
  };
}

function step({ generator, discriminator, optimizers, real, drawLatent }: StepContext): StepResult {
  // The discriminator ascends log D(x) + log(1 - D(G(z))), with batch statistics of real and of fake pictures apart.
  optimizers.discriminator.zeroGrad();
  const onReal = discriminator.forward(real);
  const lossReal = bce(onReal, REAL);
  backward(lossReal);
  const fake = generator.forward(drawLatent());
  const onFake = discriminator.forward(fake.detach());
  const lossFake = bce(onFake, FAKE);
  backward(lossFake);
  optimizers.discriminator.step();

  // The generator ascends log D(G(z)) on the same pictures, judged by the discriminator as it is now. Its own weights'
  // gradients, which the example computes here and throws away, are left out.
  optimizers.generator.zeroGrad();
  discriminator.requiresGrad(false);
  const onFakeAfter = discriminator.forward(fake);
  const lossG = bce(onFakeAfter, REAL);
  backward(lossG);
  discriminator.requiresGrad(true);
  optimizers.generator.step();

  return noGrad(() => ({
    lossD: add(lossReal, lossFake),
    lossG: [lossG],
    dReal: mean(onReal),
    dFake: mean(onFake),
    dFakeAfter: mean(onFakeAfter),
  }));
}

/** The generator's convolutions are main.0, main.3, main.6, …; the first and the last tell all sizes. */
function recognize(shapes: ReadonlyMap<string, Shape>): NetworkSizes | undefined {
  const weights: Shape[] = [];
  for (let i = 0; ; i += 3) {
    const shape = shapes.get(`main.${i}.weight`);
    if (shape?.length !== 4 || shape[2] !== 4 || shape[3] !== 4) break;
    weights.push(shape);
  }
  const [first, last] = [weights[0], weights.at(-1)];
  const imageSize = 2 ** (weights.length + 1);
  if (!first || !last || imageSize < LEAST_SIZE) return undefined;
  const [latentSize, widest] = first as [number, number];
  const [width, channels] = last as [number, number];
  if (channels !== 1 && channels !== 3) return undefined;
  const sizes = { imageSize, width, channels, latentSize };
  return hiddenChannels(sizes)[0] === widest ? sizes : undefined;
}

export const pytorch: Recipe = {
  name: 'pytorch',
  title: "the DCGAN of PyTorch's examples",
  source: 'https://github.com/pytorch/examples/tree/main/dcgan',
  defaults: {
    data: 'cifar10',
    imageSize: 64,
    width: 64,
    channels: 3,
    batchSize: 64,
    lr: 2e-4,
    epochs: 25,
  },
  latent: { size: 100, distribution: 'normal' },
  pixelRange: 'tanh',
  // The example never calls eval().
  sampleMode: 'train',
  checkImageSize,
  build,
  optimizers,
  step,
  recognize,
};
