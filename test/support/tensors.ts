// Values and tensors for tests: drawn from fixed sequences, from the reference's arrays, and past the type
// checker.
import { type Device, type DType, type Tensor, tensor } from '@forger/tensor';
import type { Ref } from '../reference/array.ts';

/** A float32 tensor of a reference array's values, on the default device unless one is named. */
export const toTensor = (r: Ref, device?: Device): Tensor => tensor(r.data, r.shape, { device });

/**
 * The same tensor with its dtype hidden from the type checker: what a caller in plain JavaScript can pass.
 */
export const untyped = (x: Tensor<DType>): Tensor => x as Tensor;

/**
 * Values that float32 holds exactly, so that device and reference start from the same numbers; mulberry32's
 * bits.
 */
export function randomRef(
  shape: readonly number[],
  seed: number,
  value = (u: number, v: number) => Math.sqrt(-2 * Math.log(1 - u)) * Math.cos(2 * Math.PI * v),
): Ref {
  let state = seed;
  const uniform = (): number => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
  const size = shape.reduce((a, b) => a * b, 1);
  return { shape, data: Float64Array.from({ length: size }, () => Math.fround(value(uniform(), uniform()))) };
}

/** `n` different numbers in about [-1, 1], at least 1 / n apart, in scrambled order. */
export function scrambled(n: number, salt = 1): number[] {
  const order = Array.from({ length: n }, (_, i) => ({
    i,
    key: Math.sin(12.9898 * (i + 1) + 78.233 * salt) * 43_758.5453,
  }));
  order.sort((a, b) => (a.key % 1) - (b.key % 1));
  return order.map(({ i }) => (2 * i + 1) / n - 1);
}
