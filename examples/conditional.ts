// A conditional GAN (Mirza and Osindero 2014, arXiv 1411.1784): both networks are told the class. A row of
// the grid shows one class after the other. Any data set with labels will do: drawn digits, MNIST, CIFAR-10,
// a folder for each class.
// Train it: pnpm forger train --recipe examples/conditional.ts --data glyphs

import { defineTask, drawLatents, frozen, type Sizes } from '@forger/dcgan';
import {
  Adam,
  bceWithLogits,
  Conv2d,
  ConvTranspose2d,
  Flatten,
  LeakyReLU,
  Linear,
  Module,
  normal_,
  ReLU,
  Reshape,
  Sequential,
  Tanh,
} from '@forger/nn';
import {
  add,
  backward,
  cat,
  empty,
  indexSelect,
  noGrad,
  type Rng,
  reshape,
  type Tensor,
  tensor,
} from '@forger/tensor';

const LATENT = { size: 64, distribution: 'normal' } as const;

/** A learned vector for each class. */
class ClassVectors extends Module {
  readonly weight: Tensor;

  constructor(classes: number, size: number, rng: Rng) {
    super();
    this.weight = this.registerParameter('weight', normal_(empty([classes, size]), 0, 0.1, { rng }));
  }

  /** @param labels int32 [N]. @returns [N, size]. */
  forward(labels: Tensor<'int32'>): Tensor {
    return indexSelect(this.weight, labels);
  }
}

/** Latents [N, size, 1, 1] and labels [N] to images. */
class Generator extends Module {
  readonly classes: ClassVectors;
  readonly main: Sequential;

  constructor({ imageSize, width, channels, latentSize }: Sizes, classes: number, rng: Rng) {
    super();
    const side = imageSize / 4;
    const doubling = { stride: 2, padding: 1, rng };
    this.classes = new ClassVectors(classes, latentSize, rng);
    this.main = new Sequential(
      new Linear(2 * latentSize, 4 * width * side * side, { rng }),
      new ReLU(),
      new Reshape([4 * width, side, side]),
      new ConvTranspose2d(4 * width, 2 * width, 4, doubling),
      new ReLU(),
      new ConvTranspose2d(2 * width, channels, 4, doubling),
      new Tanh(),
    );
  }

  forward(latents: Tensor, labels: Tensor<'int32'>): Tensor {
    const flat = reshape(latents, [latents.shape[0]!, latents.shape[1]!]);
    return this.main.forward(cat([flat, this.classes.forward(labels)], 1));
  }
}

/** Images and labels to logits; the class is a further channel of the image. */
class Discriminator extends Module {
  readonly classes: ClassVectors;
  readonly main: Sequential;

  constructor({ imageSize, width, channels }: Sizes, classes: number, rng: Rng) {
    super();
    const side = imageSize / 4;
    const halving = { stride: 2, padding: 1, rng };
    this.classes = new ClassVectors(classes, imageSize * imageSize, rng);
    this.main = new Sequential(
      new Conv2d(channels + 1, 2 * width, 4, halving),
      new LeakyReLU(0.2),
      new Conv2d(2 * width, 4 * width, 4, halving),
      new LeakyReLU(0.2),
      new Flatten(),
      new Linear(4 * width * side * side, 1, { rng }),
    );
  }

  forward(images: Tensor, labels: Tensor<'int32'>): Tensor {
    const [n, , h, w] = images.shape as [number, number, number, number];
    return this.main.forward(cat([images, reshape(this.classes.forward(labels), [n, 1, h, w])], 1));
  }
}

export default defineTask({
  name: 'conditional',
  title: 'a conditional GAN at 16×16',
  defaults: { data: 'glyphs', imageSize: 16, width: 16, channels: 1, batchSize: 64, lr: 2e-4, steps: 500 },
  latentSize: LATENT.size,
  inputs: { real: {}, label: { field: 'label' } },
  build: (sizes, rng, inputs) => {
    const classes = inputs.label!.classes!.length;
    return {
      generator: new Generator(sizes, classes, rng),
      discriminator: new Discriminator(sizes, classes, rng),
    };
  },
  optimizers: ({ generator, discriminator }, lr) => ({
    generator: new Adam(generator.namedParameters(), { lr, betas: [0.5, 0.999] }),
    discriminator: new Adam(discriminator.namedParameters(), { lr, betas: [0.5, 0.999] }),
  }),
  parts: {
    step: ({ networks: { generator, discriminator }, optimizers, inputs: { real, label }, rng, sizes }) => {
      const fake = generator.forward(drawLatents(LATENT, sizes.latentSize, real.shape[0]!, rng), label);
      optimizers.discriminator.zeroGrad();
      const lossReal = bceWithLogits(discriminator.forward(real, label), 1);
      const lossFake = bceWithLogits(discriminator.forward(fake.detach(), label), 0);
      backward(add(lossReal, lossFake));
      optimizers.discriminator.step();

      optimizers.generator.zeroGrad();
      const lossG = bceWithLogits(discriminator.forward(fake, label), 1);
      frozen(discriminator, () => backward(lossG));
      optimizers.generator.step();
      return { lossD: noGrad(() => add(lossReal, lossFake)), lossG };
    },
  },
  metrics: { lossD: { label: 'loss D', panel: 'Loss' }, lossG: { label: 'loss G', panel: 'Loss' } },
  fixed: ({ count, rng, sizes, inputInfos }) => {
    const classes = inputInfos.label!.classes!.length;
    const labels = Int32Array.from({ length: count }, (_, i) => i % classes);
    return {
      latents: drawLatents(LATENT, sizes.latentSize, count, rng),
      labels: tensor(labels, [count], { dtype: 'int32' }),
    };
  },
  preview: ({ networks, fixed }) => networks.generator.forward(fixed.latents, fixed.labels),
});
