// What WGSL leaves to the driver in exp, log and pow (NaN, infinities, zeros, subnormal numbers) is the same on all.
import { exp, log, logSoftmax, pow, tensor } from '@forger/tensor';
import { expect, it } from 'vitest';
import { useDevice } from '../../../../test/support/device.ts';

useDevice();

const { NaN: nan, POSITIVE_INFINITY: infinity } = Number;

it('log is right to two roundings from the least subnormal number to the largest', async () => {
  const near1 = [-1e-3, -1e-7, 0, 1e-7, 1e-3].map((offset) => 1 + offset);
  const everywhere = Array.from({ length: 2 * (149 + 127) + 1 }, (_, i) => 2 ** (i / 2 - 149) * 1.0001);
  const x = Float32Array.from([...near1, ...everywhere, 2 ** -149, 2 ** -126, 3.4028234e38]);
  const y = await log(tensor(x)).data();
  for (const [i, value] of x.entries()) {
    const expected = Math.log(value);
    expect(Math.abs(y[i]! - expected), `log ${value}`).toBeLessThanOrEqual(Math.abs(expected) * 2 ** -22);
  }
});

it.each([
  ['exp', exp, [nan, infinity, -infinity, 89, -200, 0], [nan, infinity, 0, infinity, 0, 1]],
  ['log', log, [nan, infinity, -infinity, 0, -0, -1], [nan, infinity, nan, -infinity, -infinity, nan]],
  ['pow 0.5', pow05, [nan, infinity, -infinity, 0, -0, -1], [nan, infinity, infinity, 0, 0, nan]],
  ['pow -0.5', powMinus05, [nan, infinity, -infinity, 0, -0, -1], [nan, 0, 0, infinity, infinity, nan]],
] as const)('%s at the edges', async (_, f, x, expected) => {
  expect(Array.from(await f(tensor([...x])).data(), (value) => value + 0)).toEqual([...expected]);
});

it('logSoftmax of a line with NaN is NaN', async () => {
  expect([...(await logSoftmax(tensor([nan, 1, 2]), 0).data())]).toEqual([nan, nan, nan]);
});

function pow05(x: Parameters<typeof pow>[0]) {
  return pow(x, 0.5);
}

function powMinus05(x: Parameters<typeof pow>[0]) {
  return pow(x, -0.5);
}
