// Updates of generator and discriminator, and the orders in which they come. Each recipe's file names its own.

import { forwardBatches, type Module } from '@forger/nn';
import { add, backward, mean, mul, noGrad, type Tensor } from '@forger/tensor';
import type { Scalars, Schedule } from '../train/task.ts';
import type { GanContext } from './gan.ts';
import { worthOnePass } from './one-pass.ts';
import type { TrainingOptions } from './options.ts';

/** Updates of a GAN: the parts of a step, and the order in which they come. */
export interface Updates {
  readonly parts: Readonly<Record<string, (t: GanContext) => Scalars>>;
  /** @param options `nDis`: updates of the discriminator for one of the generator. */
  schedule(options: TrainingOptions & { readonly nDis: number }): Schedule;
  readonly scheduleReadsMetrics?: boolean;
}

/** Names of parts: both networks, or one of them. */
const BOTH = 'step';
const DISCRIMINATOR = 'discriminator';
const GENERATOR = 'generator';

/**
 * Steps that update both networks. With --n-dis n, the generator only in every n-th; the others are of the
 * discriminator.
 */
export function together(updates: {
  both: (t: GanContext) => Scalars;
  discriminator: (t: GanContext) => Scalars;
}): Updates {
  return {
    parts: { [BOTH]: updates.both, [DISCRIMINATOR]: updates.discriminator },
    schedule:
      ({ nDis }) =>
      ({ stepsDone, done }) => {
        if (done.length > 0) return undefined;
        return (stepsDone + 1) % nDis === 0 ? BOTH : DISCRIMINATOR;
      },
  };
}

/**
 * Steps that update one network each: n of the discriminator (--n-dis n) to one of the generator.
 * @param first whose step is the first.
 */
export function inTurns(
  first: 'generator' | 'discriminator',
  updates: { generator: (t: GanContext) => Scalars; discriminator: (t: GanContext) => Scalars },
): Updates {
  return {
    parts: { [DISCRIMINATOR]: updates.discriminator, [GENERATOR]: updates.generator },
    schedule:
      ({ nDis }) =>
      ({ stepsDone, done }) =>
        done.length > 0 ? undefined : turn(stepsDone, nDis, first),
  };
}

/** Whose step it is where a step updates one network. */
export function turn(
  stepsDone: number,
  nDis: number,
  first: 'generator' | 'discriminator',
): 'generator' | 'discriminator' {
  const place = stepsDone % (nDis + 1);
  return place === (first === GENERATOR ? 0 : nDis) ? GENERATOR : DISCRIMINATOR;
}

/** The discriminator, then the generator, by the discriminator just updated, on the images that it was updated with. */
export const alternating: Updates = together({
  discriminator: (t) => updateDiscriminator(t, t.generator.forward(t.drawLatents())),
  both: (t) => {
    const fake = t.generator.forward(t.drawLatents());
    return { ...updateDiscriminator(t, fake), ...updateGenerator(t, fake) };
  },
});

/** The same, but the generator is updated on images of its own, from fresh latents. */
export const alternatingOnFreshLatents: Updates = together({
  discriminator: (t) => updateDiscriminator(t, drawFakes(t)),
  both: (t) => ({
    ...updateDiscriminator(t, drawFakes(t)),
    ...updateGenerator(t, t.generator.forward(t.drawLatents())),
  }),
});

/** Both networks from a single forward pass: both gradients are taken before either network changes. */
export const simultaneous: Updates = together({
  discriminator: (t) => {
    const { scalars } = discriminatorGradients(t);
    t.optimizers.discriminator.step();
    return scalars;
  },
  both: (t) => {
    const { scalars, onFake } = discriminatorGradients(t);
    const lossG = t.objective.generator(onFake);
    t.optimizers.generator.zeroGrad();
    frozen(t.discriminator, () => backward(lossG));
    t.optimizers.discriminator.step();
    t.optimizers.generator.step();
    return { ...scalars, lossG };
  },
});

