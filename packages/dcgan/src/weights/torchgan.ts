// torchgan's DCGAN, for weights that come from it: the network of PyTorch's example but for leaky ReLUs in the generator,
// a bias where pictures leave the generator or enter the discriminator, and no sigmoid. Its weights look so much like
// the example's that only their names, model.0.0.weight, tell that these differences are meant.
// https://github.com/torchgan/torchgan/blob/master/torchgan/models/dcgan.py

import { BatchNorm2d, Conv2d, ConvTranspose2d, LeakyReLU, type Module, Sequential, Tanh } from '@forger/nn';
import type { Rng } from '@forger/tensor';
import { pytorch } from '../recipes/pytorch.ts';
import type { NetworkSizes, Networks, Recipe } from '../recipes/recipe.ts';

/** What its tensors are called, in generators and discriminators. */
export const TORCHGAN_NAME = /(^|\.)model\.\d+\.[01]\.\w+$/;

function build({ imageSize, width, channels, latentSize }: NetworkSizes, random: Rng): Networks {
  const plain = { bias: false, rng: random };
  const halving = { ...plain, stride: 2, padding: 1 };
  const slope = (): Module => new LeakyReLU(0.2);
  const norm = (features: number): Module => new BatchNorm2d(features, { rng: random });
  // Channels beside the picture, then twice as many for each doubling down to 4×4.
  const widths = Array.from({ length: Math.log2(imageSize / 4) }, (_, i) => width * 2 ** i);
  const widest = widths.at(-1)!;

  const up = widths.slice(0, -1).map((narrow) => {
    const wide = 2 * narrow;
    return new Sequential(new ConvTranspose2d(wide, narrow, 4, halving), norm(narrow), slope());
  });
  const stem = new Sequential(new ConvTranspose2d(latentSize, widest, 4, plain), norm(widest), slope());
  const head = new Sequential(
    new ConvTranspose2d(width, channels, 4, { ...halving, bias: true }),
    new Tanh(),
  );

  const first = new Sequential(new Conv2d(channels, width, 4, { ...halving, bias: true }), slope());
  const down = widths.slice(0, -1).map((narrow) => {
    const wide = 2 * narrow;
    return new Sequential(new Conv2d(narrow, wide, 4, halving), norm(wide), slope());
  });
  return {
    generator: new Sequential({ model: new Sequential(stem, ...up.reverse(), head) }),
    discriminator: new Sequential({
      model: new Sequential(first, ...down),
      disc: new Sequential(new Conv2d(widest, 1, 4, plain), slope()),
    }),
  };
}

/** Not among the recipes: it is here to be sampled and converted. */
export const torchgan: Recipe = {
  ...pytorch,
  name: 'torchgan',
  title: "torchgan's DCGAN",
  source: 'https://github.com/torchgan/torchgan',
  build,
};
