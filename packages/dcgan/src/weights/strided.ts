// Tensors that lie in a larger array with a distance of their own for every dimension, as PyTorch and numpy store them.

/** Where a tensor lies. Distances are in elements. */
export interface Strided {
  readonly shape: readonly number[];
  readonly stride: readonly number[];
  readonly offset: number;
}

/** Distances of a tensor without gaps, the last dimension the fastest. */
export function rowMajor(shape: readonly number[]): number[] {
  const stride = new Array<number>(shape.length);
  let step = 1;
  for (let i = shape.length - 1; i >= 0; i--) {
    stride[i] = step;
    step *= shape[i]!;
  }
  return stride;
}

/** Elements of the shape; not a safe integer when it is absurd. */
export function elementCount(shape: readonly number[]): number {
  return shape.reduce((n, d) => n * d, 1);
}

/** The smallest array that holds the tensor; not a safe integer when it is absurd. */
export function extent({ shape, stride, offset }: Strided): number {
  if (shape.includes(0)) return offset;
  return shape.reduce((last, n, i) => last + (n - 1) * stride[i]!, offset) + 1;
}

interface Elements<T> {
  readonly length: number;
  [index: number]: T;
  subarray(begin: number, end: number): Elements<T>;
}

/** The tensor's elements in row-major order: a view where they lie so already, else copied into `make(count)`. */
export function inOrder<T, A extends Elements<T>>(source: A, place: Strided, make: (count: number) => A): A {
  const { shape, stride, offset } = place;
  const count = elementCount(shape);
  const dense = rowMajor(shape);
  if (shape.every((n, i) => n === 1 || stride[i] === dense[i])) {
    return source.subarray(offset, offset + count) as A;
  }
  const out = make(count);
  const index = new Array<number>(shape.length).fill(0);
  let at = offset;
  for (let i = 0; i < count; i++) {
    out[i] = source[at]!;
    for (let d = shape.length - 1; d >= 0; d--) {
      index[d]!++;
      at += stride[d]!;
      if (index[d]! < shape[d]!) break;
      at -= index[d]! * stride[d]!;
      index[d] = 0;
    }
  }
  return out;
}
