// Tensors of known values; `tensor`, `zeros` and `empty` are in tensor.ts. All throw ShapeError on sizes
// below 1.
import { ConfigError } from '../errors.ts';
import { fill } from '../kernels/fill.ts';
import type { Shape } from '../shape.ts';
import { type CreateOptions, type DType, empty, type Tensor, tensor, zeros } from '../tensor.ts';

/** A tensor filled with one value. */
export function full<D extends DType = 'float32'>(
  shape: Shape,
  value: number,
  options: CreateOptions<D> = {},
): Tensor<D> {
  const result = empty(shape, options);
  // The fill kernel writes float32; whole numbers of other dtypes come from the host.
  if (result.dtype !== 'float32') return result.write(new Array(result.size).fill(value));
  fill(result as Tensor, value);
  return result;
}

/** A tensor of ones. */
export function ones<D extends DType = 'float32'>(shape: Shape, options: CreateOptions<D> = {}): Tensor<D> {
  return full(shape, 1, options);
}

/** Zeros in the shape, dtype and device of x. */
export function zerosLike<D extends DType>(x: Tensor<D>): Tensor<D> {
  return zeros(x.shape, x);
}

/** Ones in the shape, dtype and device of x. */
export function onesLike<D extends DType>(x: Tensor<D>): Tensor<D> {
  return ones(x.shape, x);
}

/** 0, 1, … below `end`, as a tensor of one dimension. */
export function arange<D extends DType = 'float32'>(end: number, options?: CreateOptions<D>): Tensor<D>;
/** start, start + step, … before `end`. @throws ConfigError when that is no element. */
export function arange<D extends DType = 'float32'>(
  start: number,
  end: number,
  step?: number,
  options?: CreateOptions<D>,
): Tensor<D>;
export function arange<D extends DType = 'float32'>(
  first: number,
  second?: number | CreateOptions<D>,
  step = 1,
  options: CreateOptions<D> = {},
): Tensor<D> {
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
