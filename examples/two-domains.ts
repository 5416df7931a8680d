// Two generators and two discriminators on two data sets: images of one kind become images of the other and come back
// the same, as in CycleGAN (Zhu et al. 2017, arXiv 1703.10593), with networks small enough for a processor.
// Train it: pnpm forger train --recipe examples/two-domains.ts --data A --data-b B

import { defineTask, frozen, type Sizes } from '@forger/dcgan';
import {
  Adam,
  Conv2d,
  ConvTranspose2d,
  InstanceNorm2d,
  LeakyReLU,
  l1,
  mse,
  Sequential,
  Tanh,
} from '@forger/nn';
import { add, backward, cat, mul, noGrad, type Rng, type Tensor } from '@forger/tensor';

/** Weight of the cycle loss. */
const LAMBDA = 10;

function translator({ width, channels }: Sizes, rng: Rng): Sequential {
  const halving = { stride: 2, padding: 1, rng };
  return new Sequential(
    new Conv2d(channels, width, 4, halving),
    new InstanceNorm2d(width),
    new LeakyReLU(0.2),
    new Conv2d(width, width, 3, { padding: 1, rng }),
    new InstanceNorm2d(width),
    new LeakyReLU(0.2),
    new ConvTranspose2d(width, channels, 4, halving),
    new Tanh(),
  );
}

/** A PatchGAN discriminator: one score for each patch, not one for the image. */
function patchDiscriminator({ width, channels }: Sizes, rng: Rng): Sequential {
  const halving = { stride: 2, padding: 1, rng };
  return new Sequential(
    new Conv2d(channels, width, 4, halving),
    new LeakyReLU(0.2),
    new Conv2d(width, 2 * width, 4, halving),
    new InstanceNorm2d(2 * width),
    new LeakyReLU(0.2),
    new Conv2d(2 * width, 1, 3, { padding: 1, rng }),
  );
}

export default defineTask({
  name: 'two-domains',
  title: 'a small CycleGAN',
  defaults: { imageSize: 16, width: 16, channels: 1, batchSize: 8, lr: 2e-4, steps: 300 },
  inputs: { a: { source: 'a' }, b: { source: 'b' } },
  build: (sizes, rng) => ({
    aToB: translator(sizes, rng),
    bToA: translator(sizes, rng),
    discriminatorA: patchDiscriminator(sizes, rng),
    discriminatorB: patchDiscriminator(sizes, rng),
  }),
  // One optimizer for both generators, one for both discriminators.
  optimizers: ({ aToB, bToA, discriminatorA, discriminatorB }, lr) => {
    const betas = [0.5, 0.999] as const;
    return {
      generators: new Adam([...aToB.parameters(), ...bToA.parameters()], { lr, betas }),
      discriminators: new Adam([...discriminatorA.parameters(), ...discriminatorB.parameters()], {
        lr,
        betas,
      }),
    };
  },
  parts: {
    generators: ({
      networks: { aToB, bToA, discriminatorA, discriminatorB },
      optimizers,
      inputs: { a, b },
    }) => {
      const [fakeB, fakeA] = [aToB.forward(a), bToA.forward(b)];
      const adversarial = add(mse(discriminatorB.forward(fakeB), 1), mse(discriminatorA.forward(fakeA), 1));
      const cycle = add(l1(bToA.forward(fakeB), a), l1(aToB.forward(fakeA), b));
      optimizers.generators.zeroGrad();
      frozen(discriminatorA, () =>
        frozen(discriminatorB, () => backward(add(adversarial, mul(cycle, LAMBDA)))),
      );
      optimizers.generators.step();
      return { lossG: adversarial.detach(), cycle: cycle.detach() };
    },
    discriminators: ({
      networks: { aToB, bToA, discriminatorA, discriminatorB },
      optimizers,
      inputs: { a, b },
    }) => {
      const [fakeB, fakeA] = noGrad(() => [aToB.forward(a), bToA.forward(b)]);
      const loss = (discriminator: Sequential, real: Tensor, fake: Tensor): Tensor =>
        mul(add(mse(discriminator.forward(real), 1), mse(discriminator.forward(fake), 0)), 0.5);
      const [lossA, lossB] = [loss(discriminatorA, a, fakeA!), loss(discriminatorB, b, fakeB!)];
      optimizers.discriminators.zeroGrad();
      backward(add(lossA, lossB));
      optimizers.discriminators.step();
      return { lossA: lossA.detach(), lossB: lossB.detach() };
    },
  },
  metrics: {
    lossG: { label: 'loss G', panel: 'Loss' },
    lossA: { label: 'loss D on A', panel: 'Loss' },
    lossB: { label: 'loss D on B', panel: 'Loss' },
    cycle: { label: 'cycle', panel: 'Cycle loss' },
  },
  // The rates fall to 0 over the second half of the run.
  learningRates: ({ stepsDone, totalSteps, rates }) => {
    if (totalSteps === undefined) return rates;
    const left = Math.min(1, 2 * (1 - stepsDone / totalSteps));
    return { generators: left * rates.generators!, discriminators: left * rates.discriminators! };
  },
  fixed: ({ data }) => ({ a: data('a') }),
  /** Images of the first data set in the upper half of the grid, what becomes of them in the lower. */
  preview: ({ networks, fixed }) => {
    const half = fixed.a.shape[0]! / 2;
    const a = fixed.a.slice(0, 0, half);
    return cat([a, networks.aToB.forward(a)], 0);
  },
});
