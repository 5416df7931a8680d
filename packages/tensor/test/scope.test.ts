// scope(): device.scope of the default device.
import { type Device, DeviceError, getDefaultDevice, scope, setDefaultDevice, tensor } from '@forger/tensor';
import { expect, test } from 'vitest';
import { useDevice } from '../../../test/support/device.ts';

let device: Device;
useDevice((opened) => {
  device = opened;
});

test('frees what is neither returned nor kept', async () => {
  const { x, y, kept } = scope(() => {
    const x = tensor([1]);
    const kept = tensor([3]).keep();
    return { x, y: [x.add(1)], kept: () => kept };
  });
  expect(await x.add(y[0]!).item()).toBe(3);
  expect(await kept().item()).toBe(3);
  const dropped = scope(() => {
    const inner = tensor([1]);
    return () => inner;
  })();
  expect(dropped.disposed).toBe(true);
  await expect(dropped.data()).rejects.toThrow(DeviceError);
});

test('is the scope of the default device', () => {
  expect(getDefaultDevice()).toBe(device);
  expect(scope(() => device.scopes.depth)).toBe(1);
  setDefaultDevice(null);
  try {
    expect(() => scope(() => 1)).toThrow(/createDevice/);
  } finally {
    setDefaultDevice(device);
  }
});

test('refuses an async function', () => {
  expect(() => scope(async () => 1)).toThrow(TypeError);
});
