// Class labels at the entrance of a conditional generator, as torch.nn.Embedding beside or times the latents.

import { Module } from '@forger/nn';
import { cat, matmul, mul, normal, type Rng, reshape, type Shape, type Tensor, tensor } from '@forger/tensor';

/** Where the embedded label goes: in front of the latents, behind them, or times them. */
export const LABEL_JOINS = ['before', 'after', 'multiply'] as const;
export type LabelJoin = (typeof LABEL_JOINS)[number];

/**
 * Latents [N, latentSize, 1, 1] or [N, latentSize] to [N, features]. Labels go round: sample i is of class i modulo the
 * number of classes.
 */
export class LabelEmbedding extends Module {
  readonly weight: Tensor;

  constructor(
    readonly classes: number,
    readonly features: number,
    readonly join: LabelJoin,
    { rng }: { rng: Rng },
  ) {
    super();
    this.weight = this.registerParameter('weight', normal([classes, features], { rng }));
  }

  forward(x: Tensor): Tensor {
    const count = x.shape[0]!;
    const latents = reshape(x, [count, -1]);
    const chosen = new Float32Array(count * this.classes);
    for (let i = 0; i < count; i++) chosen[i * this.classes + (i % this.classes)] = 1;
    const labels = matmul(tensor(chosen, [count, this.classes], { device: x.device }), this.weight);
    if (this.join === 'multiply') return mul(labels, latents);
    return cat(this.join === 'before' ? [labels, latents] : [latents, labels], 1);
  }

  override outputShape(input: Shape): Shape {
    const latents = input.reduce((n, d) => n * d, 1);
    return [this.join === 'multiply' ? latents : latents + this.features];
  }

  override describe(): string {
    return `LabelEmbedding ${this.classes}×${this.features} ${this.join}`;
  }
}
