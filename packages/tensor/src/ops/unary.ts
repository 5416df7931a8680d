// Elementwise functions of one float32 tensor of any shape: relu, tanh, exp, … A file of
// shaders/unary/functions has each function and its first three derivatives; a fourth is a ShapeError. All throw
// ShapeError on other dtypes. All that this file exports are such functions: methods and tests iterate over
// them.
import { record } from '../autograd/tape.ts';
import { ConfigError } from '../errors.ts';
import { type UnaryFunction, unary, unaryBackward } from '../kernels/unary.ts';
import type { Tensor } from '../tensor.ts';
import { mul } from './binary.ts';

function apply(f: UnaryFunction, x: Tensor): Tensor {
  return record(f.kind, unary(f, x), [x], (gy) => [derivative(f, 1, x, gy)]);
}

/** g · f⁽ᵒʳᵈᵉʳ⁾(x), differentiable in g and in x: the derivative in x is one order higher. */
function derivative(f: UnaryFunction, order: number, x: Tensor, g: Tensor): Tensor {
  const y = unaryBackward(f, order, x, g);
  return record(`${f.kind}Backward`, y, [x, g], (gy, needs) => [
    needs[0] ? derivativeOfProduct(f, order, x, g, gy) : null,
    needs[1] ? derivative(f, order, x, gy) : null,
  ]);
}

function derivativeOfProduct(f: UnaryFunction, order: number, x: Tensor, g: Tensor, gy: Tensor): Tensor {
  return derivative(f, order + 1, x, mul(g, gy));
}

/** max(x, 0). The gradient at 0 is 0; NaN stays NaN. */
export const relu = (x: Tensor): Tensor => apply({ kind: 'relu' }, x);
/**
 * x where x > 0, otherwise negativeSlope · x. The default is PyTorch's; DCGAN uses 0.2. The gradient at 0 is
 * negativeSlope.
 */
export const leakyRelu = (x: Tensor, negativeSlope = 0.01): Tensor =>
  apply({ kind: 'leakyRelu', a: negativeSlope }, x);
/** The hyperbolic tangent. */
export const tanh = (x: Tensor): Tensor => apply({ kind: 'tanh' }, x);
/** 1 / (1 + e^-x), without overflow. */
export const sigmoid = (x: Tensor): Tensor => apply({ kind: 'sigmoid' }, x);
/** log(1 + e^x), without overflow. */
export const softplus = (x: Tensor): Tensor => apply({ kind: 'softplus' }, x);
/** e^x. */
export const exp = (x: Tensor): Tensor => apply({ kind: 'exp' }, x);
/** Natural logarithm; NaN below 0, -infinity at 0. */
export const log = (x: Tensor): Tensor => apply({ kind: 'log' }, x);
/** √x; NaN below 0. The gradient at 0 is infinite. */
export const sqrt = (x: Tensor): Tensor => apply({ kind: 'sqrt' }, x);
/** |x|. The gradient at 0 is 0. */
export const abs = (x: Tensor): Tensor => apply({ kind: 'abs' }, x);
/** -x. */
export const neg = (x: Tensor): Tensor => apply({ kind: 'neg' }, x);
/** x². */
export const square = (x: Tensor): Tensor => apply({ kind: 'square' }, x);
/**
 * x^exponent for a number. A negative x gives NaN unless the exponent is whole and at most 64 in magnitude.
 */
export const pow = (x: Tensor, exponent: number): Tensor => apply({ kind: 'pow', a: exponent }, x);
/** x above 0, α(e^x - 1) below. */
export const elu = (x: Tensor, alpha = 1): Tensor => apply({ kind: 'elu', a: alpha }, x);
/**
 * x Φ(x), where Φ is the normal distribution's cumulative function (the exact form, not the tanh
 * approximation).
 */
export const gelu = (x: Tensor): Tensor => apply({ kind: 'gelu' }, x);
/** x · sigmoid(x). */
export const silu = (x: Tensor): Tensor => apply({ kind: 'silu' }, x);

/**
 * x limited to [min, max]. The gradient is 1 inside and at the bounds, 0 outside.
 * @throws ConfigError when min > max.
 */
export function clamp(x: Tensor, min = Number.NEGATIVE_INFINITY, max = Number.POSITIVE_INFINITY): Tensor {
  if (!(min <= max))
    throw new ConfigError(`clamp: min ${min} and max ${max} were given; min must not exceed max.`);
  return apply({ kind: 'clamp', a: min, b: max }, x);
}
