// Pictures that stand in one array of numbers, as numpy saves them: N×H×W, N×H×W×C, N×C×H×W, or N rows of
// flat pictures.
import { DataError } from '@forger/tensor';
import type { RawPictures } from './raw-images.ts';
import { extremes, rangeNote, rangeOf, toBytes } from './value-range.ts';

/** An array of numbers, row-major. */
export interface NumberArray {
  readonly shape: readonly number[];
  readonly data: ArrayLike<number> | ArrayLike<bigint>;
}

interface Layout {
  channels: 1 | 3;
  height: number;
  width: number;
  /** The channels of a pixel stand side by side. */
  last: boolean;
}

/**
 * How pictures lie in an array of this shape; undefined when it holds none. A last axis of 1 or 3 is that of channels.
 */
export function layoutOf(shape: readonly number[]): Layout | undefined {
  const [count, a, b, c] = shape;
  if (!count || !a || shape.includes(0)) return undefined;
  const isChannels = (n: number | undefined): n is 1 | 3 => n === 1 || n === 3;
  if (shape.length === 4 && isChannels(c)) return { channels: c, height: a, width: b!, last: true };
  if (shape.length === 4 && isChannels(a)) return { channels: a, height: b!, width: c!, last: false };
  if (shape.length === 3) return { channels: 1, height: a, width: b!, last: false };
  if (shape.length !== 2 || a < 4) return undefined;
  for (const channels of [1, 3] as const) {
    const side = Math.sqrt(a / channels);
    if (Number.isInteger(side)) return { channels, height: side, width: side, last: false };
  }
  return undefined;
}

/**
 * The pictures of an array. Bytes are taken as they are; other numbers are scaled, by one rule for all pictures, and a
 * note says how.
 * @param file is only named in errors.
 * @throws DataError for a shape or values that are no pictures'.
 */
export function picturesOfArray(array: NumberArray, file: string): { raw: RawPictures; notes: string[] } {
  const { shape } = array;
  const layout = layoutOf(shape);
  if (!layout) {
    throw new DataError(
      `'${file}' holds an array of shape [${shape.join(', ')}], and pictures of shape [N, H, W], [N, H, W, C] or [N, C, H, W] with 1 or 3 channels were expected; reshape it in numpy, and drop an alpha channel.`,
    );
  }
  const notes: string[] = [];
  const bytes = bytesOf(array.data, file, notes);
  const { channels, height, width, last } = layout;
  const part = last && channels === 3 ? channelsFirst(bytes, height * width) : bytes;
  return { raw: { channels, height, width, skip: 0, parts: [part] }, notes };
}

function bytesOf(data: NumberArray['data'], file: string, notes: string[]): Uint8Array {
  if (data instanceof Uint8Array) return data;
  const values =
    typeof data[0] === 'bigint'
      ? Float64Array.from({ length: data.length }, (_, i) => Number(data[i]))
      : (data as ArrayLike<number>);
  const found = extremes(values);
  if (!found)
    throw new DataError(`'${file}' holds NaN or infinite values; replace them, as with nan_to_num.`);
  const whole = !(data instanceof Float32Array || data instanceof Float64Array);
  // Whole numbers up to 255 are bytes that were stored wide, however dark the pictures are.
  const range =
    whole && found.min >= 0 && found.max <= 255 ? { low: 0, high: 255 } : rangeOf(found.min, found.max);
  if (!whole || range.high !== 255) notes.push(rangeNote(found, range));
  return toBytes(values, range);
}

/** Pixels of three channels side by side as three planes a picture. */
function channelsFirst(bytes: Uint8Array, plane: number): Uint8Array {
  const out = new Uint8Array(bytes.length);
  for (let start = 0; start < bytes.length; start += 3 * plane) {
    for (let i = 0; i < plane; i++) {
      for (let c = 0; c < 3; c++) out[start + c * plane + i] = bytes[start + 3 * i + c]!;
    }
  }
  return out;
}
