// What tests of GANs share: latents as a recipe draws them, and images as its generator makes them.

import { drawLatents, type Latent, type TrainState } from '@forger/dcgan';
import type { Module } from '@forger/nn';
import { noGrad, type Tensor } from '@forger/tensor';

/** Latents [count, latentSize, 1, 1] of a state's recipe, from the state's own stream. */
export function latentsOf(
  {
    task,
    sizes,
    rng,
  }: Pick<TrainState, 'sizes' | 'rng'> & { readonly task: { readonly gan: { readonly latent: Latent } } },
  count: number,
): Tensor {
  return drawLatents(task.gan.latent, sizes.latentSize, count, rng);
}

/** Images of a generator, which stays in `mode`. */
export function generate(generator: Module, latents: Tensor, mode: 'train' | 'eval'): Tensor {
  generator.train(mode === 'train');
  return noGrad(() => generator.forward(latents));
}
