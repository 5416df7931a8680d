// Numbers as PyTorch and numpy store them, brought into typed arrays. Floats of any width come as float32.

import { CheckpointError, type SafetensorsData } from '@forger/tensor';
import { float32FromBfloat16, float32FromFloat16 } from '@forger/tensor/internal';
import type { Budget } from './budget.ts';
import { elementCount, extent, inOrder, type Strided } from './strided.ts';

type Raw = SafetensorsData | Float64Array;

interface ElementRule {
  readonly bytes: number;
  readonly array: (buffer: ArrayBuffer) => Raw;
  readonly make: (count: number) => Raw;
  readonly finish?: (raw: never) => SafetensorsData;
}

function rule<A extends Raw>(
  array: { new (buffer: ArrayBuffer): A; new (count: number): A; readonly BYTES_PER_ELEMENT: number },
  finish?: (raw: A) => SafetensorsData,
): ElementRule {
  return {
    bytes: array.BYTES_PER_ELEMENT,
    array: (buffer) => new array(buffer),
    make: (count) => new array(count),
    ...(finish && { finish }),
  };
}

/** By PyTorch's names. Booleans come as 0 and 1. */
const rules = {
  float32: rule(Float32Array),
  float64: rule(Float64Array, (raw: Float64Array) => Float32Array.from(raw)),
  float16: rule(Uint16Array, (raw: Uint16Array) => float32FromFloat16(raw)),
  bfloat16: rule(Uint16Array, (raw: Uint16Array) => float32FromBfloat16(raw)),
  int64: rule(BigInt64Array),
  uint64: rule(BigUint64Array),
  int32: rule(Int32Array),
  uint32: rule(Uint32Array),
  int16: rule(Int16Array),
  uint16: rule(Uint16Array),
  int8: rule(Int8Array),
  uint8: rule(Uint8Array),
  bool: rule(Uint8Array),
} as const satisfies Record<string, ElementRule>;

export type ElementType = keyof typeof rules;

export function bytesPerElement(type: ElementType): number {
  return rules[type].bytes;
}

/**
 * Says what is wrong with a tensor's place in an array of `available` elements; undefined when nothing is.
 * The tensor may be of no elements.
 */
export function misplaced(place: Strided, available: number): string | undefined {
  const { shape, stride, offset } = place;
  if (shape.length !== stride.length) return `${shape.length} sizes and ${stride.length} strides`;
  for (const n of [...shape, ...stride, offset]) {
    if (!Number.isSafeInteger(n) || n < 0)
      return `a size, stride or offset of ${n} where whole numbers of at least 0 are meant`;
  }
  const last = extent(place);
  if (!Number.isSafeInteger(elementCount(shape)) || !Number.isSafeInteger(last))
    return `a shape [${shape.join(', ')}] that is too large`;
  return last > available ? `elements up to number ${last} where there are ${available}` : undefined;
}

/**
 * Sets the memory of a tensor aside, before anything of it is read: by its strides it may be far larger than the file.
 * `shape` must have passed `misplaced`. @throws CheckpointError beyond the budget.
 */
export function reserve(type: ElementType, shape: readonly number[], budget: Budget): void {
  const { bytes, finish }: ElementRule = rules[type];
  budget.spend(
    elementCount(shape) * Math.max(bytes, finish ? 4 : 0),
    `a tensor of shape [${shape.join(', ')}]`,
  );
}

/** Elements of a tensor that lies in `bytes`, in row-major order. `place` must have passed `misplaced`. */
export function readElements(type: ElementType, bytes: Uint8Array, place: Strided): SafetensorsData {
  const { bytes: size, array, make, finish }: ElementRule = rules[type];
  if (extent(place) * size > bytes.byteLength)
    throw new CheckpointError(
      `${bytes.byteLength} bytes were given for ${extent(place)} elements of ${type}`,
    );
  // Typed arrays must start at a multiple of their elements' size: a copy always does.
  const whole = bytes.byteLength - (bytes.byteLength % size);
  const raw = array(Uint8Array.prototype.slice.call(bytes, 0, whole).buffer as ArrayBuffer);
  const ordered = inOrder<number | bigint, never>(raw as never, place, make as never) as Raw;
  return finish ? finish(ordered as never) : (ordered as SafetensorsData);
}