/** Gradients of the discriminator where both networks share one forward pass. */
function discriminatorGradients(t: GanContext): { scalars: Scalars; onFake: Tensor } {
  const { generator, discriminator, optimizers, real, objective } = t;
  const onReal = discriminator.forward(real);
  const fake = generator.forward(t.drawLatents());
  const onFake = discriminator.forward(fake);
  const lossD = add(objective.real(onReal), fakeLoss(t, fake, onFake));
  optimizers.discriminator.zeroGrad();
  frozen(generator, () => backward(lossD));
  return { scalars: { lossD, ...meanOutputs(t, onReal, onFake) }, onFake };
}

/** Generated images for the discriminator, from fresh latents; the generator will get no gradient through them. */
export function drawFakes(t: GanContext): Tensor {
  return noGrad(() => t.generator.forward(t.drawLatents()));
}

/** The discriminator's loss on generated images, with the objective's penalty if it has one. */
export function fakeLoss(t: GanContext, fake: Tensor, onFake: Tensor): Tensor {
  const { objective, discriminator, real, rng } = t;
  const loss = objective.fake(onFake);
  return objective.penalty ? add(loss, objective.penalty(discriminator, real, fake, rng)) : loss;
}

/**
 * Gradients of the discriminator's loss L(D(x)) + L(D(G(z))), batch statistics of real and of generated images apart,
 * also where both take one pass.
 * @param fake generated images; the generator gets no gradient.
 * @param scale what the loss is multiplied by.
 */
export function discriminatorLoss(t: GanContext, fake: Tensor, scale = 1): Scalars {
  const { discriminator, optimizers, real, objective } = t;
  const scaled = (loss: Tensor): Tensor => (scale === 1 ? loss : mul(loss, scale));
  optimizers.discriminator.zeroGrad();
  if (!objective.penalty && worthOnePass(discriminator, real.shape, real.device)) {
    const [onReal, onFake] = forwardBatches(discriminator, [real, fake.detach()]) as [Tensor, Tensor];
    const lossD = add(scaled(objective.real(onReal)), scaled(objective.fake(onFake)));
    backward(lossD);
    return { lossD: lossD.detach(), ...meanOutputs(t, onReal, onFake) };
  }
  const onReal = discriminator.forward(real);
  const lossReal = scaled(objective.real(onReal));
  backward(lossReal);
  const onFake = discriminator.forward(fake.detach());
  const lossFake = scaled(fakeLoss(t, fake, onFake));
  backward(lossFake);
  return noGrad(() => ({ lossD: add(lossReal, lossFake), ...meanOutputs(t, onReal, onFake) }));
}

/** One update of the discriminator: `discriminatorLoss`, and a step of its optimizer. */
export function updateDiscriminator(t: GanContext, fake: Tensor, scale = 1): Scalars {
  const scalars = discriminatorLoss(t, fake, scale);
  t.optimizers.discriminator.step();
  return scalars;
}

/**
 * One update of the generator by the discriminator as it is now. The discriminator's own gradients, which the originals
 * compute here and throw away, are left out.
 */
export function updateGenerator(t: GanContext, fake: Tensor): Scalars {
  const { discriminator, optimizers, objective } = t;
  optimizers.generator.zeroGrad();
  const onFake = discriminator.forward(fake);
  const lossG = objective.generator(onFake);
  frozen(discriminator, () => backward(lossG));
  optimizers.generator.step();
  return { lossG, dFakeAfter: noGrad(() => mean(objective.probability(onFake))) };
}

/** Runs `fn` while a network's parameters take no gradients. */
export function frozen(network: Module, fn: () => void): void {
  network.requiresGrad_(false);
  fn();
  network.requiresGrad_(true);
}

/** Mean outputs of the discriminator for real and for generated images, as probabilities where they mean any. */
export function meanOutputs({ objective }: GanContext, onReal: Tensor, onFake: Tensor): Scalars {
  return noGrad(() => ({
    dReal: mean(objective.probability(onReal)),
    dFake: mean(objective.probability(onFake)),
  }));
}
