// float32 as float16, and safetensors files of it.

import { writeSafetensors } from '@forger/tensor';

/** IEEE 754 binary16 bits of a number, rounded to nearest, ties to even. */
export function float16Bits(value: number): number {
  const sign = value < 0 || Object.is(value, -0) ? 0x8000 : 0;
  const size = Math.abs(value);
  if (!(size < 65520)) throw new RangeError(`${value} is no finite float16`);
  if (size === 0) return sign;
  const exponent = Math.max(-14, Math.floor(Math.log2(size)));
  // In units of the last place, of which 1024 make 2^exponent: normal numbers have 1024 to 2048 of them.
  const units = roundHalfEven(size / 2 ** (exponent - 10));
  return sign | ((exponent + 14) * 1024 + units);
}

function roundHalfEven(x: number): number {
  const rounded = Math.round(x);
  return rounded - x === 0.5 && rounded % 2 === 1 ? rounded - 1 : rounded;
}

/** A safetensors file of F16 tensors. */
export function writeHalves(
  tensors: Iterable<readonly [name: string, shape: readonly number[], values: ArrayLike<number>]>,
): Uint8Array<ArrayBuffer> {
  const entries = Array.from(tensors, ([name, shape, values]) => {
    const data = Uint16Array.from(values, float16Bits);
    return [name, { shape, data }] as const;
  });
  const bytes = Uint8Array.from(writeSafetensors(entries));
  // The writer knows uint16 and not float16; both have two bytes, and no other dtype is in this file.
  const end = 8 + Number(new DataView(bytes.buffer).getBigUint64(0, true));
  const header = new TextDecoder().decode(bytes.subarray(8, end));
  bytes.set(new TextEncoder().encode(header.replaceAll('"dtype":"U16"', '"dtype":"F16"')), 8);
  return bytes;
}
