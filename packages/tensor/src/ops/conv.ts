// Convolution and transposed convolution over images. A convolution has three bilinear products (forward,
// input gradient, weight gradient), and the derivatives of each are the other two; so gradients of any order
// follow. kernels/choose.ts picks the algorithm that computes each.
import { record } from '../autograd/tape.ts';
import { ShapeError } from '../errors.ts';
import type { ConvSizes } from '../kernels/algorithm.ts';
import { chooseConv } from '../kernels/choose.ts';
import { checkOptions } from '../options.ts';
import { type Pair, pair, type Slide, showShape, slideSize, spreadSize } from '../shape.ts';
import { checkFloat32, type Tensor } from '../tensor.ts';
import { sum } from './reduce.ts';

export interface Conv2dOptions {
  /** Added to each output channel; shape [outChannels]. */
  readonly bias?: Tensor | null | undefined;
  /** Whole numbers of at least 1. Default 1. */
  readonly stride?: Pair | undefined;
  /** Zeros around the image, at least 0. Default 0. */
  readonly padding?: Pair | undefined;
  /** Distance between the cells of the kernel, at least 1. Default 1. */
  readonly dilation?: Pair | undefined;
  /** Groups of channels that are convolved separately; divides both channel counts. Default 1. */
  readonly groups?: number | undefined;
}

export interface ConvTranspose2dOptions extends Conv2dOptions {
  /**
   * Rows and columns added at the bottom and right of the output; less than the stride or the dilation.
   * Default 0.
   */
  readonly outputPadding?: Pair | undefined;
}

const CONV_OPTIONS = { bias: true, stride: true, padding: true, dilation: true, groups: true } as const;
const TRANSPOSE_OPTIONS = { ...CONV_OPTIONS, outputPadding: true } as const;

function options(name: string, o: Conv2dOptions) {
  const groups = o.groups ?? 1;
  if (!Number.isInteger(groups) || groups < 1)
    throw new ShapeError(`${name}: groups ${groups} was given; expected a whole number of at least 1.`);
  return {
    stride: pair(o.stride ?? 1, `${name}: stride`, 1),
    padding: pair(o.padding ?? 0, `${name}: padding`, 0),
    dilation: pair(o.dilation ?? 1, `${name}: dilation`, 1),
    groups,
  };
}

function along(window: ReturnType<typeof options>, i: 0 | 1, kernel: number): Slide {
  return { kernel, stride: window.stride[i], padding: window.padding[i], dilation: window.dilation[i] };
}

function checkOperands(
  name: string,
  x: Tensor,
  weight: Tensor,
  bias: Tensor | null | undefined,
  biasSize: number,
): void {
  checkFloat32(name, x, weight, bias);
  if (x.rank !== 4 || weight.rank !== 4) {
    throw new ShapeError(
      `${name}: input ${showShape(x.shape)} and weight ${showShape(weight.shape)} were given; both must have 4 dimensions.`,
    );
  }
  if (bias && (bias.rank !== 1 || bias.size !== biasSize)) {
    throw new ShapeError(
      `${name}: bias ${showShape(bias.shape)} was given; expected [${biasSize}], one value per output channel.`,
    );
  }
}

/**
 * Cross-correlation of images with kernels, as torch.nn.functional.conv2d.
 * @param x [N, C, H, W]
 * @param weight [K, C / groups, R, S]
 * @returns [N, K, P, Q] with P = ⌊(H + 2·padding - dilation·(R - 1) - 1) / stride⌋ + 1.
 * @throws ShapeError when channels and groups do not fit, when the kernel is larger than the padded input,
 * and on options out of range.
 */
export function conv2d(x: Tensor, weight: Tensor, o: Conv2dOptions = {}): Tensor {
  checkOptions('conv2d', o, CONV_OPTIONS);
  checkOperands('conv2d', x, weight, o.bias, weight.shape[0]!);
  const window = options('conv2d', o);
  const { stride, padding, dilation, groups } = window;
  const [n, c, h, w] = x.shape as [number, number, number, number];
  const [k, perGroup, r, s] = weight.shape as [number, number, number, number];
  if (c !== perGroup * groups || k % groups !== 0) {
    throw new ShapeError(
      `conv2d: input ${showShape(x.shape)}, weight ${showShape(weight.shape)} and groups ${groups} do not fit: the input needs ${perGroup * groups} channels (weight's second size × groups), and ${k} output channels must divide by groups.`,
    );
  }
  const p = slideSize(h, along(window, 0, r));
  const q = slideSize(w, along(window, 1, s));
  if (p < 1 || q < 1) {
    throw new ShapeError(
      `conv2d: kernel ${r}×${s} with dilation ${showShape(dilation)} is larger than the input ${h}×${w} with padding ${showShape(padding)}.`,
    );
  }
  return forward(x, weight, o.bias ?? null, { n, c, h, w, k, r, s, p, q, stride, padding, dilation, groups });
}

