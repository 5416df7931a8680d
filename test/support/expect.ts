// Expectations about tensors, for vitest.
import type { DType, Tensor } from '@forger/tensor';
import { expect } from 'vitest';
import type { Ref } from '../reference/array.ts';
import { relativeError } from './errors.ts';

/** The error of a tensor, as of `relativeError`; NaN for another shape. */
async function errorOf(actual: Tensor<DType>, expected: Ref): Promise<number> {
  if (actual.shape.join() !== expected.shape.join()) return Number.NaN;
  return relativeError(await actual.data(), expected.data);
}

/** Errors seen, for reports; with FORGER_SHOW_ERRORS set the tests print the worst of each name. */
const worstErrors = new Map<string, number>();

/**
 * Fails unless a tensor has the expected shape, and an error below `tolerance`.
 * @param name `what: which one`.
 */
export async function expectClose(
  name: string,
  actual: Tensor<DType>,
  expected: Ref,
  tolerance: number,
): Promise<void> {
  const error = await errorOf(actual, expected);
  const kind = name.split(':')[0]!;
  worstErrors.set(kind, Math.max(worstErrors.get(kind) ?? 0, error));
  expect(error, name).toBeLessThan(tolerance);
}

/** After the tests of a file: the worst errors seen, where FORGER_SHOW_ERRORS asks for them. */
export function showWorstErrors(): void {
  if (!process.env.FORGER_SHOW_ERRORS) return;
  for (const [name, error] of worstErrors) process.stdout.write(`${name}: ${error.toExponential(1)}\n`);
}
