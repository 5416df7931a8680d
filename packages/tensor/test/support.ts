// What the tests of operations share: one device per file, deterministic values, comparisons, finite differences, and
// PyTorch's golden cases.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  createDevice,
  type Device,
  grad,
  mul,
  readAll,
  readSafetensors,
  type Shape,
  sizeOf,
  sum,
  type Tensor,
  tensor,
} from '@forger/tensor';
import { afterAll, beforeAll, expect } from 'vitest';

/** Opens the default device before the tests of a file and checks it for errors after them. */
export function useDevice(): { readonly device: Device } {
  const holder = {} as { device: Device };
  beforeAll(async () => {
    holder.device = await createDevice();
  });
  afterAll(async () => {
    await holder.device.sync();
    holder.device.destroy();
  });
  return holder;
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

/** The largest difference, as a part of the largest expected magnitude. */
export function relativeError(actual: ArrayLike<number>, expected: ArrayLike<number>): number {
  expect(actual.length).toBe(expected.length);
  let [worst, scale] = [0, 0];
  for (let i = 0; i < expected.length; i++) {
    worst = Math.max(worst, Math.abs(actual[i]! - expected[i]!));
    scale = Math.max(scale, Math.abs(expected[i]!));
    if (Number.isNaN(actual[i]!)) worst = Number.POSITIVE_INFINITY;
  }
  return worst / Math.max(scale, 1e-30);
}

const dot = (a: ArrayLike<number>, b: ArrayLike<number>): number =>
  Array.from(a).reduce((total, v, i) => total + v * b[i]!, 0);

/**
 * Compares both derivatives of L(x) = Σ c·op(x)² with central differences: its gradient g, and the gradient of Σ v·g
 * found by differentiating the backward pass. For an op that is linear near x these differences are exact but for
 * rounding: float32 results of size 1 differ by 1e-7, over a step of 1/16 and sums of tens of terms, hence 1e-4.
 * `x` must keep its kinks further away than the step.
 */
export async function expectSecondDerivatives(
  op: (x: Tensor) => Tensor,
  shape: Shape,
  values: readonly number[],
  step = 1 / 16,
): Promise<void> {
  const size = sizeOf(shape);
  const outSize = op(tensor(Float32Array.from(values), shape)).size;
  const c = scrambled(outSize, 2).map((n) => n + 0.1);
  const v = scrambled(size, 3);
  const loss = (x: Tensor): Tensor => {
    const y = op(x);
    return sum(mul(mul(y, y), tensor(Float32Array.from(c), y.shape)));
  };
  const at = (moved: readonly number[]): Tensor => tensor(Float32Array.from(moved), shape).requiresGrad_();

  const x = at(values);
  const [g] = grad(loss(x), [x], { createGraph: true });
  const [h] = grad(sum(mul(g!, tensor(Float32Array.from(v), shape))), [x]);
  const [gradient, second] = await readAll([g!, h!]);

  const [firstByDifference, secondByDifference]: [number[], number[]] = [[], []];
  for (let i = 0; i < size; i++) {
    const [plus, minus] = [1, -1].map((sign) => {
      const moved = at(values.with(i, values[i]! + sign * step));
      const y = op(moved);
      return [y, grad(loss(moved), [moved])[0]!] as const;
    });
    const [yPlus, gPlus, yMinus, gMinus] = await readAll([...plus!, ...minus!]);
    const lossOf = (y: ArrayLike<number>): number =>
      dot(
        c,
        Array.from(y, (n) => n * n),
      );
    firstByDifference.push((lossOf(yPlus!) - lossOf(yMinus!)) / (2 * step));
    secondByDifference.push((dot(v, gPlus!) - dot(v, gMinus!)) / (2 * step));
  }
  expect(relativeError(gradient!, firstByDifference)).toBeLessThan(1e-4);
  expect(Math.max(...second!.map(Math.abs))).toBeGreaterThan(0.01);
  expect(relativeError(second!, secondByDifference)).toBeLessThan(1e-4);
}

/** A case that PyTorch computed in float64: inputs, result, upstream gradient and gradients by name. */
export interface GoldenCase {
  readonly id: number;
  readonly args: Record<string, unknown> & { readonly kind: string };
  tensor(name: string): Tensor;
  values(name: string): Float32Array;
}

const goldenFolder = join(import.meta.dirname, '../../../../shared/golden/ops');

/** The cases of one family; null where this checkout has no golden files beside it. */
export function goldenCases(family: string): GoldenCase[] | null {
  const path = join(goldenFolder, `${family}.safetensors`);
  if (!existsSync(path)) return null;
  const { tensors, metadata } = readSafetensors(readFileSync(path));
  const entries = JSON.parse(metadata.cases!) as { id: number; args: GoldenCase['args'] }[];
  return entries.map(({ id, args }) => {
    const stored = (name: string) => tensors.get(`case/${id}/${name}`)!;
    const values = (name: string): Float32Array => stored(name).data as Float32Array;
    return { id, args, values, tensor: (name) => tensor(values(name), stored(name).shape) };
  });
}

/** float32 against float64: sums of up to a few hundred terms keep 1e-6 of the largest magnitude. */
export const goldenTolerance = 1e-6;
