// torchgan's DCGAN, for weights that come from it: the network of PyTorch's example but for leaky ReLUs in
// the generator, a bias where pictures leave the generator or enter the discriminator, and no sigmoid. Its
// weights look so much like the example's that only their names, model.0.0.weight, tell that these
// differences are meant.
// https://github.com/torchgan/torchgan/blob/master/torchgan/models/dcgan.py

import { BatchNorm2d, Conv2d, ConvTranspose2d, LeakyReLU, type Module, Sequential, Tanh } from '@forger/nn';
import type { Rng } from '@forger/tensor';
import { gan } from '../recipes/gan.ts';
import { pytorch } from '../recipes/pytorch.ts';
import type { Sizes } from '../train/task.ts';

/** What its tensors are called, in generators and discriminators. */
export const TORCHGAN_NAME = /(^|\.)model\.\d+\.[01]\.\w+$/;

/** Channels beside the image, then twice as many for each doubling down to 4×4. */
function channelsOf({ imageSize, width }: Sizes): number[] {
  return Array.from({ length: Math.log2(imageSize / 4) }, (_, i) => width * 2 ** i);
}

const activation = (): Module => new LeakyReLU(0.2);

function generator(sizes: Sizes, rng: Rng): Module {
  const plain = { bias: false, rng };
  const doubling = { ...plain, stride: 2, padding: 1 };
  const widths = channelsOf(sizes);
  const widest = widths.at(-1)!;
  const norm = (features: number): Module => new BatchNorm2d(features, { rng });
  const stem = new Sequential(
    new ConvTranspose2d(sizes.latentSize, widest, 4, plain),
    norm(widest),
    activation(),
  );
  const up = widths
    .slice(0, -1)
    .map(
      (narrow) =>
        new Sequential(new ConvTranspose2d(2 * narrow, narrow, 4, doubling), norm(narrow), activation()),
    );
  const head = new Sequential(
    new ConvTranspose2d(sizes.width, sizes.channels, 4, { ...doubling, bias: true }),
    new Tanh(),
  );
  return new Sequential({ model: new Sequential(stem, ...up.reverse(), head) });
}

function discriminator(sizes: Sizes, rng: Rng): Module {
  const plain = { bias: false, rng };
  const halving = { ...plain, stride: 2, padding: 1 };
  const widths = channelsOf(sizes);
  const norm = (features: number): Module => new BatchNorm2d(features, { rng });
  const first = new Sequential(
    new Conv2d(sizes.channels, sizes.width, 4, { ...halving, bias: true }),
    activation(),
  );
  const down = widths
    .slice(0, -1)
    .map(
      (narrow) => new Sequential(new Conv2d(narrow, 2 * narrow, 4, halving), norm(2 * narrow), activation()),
    );
  return new Sequential({
    model: new Sequential(first, ...down),
    disc: new Sequential(new Conv2d(widths.at(-1)!, 1, 4, plain), activation()),
  });
}

/** Not among the recipes: it is here to be sampled and converted. */
export const torchgan = gan({
  ...pytorch.gan,
  name: 'torchgan',
  title: "torchgan's DCGAN",
  source: 'https://github.com/torchgan/torchgan',
  generator,
  discriminator,
});
