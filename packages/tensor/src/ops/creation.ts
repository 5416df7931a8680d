// Tensors of known values, beside `tensor`, `zeros` and `empty` of tensor.ts.
import { ConfigError } from '../errors.ts';
import { fill } from '../kernels/fill.ts';
import type { Shape } from '../shape.ts';
import { type CreateOptions, empty, type Tensor, tensor, zeros } from '../tensor.ts';

/** A tensor filled with one value. */
export function full(shape: Shape, value: number, options: CreateOptions = {}): Tensor {
  const result = empty(shape, options);
  // The fill kernel writes float32; whole numbers of other dtypes come from the host.
  return result.dtype === 'float32' ? fill(result, value) : result.write(new Array(result.size).fill(value));
}

/** A tensor of ones. */
export function ones(shape: Shape, options: CreateOptions = {}): Tensor {
  return full(shape, 1, options);
}

/** Zeros in the shape, dtype and device of x. */
export function zerosLike(x: Tensor): Tensor {
  return zeros(x.shape, x);
}

/** Ones in the shape, dtype and device of x. */
export function onesLike(x: Tensor): Tensor {
  return ones(x.shape, x);
}

/** 0, 1, … below `end`. */
export function arange(end: number, options?: CreateOptions): Tensor;
/** start, start + step, … as long as it has not reached `end`. Throws ConfigError when that is no element. */
export function arange(start: number, end: number, step?: number, options?: CreateOptions): Tensor;
export function arange(
  first: number,
  second?: number | CreateOptions,
  step = 1,
  options: CreateOptions = {},
): Tensor {
  const [start, end] = typeof second === 'number' ? [first, second] : [0, first];
  const count = Math.ceil((end - start) / step);
  if (!(count >= 1 && Number.isFinite(count) && step !== 0)) {
    throw new ConfigError(
      `arange: start ${start}, end ${end}, step ${step} were given; expected a step that leads from start towards end.`,
    );
  }
  const values = Float64Array.from({ length: count }, (_, i) => start + i * step);
  return tensor(values, [count], typeof second === 'object' ? second : options);
}
