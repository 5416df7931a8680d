/**
 * Third derivatives of functions of single elements on the device, against differences of the reference's gradients.
 */
import { type Device, grad, sum } from '@forger/tensor';
import { expect, test } from 'vitest';
import { deviceOps } from './ops-table.ts';
import { map, ref } from './reference/array.ts';
import { derivative } from './reference/finite.ts';
import { referenceOp } from './reference/index.ts';
import { unaryOps } from './reference/unary.ts';
import { useDevice } from './support/device.ts';
import { type Deviation, deviations } from './support/errors.ts';
import { toTensor } from './support/tensors.ts';
import { unitRoundoff } from './support/tolerances.ts';

let device: Device;
useDevice((opened) => {
  device = opened;
});

/**
 * A first gradient is allowed 32 units of roundoff (check-op.ts); each further one runs through about as many
 * steps again.
 */
const tolerance = 64 * unitRoundoff;

const names = Object.keys(unaryOps) as (keyof typeof unaryOps)[];
const x = ref(
  [19],
  [...Array(19).keys()].map((i) => (i - 9) / 4 + 1 / 8),
);
const positive = map(x, (value) => value + 3);
/** A value of each argument; where a function is not named here, those that it is drawn with first. */
const given: Record<string, object> = {
  pow: { exponent: 1.75 },
  leakyRelu: { negativeSlope: 0.2 },
  elu: { alpha: 0.5 },
};

function argsOf(name: string): object {
  const { parameters = {} } = (unaryOps as Record<string, { parameters?: object }>)[name] ?? {};
  const first = Object.entries(parameters).map(([parameter, values]) => [parameter, values[0]]);
  return given[name] ?? { ...Object.fromEntries(first), reduction: 'none' };
}

test.each([...names, 'bceWithLogits', 'mse', 'softplusGan'] as const)('%s', async (name) => {
  const op = referenceOp(name);
  const args = argsOf(name);
  const point = name in unaryOps && unaryOps[name as keyof typeof unaryOps].positive ? positive : x;
  const others = ['bceWithLogits', 'mse'].includes(name) ? [map(x, (_, i) => i / 19)] : [];
  const first = (i: number, value: number): number => {
    const at = [point, ...others].map((t) => ref([1], [t.data[i]!]));
    return op.backward([ref([1], [value]), ...at.slice(1)], args, ref([1], [1]))[0]!.data[0]!;
  };
  const expected = map(point, (value, i) => derivative((t) => derivative((u) => first(i, value + t + u))));
  const third = device.scope(() => {
    const leaf = toTensor(point, device).requiresGrad_();
    let y = deviceOps[name]([leaf, ...others.map((t) => toTensor(t, device))], args);
    for (let order = 1; order <= 3; order++) y = grad(sum(y), [leaf], { createGraph: true })[0];
    return y;
  });
  const [{ error }] = (await deviations([{ name, actual: third, expected }])) as [Deviation];
  expect(error).toBeLessThan(tolerance);
});
