// Initial values of parameters, written in place, as torch.nn.init. Every function returns its tensor.
import {
  type DrawOptions,
  fillNormal,
  fillUniform,
  type Shape,
  ShapeError,
  showShape,
  type Tensor,
} from '@forger/tensor';

export const zeros_ = (x: Tensor): Tensor => constant_(x, 0);
export const ones_ = (x: Tensor): Tensor => constant_(x, 1);

export function constant_(x: Tensor, value: number): Tensor {
  return x.write(new Float32Array(x.size).fill(value));
}

/** Normal with a mean and a standard deviation. */
export function normal_(x: Tensor, mean = 0, std = 1, options: DrawOptions = {}): Tensor {
  return fillNormal(x, { mean, std, ...options });
}

/** Uniform in [low, high). */
export function uniform_(x: Tensor, low = 0, high = 1, options: DrawOptions = {}): Tensor {
  return fillUniform(x, { low, high, ...options });
}

/**
 * How many inputs feed one output of a weight, and how many outputs one input feeds: size(1) and size(0) times the
 * kernel's area. PyTorch computes it so for transposed convolutions too, whose weight is [in, out / groups, …], and
 * this follows it. Throws ShapeError below two dimensions.
 */
export function fans(shape: Shape): { fanIn: number; fanOut: number } {
  if (shape.length < 2)
    throw new ShapeError(
      `A weight of shape ${showShape(shape)} was given; fan-in and fan-out need at least two dimensions.`,
    );
  const area = shape.slice(2).reduce((a, b) => a * b, 1);
  return { fanIn: shape[1]! * area, fanOut: shape[0]! * area };
}

export interface XavierOptions extends DrawOptions {
  readonly gain?: number;
}

function xavierStd(x: Tensor, gain: number): number {
  const { fanIn, fanOut } = fans(x.shape);
  return gain * Math.sqrt(2 / (fanIn + fanOut));
}

/** Glorot and Bengio, "Understanding the difficulty of training deep feedforward neural networks" (2010). */
export function xavierUniform_(x: Tensor, { gain = 1, ...options }: XavierOptions = {}): Tensor {
  const bound = Math.sqrt(3) * xavierStd(x, gain);
  return uniform_(x, -bound, bound, options);
}

export function xavierNormal_(x: Tensor, { gain = 1, ...options }: XavierOptions = {}): Tensor {
  return normal_(x, 0, xavierStd(x, gain), options);
}

export interface KaimingOptions extends DrawOptions {
  /** Negative slope of the leaky ReLU that follows. Default 0, a plain ReLU. */
  readonly a?: number;
  /** Keep the variance going forward (fanIn, default) or back (fanOut). */
  readonly mode?: 'fanIn' | 'fanOut';
}

function kaimingStd(x: Tensor, a: number, mode: 'fanIn' | 'fanOut'): number {
  return Math.sqrt(2 / (1 + a * a)) / Math.sqrt(fans(x.shape)[mode]);
}

/** He et al., "Delving deep into rectifiers" (2015). */
export function kaimingUniform_(
  x: Tensor,
  { a = 0, mode = 'fanIn', ...options }: KaimingOptions = {},
): Tensor {
  const bound = Math.sqrt(3) * kaimingStd(x, a, mode);
  return uniform_(x, -bound, bound, options);
}

export function kaimingNormal_(
  x: Tensor,
  { a = 0, mode = 'fanIn', ...options }: KaimingOptions = {},
): Tensor {
  return normal_(x, 0, kaimingStd(x, a, mode), options);
}

/**
 * PyTorch's default for Linear, Conv and ConvTranspose: weight Kaiming uniform with a = √5, bias uniform within
 * 1 / √fanIn. (The two bounds are equal.)
 */
export function defaultInit_(weight: Tensor, bias: Tensor | null, options: DrawOptions = {}): void {
  kaimingUniform_(weight, { a: Math.sqrt(5), ...options });
  const bound = 1 / Math.sqrt(fans(weight.shape).fanIn);
  if (bias) uniform_(bias, -bound, bound, options);
}
