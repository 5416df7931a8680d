// Distances between all pairs of feature vectors: float32 products on the device find which pairs matter, float64 on
// the host decides.
//
// |x - y|² = |x|² + |y|² - 2 x·y, with the products of all pairs by one matrix product. In float32, and with vectors
// rounded after moving their mean to 0, that is off by at most (d + 16) 2⁻²⁴ (|x|² + |y|²) for d features (Higham,
// "Accuracy and stability of numerical algorithms", section 3.1). Every comparison that is closer than this
// is made again from the vectors themselves, so results are those of float64, equal distances included.

import { type Device, linear, type Tensor, tensor } from '@forger/tensor';
import type { Matrix } from './types.ts';

/** Products read back at once: 16 MiB. */
const PRODUCTS = 4 * 2 ** 20;
/** Numbers of one upload: 64 MiB, within what every device binds. */
const UPLOAD = 16 * 2 ** 20;

/** The k nearest rows of each row, nearest first; of equal distances the earlier row first. */
export interface Neighbours {
  readonly k: number;
  /** [rows, k]. */
  readonly indices: Int32Array;
  /** Squared distances, [rows, k]. */
  readonly squares: Float64Array;
}

/** Squared distance of a row of a from a row of b. */
export function squaredDistance(a: Matrix, i: number, b: Matrix, j: number): number {
  const { columns } = a;
  let sum = 0;
  for (let k = 0, x = i * columns, y = j * columns; k < columns; k++, x++, y++) {
    const difference = a.values[x]! - b.values[y]!;
    sum += difference * difference;
  }
  return sum;
}

/** One row of a with all rows of b. */
export interface DistanceRow {
  /** The row of a. */
  readonly index: number;
  /** Squared distances as computed on the device. */
  readonly approximate: Float64Array;
  /** How far each may be off. */
  readonly bounds: Float64Array;
}

/**
 * Goes through the rows of a in order. The arrays of a row are used again for the next.
 * @param origin what vectors are moved by: their mean or so.
 */
export async function forEachRow(
  a: Matrix,
  b: Matrix,
  device: Device,
  visit: (row: DistanceRow) => void,
): Promise<void> {
  const { columns } = a;
  const origin = meanOf(b);
  const [left, right] = [moved(a, origin), moved(b, origin)];
  const perUpload = Math.max(1, Math.floor(UPLOAD / columns));
  const starts = Array.from({ length: Math.ceil(b.rows / perUpload) }, (_, i) => i * perUpload);
  const uploads = starts.map((start) =>
    upload(right.values, start, Math.min(b.rows, start + perUpload), columns, device),
  );
  const perBlock = Math.max(1, Math.min(perUpload, Math.floor(PRODUCTS / b.rows)));
  const approximate = new Float64Array(b.rows);
  const bounds = new Float64Array(b.rows);
  const unit = (columns + 16) * 2 ** -24;
  const products = (start: number): Promise<Float32Array[]> => {
    if (start >= a.rows) return Promise.resolve([]);
    const results = device.scope(() => {
      const block = upload(left.values, start, Math.min(a.rows, start + perBlock), columns, device);
      const made = uploads.map((part) => linear(block, part));
      block.dispose();
      return made;
    });
    return Promise.all(
      results.map(async (t) => {
        const values = (await t.data()) as Float32Array;
        t.dispose();
        return values;
      }),
    );
  };
  try {
    // The device computes the next block while the host looks at this one.
    let next = products(0);
    for (let start = 0; start < a.rows; start += perBlock) {
      const parts = await next;
      next = products(start + perBlock);
      const end = Math.min(a.rows, start + perBlock);
      for (let i = start; i < end; i++) {
        const square = left.squares[i]!;
        for (const [p, values] of parts.entries()) {
          const width = values.length / (end - start);
          const from = starts[p]!;
          for (let j = from, at = (i - start) * width; j < from + width; j++, at++) {
            const both = square + right.squares[j]!;
            approximate[j] = both - 2 * values[at]!;
            bounds[j] = unit * both;
          }
        }
        visit({ index: i, approximate, bounds });
      }
    }
    await next;
  } finally {
    for (const part of uploads) part.dispose();
  }
}

/**
 * The k nearest rows of b for each row of a.
 * @param k at most the number of rows of b, and one less where `a` is `b`: a row is not its own neighbour.
 */
export async function nearest(a: Matrix, b: Matrix, k: number, device: Device): Promise<Neighbours> {
  const indices = new Int32Array(a.rows * k);
  const squares = new Float64Array(a.rows * k);
  const same = a === b;
  /** The k least upper bounds so far, ascending. */
  const least = new Float64Array(k);
  await forEachRow(a, b, device, ({ index, approximate, bounds }) => {
    least.fill(Number.POSITIVE_INFINITY);
    for (let j = 0; j < b.rows; j++) {
      const upper = approximate[j]! + bounds[j]!;
      if (upper < least[k - 1]! && !(same && j === index)) insert(least, upper);
    }
    const limit = least[k - 1]!;
    const found = squares.subarray(index * k, (index + 1) * k).fill(Number.POSITIVE_INFINITY);
    const places = indices.subarray(index * k, (index + 1) * k);
    for (let j = 0; j < b.rows; j++) {
      if (approximate[j]! - bounds[j]! > limit || (same && j === index)) continue;
      const square = squaredDistance(a, index, b, j);
      if (square < found[k - 1]!) {
        const place = insert(found, square);
        places.copyWithin(place + 1, place, k - 1);
        places[place] = j;
        // Nothing is nearer than k copies of the row itself.
        if (found[k - 1] === 0) break;
      }
    }
  });
  return { k, indices, squares };
}

const known = new WeakMap<Matrix, Neighbours>();

/** The k nearest other rows of each row; kept as long as the matrix lives. */
export async function neighboursWithin(matrix: Matrix, k: number, device: Device): Promise<Neighbours> {
  let neighbours = known.get(matrix);
  if (!neighbours || neighbours.k < k) {
    neighbours = await nearest(matrix, matrix, k, device);
    known.set(matrix, neighbours);
  }
  return neighbours;
}

/** Puts a value into an ascending list in place of the last, behind those equal to it. @returns where. */
function insert(list: Float64Array, value: number): number {
  let place = list.length - 1;
  while (place > 0 && list[place - 1]! > value) {
    list[place] = list[place - 1]!;
    place--;
  }
  list[place] = value;
  return place;
}

export function meanOf({ rows, columns, values }: Matrix): Float64Array {
  const mean = new Float64Array(columns);
  for (let i = 0, at = 0; i < rows; i++) for (let j = 0; j < columns; j++, at++) mean[j]! += values[at]!;
  return mean.map((sum) => sum / rows);
}

/** Vectors minus `origin`, rounded to float32, and the squares of their lengths. */
function moved(
  { rows, columns, values }: Matrix,
  origin: Float64Array,
): { readonly values: Float32Array; readonly squares: Float64Array } {
  const result = new Float32Array(values.length);
  const squares = new Float64Array(rows);
  for (let i = 0, at = 0; i < rows; i++) {
    let square = 0;
    for (let j = 0; j < columns; j++, at++) {
      const value = values[at]! - origin[j]!;
      result[at] = value;
      square += value * value;
    }
    squares[i] = square;
  }
  return { values: result, squares };
}

function upload(values: Float32Array, start: number, end: number, columns: number, device: Device): Tensor {
  const part = values.slice(start * columns, end * columns);
  return tensor(part, [end - start, columns], { device }).keep();
}
