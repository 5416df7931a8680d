// What a device computes its products in.
import { ConfigError } from '../errors.ts';
import type { AdapterReport } from './adapter.ts';
import type { PlatformOptions } from './platform.ts';

/** float32: everything. mixed: operands of large matrix products and convolutions in float16, all else in float32. */
export type Precision = 'float32' | 'mixed';

/** What to ask the platform for, so that the adapter may have the precision wanted. */
export function withPrecision<T extends PlatformOptions & { readonly precision?: Precision }>(options: T): T {
  return options.precision === 'mixed' ? { ...options, halfMatrices: true } : options;
}

/** Throws ConfigError when an adapter cannot compute in `precision`. */
export function checkPrecision(precision: Precision | undefined, adapter: AdapterReport): void {
  if (precision !== 'mixed' || adapter.halfMatrix) return;
  const name = adapter.description || adapter.device || adapter.vendor || 'without a name';
  throw new ConfigError(
    `Precision mixed was asked for, and the adapter (${name}) lists no products of float16 matrices summed in float32 (chromium-experimental-subgroup-matrix, with shader-f16 and subgroups of one size): take float32, or a GPU that has them, such as NVIDIA's with tensor cores.`,
    { code: 'precision' },
  );
}
