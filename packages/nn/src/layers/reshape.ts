// Layers that change only the shape of their input, and Identity.
import { reshape, type Shape, ShapeError, showShape, sizeOf, type Tensor } from '@forger/tensor';
import { Module } from '../module.ts';

/** Returns its input. */
export class Identity extends Module {
  forward(x: Tensor): Tensor {
    return x;
  }
}

/** [N, …] becomes [N, features]. */
export class Flatten extends Module {
  forward(x: Tensor): Tensor {
    return reshape(x, [x.shape[0]!, -1]);
  }

  override outputShape(input: Shape): Shape {
    return [sizeOf(input)];
  }
}

/** Gives each sample the shape `shape`: [N, 8192] becomes [N, 512, 4, 4] with [512, 4, 4]. */
export class Reshape extends Module {
  constructor(readonly shape: Shape) {
    super();
  }

  forward(x: Tensor): Tensor {
    return reshape(x, [x.shape[0]!, ...this.shape]);
  }

  override outputShape(input: Shape): Shape {
    if (sizeOf(input) !== sizeOf(this.shape)) {
      throw new ShapeError(
        `${super.describe()}: a sample of shape ${showShape(input)} was given; it cannot become ${showShape(this.shape)}.`,
      );
    }
    return this.shape;
  }

  override describe(): string {
    return `${super.describe()} ${this.shape.join('×')}`;
  }
}

/** torch.nn.Unflatten for dimension 1, the features. @throws ShapeError on another dimension. */
export class Unflatten extends Reshape {
  constructor(dim: 1, shape: Shape) {
    super(shape);
    if (dim !== 1)
      throw new ShapeError(
        `Unflatten: dimension ${dim} was given; only the features, dimension 1, are split.`,
      );
  }
}
