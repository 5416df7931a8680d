// @forger/tensor in a browser: WebGPU through navigator.gpu.
import { Device, type DeviceOptions } from './device/device.ts';
import { browserPlatform } from './device/platform-browser.ts';
import { setDefaultDevice } from './tensor.ts';

export * from './api.ts';

/**
 * Opens a device and makes it the default one. Throws DeviceError, with what to do, when no adapter answers.
 */
export async function createDevice(options: DeviceOptions = {}): Promise<Device> {
  const device = await Device.create(browserPlatform, options);
  setDefaultDevice(device);
  return device;
}
