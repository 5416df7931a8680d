// Layers that add randomness in training and return their input in evaluation.
import { add, dropout, normal, type Rng, type Tensor } from '@forger/tensor';
import { Module } from '../module.ts';

export interface NoiseOptions {
  /** Default: the device's default RNG. */
  readonly rng?: Rng | undefined;
}

/**
 * In training, sets elements to zero with probability p (0 to 1) and multiplies the others by 1 / (1 - p).
 */
export class Dropout extends Module {
  readonly #rng: Rng | undefined;

  constructor(
    readonly p = 0.5,
    options: NoiseOptions = {},
  ) {
    super();
    this.#rng = options.rng;
  }

  forward(x: Tensor): Tensor {
    return dropout(x, this.p, { training: this.training, rng: this.#rng });
  }

  override describe(): string {
    return `${super.describe()} ${this.p}`;
  }
}

/**
 * In training, adds normal noise of standard deviation sigma, as Chainer's DCGAN does before its activations.
 */
export class GaussianNoise extends Module {
  readonly #rng: Rng | undefined;

  constructor(
    /** At least 0. */
    public sigma: number,
    options: NoiseOptions = {},
  ) {
    super();
    this.#rng = options.rng;
  }

  forward(x: Tensor): Tensor {
    if (!this.training || this.sigma === 0) return x;
    return add(x, normal(x.shape, { std: this.sigma, rng: this.#rng, device: x.device }));
  }

  override describe(): string {
    return `${super.describe()} ${this.sigma}`;
  }
}
