// Updates that recipes are made of, and the orders in which they come. A recipe's own file says which it takes.

import { forwardBatches, type Module } from '@forger/nn';
import { add, backward, mean, mul, noGrad, type Tensor } from '@forger/tensor';
import { worthOnePass } from './one-pass.ts';
import type { StepContext, StepProgress, StepResult } from './recipe.ts';

/** The parts of a step: both networks, or one of them. */
export const BOTH = 'step';
export const DISCRIMINATOR = 'discriminator';
export const GENERATOR = 'generator';

/** Both networks in each step; with --n-dis n, the generator in every n-th only. */
export function together({ stepsDone, done, options }: StepProgress): string | undefined {
  if (done.length > 0) return undefined;
  return (stepsDone + 1) % (options.nDis ?? 1) === 0 ? BOTH : DISCRIMINATOR;
}

/** Whose turn it is when a step has one network only: n of the discriminator (--n-dis n) to one of the generator. */
export function turn(
  { stepsDone, options: { nDis = 1 } }: StepProgress,
  first: typeof GENERATOR | typeof DISCRIMINATOR,
): typeof GENERATOR | typeof DISCRIMINATOR {
  const place = stepsDone % (nDis + 1);
  return place === (first === GENERATOR ? 0 : nDis) ? GENERATOR : DISCRIMINATOR;
}

/** Generated pictures for the discriminator, from fresh latents; the generator will get no gradient through them. */
export function drawFakes(t: StepContext): Tensor {
  return noGrad(() => t.generator.forward(t.drawLatent()));
}

/** The discriminator's loss on generated pictures, with the objective's penalty if it has one. */
export function fakeLoss(t: StepContext, fake: Tensor, verdicts: Tensor): Tensor {
  const { objective, discriminator, real, random } = t;
  const loss = objective.fake(verdicts);
  return objective.penalty ? add(loss, objective.penalty(discriminator, real, fake, random)) : loss;
}

/**
 * Gradients of the discriminator's loss L(D(x)) + L(D(G(z))), batch statistics of real and of generated pictures apart, also
 * where both take one pass.
 * @param fake generated pictures; the generator gets no gradient.
 * @param scale what the loss is multiplied by.
 */
export function judge(t: StepContext, fake: Tensor, scale = 1): StepResult {
  const { discriminator, optimizers, real, objective } = t;
  const scaled = (loss: Tensor): Tensor => (scale === 1 ? loss : mul(loss, scale));
  optimizers.discriminator.zeroGrad();
  if (!objective.penalty && worthOnePass(discriminator, real.shape, real.device)) {
    const [onReal, onFake] = forwardBatches(discriminator, [real, fake.detach()]) as [Tensor, Tensor];
    const lossD = add(scaled(objective.real(onReal)), scaled(objective.fake(onFake)));
    backward(lossD);
    return { lossD: lossD.detach(), ...beliefs(t, onReal, onFake) };
  }
  const onReal = discriminator.forward(real);
  const lossReal = scaled(objective.real(onReal));
  backward(lossReal);
  const onFake = discriminator.forward(fake.detach());
  const lossFake = scaled(fakeLoss(t, fake, onFake));
  backward(lossFake);
  return noGrad(() => ({ lossD: add(lossReal, lossFake), ...beliefs(t, onReal, onFake) }));
}

/** One update of the discriminator, as `judge` and a step of its optimizer. */
export function updateDiscriminator(t: StepContext, fake: Tensor, scale = 1): StepResult {
  const result = judge(t, fake, scale);
  t.optimizers.discriminator.step();
  return result;
}

/**
 * One update of the generator, its pictures judged by the discriminator as it is now. The discriminator's own gradients,
 * which the originals compute here and throw away, are left out.
 */
export function updateGenerator(t: StepContext, fake: Tensor): StepResult {
  const { discriminator, optimizers, objective } = t;
  optimizers.generator.zeroGrad();
  const onFake = discriminator.forward(fake);
  const lossG = objective.generator(onFake);
  frozen(discriminator, () => backward(lossG));
  optimizers.generator.step();
  return { lossG: [lossG], dFakeAfter: noGrad(() => mean(objective.belief(onFake))) };
}

/** One update of both networks from a single forward pass: both gradients are taken before either network changes. */
export function updateSimultaneously(t: StepContext): StepResult {
  const { generator, discriminator, optimizers, real, objective, part } = t;
  const onReal = discriminator.forward(real);
  const fake = generator.forward(t.drawLatent());
  const onFake = discriminator.forward(fake);
  const lossD = add(objective.real(onReal), fakeLoss(t, fake, onFake));
  optimizers.discriminator.zeroGrad();
  frozen(generator, () => backward(lossD));
  const measured = { lossD, ...beliefs(t, onReal, onFake) };
  if (part === DISCRIMINATOR) {
    optimizers.discriminator.step();
    return measured;
  }
  const lossG = objective.generator(onFake);
  optimizers.generator.zeroGrad();
  frozen(discriminator, () => backward(lossG));
  optimizers.discriminator.step();
  optimizers.generator.step();
  return { ...measured, lossG: [lossG] };
}

/** Runs `fn` while a network's parameters take no gradients. */
function frozen(network: Module, fn: () => void): void {
  network.requiresGrad_(false);
  fn();
  network.requiresGrad_(true);
}

/** Mean beliefs in real and in generated pictures. */
export function beliefs({ objective }: StepContext, onReal: Tensor, onFake: Tensor): StepResult {
  return noGrad(() => ({ dReal: mean(objective.belief(onReal)), dFake: mean(objective.belief(onFake)) }));
}
