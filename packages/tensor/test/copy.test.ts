// copy_: values of one tensor into another, eagerly and in a captured step.
import { add, type Device, mul, ShapeError, tensor } from '@forger/tensor';
import { expect, test } from 'vitest';
import { useDevice } from '../../../test/support/device.ts';

let device: Device;
useDevice((opened) => {
  device = opened;
});

test('copies values, and leaves the source as it is', async () => {
  const [a, b] = [tensor([1, 2, 3]), tensor([4, 5, 6])];
  expect(a.copy_(b)).toBe(a);
  b.write([7, 8, 9]);
  expect([...(await a.data())]).toEqual([4, 5, 6]);
});

test('takes part in a captured step, which then goes on from what it left', async () => {
  const state = tensor([1, 2]).keep();
  const plan = device.capture(() => {
    state.copy_(add(mul(state, 2), 1));
    return {};
  });
  for (let i = 0; i < 2; i++) plan.replay();
  // x ← 2x + 1, three times: capture runs the step once.
  expect([...(await state.data())]).toEqual([15, 23]);
  plan.dispose();
  state.dispose();
});

test('refuses other shapes, other dtypes, and results of operations', () => {
  const a = tensor([1, 2]);
  expect(() => a.copy_(tensor([1, 2, 3]))).toThrow(ShapeError);
  expect(() => a.copy_(tensor([1, 2], undefined, { dtype: 'int32' }) as never)).toThrow('of int32');
  const result = mul(tensor([1, 2]).requiresGrad_(), 2);
  expect(() => result.copy_(a)).toThrow('for leaves');
});
