/** Max, average and global average pooling over (N,C,H,W), as PyTorch with ceil_mode false. */
import { map, type Ref, sizeOf, zeros } from './array.ts';
import { type Pair, pair, size4 } from './conv.ts';
import { input, type NoArgs, type ReferenceOp } from './op.ts';

export interface Pool2dArgs {
  kernelSize: Pair;
  /** Defaults to the kernel size. */
  stride?: Pair;
  padding?: Pair;
}

export interface MaxPool2dArgs extends Pool2dArgs {
  dilation?: Pair;
}

export interface AvgPool2dArgs extends Pool2dArgs {
  /** Whether padding counts in the mean's divisor, as a zero. Default true. */
  countIncludePad?: boolean;
}

/** The output shape and, for each output position, the window's positions in x that are not padding, in order. */
function windows(
  x: Ref,
  args: MaxPool2dArgs,
): { shape: number[]; kernelArea: number; window(yi: number): number[] } {
  const [n, c, h, w] = size4(x);
  const [r, s] = pair(args.kernelSize);
  const [strideH, strideW] = pair(args.stride ?? args.kernelSize);
  const [padH, padW] = pair(args.padding ?? 0);
  const [dilH, dilW] = pair(args.dilation ?? 1);
  const p = Math.floor((h + 2 * padH - dilH * (r - 1) - 1) / strideH) + 1;
  const q = Math.floor((w + 2 * padW - dilW * (s - 1) - 1) / strideW) + 1;
  const window = (yi: number) => {
    const plane = Math.floor(yi / (p * q));
    const top = (Math.floor(yi / q) % p) * strideH - padH;
    const left = (yi % q) * strideW - padW;
    const found: number[] = [];
    for (let ir = 0; ir < r; ir++)
      for (let is = 0; is < s; is++) {
        const [ih, iw] = [top + ir * dilH, left + is * dilW];
        if (ih >= 0 && ih < h && iw >= 0 && iw < w) found.push((plane * h + ih) * w + iw);
      }
    return found;
  };
  return { shape: [n, c, p, q], kernelArea: r * s, window };
}

/**
 * The position of the largest value; among equals the first, which PyTorch gives the whole gradient. NaN wins, the last
 * of several.
 */
function argmax(x: Ref, positions: readonly number[]): number {
  return positions.reduce((best, i) => (x.data[i]! > x.data[best]! || Number.isNaN(x.data[i]!) ? i : best));
}

export const maxPool2d: ReferenceOp<MaxPool2dArgs> = {
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
  second(inputs, args, gy, v) {
    const x = input(inputs, 0);
    const { window } = windows(x, args);
    return [zeros(x.shape), map(gy, (_, i) => v[0]!.data[argmax(x, window(i))]!)];
  },
};

/** The mean over the whole kernel area, in which padding counts as zeros, or over what of it is not padding. */
export const avgPool2d: ReferenceOp<AvgPool2dArgs> = {
  name: 'avgPool2d',
  forward(inputs, args) {
    const x = input(inputs, 0);
    const { shape, kernelArea, window } = windows(x, args);
    const area = args.countIncludePad === false ? undefined : kernelArea;
    const mean = (cells: number[]) => cells.reduce((sum, i) => sum + x.data[i]!, 0) / (area ?? cells.length);
    return { shape, data: Float64Array.from({ length: sizeOf(shape) }, (_, i) => mean(window(i))) };
  },
  backward(inputs, args, gy) {
    const x = input(inputs, 0);
    const { kernelArea, window } = windows(x, args);
    const gx = zeros(x.shape);
    gy.data.forEach((g, yi) => {
      const cells = window(yi);
      const area = args.countIncludePad === false ? cells.length : kernelArea;
      for (const i of cells) gx.data[i]! += g / area;
    });
    return [gx];
  },
  second: (inputs, args, _gy, v) => [zeros(input(inputs, 0).shape), avgPool2d.forward([v[0]!], args)],
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
  second: (inputs, args, _gy, v) => [zeros(input(inputs, 0).shape), globalAvgPool2d.forward([v[0]!], args)],
};
