// Loaded by `node --import` before the command: wraps the method of Dawn's that FORGER_TEST_FAULT names (inject.ts).

import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';

const { method, after, at, times = 1, label, action, message } = JSON.parse(process.env.FORGER_TEST_FAULT);
const require = createRequire(new URL('../../packages/tensor/package.json', import.meta.url));
const { globals } = await import(pathToFileURL(require.resolve('webgpu')).href);

/** The devices there are, by themselves and by their queues. */
const deviceOf = new WeakMap();
const { requestDevice } = globals.GPUAdapter.prototype;
globals.GPUAdapter.prototype.requestDevice = async function (...args) {
  const device = await requestDevice.apply(this, args);
  deviceOf.set(device, device).set(device.queue, device);
  return device;
};

const actions = {
  lose: (call, object) => {
    deviceOf.get(object).destroy();
    return call();
  },
  throw: () => {
    throw new Error(message);
  },
  refuse: () => Promise.reject(new Error(message)),
  nothing: () => null,
  wgsl: (call, _object, [descriptor]) =>
    call({ ...descriptor, code: `${descriptor.code}\nconst broken: u32 = true;` }),
};

const [type, name] = method.split('.');
const original = globals[type].prototype[name];
let counting = after === undefined;
let calls = 0;
let left = times;
globals[type].prototype[name] = function (...args) {
  const call = (...changed) => original.apply(this, changed.length > 0 ? changed : args);
  counting ||= existsSync(after);
  if (!counting || left === 0 || (label !== undefined && !args[0]?.label?.includes(label))) return call();
  if (++calls < at) return call();
  left--;
  if (action === 'lose') calls = 0;
  return actions[action](call, this, args);
};
