/**
 * The ways in which an operation can be computed here. Every operation has two: the work shared out as for a software
 * adapter and as for a GPU (sizes of workgroups, splits, lanes), whichever the adapter is. Matrix products and
 * convolutions have each core of kernels/gemm.ts besides, whatever the rules would take.
 */
import type { Device } from '@forger/tensor';
import { type GemmCore, gemmCores, supportsCore, withGemmCore } from '@forger/tensor/internal';

export type Variant = 'software' | 'gpu' | GemmCore | 'head';

const cores: readonly Variant[] = [...gemmCores, 'head'];
const shares: readonly Variant[] = ['software', 'gpu'];

/** Winograd's forms and the kernels for few channels serve convolutions alone. */
const ofConvolutions: readonly Variant[] = ['f2x2', 'f3x2', 'f4x2', 'f2x3', 'thin', 'head'];

const isConvolution = (op: string): boolean => op.startsWith('conv');
const isProduct = (op: string): boolean => isConvolution(op) || op === 'matmul' || op === 'linear';

/** The variants of an operation. */
export function variantsOf(op: string): readonly Variant[] {
  if (!isProduct(op)) return shares;
  return [...shares, ...cores].filter((one) => isConvolution(op) || !ofConvolutions.includes(one));
}

export const allVariants: readonly Variant[] = [...shares, ...cores];

/** The core that a variant forces; null where the rules choose. `head` is a part of `thin`. */
export function coreOf(variant: Variant): GemmCore | null {
  if (variant === 'software' || variant === 'gpu') return null;
  return variant === 'head' ? 'thin' : variant;
}

export function supportsVariant(device: Device, variant: Variant): boolean {
  const core = coreOf(variant);
  return core === null || supportsCore(device, core);
}

/** How many times a core's unit errors a Winograd form's are: its transforms add numbers up before they cancel. */
const amplification: Partial<Record<Variant, number>> = { f2x2: 2, f3x2: 2, f4x2: 8, f2x3: 2 };

/** float16's unit roundoff, 2^-11, in those of float32: what `matrix` rounds each operand by. */
const halfUnits = 2 ** 13;

/**
 * Allowed error of a result or first gradient in units of roundoff, for sums of `terms` terms.
 *
 * Each step of a kernel rounds by one unit or, for WGSL's exp, log and division, a few, and the longest chains have a
 * dozen steps: 32. A sum of n terms of random sign, added up one after another, errs by Σₖ 0.4u·√k = 0.3·u·n as a root
 * mean square, on results of √n: 0.3·√n units for one in the middle and about four times that, √n, for the worst of
 * thousands. Where the terms are `few` different numbers, rounding errors repeat instead of cancelling: n/2 units (Higham
 * 2002, section 4.2, on partial sums of half the total on average). Winograd's forms with points at 0, ±1 and ∞ grow in their transforms by factors of at most 2 between input
 * and output, the one with a point at 2 by 8. The compensated core rounds once, and once for each of the few parts that
 * are added up afterwards; a bias and its gradient take the plain way.
 */
export function allowedUnits(variant: Variant, terms: number, few: boolean): number {
  if (variant === 'compensated') return 4;
  if (variant === 'matrix') return 2 * halfUnits + 32 + Math.sqrt(terms);
  return (32 + (few ? terms / 2 : Math.sqrt(terms))) * (amplification[variant] ?? 1);
}

/**
 * Whether NaN and infinity stay in the elements whose formula has them. Winograd's transforms mix the elements of a tile,
 * and kernels that multiply whole texels multiply them by the zeros beside: there a special number makes its
 * neighbours NaN too, and never vanishes.
 */
export function staysInPlace(variant: Variant): boolean {
  return !['texture', 'f2x2', 'f3x2', 'f4x2', 'f2x3'].includes(variant);
}

/** Runs `fn` as a variant. */
export function asVariant<T>(device: Device, variant: Variant, fn: () => T): T {
  const core = coreOf(variant);
  const adapter = device.adapter as { software: boolean };
  const { software } = adapter;
  if (variant === 'software' || variant === 'gpu') adapter.software = variant === 'software';
  try {
    return core ? withGemmCore(core, fn) : fn();
  } finally {
    adapter.software = software;
  }
}

/** What a variant's own kernels, and no others, are linked from; null where any kernel will do. */
export function sourceOf(variant: Variant): RegExp | null {
  if (variant === 'software' || variant === 'gpu') return null;
  if (variant === 'thin' || variant === 'head') return new RegExp(`^conv/${variant}_`);
  if (variant === 'texture') return /^gemm\/core_texture|^winograd\/f1x1/;
  return variant.startsWith('f')
    ? new RegExp(`^winograd/${variant}\\.`)
    : new RegExp(`^gemm/core_${variant}\\.`);
}
