// Asks Dawn for a WebGPU adapter the way the library does (the system's drivers, then the private copy) and prints
// one line of JSON: {"name": "..."} or {"name": null}. Runs in a process of its own, because a driver that was not
// there when Dawn first looked is not found by the same process later, and because a broken driver may crash it.
import { createRequire } from 'node:module';
import { register } from 'tsx/esm/api';

const unregister = register();
const { hasSystemVulkanLoader, usePrivateVulkan } = await import(
  '../../packages/tensor/src/device/vulkan.ts'
);
await unregister();
const require = createRequire(new URL('../../packages/tensor/package.json', import.meta.url));
const { create } = await import(require.resolve('webgpu'));

// Dawn crashes once an object that create() returned is collected, so hold them to the end.
const instances = [];
const request = () => instances[instances.push(create([])) - 1].requestAdapter();
let adapter = hasSystemVulkanLoader() ? await request() : null;
if (!adapter && usePrivateVulkan()) adapter = await request();
console.log(JSON.stringify({ name: adapter ? adapter.info.description || adapter.info.device : null }));
