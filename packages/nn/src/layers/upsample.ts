// Enlarging pictures between convolutions, as torch.nn.Upsample with a whole scale factor. Rows and columns
// of the result are weighted sums of the input's, so it is two products with constant matrices, and gradients
// follow from theirs.
import { ConfigError, matmul, reshape, type Shape, type Tensor, tensor } from '@forger/tensor';
import { Module } from '../module.ts';
import { imageShape } from './window.ts';

export type UpsampleMode = 'nearest' | 'bilinear';

/** [N, C, H, W] becomes [N, C, H · scale, W · scale]. Bilinear is PyTorch's with `align_corners=False`. */
export class Upsample extends Module {
  /** @throws ConfigError unless the scale is a whole number from 1 up. */
  constructor(
    readonly scaleFactor = 2,
    readonly mode: UpsampleMode = 'nearest',
  ) {
    super();
    if (!Number.isInteger(scaleFactor) || scaleFactor < 1)
      throw new ConfigError(
        `Upsample: a scale factor of ${scaleFactor} was given; expected a whole number from 1 up.`,
      );
  }

  forward(x: Tensor): Tensor {
    const [n, c, h, w] = x.shape as [number, number, number, number];
    const { device } = x;
    const { scaleFactor: scale } = this;
    // Columns: [NCH, W] · [W, W'].
    const columns = tensor(this.#weights(w), [w, w * scale], { device });
    const wide = reshape(matmul(reshape(x, [n * c * h, w]), columns), [n * c, h, w * scale]);
    // Rows: [H', H] · [NC, H, W'].
    const rows = tensor(transposed(this.#weights(h), h, h * scale), [1, h * scale, h], { device });
    return reshape(matmul(rows, wide), [n, c, h * scale, w * scale]);
  }

  /** [size, size · scale]: how much of each input value is in each output value. */
  #weights(size: number): Float32Array {
    const { scaleFactor: scale } = this;
    const out = size * scale;
    const weights = new Float32Array(size * out);
    for (let to = 0; to < out; to++) {
      if (this.mode === 'nearest') {
        weights[Math.floor(to / scale) * out + to] = 1;
        continue;
      }
      const from = Math.max(0, (to + 0.5) / scale - 0.5);
      const low = Math.floor(from);
      const high = Math.min(low + 1, size - 1);
      weights[low * out + to]! += 1 - (from - low);
      weights[high * out + to]! += from - low;
    }
    return weights;
  }

  override outputShape(input: Shape): Shape {
    const [channels, h, w] = imageShape('Upsample', input);
    return [channels, h * this.scaleFactor, w * this.scaleFactor];
  }

  override describe(): string {
    return `${super.describe()} ×${this.scaleFactor} ${this.mode}`;
  }
}

function transposed(matrix: Float32Array, rows: number, columns: number): Float32Array {
  return Float32Array.from(matrix, (_, i) => matrix[(i % rows) * columns + Math.floor(i / rows)]!);
}
