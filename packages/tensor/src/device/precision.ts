// The precision of matrix products and convolutions.
import { ConfigError } from '../errors.ts';
import type { AdapterReport } from './adapter.ts';
import type { PlatformOptions } from './platform.ts';

/**
 * 'float32': everything. 'mixed': float16 operands of large matrix products and convolutions, all else in
 * float32.
 */
export type Precision = 'float32' | 'mixed';

/** Platform options with what the requested precision needs. */
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
