/** Runs the golden cases of one file on the device: results, running statistics and every gradient. */
import { backward, type Device, type Tensor, tensor } from '@forger/tensor';
import { type Algorithm, unitRoundoff } from '@forger/tensor/internal';
import { deviceOps } from '../ops-table.ts';
import type { Ref } from '../reference/array.ts';
import { type Comparison, type Deviation, deviations, worst } from '../support/errors.ts';
import { type GoldenCase, type GoldenFile, goldenCase } from './cases.ts';

/**
 * Allowed error, relative to the largest magnitude in each tensor. float32 rounds to 6e-8; a sum of n products of
 * either sign loses about √n of that, 1e-6 for the longest sums here (some hundred terms), and functions such as
 * tanh are allowed some more by WGSL.
 */
export const opTolerance = 1e-5;

const isProduct = (op: string): boolean => /^(conv|matmul|linear)/.test(op);

export interface FamilyResult {
  family: string;
  cases: number;
  /** Cases with an operand that the file does not hold and that was worked out from the rest. */
  recovered: number;
  worst: Deviation;
  /** The largest error that a case may have. */
  allowed: number;
  /** One line for each case that is off or could not be run. */
  failures: string[];
}

/** Runs every case of a file. @param algorithm the one that products are forced to take, if any. */
export async function runFamily(
  device: Device,
  file: GoldenFile,
  algorithm: Algorithm | null = null,
): Promise<FamilyResult> {
  const found: Deviation[] = [];
  const failures: string[] = [];
  let recovered = 0;
  let most = opTolerance;
  for (const entry of file.entries) {
    const label = `${file.family} case ${entry.id} (${entry.args.kind ?? entry.op})`;
    try {
      const golden = goldenCase(file, entry);
      if (golden.recovered.length > 0) recovered++;
      // Products of float16 matrices: each operand rounds by 2^-11.
      const half = algorithm?.name === 'subgroup-matrix' && isProduct(golden.op);
      const allowed = half ? algorithm.errorUnits * unitRoundoff : opTolerance;
      most = Math.max(most, allowed);
      for (const { name, error } of await runCase(device, golden)) {
        found.push({ name: `${label} ${name}`, error });
        if (!(error <= allowed)) failures.push(`${label}: ${name} is off by ${error.toExponential(1)}`);
      }
    } catch (error) {
      failures.push(`${label}: ${(error as Error).message}`);
    }
  }
  const cases = file.entries.length;
  return { family: file.family, cases, recovered, worst: worst(found), allowed: most, failures };
}

async function runCase(device: Device, golden: GoldenCase): Promise<Deviation[]> {
  const upload = ({ shape, data }: Ref) => tensor(data, shape, { device });
  const results = device.scope((): Comparison[] => {
    const inputs = golden.inputs.map(upload);
    const input = (name: string) => inputs[golden.inputNames.indexOf(name)]!;
    for (const name of Object.keys(golden.grads)) input(name).requiresGrad_();
    const y = deviceOps[golden.op](inputs, golden.args);
    backward(y, upload(golden.gy));
    const gradients = Object.entries(golden.grads).map(([name, expected]) => {
      const actual = input(name).grad;
      if (!actual) throw new Error(`no gradient of ${name}`);
      const cancelled = name === 'x' ? normGradientTerms(golden) : 0;
      return { name: `gradient of ${name}`, actual: own(actual), expected, cancelled };
    });
    const statistics = Object.entries(golden.extra).map(([name, expected]) => {
      // batch_norm moves its running statistics in place: `newRunningMean` is what the input has become.
      const moved = input(name.replace(/^new(.)/, (_, first: string) => first.toLowerCase()));
      if (!moved) throw new Error(`the file expects "${name}", which nothing here computes`);
      return { name, actual: moved, expected };
    });
    return [{ name: 'result', actual: y, expected: golden.y }, ...gradients, ...statistics];
  });
  try {
    return await deviations(results);
  } finally {
    for (const { actual } of results) actual.dispose();
  }
}

/**
 * The largest of the terms weight·gy/σ from which a normalisation's gradient of x subtracts its parts along 1 and x̂;
 * 0 for other operations. With few values to a group nearly all of it cancels (with two, all but eps/var, as x̂ is ±1),
 * and what is left is only as exact as the terms were.
 */
function normGradientTerms({ op, args, inputs, inputNames, gy }: GoldenCase): number {
  const { training, eps } = args as { training?: boolean; eps: number };
  if (op !== 'instanceNorm' && !(op === 'batchNorm' && training)) return 0;
  const x = inputs[0]!;
  const weight = inputs[inputNames.indexOf('weight')]?.data;
  const [n, c] = x.shape as [number, number];
  const run = x.data.length / (n * c);
  const groupOf = (i: number) => (op === 'batchNorm' ? Math.floor(i / run) % c : Math.floor(i / run));
  const sums = (value: (v: number, group: number) => number): number[] => {
    const total: number[] = [];
    x.data.forEach((v, i) => {
      const group = groupOf(i);
      total[group] = (total[group] ?? 0) + value(v, group);
    });
    return total;
  };
  const counts = sums(() => 1);
  const means = sums((v) => v).map((sum, group) => sum / counts[group]!);
  const variances = sums((v, group) => (v - means[group]!) ** 2).map((sum, group) => sum / counts[group]!);
  return gy.data.reduce((most, g, i) => {
    const scale = weight?.[Math.floor(i / run) % c] ?? 1;
    return Math.max(most, Math.abs(scale * g) / Math.sqrt(variances[groupOf(i)]! + eps));
  }, 0);
}

/** A gradient was kept out of the scopes for its leaf; here it should go the way of the other results. */
function own(gradient: Tensor): Tensor {
  const handle = gradient.detach();
  gradient.dispose();
  return handle;
}
