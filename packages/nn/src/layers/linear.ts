// The fully connected layer.
import { empty, linear, type Shape, ShapeError, showShape, type Tensor } from '@forger/tensor';
import { checkOptions } from '@forger/tensor/internal';
import { defaultInit_ } from '../init.ts';
import { type BiasOptions, deviceOf } from './options.ts';
import { WeightedLayer } from './weighted.ts';

/**
 * x weightᵀ + bias: x [..., inFeatures] to [..., outFeatures]; weight [outFeatures, inFeatures], bias
 * [outFeatures].
 */
export class Linear extends WeightedLayer {
  readonly weight: Tensor;
  readonly bias: Tensor | null;

  constructor(
    readonly inFeatures: number,
    readonly outFeatures: number,
    options: BiasOptions = {},
  ) {
    checkOptions('Linear', options, { bias: true, device: true, rng: true });
    super();
    const device = deviceOf(options);
    this.weight = this.registerParameter('weight', empty([outFeatures, inFeatures], { device }));
    this.bias =
      options.bias === false ? null : this.registerParameter('bias', empty([outFeatures], { device }));
    defaultInit_(this.weight, this.bias, { rng: options.rng });
  }

  forward(x: Tensor): Tensor {
    return linear(x, this.usedWeight(), this.bias);
  }

  override outputShape(input: Shape): Shape {
    if (input.at(-1) !== this.inFeatures) {
      throw new ShapeError(
        `Linear: a sample of shape ${showShape(input)} was given; expected [${this.inFeatures}] features: flatten images first.`,
      );
    }
    return [...input.slice(0, -1), this.outFeatures];
  }

  override macs(input: Shape): number {
    return this.inFeatures * this.outputShape(input).reduce((a, b) => a * b, 1);
  }
}
