/** Random values, comparisons with the float64 reference, and golden cases, for tests of single operations. */
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { type Tensor, tensor } from '@forger/tensor';
import { expect } from 'vitest';
import { type GoldenCase, goldenCases } from '../../../../test/golden/cases.ts';
import type { Ref } from '../../../../test/reference/array.ts';

/** Values that float32 holds exactly, so that device and reference start from the same numbers; mulberry32's bits. */
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

export const toTensor = (r: Ref): Tensor => tensor(r.data, r.shape);

/** The largest difference relative to the largest expected magnitude; NaN when the shapes or any value are wrong. */
export async function errorOf(actual: Tensor, expected: Ref): Promise<number> {
  if (actual.shape.join() !== expected.shape.join()) return Number.NaN;
  const values = await actual.data();
  let [worst, largest] = [0, 0];
  for (const [i, e] of expected.data.entries()) {
    const difference = Math.abs(values[i]! - e);
    if (Number.isNaN(difference)) return Number.NaN;
    worst = Math.max(worst, difference);
    largest = Math.max(largest, Math.abs(e));
  }
  return worst / (largest || 1);
}

/** Errors seen, for reports; with FORGER_SHOW_ERRORS set the tests print the worst of each name. */
const worstErrors = new Map<string, number>();

export async function expectClose(
  name: string,
  actual: Tensor,
  expected: Ref,
  tolerance: number,
): Promise<void> {
  const error = await errorOf(actual, expected);
  const kind = name.split(':')[0]!;
  worstErrors.set(kind, Math.max(worstErrors.get(kind) ?? 0, error));
  expect(error, name).toBeLessThan(tolerance);
}

export function showWorstErrors(): void {
  if (!process.env.FORGER_SHOW_ERRORS) return;
  for (const [name, error] of worstErrors) process.stdout.write(`${name}: ${error.toExponential(1)}\n`);
}

const goldenFolder = fileURLToPath(new URL('../../../../../shared/golden/ops', import.meta.url));

/** Cases that PyTorch computed in float64, of the operations named; empty where the folder is absent. */
export function goldenFor(...ops: string[]): GoldenCase[] {
  if (!existsSync(goldenFolder)) return [];
  return [...goldenCases(goldenFolder, ops)];
}
