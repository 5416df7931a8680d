// Shape arithmetic shared by every layer: sizes, strides, broadcasting, normalised dimensions.
import { ShapeError } from './errors.ts';

export type Shape = readonly number[];

/** Number of elements of a shape (1 for a scalar's `[]`). */
export function sizeOf(shape: Shape): number {
  let size = 1;
  for (const n of shape) size *= n;
  return size;
}

/** Row-major (C order) strides of a shape, in elements. */
export function stridesOf(shape: Shape): number[] {
  const strides = new Array<number>(shape.length);
  let step = 1;
  for (let i = shape.length - 1; i >= 0; i--) {
    strides[i] = step;
    step *= shape[i]!;
  }
  return strides;
}

export function sameShape(a: Shape, b: Shape): boolean {
  return a.length === b.length && a.every((n, i) => n === b[i]);
}

/** A shape for messages: `[2, 3]`. */
export function showShape(shape: Shape): string {
  return `[${shape.join(', ')}]`;
}

/** Throws ShapeError unless every size is a whole number of at least 1: tensors have at least one element. */
export function checkShape(shape: Shape, what: string): void {
  for (const n of shape) {
    if (!Number.isInteger(n) || n < 1) {
      throw new ShapeError(
        `${what}: shape ${showShape(shape)} was given; every size must be a whole number of at least 1.`,
      );
    }
  }
}

/**
 * Converts a dimension that may count from the end (-1 = last) to 0..rank-1. Throws ShapeError outside of
 * that. A scalar counts as one dimension of size 1, as in PyTorch.
 */
export function normalizeDim(dim: number, rank: number, what: string): number {
  const count = Math.max(rank, 1);
  const d = dim < 0 ? dim + count : dim;
  if (!Number.isInteger(d) || d < 0 || d >= count) {
    throw new ShapeError(
      `${what}: dimension ${dim} was given for a tensor of ${rank} dimensions; expected ${-count} to ${count - 1}.`,
    );
  }
  return d;
}

/** The dimensions to reduce, sorted: all when undefined, none for a scalar. Throws ShapeError on repeats. */
export function normalizeDims(
  dims: number | readonly number[] | undefined,
  rank: number,
  what: string,
): number[] {
  if (dims === undefined) return Array.from({ length: rank }, (_, i) => i);
  const list = (typeof dims === 'number' ? [dims] : dims).map((d) => normalizeDim(d, rank, what));
  const unique = [...new Set(list)].sort((a, b) => a - b);
  if (unique.length !== list.length) {
    throw new ShapeError(`${what}: dimensions ${showShape(list)} name one dimension twice; name each once.`);
  }
  return rank === 0 ? [] : unique;
}

/** NumPy's broadcast of two shapes; throws ShapeError naming both when they do not fit. */
export function broadcastShapes(a: Shape, b: Shape, what: string): number[] {
  const rank = Math.max(a.length, b.length);
  const out = new Array<number>(rank);
  for (let i = 0; i < rank; i++) {
    const m = a[a.length - rank + i] ?? 1;
    const n = b[b.length - rank + i] ?? 1;
    if (m !== n && m !== 1 && n !== 1) {
      throw new ShapeError(
        `${what}: shapes ${showShape(a)} and ${showShape(b)} cannot be broadcast: sizes ${m} and ${n} in dimension ${i - rank} differ and neither is 1.`,
      );
    }
    out[i] = m === 1 ? n : m;
  }
  return out;
}

/** Strides for reading a tensor of `shape` as if it had shape `target`: 0 in broadcast dimensions. */
export function broadcastStrides(shape: Shape, target: Shape): number[] {
  const own = stridesOf(shape);
  const lead = target.length - shape.length;
  return target.map((_, i) => (i < lead || shape[i - lead] === 1 ? 0 : own[i - lead]!));
}

/** A number for both directions, or (height, width). */
export type Pair = number | readonly [number, number];

/**
 * Height and width from a number or a pair. Throws ShapeError unless both are whole numbers of at least
 * `least`.
 */
export function pair(value: Pair, name: string, least: number): [number, number] {
  const given: unknown = value;
  if (typeof given !== 'number' && !(Array.isArray(given) && given.length === 2)) {
    const text =
      typeof given === 'string' ? `'${given}'` : Array.isArray(given) ? `[${given}]` : String(given);
    throw new ShapeError(
      `${name} ${text} was given; expected a whole number of at least ${least}, or two of them: [height, width].`,
    );
  }
  const [h, w] = typeof value === 'number' ? [value, value] : value;
  if (!Number.isInteger(h) || !Number.isInteger(w) || h < least || w < least) {
    throw new ShapeError(
      `${name} ${typeof value === 'number' ? value : showShape(value)} was given; expected whole numbers of at least ${least}.`,
    );
  }
  return [h, w];
}

/** The window of a convolution or pooling along one dimension. */
export interface Slide {
  readonly kernel: number;
  readonly stride: number;
  readonly padding: number;
  readonly dilation: number;
}

/**
 * Size of one dimension after convolution or pooling, ⌊(n + 2·padding - dilation·(kernel - 1) - 1) / stride⌋
 * + 1; less than 1 when the kernel does not fit.
 */
export function slideSize(n: number, { kernel, stride, padding, dilation }: Slide): number {
  return Math.floor((n + 2 * padding - dilation * (kernel - 1) - 1) / stride) + 1;
}

/**
 * Size after transposed convolution: (n - 1)·stride - 2·padding + dilation·(kernel - 1) + outputPadding + 1.
 */
export function spreadSize(
  n: number,
  { kernel, stride, padding, dilation }: Slide,
  outputPadding: number,
): number {
  return (n - 1) * stride - 2 * padding + dilation * (kernel - 1) + outputPadding + 1;
}

/**
 * Merges neighbouring dimensions where all stride lists allow it, so that kernels loop over as few dimensions
 * as possible. Dimensions of size 1 are dropped.
 */
export function collapseDims(
  shape: Shape,
  strideLists: readonly (readonly number[])[],
): { shape: number[]; strides: number[][] } {
  const outShape: number[] = [];
  const outStrides: number[][] = strideLists.map(() => []);
  for (let i = 0; i < shape.length; i++) {
    const n = shape[i]!;
    if (n === 1) continue;
    const last = outShape.length - 1;
    const mergeable = last >= 0 && strideLists.every((s, k) => outStrides[k]![last] === s[i]! * n);
    if (mergeable) {
      outShape[last]! *= n;
      for (const [k, s] of strideLists.entries()) outStrides[k]![last] = s[i]!;
    } else {
      outShape.push(n);
      for (const [k, s] of strideLists.entries()) outStrides[k]!.push(s[i]!);
    }
  }
  return { shape: outShape, strides: outStrides };
}
