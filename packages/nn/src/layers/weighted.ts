// What layers with a weight matrix share: they may use it divided by its largest singular value.
import {
  div,
  matmul,
  maximum,
  noGrad,
  normal,
  reshape,
  sqrt,
  square,
  sum,
  type Tensor,
  transpose,
} from '@forger/tensor';
import { Module } from '../module.ts';
import type { NoiseOptions } from './noise.ts';

export interface SpectralNormOptions extends NoiseOptions {
  /** Steps of the power method in each forward pass while training. Default 1. */
  readonly powerIterations?: number | undefined;
  /** The least length that a vector is divided by. Default 1e-12. */
  readonly eps?: number | undefined;
}

interface Spectral {
  /** The estimates of the first singular vectors, [rows, 1] and [columns, 1] of the weight as a matrix. */
  readonly u: Tensor;
  readonly v: Tensor;
  readonly powerIterations: number;
  readonly eps: number;
}

/** Layers whose weight is a matrix with a row for each output (channel), kernels laid flat: Linear, Conv2d and its like. */
export abstract class WeightedLayer extends Module {
  abstract readonly weight: Tensor;
  /** The weight's dimension that counts outputs. */
  protected readonly outputDim: 0 | 1 = 0;
  #spectral: Spectral | null = null;

  /**
   * From now on the layer works with weight / σ, σ being the weight's largest singular value, as
   * torch.nn.utils.spectral_norm: Miyato et al., "Spectral normalization for generative adversarial networks" (ICLR
   * 2018), algorithm 1. State dicts then hold weight_orig, weight_u and weight_v. A second call changes nothing.
   */
  spectralNorm({ powerIterations = 1, eps = 1e-12, rng }: SpectralNormOptions = {}): this {
    if (this.#spectral) return this;
    const { weight } = this;
    const rows = weight.shape[this.outputDim]!;
    const direction = (length: number): Tensor =>
      weight.device.scope(() => unit(normal([length, 1], { rng, device: weight.device }), eps));
    this.renameParameter('weight', 'weight_orig');
    this.#spectral = {
      u: this.registerBuffer('weight_u', direction(rows)),
      v: this.registerBuffer('weight_v', direction(weight.size / rows)),
      powerIterations,
      eps,
    };
    return this;
  }

  get hasSpectralNorm(): boolean {
    return this.#spectral !== null;
  }

  /** The weight that a forward pass is to use; while training, its singular vectors are brought nearer first. */
  protected usedWeight(): Tensor {
    const { weight } = this;
    if (!this.#spectral) return weight;
    const { u, v, powerIterations, eps } = this.#spectral;
    const matrix = reshape(this.outputDim === 0 ? weight : transpose(weight, 0, 1), [u.size, v.size]);
    let [left, right] = [u, v];
    noGrad(() => {
      for (let i = 0; this.training && i < powerIterations; i++) {
        right = unit(matmul(left.view([1, u.size]), matrix).view([v.size, 1]), eps);
        left = unit(matmul(matrix, right), eps);
      }
    });
    if (left !== u) {
      u.device.copy(left.range, u.range, u.bytes);
      v.device.copy(right.range, v.range, v.bytes);
    }
    const sigma = matmul(left.view([1, u.size]), matmul(matrix, right));
    return div(weight, reshape(sigma, []));
  }

  override describe(): string {
    return this.#spectral ? `${super.describe()} spectral` : super.describe();
  }
}

/** x at length 1; the gradient is not followed. */
function unit(x: Tensor, eps: number): Tensor {
  return div(x, maximum(sqrt(sum(square(x))), eps));
}
