/** Runs one operation on the device and holds its result and gradients against the float64 reference. */
import { type Device, grad, type Tensor, tensor } from '@forger/tensor';
import { algorithmsNamed } from '@forger/tensor/internal';
import { sensitivities, unitRoundoff } from './conditioning.ts';
import { type Comparison, type Deviation, deviations } from './golden/errors.ts';
import { deviceOps } from './ops-table.ts';
import type { Ref } from './reference/array.ts';
import { type ReferenceOpName, referenceOp } from './reference/index.ts';

/**
 * Allowed error, relative to a tensor's largest magnitude plus what relative errors of its inputs become in it (see
 * conditioning.ts). Each step of a kernel adds an error of one unit roundoff or, for WGSL's exp, log and division, a
 * few; a sum of n products adds about √n of them. The sums of these samples have up to some hundred terms
 * and the longest chains a dozen steps: 32 units.
 */
export const opTolerance = 32 * unitRoundoff;

const [forced] = algorithmsNamed(process.env.FORGER_VARIANT ?? '');

/** The same for one operation: with FORGER_VARIANT=subgroup-matrix products round their operands to float16. */
export const opToleranceOf = (name: ReferenceOpName): number =>
  forced?.name === 'subgroup-matrix' && /^(conv|matmul|linear)/.test(name)
    ? forced.errorUnits * unitRoundoff
    : opTolerance;

/** One application of an operation. */
export interface Sample {
  inputs: Ref[];
  args: unknown;
  gy: Ref;
}

/** float32's least normal number: what is smaller may be flushed to 0. */
const leastNormal = 2 ** -126;

/** Stands for the gradient of an input that has none. */
const nothing: Ref = { shape: [0], data: new Float64Array() };

export const toTensor = (x: Ref, device?: Device): Tensor => tensor(x.data, x.shape, { device });

/** The positions of the inputs that have a gradient. */
export function differentiable(name: ReferenceOpName, { inputs, args, gy }: Sample): number[] {
  const gradients = referenceOp(name).backward(inputs, args, gy);
  return [...inputs.keys()].filter((i) => gradients[i] !== null);
}

/**
 * The deviations of the result and of each gradient of Σ y·gy, with gradients wanted of all inputs and of each alone.
 * @param smooth false where the inputs lie on a kink: there, errors are relative to the largest magnitude alone.
 */
export async function checkOp(
  device: Device,
  name: ReferenceOpName,
  sample: Sample,
  { smooth = true } = {},
): Promise<Deviation[]> {
  const op = referenceOp(name);
  const { inputs, args, gy } = sample;
  const all = (given: readonly Ref[]): Ref[] => {
    const xs = given.slice(0, -1);
    const gradients = op.backward(xs, args, given.at(-1)!);
    return [op.forward(xs, args), ...gradients.map((g) => g ?? nothing)];
  };
  const expected = all([...inputs, gy]);
  const cancelled = smooth ? sensitivities(all, [...inputs, gy]) : [];
  const scales = expected.map(({ data }, k) => {
    const largest = data.reduce((most, v) => Math.max(most, Math.abs(v)), 0);
    return Math.max(largest + (cancelled[k] ?? 0), leastNormal / opTolerance);
  });
  const everything = differentiable(name, sample);
  const choices = everything.length > 1 ? [everything, ...everything.map((i) => [i])] : [everything];
  const comparisons = choices.flatMap((wanted) => {
    const results = device.scope(() => {
      const xs = inputs.map((x, i) => toTensor(x, device).requiresGrad_(wanted.includes(i)));
      const y = deviceOps[name](xs, args);
      const options = { gradOutputs: [toTensor(gy, device)] };
      const targets = wanted.map((i) => xs[i]!);
      return [y, ...grad(y, targets, options)];
    });
    return results.map((actual, k): Comparison => {
      const what = k === 0 ? 'result' : `gradient of input ${wanted[k - 1]} among [${wanted}]`;
      if (!actual) throw new Error(`${name}: there is no ${what}.`);
      const at = k === 0 ? 0 : wanted[k - 1]! + 1;
      return { name: `${name}: ${what}`, actual, expected: expected[at]!, cancelled: scales[at]! };
    });
  });
  try {
    return await deviations(comparisons);
  } finally {
    for (const { actual } of comparisons) actual.dispose();
  }
}
