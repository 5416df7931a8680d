/**
 * Gradients of gradients on the device against central differences of the reference's gradients: of
 * s = Σᵢ <gᵢ, vᵢ>, where gᵢ are the gradients of Σ y·gy, along random directions in the inputs and gy together.
 */
import { add, createDevice, type Device, grad, mul, readAll, sum, type Tensor } from '@forger/tensor';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { differentiable, toTensor } from './check-op.ts';
import { sensitivities, unitRoundoff } from './conditioning.ts';
import { type Deviation, deviations } from './golden/errors.ts';
import { deviceOps } from './ops-table.ts';
import { map, type Ref, ref } from './reference/array.ts';
import { derivative, secondDirectional } from './reference/finite.ts';
import { type ReferenceOpName, referenceOp } from './reference/index.ts';
import { opNames, type Sample, samplesOf } from './reference/samples.ts';

let device: Device;
beforeAll(async () => {
  device = await createDevice();
});

const worst = new Map<string, number>();
afterAll(() => {
  device.destroy();
  if (!process.env.FORGER_SHOW_ERRORS) return;
  for (const [name, error] of worst) process.stdout.write(`${name} ${(error / unitRoundoff).toFixed(1)}\n`);
});

/**
 * Allowed error of the derivative of s along a direction, relative to the sum of its terms' magnitudes plus what
 * relative errors of the inputs become in it (see conditioning.ts). A first gradient is allowed 32 units of roundoff
 * (check-op.ts); a second runs through about twice as many steps.
 */
const tolerance = 64 * unitRoundoff;

const directions = 3;

/** Numbers of size 1 that repeat nothing in a sample. */
const wave = (x: Ref, phase: number): Ref => map(x, (_, k) => Math.fround(Math.sin(1 + phase * (k + 1.3))));

/** The gradients of s on the device: one for each wanted input, then gy's; null where s does not depend on it. */
async function secondGradientsOnDevice(
  name: ReferenceOpName,
  { inputs, args, gy }: Sample,
  wanted: readonly number[],
  v: readonly (Ref | null)[],
): Promise<(ArrayLike<number> | null)[]> {
  const results = device.scope(() => {
    const xs = inputs.map((x, i) => toTensor(x, device).requireGrad(wanted.includes(i)));
    const targets = wanted.map((i) => xs[i]!);
    const upstream = toTensor(gy, device).requireGrad();
    const options = { gradOutputs: [upstream], createGraph: true };
    const gradients = grad(deviceOps[name](xs, args), targets, options) as Tensor[];
    const s = gradients
      .map((g, k) => sum(mul(g, toTensor(v[wanted[k]!]!, device))))
      .reduce((total, part) => add(total, part));
    return grad(s, [...targets, upstream]);
  });
  const values = await readAll(results.filter((t) => t !== null));
  return results.map((t) => (t === null ? null : values.shift()!));
}

async function checkSecond(name: ReferenceOpName, sample: Sample): Promise<number[]> {
  const { inputs, args, gy } = sample;
  const op = referenceOp(name);
  const wanted = differentiable(name, sample);
  const isWanted = inputs.map((_, i) => wanted.includes(i));
  const v = inputs.map((x, i) => (isWanted[i] ? wave(x, 2 + i) : null));
  const found = await secondGradientsOnDevice(name, sample, wanted, v);
  return Array.from({ length: directions }, (_, d) => {
    const along = inputs.map((x, i) => (isWanted[i] ? wave(x, 0.7 + d + 0.31 * i) : null));
    const alongGy = wave(gy, 0.4 + d);
    const slope = (all: readonly Ref[]): number =>
      secondDirectional(op, all.slice(0, -1), args, all.at(-1)!, v, { inputs: along, gy: alongGy });
    const expected = slope([...inputs, gy]);
    let [actual, magnitude] = [0, 0];
    [...wanted.map((i) => along[i]!), alongGy].forEach((direction, k) => {
      direction.data.forEach((weight, i) => {
        const term = (found[k]?.[i] ?? 0) * weight;
        actual += term;
        magnitude += Math.abs(term);
      });
    });
    const asRef = (value: number): Ref => ({ shape: [], data: Float64Array.of(value) });
    const [sensitivity] = sensitivities((all) => [asRef(slope(all))], [...inputs, gy], 2);
    return Math.abs(actual - expected) / (magnitude + Math.abs(expected) + sensitivity! || 1);
  });
}

// The seed stays the same from run to run, so that drivers find their compiled kernels again.
const runs = { numRuns: Number(process.env.FORGER_RUNS ?? 8), seed: Number(process.env.FORGER_SEED ?? 1) };

test.each(opNames)('%s', async (name) => {
  await fc.assert(
    fc.asyncProperty(samplesOf(name), async (sample) => {
      for (const error of await checkSecond(name, sample)) {
        worst.set(name, Math.max(worst.get(name) ?? 0, error));
        expect(error).toBeLessThan(tolerance);
      }
    }),
    runs,
  );
});

describe('third derivatives of functions of single elements', () => {
  const names = opNames.slice(opNames.indexOf('relu'), opNames.indexOf('silu') + 1);
  const x = ref(
    [19],
    [...Array(19).keys()].map((i) => (i - 9) / 4 + 1 / 8),
  );
  const positive = map(x, (value) => value + 3);
  const args = { negativeSlope: 0.2, alpha: 0.5, exponent: 1.75, min: -1, max: 1.5, reduction: 'none' };

  test.each([...names, 'bceWithLogits', 'mse', 'softplusGan'] as const)('%s', async (name) => {
    const op = referenceOp(name);
    const point = ['log', 'sqrt', 'pow'].includes(name) ? positive : x;
    const others = ['bceWithLogits', 'mse'].includes(name) ? [map(x, (_, i) => i / 19)] : [];
    const first = (i: number, value: number): number => {
      const at = [point, ...others].map((t) => ref([1], [t.data[i]!]));
      return op.backward([ref([1], [value]), ...at.slice(1)], args, ref([1], [1]))[0]!.data[0]!;
    };
    const expected = map(point, (value, i) => derivative((t) => derivative((u) => first(i, value + t + u))));
    const third = device.scope(() => {
      const leaf = toTensor(point, device).requireGrad();
      let y = deviceOps[name]([leaf, ...others.map((t) => toTensor(t, device))], args);
      for (let order = 1; order <= 3; order++) y = grad(sum(y), [leaf], { createGraph: true })[0]!;
      return y;
    });
    const [{ error }] = (await deviations([{ name, actual: third, expected }])) as [Deviation];
    expect(error).toBeLessThan(tolerance);
  });
});
