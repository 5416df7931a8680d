// Padding of images.
import { padConstant, type Shape, slice, type Tensor } from '@forger/tensor';
import { Module } from '../module.ts';
import { imageShape } from './window.ts';

/**
 * Pads images x [N, C, H, W] with zeros, as torch.nn.ZeroPad2d. A negative number removes rows or columns.
 */
export class ZeroPad2d extends Module {
  constructor(
    readonly left: number,
    readonly right: number,
    readonly top: number,
    readonly bottom: number,
  ) {
    super();
  }

  forward(x: Tensor): Tensor {
    let y = x;
    for (const [dim, [before, after]] of [
      [2, [this.top, this.bottom]],
      [3, [this.left, this.right]],
    ] as const) {
      if (before < 0 || after < 0)
        y = slice(y, dim, Math.max(0, -before), y.shape[dim]! + Math.min(0, after));
    }
    const added = (n: number): number => Math.max(0, n);
    if (Math.max(this.left, this.right, this.top, this.bottom) <= 0) return y;
    return padConstant(y, [
      [added(this.top), added(this.bottom)],
      [added(this.left), added(this.right)],
    ]);
  }

  override outputShape(input: Shape): Shape {
    const [channels, h, w] = imageShape('ZeroPad2d', input);
    return [channels, h + this.top + this.bottom, w + this.left + this.right];
  }

  override describe(): string {
    return `${super.describe()} ${this.left},${this.right},${this.top},${this.bottom}`;
  }
}
