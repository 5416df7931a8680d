/** Max, average and global average pooling over (N,C,H,W), as PyTorch with ceil_mode false. */
import { type Ref, sizeOf, zeros } from './array.ts';
import { type Pair, pair, size4 } from './conv.ts';
import { input, type NoArgs, type ReferenceOp } from './op.ts';

export interface Pool2dArgs {
  kernelSize: Pair;
  /** Defaults to the kernel size. */
  stride?: Pair;
  padding?: Pair;
}

/** The output shape and, for each output position, the window's positions in x that are not padding, in order. */
function windows(
  x: Ref,
  args: Pool2dArgs,
): { shape: number[]; kernelArea: number; window(yi: number): number[] } {
  const [n, c, h, w] = size4(x);
  const [r, s] = pair(args.kernelSize);
  const [strideH, strideW] = pair(args.stride ?? args.kernelSize);
  const [padH, padW] = pair(args.padding ?? 0);
  const p = Math.floor((h + 2 * padH - r) / strideH) + 1;
  const q = Math.floor((w + 2 * padW - s) / strideW) + 1;
  const window = (yi: number) => {
    const plane = Math.floor(yi / (p * q));
    const top = (Math.floor(yi / q) % p) * strideH - padH;
    const left = (yi % q) * strideW - padW;
    const found: number[] = [];
    for (let ih = Math.max(top, 0); ih < Math.min(top + r, h); ih++)
      for (let iw = Math.max(left, 0); iw < Math.min(left + s, w); iw++)
        found.push((plane * h + ih) * w + iw);
    return found;
  };
  return { shape: [n, c, p, q], kernelArea: r * s, window };
}

/** The position of the largest value; among equals the first, which PyTorch gives the whole gradient. */
function argmax(x: Ref, positions: readonly number[]): number {
  return positions.reduce((best, i) => (x.data[i]! > x.data[best]! ? i : best));
}

export const maxPool2d: ReferenceOp<Pool2dArgs> = {
  name: 'maxPool2d',
  forward(inputs, args) {
    const x = input(inputs, 0);
    const { shape, window } = windows(x, args);
    return {
      shape,
      data: Float64Array.from({ length: sizeOf(shape) }, (_, i) => x.data[argmax(x, window(i))]!),
    };
  },
  backward(inputs, args, gy) {
    const x = input(inputs, 0);
    const { window } = windows(x, args);
    const gx = zeros(x.shape);
    gy.data.forEach((g, i) => {
      gx.data[argmax(x, window(i))]! += g;
    });
    return [gx];
  },
};

/** The mean over the whole kernel area: padding counts as zeros (count_include_pad, PyTorch's default). */
export const avgPool2d: ReferenceOp<Pool2dArgs> = {
  name: 'avgPool2d',
  forward(inputs, args) {
    const x = input(inputs, 0);
    const { shape, kernelArea, window } = windows(x, args);
    const mean = (yi: number) => window(yi).reduce((sum, i) => sum + x.data[i]!, 0) / kernelArea;
    return { shape, data: Float64Array.from({ length: sizeOf(shape) }, (_, i) => mean(i)) };
  },
  backward(inputs, args, gy) {
    const x = input(inputs, 0);
    const { kernelArea, window } = windows(x, args);
    const gx = zeros(x.shape);
    gy.data.forEach((g, yi) => {
      for (const i of window(yi)) gx.data[i]! += g / kernelArea;
    });
    return [gx];
  },
};

/** (N,C,H,W) → (N,C): the mean over height and width. */
export const globalAvgPool2d: ReferenceOp<NoArgs> = {
  name: 'globalAvgPool2d',
  forward(inputs) {
    const x = input(inputs, 0);
    const [n, c, h, w] = size4(x);
    const y = zeros([n, c]);
    x.data.forEach((value, i) => {
      y.data[Math.floor(i / (h * w))]! += value / (h * w);
    });
    return y;
  },
  backward(inputs, _args, gy) {
    const x = input(inputs, 0);
    const [, , h, w] = size4(x);
    return [{ shape: x.shape, data: x.data.map((_, i) => gy.data[Math.floor(i / (h * w))]! / (h * w)) }];
  },
};
