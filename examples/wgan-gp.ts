// WGAN-GP (Gulrajani et al. 2017, arXiv 1704.00028) as a task: the gradient penalty needs gradients of gradients.
// Train it: pnpm forger train --recipe examples/wgan-gp.ts --steps 300

import { defineTask, drawLatents, frozen, type GanNetworks } from '@forger/dcgan';
import {
  Adam,
  Conv2d,
  ConvTranspose2d,
  Flatten,
  GroupNorm,
  LeakyReLU,
  Linear,
  ReLU,
  Reshape,
  Sequential,
  Tanh,
} from '@forger/nn';
import {
  add,
  backward,
  grad,
  mean,
  mul,
  neg,
  noGrad,
  sqrt,
  square,
  sub,
  sum,
  type Tensor,
  uniform,
} from '@forger/tensor';

const LATENT = { size: 64, distribution: 'normal' } as const;
/** Weight of the penalty, λ. */
const LAMBDA = 10;
/** Updates of the critic for one of the generator. */
const CRITIC_UPDATES = 5;

export default defineTask({
  name: 'wgan-gp',
  title: 'WGAN with gradient penalty at 16×16',
  defaults: { data: 'glyphs', imageSize: 16, width: 16, channels: 1, batchSize: 64, lr: 1e-4, steps: 500 },
  latentSize: LATENT.size,
  inputs: { real: {} },
  build: ({ imageSize, width, channels, latentSize }, rng): GanNetworks => {
    const side = imageSize / 4;
    const halving = { stride: 2, padding: 1, rng };
    return {
      generator: new Sequential(
        new Flatten(),
        new Linear(latentSize, 4 * width * side * side, { rng }),
        new ReLU(),
        new Reshape([4 * width, side, side]),
        new ConvTranspose2d(4 * width, 2 * width, 4, halving),
        new ReLU(),
        new ConvTranspose2d(2 * width, channels, 4, halving),
        new Tanh(),
      ),
      // No batch norm: the penalty is for each image by itself (section 4 of the paper).
      discriminator: new Sequential(
        new Conv2d(channels, 2 * width, 4, halving),
        new LeakyReLU(0.2),
        new Conv2d(2 * width, 4 * width, 4, halving),
        new GroupNorm(1, 4 * width, { rng }),
        new LeakyReLU(0.2),
        new Flatten(),
        new Linear(4 * width * side * side, 1, { rng }),
      ),
    };
  },
  optimizers: ({ generator, discriminator }, lr) => ({
    generator: new Adam(generator.namedParameters(), { lr, betas: [0, 0.9] }),
    critic: new Adam(discriminator.namedParameters(), { lr, betas: [0, 0.9] }),
  }),
  parts: {
    critic: ({
      networks: { generator, discriminator: critic },
      optimizers,
      inputs: { real },
      rng,
      sizes,
    }) => {
      const latents = drawLatents(LATENT, sizes.latentSize, real.shape[0]!, rng);
      const fake = noGrad(() => generator.forward(latents));
      const distance = sub(mean(critic.forward(real)), mean(critic.forward(fake)));
      const penalty = mean(square(sub(gradientNorms(critic.forward.bind(critic), real, fake, rng), 1)));
      optimizers.critic.zeroGrad();
      backward(add(neg(distance), mul(penalty, LAMBDA)));
      optimizers.critic.step();
      return { distance: distance.detach(), penalty: penalty.detach() };
    },
    generator: ({
      networks: { generator, discriminator: critic },
      optimizers,
      inputs: { real },
      rng,
      sizes,
    }) => {
      const latents = drawLatents(LATENT, sizes.latentSize, real.shape[0]!, rng);
      const loss = neg(mean(critic.forward(generator.forward(latents))));
      optimizers.generator.zeroGrad();
      frozen(critic, () => backward(loss));
      optimizers.generator.step();
      return { lossG: loss };
    },
  },
  schedule: ({ stepsDone, done }) => {
    if (done.length === 0) return 'critic';
    return done.length === 1 && stepsDone % CRITIC_UPDATES === CRITIC_UPDATES - 1 ? 'generator' : undefined;
  },
  metrics: {
    distance: { label: 'Wasserstein distance', panel: 'Estimated Wasserstein distance' },
    penalty: { label: 'penalty', panel: 'Gradient penalty' },
    lossG: { label: 'loss G', panel: 'Loss of the generator' },
  },
  fixed: ({ count, rng, sizes }) => ({ latents: drawLatents(LATENT, sizes.latentSize, count, rng) }),
  preview: ({ networks, fixed }) => networks.generator.forward(fixed.latents),
});

/** ‖∇D(x̂)‖ for each image, x̂ on the lines from real images to generated ones. */
function gradientNorms(
  critic: (x: Tensor) => Tensor,
  real: Tensor,
  fake: Tensor,
  rng: Parameters<typeof drawLatents>[3],
): Tensor {
  const share = uniform([real.shape[0]!, 1, 1, 1], { rng });
  const between = add(real, mul(share, sub(fake, real)))
    .detach()
    .requiresGrad_();
  const [gradient] = grad(sum(critic(between)), [between], { createGraph: true });
  // The small number keeps the root's own gradient finite where the critic is flat.
  return sqrt(add(sum(square(gradient), [1, 2, 3]), 1e-12));
}
