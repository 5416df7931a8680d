// Initial values of parameters, written in place, as torch.nn.init. Every function returns its tensor. Random
// numbers come from `rng`, or from the device's default RNG.
import {
  type DrawOptions,
  fillNormal,
  fillUniform,
  type Shape,
  ShapeError,
  showShape,
  type Tensor,
} from '@forger/tensor';

/** Sets all elements to 0. */
export const zeros_ = (x: Tensor): Tensor => constant_(x, 0);
/** Sets all elements to 1. */
export const ones_ = (x: Tensor): Tensor => constant_(x, 1);

/** Sets all elements to `value`. */
export function constant_(x: Tensor, value: number): Tensor {
  return x.write(new Float32Array(x.size).fill(value));
}

/** Normal random numbers. @throws ConfigError unless mean and std are finite and std is at least 0. */
export function normal_(x: Tensor, mean = 0, std = 1, options: DrawOptions = {}): Tensor {
  return fillNormal(x, { mean, std, ...options });
}

/** Uniform random numbers in [low, high). @throws ConfigError unless low < high, both finite. */
export function uniform_(x: Tensor, low = 0, high = 1, options: DrawOptions = {}): Tensor {
  return fillUniform(x, { low, high, ...options });
}

/**
 * Fan-in and fan-out of a weight: its second and its first size, each times the area of the kernel. As in
 * PyTorch, this holds for transposed convolutions too, whose weight is [in, out / groups, …].
 * @throws ShapeError on shapes of fewer than two dimensions.
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
  /** Factor of the standard deviation. Default 1. */
  readonly gain?: number;
}

function xavierStd(x: Tensor, gain: number): number {
  const { fanIn, fanOut } = fans(x.shape);
  return gain * Math.sqrt(2 / (fanIn + fanOut));
}

/**
 * Uniform with standard deviation gain · √(2 / (fanIn + fanOut)): Glorot and Bengio, "Understanding the
 * difficulty of training deep feedforward neural networks" (2010). @throws ShapeError as `fans`.
 */
export function xavierUniform_(x: Tensor, { gain = 1, ...options }: XavierOptions = {}): Tensor {
  const bound = Math.sqrt(3) * xavierStd(x, gain);
  return uniform_(x, -bound, bound, options);
}

/** Normal with the standard deviation of `xavierUniform_`. @throws ShapeError as `fans`. */
export function xavierNormal_(x: Tensor, { gain = 1, ...options }: XavierOptions = {}): Tensor {
  return normal_(x, 0, xavierStd(x, gain), options);
}

export interface KaimingOptions extends DrawOptions {
  /** Negative slope of the leaky ReLU that follows. Default 0, a plain ReLU. */
  readonly a?: number;
  /** Preserve the variance of the forward pass ('fanIn', default) or of the backward pass ('fanOut'). */
  readonly mode?: 'fanIn' | 'fanOut';
}

function kaimingStd(x: Tensor, a: number, mode: 'fanIn' | 'fanOut'): number {
  return Math.sqrt(2 / (1 + a * a)) / Math.sqrt(fans(x.shape)[mode]);
}

/**
 * Uniform with standard deviation √(2 / (1 + a²) / fan): He et al., "Delving deep into rectifiers" (2015).
 * @throws ShapeError as `fans`.
 */
export function kaimingUniform_(
  x: Tensor,
  { a = 0, mode = 'fanIn', ...options }: KaimingOptions = {},
): Tensor {
  const bound = Math.sqrt(3) * kaimingStd(x, a, mode);
  return uniform_(x, -bound, bound, options);
}

/** Normal with the standard deviation of `kaimingUniform_`. @throws ShapeError as `fans`. */
export function kaimingNormal_(
  x: Tensor,
  { a = 0, mode = 'fanIn', ...options }: KaimingOptions = {},
): Tensor {
  return normal_(x, 0, kaimingStd(x, a, mode), options);
}

/**
 * PyTorch's default for Linear, Conv2d and ConvTranspose2d: both weight and bias are uniform within ±1 /
 * √fanIn. For the weight this is Kaiming uniform with a = √5.
 */
export function defaultInit_(weight: Tensor, bias: Tensor | null, options: DrawOptions = {}): void {
  kaimingUniform_(weight, { a: Math.sqrt(5), ...options });
  const bound = 1 / Math.sqrt(fans(weight.shape).fanIn);
  if (bias) uniform_(bias, -bound, bound, options);
}
