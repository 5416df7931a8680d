// The device of a test file.
import { createDevice, type Device, type DeviceOptions } from '@forger/tensor';
import { afterAll, beforeAll } from 'vitest';

/**
 * Opens a device, the default one, before the tests of a file; after them it throws what went wrong on the
 * device unnoticed, and closes it.
 * @param opened is given the device before the tests.
 */
export function useDevice(opened?: (device: Device) => void, options: DeviceOptions = {}): void {
  let device: Device;
  beforeAll(async () => {
    device = await createDevice(options);
    opened?.(device);
  });
  afterAll(async () => {
    try {
      await device.sync();
    } finally {
      device.destroy();
    }
  });
}