/**
 * Transposed convolution, as torch.nn.functional.conv_transpose2d: the adjoint of conv2d.
 * @param x [N, K, P, Q]
 * @param weight [K, C / groups, R, S] (input channels first)
 * @returns [N, C, H, W] with H = (P - 1)·stride - 2·padding + dilation·(R - 1) + outputPadding + 1.
 * @throws ShapeError when channels and groups do not fit, when the output would be empty, and on options out
 * of range.
 */
export function convTranspose2d(x: Tensor, weight: Tensor, o: ConvTranspose2dOptions = {}): Tensor {
  checkOptions('convTranspose2d', o, TRANSPOSE_OPTIONS);
  const name = 'convTranspose2d';
  const window = options(name, o);
  const { stride, padding, dilation, groups } = window;
  checkOperands(name, x, weight, o.bias, (weight.shape[1] ?? 0) * groups);
  const outputPadding = pair(o.outputPadding ?? 0, `${name}: outputPadding`, 0);
  const [n, k, p, q] = x.shape as [number, number, number, number];
  const [inChannels, perGroup, r, s] = weight.shape as [number, number, number, number];
  if (inChannels !== k || k % groups !== 0) {
    throw new ShapeError(
      `${name}: input ${showShape(x.shape)}, weight ${showShape(weight.shape)} and groups ${groups} do not fit: the input needs ${inChannels} channels (weight's first size), and they must divide by groups.`,
    );
  }
  for (const i of [0, 1] as const) {
    if (outputPadding[i] >= Math.max(stride[i], dilation[i])) {
      throw new ShapeError(
        `${name}: outputPadding ${outputPadding[i]} must be less than stride ${stride[i]} or dilation ${dilation[i]}.`,
      );
    }
  }
  const h = spreadSize(p, along(window, 0, r), outputPadding[0]);
  const w = spreadSize(q, along(window, 1, s), outputPadding[1]);
  if (h < 1 || w < 1) {
    throw new ShapeError(
      `${name}: input ${p}×${q} with kernel ${r}×${s} and padding ${showShape(padding)} gives an output of ${h}×${w}.`,
    );
  }
  const z: ConvSizes = { n, c: perGroup * groups, h, w, k, r, s, p, q, stride, padding, dilation, groups };
  return inputGradient(x, weight, o.bias ?? null, z);
}

/** The gradient of a bias: the sum over everything but the channel. */
const biasGradient = (g: Tensor): Tensor => sum(g, [0, 2, 3]);

function forward(x: Tensor, weight: Tensor, bias: Tensor | null, z: ConvSizes): Tensor {
  return record(
    'conv2d',
    chooseConv(x.device, 'forward', z, bias !== null).forward(x, weight, bias, z),
    bias ? [x, weight, bias] : [x, weight],
    (gy, needs) => [
      needs[0] ? inputGradient(gy, weight, null, z) : null,
      needs[1] ? weightGradient(x, gy, z) : null,
      needs[2] ? biasGradient(gy) : null,
    ],
  );
}

function inputGradient(gy: Tensor, weight: Tensor, bias: Tensor | null, z: ConvSizes): Tensor {
  const gx = chooseConv(gy.device, 'inputGradient', z, bias !== null).inputGradient(gy, weight, bias, z);
  return record('convTranspose2d', gx, bias ? [gy, weight, bias] : [gy, weight], (g, needs) => [
    needs[0] ? forward(g, weight, null, z) : null,
    needs[1] ? weightGradient(g, gy, z) : null,
    needs[2] ? biasGradient(g) : null,
  ]);
}

function weightGradient(x: Tensor, gy: Tensor, z: ConvSizes): Tensor {
  const gw = chooseConv(x.device, 'weightGradient', z, false).weightGradient(x, gy, z);
  return record('convWeightGradient', gw, [x, gy], (g, needs) => [
    needs[0] ? inputGradient(gy, g, null, z) : null,
    needs[1] ? forward(x, g, null, z) : null,
  ]);
}
