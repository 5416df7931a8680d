// Loaded by `node --import` before the command: wraps the methods of Dawn's that FORGER_TEST_FAULT names (inject.ts).

import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';

const faults = JSON.parse(process.env.FORGER_TEST_FAULT);
const require = createRequire(new URL('../../packages/tensor/package.json', import.meta.url));
const { globals } = await import(pathToFileURL(require.resolve('webgpu')).href);

/** Devices by themselves, their queues and buffers. */
const deviceOf = new WeakMap();
const { requestDevice } = globals.GPUAdapter.prototype;
globals.GPUAdapter.prototype.requestDevice = async function (...args) {
  const device = await requestDevice.apply(this, args);
  deviceOf.set(device, device).set(device.queue, device);
  return device;
};

const { createBuffer } = globals.GPUDevice.prototype;
globals.GPUDevice.prototype.createBuffer = function (...args) {
  const buffer = createBuffer.apply(this, args);
  deviceOf.set(buffer, this);
  return buffer;
};

const invalidDescriptors = {
  createBuffer: { size: 4, usage: 0 },
  createTexture: { size: [1], format: 'rgba32float', usage: 0 },
};

const actions = {
  lose: (call, object) => {
    deviceOf.get(object).destroy();
    return call();
  },
  throw: (_call, _object, _args, { message }) => {
    throw new Error(message);
  },
  refuse: (_call, _object, _args, { message }) => Promise.reject(new Error(message)),
  nothing: () => null,
  invalid: (call, _object, [descriptor]) => call({ ...descriptor, entries: descriptor.entries.slice(0, -1) }),
  memory: (_call, device, [{ label, mappedAtCreation }], { name }) => {
    // As the specification of createBuffer and createTexture has it.
    if (mappedAtCreation) throw new RangeError('createBuffer failed, size is too large');
    device.pushErrorScope('validation');
    const invalid = device[name]({ ...invalidDescriptors[name], label });
    device.popErrorScope();
    const what = name.replace('create', '');
    const text = `vkAllocateMemory failed with VK_ERROR_OUT_OF_DEVICE_MEMORY\n - While calling [Device].Create${what}([${what}Descriptor ""${label}""]).`;
    queueMicrotask(() => {
      const error = new globals.GPUOutOfMemoryError(text);
      device.dispatchEvent(new globals.GPUUncapturedErrorEvent('uncapturederror', { error }));
    });
    return invalid;
  },
  nan: (call, _queue, [buffer, offset, , , bytes]) =>
    call(buffer, offset, new Float32Array(bytes / 4).fill(Number.NaN).buffer, 0, bytes),
  wgsl: (call, _object, [descriptor]) =>
    call({ ...descriptor, code: `${descriptor.code}\nconst broken: u32 = true;` }),
};

for (const { method, after, at, times = 1, bytes, label, action, message } of faults) {
  const [type, name] = method.split('.');
  const original = globals[type].prototype[name];
  let counting = after === undefined;
  let calls = 0;
  let left = times;
  globals[type].prototype[name] = function (...args) {
    const call = (...changed) => original.apply(this, changed.length > 0 ? changed : args);
    counting ||= existsSync(after);
    const other = bytes !== undefined && args[4] !== bytes;
    if (!counting || other || left === 0 || (label !== undefined && !args[0]?.label?.includes(label)))
      return call();
    if (++calls < at) return call();
    left--;
    if (action === 'lose') calls = 0;
    return actions[action](call, this, args, { name, message });
  };
}
