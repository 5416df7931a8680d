// Run by warm-up.test.ts in a process of its own, with an empty shader cache whose folder is the argument:
// warms a device up for some slow kernels, runs them, and prints what happened as JSON.
import { readdirSync } from 'node:fs';
import { batchNorm, createDevice, empty, type Tensor } from '@forger/tensor';
import { Device } from '../../src/device/device.ts';

const files = (): number =>
  readdirSync(process.argv[2]!, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile())
    .length;

const device = await createDevice();
let devices = 1;
const create = Device.create;
Device.create = (...args) => {
  devices++;
  return create.apply(Device, args);
};

const work = (): Tensor[] => [1, 8, 64].map((size) => batchNorm(empty([8, 4, size, size], { device })));
const kernels = device.dryRun(() => void work());
await device.warmUp(kernels);
await new Promise((resolve) => setTimeout(resolve, 500)); // Mesa writes in a thread of its own
const filesAfterWarmUp = files();
device.scope(() => void work());
await device.sync();
await new Promise((resolve) => setTimeout(resolve, 500));
console.log(
  JSON.stringify({
    adapter: device.adapter.description,
    devices,
    kernels: kernels.length,
    filesAfterWarmUp,
    filesAfterWork: files(),
  }),
);
device.destroy();
