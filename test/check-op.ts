/** Runs one operation on the device and holds its result and gradients against the float64 reference. */
import { type Device, grad } from '@forger/tensor';
import { sensitivities } from './conditioning.ts';
import { deviceOps } from './ops-table.ts';
import type { Ref } from './reference/array.ts';
import { type ReferenceOpName, referenceOp } from './reference/index.ts';
import { type Comparison, type Deviation, deviations } from './support/errors.ts';
import { toTensor } from './support/tensors.ts';
import { leastNormal, opTolerance } from './support/tolerances.ts';

/** One application of an operation. */
export interface Sample {
  inputs: Ref[];
  args: unknown;
  gy: Ref;
}

/** Stands for the gradient of an input that has none. */
const nothing: Ref = { shape: [0], data: new Float64Array() };

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
