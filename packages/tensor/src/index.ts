// @forger/tensor in Node: WebGPU through Dawn.
import { Device, type DeviceOptions } from './device/device.ts';
import { nodePlatform } from './device/platform-node.ts';
import { setDefaultDevice } from './tensor.ts';

export * from './api.ts';

/**
 * Opens a device and makes it the default one. Throws DeviceError, with what to do, when no adapter answers.
 */
export async function createDevice(options: DeviceOptions = {}): Promise<Device> {
  const device = await Device.create(nodePlatform, options);
  setDefaultDevice(device);
  return device;
}
