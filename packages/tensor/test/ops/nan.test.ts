// NaN is never taken for a number: a diverged run must show. Compilers drop comparisons such as x != x, so this is tested
// on the device.
import * as forger from '@forger/tensor';
import { expect, it } from 'vitest';
import { useDevice } from '../support.ts';

useDevice();

const functions = {
  relu: forger.relu,
  leakyRelu: forger.leakyRelu,
  tanh: forger.tanh,
  sigmoid: forger.sigmoid,
  softplus: forger.softplus,
  exp: forger.exp,
  log: forger.log,
  sqrt: forger.sqrt,
  abs: forger.abs,
  neg: forger.neg,
  square: forger.square,
  pow: (x: forger.Tensor) => forger.pow(x, 1.5),
  clamp: (x: forger.Tensor) => forger.clamp(x, -1, 1),
  elu: forger.elu,
  gelu: forger.gelu,
  silu: forger.silu,
};

it.each(Object.entries(functions))('%s of NaN is NaN', async (_, f) => {
  const y = await f(forger.tensor([Number.NaN, 0.5])).data();
  expect([...y].map(Number.isNaN)).toEqual([true, false]);
});

const { max, min, maximum, minimum } = forger;

it.each(Object.entries({ maximum, minimum }))('%s is NaN where either operand is', async (_, f) => {
  const [a, b] = [forger.tensor([Number.NaN, 0, 1]), forger.tensor([0, Number.NaN, 2])];
  expect([...(await f(a, b).data())].map(Number.isNaN)).toEqual([true, true, false]);
});

it.each(Object.entries({ max, min }))(
  '%s is NaN wherever one stands, in short and long rows',
  async (_, f) => {
    for (const length of [3, 1301]) {
      for (const at of [0, 1, length - 1]) {
        const row = Array.from({ length }, (_, i) => (i === at ? Number.NaN : i % 2 ? 1 / 0 : -1 / 0));
        expect(await f(forger.tensor(row)).item()).toBeNaN();
      }
    }
  },
);

it('clamp without a bound keeps infinity', async () => {
  const x = forger.tensor([Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]);
  expect([...(await forger.clamp(x, 0).data())]).toEqual([Number.POSITIVE_INFINITY, 0]);
  expect([...(await forger.clamp(x, undefined, 0).data())]).toEqual([0, Number.NEGATIVE_INFINITY]);
});
