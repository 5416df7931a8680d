// DCGAN networks: a generator that doubles a 4×4 layer up to the image size, and a discriminator that halves
// the image down to 4×4 (arXiv 1511.06434). Their sizes, and the pair of networks that several recipes share.

import {
  BatchNorm2d,
  Conv2d,
  ConvTranspose2d,
  LeakyReLU,
  type Module,
  ReLU,
  Sequential,
  Sigmoid,
} from '@forger/nn';
import { ConfigError, type Rng } from '@forger/tensor';

import type { Sizes } from '../train/task.ts';

const LEAST_SIZE = 16;

/**
 * Channels of the hidden layers from the 4×4 layer to the picture. At 64×64 these are the published 8, 4, 2 and 1 times
 * the width; another size has one factor of 2 more or less in front, as in the Torch code that pytorch/examples was
 * ported from.
 * @param most the factor that is never exceeded.
 */
export function hiddenChannels(
  { imageSize, width }: Pick<Sizes, 'imageSize' | 'width'>,
  most = Number.POSITIVE_INFINITY,
): number[] {
  const doublings = Math.log2(imageSize / 4);
  return Array.from({ length: doublings }, (_, i) => width * Math.min(2 ** (doublings - 1 - i), most));
}

/**
 * A 4×4 layer from the latents, doubled up to the image size; batch norm and ReLU between. @param hidden
 * channels of the hidden layers.
 */
export function doublingGenerator(
  sizes: Sizes,
  hidden: readonly number[],
  last: Module,
  random: Rng,
): Module {
  const options = { bias: false, rng: random };
  const layers: Module[] = [new ConvTranspose2d(sizes.latentSize, hidden[0]!, 4, options)];
  for (const [i, channels] of hidden.entries()) {
    layers.push(
      new BatchNorm2d(channels, { rng: random }),
      new ReLU(),
      new ConvTranspose2d(channels, hidden[i + 1] ?? sizes.channels, 4, {
        ...options,
        stride: 2,
        padding: 1,
      }),
    );
  }
  return new Sequential({ main: new Sequential(...layers, last) });
}

/** The generator's mirror image: halved down to 4×4, then one probability; no batch norm at the picture. */
export function halvingDiscriminator(sizes: Sizes, hidden: readonly number[], random: Rng): Module {
  const options = { bias: false, rng: random };
  const halving = { ...options, stride: 2, padding: 1 };
  const widening = [...hidden].reverse();
  const layers: Module[] = [new Conv2d(sizes.channels, widening[0]!, 4, halving), new LeakyReLU(0.2)];
  for (const [i, channels] of widening.slice(1).entries()) {
    layers.push(
      new Conv2d(widening[i]!, channels, 4, halving),
      new BatchNorm2d(channels, { rng: random }),
      new LeakyReLU(0.2),
    );
  }
  return new Sequential({
    main: new Sequential(...layers, new Conv2d(hidden[0]!, 1, 4, options), new Sigmoid()),
  });
}

/** @throws ConfigError for other sizes than 16, 32, 64, … */
export function checkDoublingSize({ imageSize }: Pick<Sizes, 'imageSize'>): void {
  if (imageSize >= LEAST_SIZE && Number.isInteger(Math.log2(imageSize))) return;
  throw new ConfigError(
    `An image size of ${imageSize} was given; this network doubles a 4×4 layer, so it makes pictures of 16, 32, 64, 128, … pixels: choose one of these.`,
  );
}

/** @throws ConfigError unless a size is a multiple of `factor`, and at least `least`. */
export function checkMultiple(what: string, size: number, factor: number, least = factor): void {
  if (size >= least && size % factor === 0) return;
  throw new ConfigError(
    `${what} of ${size} was given; this network needs a multiple of ${factor}, at least ${least}: choose such a one, as ${Math.max(least, Math.round(size / factor) * factor)}.`,
  );
}
