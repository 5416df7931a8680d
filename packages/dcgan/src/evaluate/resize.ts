// Bilinear resizing of images on the device, as two matrix products: rows, then columns. One plane after the other gets
// y = R_h x R_wᵀ, where R holds the weights of each output line.
//
// Line i of an axis scaled by s = in / out sits at c = (i + 0.5) s - 0.5. Plain bilinear weighs its two neighbours, as
// torch.nn.functional.interpolate(mode='bilinear', align_corners=False). With antialiasing the triangle is widened by
// max(s, 1) and its weights normalised, as interpolate(…, antialias=True).

import { type Device, matmul, reshape, type Tensor, tensor } from '@forger/tensor';

/** Weights [output, input] of one axis. */
export function resizeWeights(input: number, output: number, antialias: boolean): Float32Array {
  const weights = new Float32Array(output * input);
  const scale = input / output;
  for (let i = 0; i < output; i++) {
    const row = weights.subarray(i * input, (i + 1) * input);
    if (!antialias) {
      const at = Math.max(0, (i + 0.5) * scale - 0.5);
      const low = Math.min(Math.floor(at), input - 1);
      const high = Math.min(low + 1, input - 1);
      row[low]! += 1 - (at - low);
      row[high]! += at - low;
      continue;
    }
    const reach = Math.max(scale, 1);
    const centre = (i + 0.5) * scale;
    const start = Math.max(0, Math.trunc(centre - reach + 0.5));
    const end = Math.min(input, Math.trunc(centre + reach + 0.5));
    let sum = 0;
    const raw = (j: number) => Math.max(0, 1 - Math.abs(j + 0.5 - centre) / reach);
    for (let j = start; j < end; j++) sum += raw(j);
    for (let j = start; j < end; j++) row[j] = raw(j) / sum;
  }
  return weights;
}

/** Resizes images to one size; its matrices are uploaded once for each size that comes. Dispose of it. */
export class Resizer {
  readonly #matrices = new Map<string, Tensor>();

  constructor(
    readonly device: Device,
    readonly height: number,
    readonly width: number,
    /** Whether shrinking averages over all pixels that an output pixel covers. */
    readonly antialias: boolean,
  ) {}

  /** @param images [N, C, H, W]. @returns [N, C, height, width]; the images themselves where they have that size. */
  resize(images: Tensor): Tensor {
    const [n, c, h, w] = images.shape as [number, number, number, number];
    const { height, width } = this;
    if (h === height && w === width) return images;
    const columns = matmul(reshape(images, [n * c * h, w]), this.#matrix(w, width, true));
    const rows = matmul(this.#matrix(h, height, false), reshape(columns, [n * c, h, width]));
    return reshape(rows, [n, c, height, width]);
  }

  dispose(): void {
    for (const t of this.#matrices.values()) t.dispose();
    this.#matrices.clear();
  }

  #matrix(input: number, output: number, transposed: boolean): Tensor {
    const key = `${input} ${output} ${transposed}`;
    let matrix = this.#matrices.get(key);
    if (!matrix) {
      const weights = resizeWeights(input, output, this.antialias);
      const values = transposed ? transpose(weights, output, input) : weights;
      const shape = transposed ? [input, output] : [output, input];
      matrix = tensor(values, shape, { device: this.device }).keep();
      this.#matrices.set(key, matrix);
    }
    return matrix;
  }
}

function transpose(values: Float32Array, rows: number, columns: number): Float32Array {
  const out = new Float32Array(values.length);
  for (let i = 0; i < rows; i++)
    for (let j = 0; j < columns; j++) out[j * rows + i] = values[i * columns + j]!;
  return out;
}
