// How far results may be from float64: the tolerances that several test files share. A test of one kernel
// says its own.
import { algorithmsNamed, unitRoundoff } from '@forger/tensor/internal';
import type { ReferenceOpName } from '../reference/index.ts';

export { unitRoundoff };

/**
 * float32's least normal number: what is smaller may be flushed to 0, also where it is a term or a factor.
 */
export const leastNormal = 2 ** -126;

/**
 * Allowed error, relative to a tensor's largest magnitude plus what relative errors of its inputs become in
 * it (see conditioning.ts). Each step of a kernel adds an error of one unit roundoff or, for WGSL's exp, log
 * and division, a few; a sum of n products adds about √n of them. The sums of these samples have up to some
 * hundred terms and the longest chains a dozen steps: 32 units.
 */
export const opTolerance = 32 * unitRoundoff;

const [forced] = algorithmsNamed(process.env.FORGER_VARIANT ?? '');

/** The same for one operation: with FORGER_VARIANT=subgroup-matrix products round their operands to float16. */
export const opToleranceOf = (name: ReferenceOpName): number =>
  forced?.name === 'subgroup-matrix' && /^(conv|matmul|linear)/.test(name)
    ? forced.errorUnits * unitRoundoff
    : opTolerance;

/**
 * PyTorch's golden cases of operations that sum few terms: up to a few hundred keep 1e-6 of the largest
 * magnitude.
 */
export const goldenTolerance = 1e-6;
