// A task around a network that was read or described: its pictures are drawn as a recipe's are.

import { Identity, type Module } from '@forger/nn';
import { type GanTask, gan } from '../recipes/gan.ts';
import type { Sizes } from '../train/task.ts';
import { buildPlan, type NetworkPlan } from './network-plan.ts';

/** The task and its sizes; the network that the plan does not describe is an Identity. */
export function plannedTask(plan: NetworkPlan): { task: GanTask; sizes: Sizes } {
  const { network, imageSize, channels, latent, pixelRange, channelOrder } = plan;
  const of =
    (wanted: NetworkPlan['network']) =>
    (_: Sizes, rng: Parameters<typeof buildPlan>[1]): Module =>
      network === wanted ? buildPlan(plan, rng) : new Identity();
  const task = gan({
    name: 'from-weights',
    title: 'a network read from weights',
    generator: of('generator'),
    discriminator: of('discriminator'),
    latent,
    pixelRange,
    channelOrder,
  });
  return { task, sizes: { imageSize, channels, width: 1, latentSize: latent.size } };
}
