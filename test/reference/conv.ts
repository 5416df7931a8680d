/**
 * conv2d and convTranspose2d as the plain sums of their definitions (torch.nn.functional's formulas, NCHW).
 *
 * Inputs: [x, weight, bias?]. Letters: N batch, C input channels, K output channels, H×W input, R×S kernel,
 * P×Q output, G groups. Input channel c of group g meets the output channels of the same group only.
 */
import { type Ref, zeros } from './array.ts';
import { bilinear, bilinearGradients, bilinearSecond, input, type ReferenceOp, type Taps } from './op.ts';

/** One number for both directions, or [height, width]. */
export type Pair = number | readonly [number, number];

export interface Conv2dArgs {
  stride?: Pair;
  padding?: Pair;
  dilation?: Pair;
  groups?: number;
}

export interface ConvTranspose2dArgs extends Conv2dArgs {
  outputPadding?: Pair;
}

export function pair(value: Pair): readonly [number, number] {
  return typeof value === 'number' ? [value, value] : value;
}

export function size4(x: Ref): [number, number, number, number] {
  if (x.shape.length !== 4) throw new Error(`A rank-4 array is needed, not one of shape [${x.shape}].`);
  return x.shape as unknown as [number, number, number, number];
}

interface Geometry {
  yShape: [number, number, number, number];
  taps: Taps;
}

/** x (N,C,H,W), weight (K,C/G,R,S) → (N,K,P,Q) with y = Σ x[p·stride − padding + r·dilation]·weight[r]. */
function convGeometry(x: Ref, weight: Ref, args: Conv2dArgs): Geometry {
  const [n, c, h, w] = size4(x);
  const [k, cPerGroup, r, s] = size4(weight);
  const [strideH, strideW] = pair(args.stride ?? 1);
  const [padH, padW] = pair(args.padding ?? 0);
  const [dilH, dilW] = pair(args.dilation ?? 1);
  const groups = args.groups ?? 1;
  if (cPerGroup * groups !== c || k % groups !== 0) {
    throw new Error(`Weight [${weight.shape}] with ${groups} groups does not fit the input [${x.shape}].`);
  }
  const p = Math.floor((h + 2 * padH - dilH * (r - 1) - 1) / strideH) + 1;
  const q = Math.floor((w + 2 * padW - dilW * (s - 1) - 1) / strideW) + 1;
  const taps: Taps = (visit) => {
    for (let in_ = 0; in_ < n; in_++)
      for (let ik = 0; ik < k; ik++)
        for (let ic = 0; ic < cPerGroup; ic++)
          for (let ip = 0; ip < p; ip++)
            for (let iq = 0; iq < q; iq++)
              for (let ir = 0; ir < r; ir++)
                for (let is = 0; is < s; is++) {
                  const ih = ip * strideH - padH + ir * dilH;
                  const iw = iq * strideW - padW + is * dilW;
                  if (ih < 0 || ih >= h || iw < 0 || iw >= w) continue;
                  const channel = Math.floor(ik / (k / groups)) * cPerGroup + ic;
                  visit(
                    ((in_ * c + channel) * h + ih) * w + iw,
                    ((ik * cPerGroup + ic) * r + ir) * s + is,
                    ((in_ * k + ik) * p + ip) * q + iq,
                  );
                }
  };
  return { yShape: [n, k, p, q], taps };
}

/** x (N,C,H,W), weight (C,K/G,R,S) → (N,K,P,Q): x[h] is added to y[h·stride − padding + r·dilation]. */
function convTransposeGeometry(x: Ref, weight: Ref, args: ConvTranspose2dArgs): Geometry {
  const [n, c, h, w] = size4(x);
  const [cWeight, kPerGroup, r, s] = size4(weight);
  const [strideH, strideW] = pair(args.stride ?? 1);
  const [padH, padW] = pair(args.padding ?? 0);
  const [dilH, dilW] = pair(args.dilation ?? 1);
  const [outPadH, outPadW] = pair(args.outputPadding ?? 0);
  const groups = args.groups ?? 1;
  if (cWeight !== c || c % groups !== 0) {
    throw new Error(`Weight [${weight.shape}] with ${groups} groups does not fit the input [${x.shape}].`);
  }
  const k = kPerGroup * groups;
  const p = (h - 1) * strideH - 2 * padH + dilH * (r - 1) + outPadH + 1;
  const q = (w - 1) * strideW - 2 * padW + dilW * (s - 1) + outPadW + 1;
  const taps: Taps = (visit) => {
    for (let in_ = 0; in_ < n; in_++)
      for (let ic = 0; ic < c; ic++)
        for (let ik = 0; ik < kPerGroup; ik++)
          for (let ih = 0; ih < h; ih++)
            for (let iw = 0; iw < w; iw++)
              for (let ir = 0; ir < r; ir++)
                for (let is = 0; is < s; is++) {
                  const ip = ih * strideH - padH + ir * dilH;
                  const iq = iw * strideW - padW + is * dilW;
                  if (ip < 0 || ip >= p || iq < 0 || iq >= q) continue;
                  const channel = Math.floor(ic / (c / groups)) * kPerGroup + ik;
                  visit(
                    ((in_ * c + ic) * h + ih) * w + iw,
                    ((ic * kPerGroup + ik) * r + ir) * s + is,
                    ((in_ * k + channel) * p + ip) * q + iq,
                  );
                }
  };
  return { yShape: [n, k, p, q], taps };
}

function convolution<A>(name: string, geometry: (x: Ref, weight: Ref, args: A) => Geometry): ReferenceOp<A> {
  const channelOf = (yi: number, [, k, p, q]: Geometry['yShape']) => Math.floor(yi / (p * q)) % k;
  return {
    name,
    forward(inputs, args) {
      const { yShape, taps } = geometry(input(inputs, 0), input(inputs, 1), args);
      const y = bilinear(input(inputs, 0), input(inputs, 1), yShape, taps);
      const bias = inputs[2];
      if (bias !== undefined)
        for (let i = 0; i < y.data.length; i++) y.data[i]! += bias.data[channelOf(i, yShape)]!;
      return y;
    },
    backward(inputs, args, gy) {
      const { yShape, taps } = geometry(input(inputs, 0), input(inputs, 1), args);
      const gradients = bilinearGradients(input(inputs, 0), input(inputs, 1), gy, taps);
      const bias = inputs[2];
      if (bias === undefined) return gradients;
      const gBias = zeros(bias.shape);
      gy.data.forEach((g, i) => {
        gBias.data[channelOf(i, yShape)]! += g;
      });
      return [...gradients, gBias];
    },
    second(...call) {
      return bilinearSecond(this, ...call);
    },
  };
}

export const conv2d = convolution<Conv2dArgs>('conv2d', convGeometry);
export const convTranspose2d = convolution<ConvTranspose2dArgs>('convTranspose2d', convTransposeGeometry);
