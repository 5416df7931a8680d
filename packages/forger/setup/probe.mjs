// Asks Dawn for a WebGPU adapter the way the library does (the system's drivers, then the private copy) and prints
// one line of JSON: {"name": the adapter's or null, "advice": {"what", "commands"}}. It runs in a process of its own,
// because a driver that was not there when Dawn first looked is not found by the same process later, and because a
// broken driver may crash it.
//
// Usage: node probe.mjs URL, where URL is that of @forger/tensor/vulkan: built JavaScript, or TypeScript in a clone.
import { create } from 'webgpu';

const [, , url] = process.argv;
const unregister = url.endsWith('.ts') ? (await import('tsx/esm/api')).register() : () => {};
const { driverAdvice, hasSystemVulkanLoader, usePrivateVulkan } = await import(url);
await unregister();

// Dawn crashes once an object that create() returned is collected, so hold them to the end.
const instances = [];
const request = () => instances[instances.push(create([])) - 1].requestAdapter();
let adapter = hasSystemVulkanLoader() ? await request() : null;
if (!adapter && usePrivateVulkan()) adapter = await request();
const name = adapter ? adapter.info.description || adapter.info.device : null;
console.log(JSON.stringify({ name, advice: driverAdvice() }));
