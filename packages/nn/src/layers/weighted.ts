// The base of layers with a weight matrix, and spectral normalisation, which divides it by its largest
// singular value.
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
  /** Power iterations in each forward pass in training. Default 1. */
  readonly powerIterations?: number | undefined;
  /** Lower bound of a vector's norm when it is normalised. Default 1e-12. */
  readonly eps?: number | undefined;
}

interface Spectral {
  /** Estimates of the first singular vectors, [rows, 1] and [columns, 1], of the weight as a matrix. */
  readonly u: Tensor;
  readonly v: Tensor;
  readonly powerIterations: number;
  readonly eps: number;
}

/**
 * A layer whose weight, as a matrix, has one row for each output feature or channel: Linear, Conv2d,
 * ConvTranspose2d.
 */
export abstract class WeightedLayer extends Module {
  abstract readonly weight: Tensor;
  /** The dimension of the weight that counts outputs. */
  protected readonly outputDim: 0 | 1 = 0;
  #spectral: Spectral | null = null;

  /**
   * Makes the layer use weight / σ, where σ is the largest singular value of the weight, as
   * torch.nn.utils.spectral_norm: Miyato et al., "Spectral normalization for generative adversarial networks"
   * (ICLR 2018), algorithm 1. State dicts then have weight_orig, weight_u and weight_v. Call it before an
   * optimizer is created. A second call changes nothing.
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

  /** Whether `spectralNorm` was called. */
  get hasSpectralNorm(): boolean {
    return this.#spectral !== null;
  }

  /** The weight for a forward pass. In training, the estimates of the singular vectors are updated first. */
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

/** x divided by its norm. Call it without recording: the gradient is not needed. */
function unit(x: Tensor, eps: number): Tensor {
  return div(x, maximum(sqrt(sum(square(x))), eps));
}
