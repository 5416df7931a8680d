// Elix's DCGAN notebook (PyTorch, before 0.4): least squares on a folder of pictures, one network for each batch.

import { Sigmoid } from '@forger/nn';
import type { Rng } from '@forger/tensor';
import { checkDoublingSize, doublingGenerator, halvingDiscriminator, hiddenChannels } from './doubling.ts';
import { leastSquares } from './objectives.ts';
import type { NetworkSizes, Networks, Recipe, StepContext, StepProgress, StepResult } from './recipe.ts';
import { DISCRIMINATOR, drawFakes, GENERATOR, judge, turn, updateGenerator } from './steps.ts';

/** The discriminator is left as it is while its loss is at most so much. */
const GOOD_ENOUGH = 0.1;

/** The part in which the discriminator takes the gradients of the part before it. */
const UPDATE = 'update';

/** The networks of `pytorch` with 256 channels where it has 512, and a sigmoid. First weights are PyTorch's defaults. */
function build(sizes: NetworkSizes, random: Rng): Networks {
  const hidden = hiddenChannels(sizes, 4);
  return {
    generator: doublingGenerator(sizes, hidden, new Sigmoid(), random),
    discriminator: halvingDiscriminator(sizes, hidden, random),
  };
}

/** Even batches for the discriminator, odd ones for the generator; each batch has latents of its own. */
function nextPart(progress: StepProgress): string | undefined {
  const { done, losses, options } = progress;
  if (done.length === 0) return turn(progress, DISCRIMINATOR);
  if (done.length > 1 || done[0] === GENERATOR) return undefined;
  // The bound belongs to the notebook's own loss.
  return options.loss !== undefined || losses.lossD! > GOOD_ENOUGH ? UPDATE : undefined;
}

function step(t: StepContext): StepResult {
  if (t.part === GENERATOR) return updateGenerator(t, t.generator.forward(t.drawLatent()));
  if (t.part === DISCRIMINATOR) return judge(t, drawFakes(t));
  t.optimizers.discriminator.step();
  return {};
}

export const elix: Recipe = {
  name: 'elix',
  title: "Elix's DCGAN notebook: least squares on a folder of pictures",
  source: "Elix's DCGAN notebook",
  flaws: [
    'Least squares behind a sigmoid: a sure and wrong verdict teaches nothing; --loss lsgan drops the sigmoid.',
    "A learning rate of 1e-3 with betas of 0.9 and 0.999, Adam's defaults, is five times the paper's: --lr 2e-4.",
    'Pictures come in the same order in each epoch, since the result of its shuffle is thrown away; red and blue are swapped (BGR).',
  ],
  defaults: {
    imageSize: 64,
    width: 64,
    channels: 3,
    batchSize: 10,
    lr: 1e-3,
    epochs: 10_000,
  },
  latent: { size: 100, distribution: 'normal' },
  pixelRange: 'sigmoid',
  channelOrder: 'bgr',
  shuffle: false,
  sampleMode: 'train',
  checkSizes: checkDoublingSize,
  build,
  adam: { betas: [0.9, 0.999] },
  objective: leastSquares,
  step,
  nextPart,
  decidesByLoss: true,
};
