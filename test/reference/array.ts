/** Float64 arrays for the reference: a shape and its values in row-major order, with the index arithmetic on them. */

export interface Ref {
  readonly shape: readonly number[];
  readonly data: Float64Array;
}

export function sizeOf(shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, 1);
}

/** An array of the given shape; throws when the number of values does not fit it. */
export function ref(shape: readonly number[], values: ArrayLike<number>): Ref {
  if (values.length !== sizeOf(shape)) {
    throw new Error(`${values.length} values do not fill the shape [${shape}]; give ${sizeOf(shape)}.`);
  }
  return { shape: [...shape], data: Float64Array.from(values) };
}

export function zeros(shape: readonly number[]): Ref {
  return { shape: [...shape], data: new Float64Array(sizeOf(shape)) };
}

export function map(x: Ref, f: (value: number, i: number) => number): Ref {
  return { shape: x.shape, data: x.data.map(f) };
}

/** a + t·b, elementwise, for two arrays of one shape. */
export function addScaled(a: Ref, t: number, b: Ref): Ref {
  checkSameShape(a, b);
  return map(a, (value, i) => value + t * b.data[i]!);
}

/** Sum of the products of matching elements. */
export function dot(a: Ref, b: Ref): number {
  checkSameShape(a, b);
  return a.data.reduce((total, value, i) => total + value * b.data[i]!, 0);
}

export function sameShape(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((size, d) => size === b[d]);
}

export function checkSameShape(a: Ref, b: Ref): void {
  if (!sameShape(a.shape, b.shape)) throw new Error(`Shapes [${a.shape}] and [${b.shape}] must be the same.`);
}

/** The multi-index of a flat row-major position. */
export function unravel(flat: number, shape: readonly number[]): number[] {
  const index = new Array<number>(shape.length);
  for (let d = shape.length - 1; d >= 0; d--) {
    index[d] = flat % shape[d]!;
    flat = Math.floor(flat / shape[d]!);
  }
  return index;
}

/** The flat row-major position of a multi-index. */
export function ravel(index: readonly number[], shape: readonly number[]): number {
  return index.reduce((flat, i, d) => flat * shape[d]! + i, 0);
}

/** A dimension counted from the front; negative dimensions count from the back as in PyTorch. */
export function positiveDim(dim: number, rank: number): number {
  const positive = dim < 0 ? dim + rank : dim;
  if (!(positive >= 0 && positive < rank))
    throw new Error(`Dimension ${dim} is outside a rank-${rank} array.`);
  return positive;
}

/** NumPy's broadcasting rule: aligned from the right, a size of 1 stretches. */
export function broadcastShapes(a: readonly number[], b: readonly number[]): number[] {
  const rank = Math.max(a.length, b.length);
  return Array.from({ length: rank }, (_, d) => {
    const p = a[d - rank + a.length] ?? 1;
    const q = b[d - rank + b.length] ?? 1;
    if (p !== q && p !== 1 && q !== 1) throw new Error(`Shapes [${a}] and [${b}] do not broadcast.`);
    return p === 1 ? q : p;
  });
}

/** Where an array of `shape`, broadcast to `outShape`, holds the element at flat output position `flat`. */
export function broadcastSource(flat: number, outShape: readonly number[], shape: readonly number[]): number {
  const index = unravel(flat, outShape).slice(outShape.length - shape.length);
  return ravel(
    index.map((i, d) => (shape[d] === 1 ? 0 : i)),
    shape,
  );
}
