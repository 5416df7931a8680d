// WebGPU in Node through Dawn (npm `webgpu`).
//
// It works around two properties of Dawn.
// 1. The process crashes if the object that `create()` returned is garbage-collected while one of its devices
//    is in use, so instances are never released.
// 2. While a promise is pending, Dawn polls in a busy loop through `globalThis.setImmediate`, which takes a
//    core from a software adapter. During Dawn's own calls, and only then, `setImmediate` is replaced by a
//    timer of one millisecond.
import { availableParallelism } from 'node:os';
import { DeviceError } from '../errors.ts';
import { adviceText, driverAdvice } from './driver-advice.ts';
import { print, stderrCapture, withoutLimitWarnings } from './native-stderr.ts';
import type { Platform, PlatformOptions } from './platform.ts';
import { hasSystemVulkanLoader, separateShaderCaches, setRuntimeFolder, usePrivateVulkan } from './vulkan.ts';

const instances: unknown[] = [];

const pollMilliseconds = 1;

/** Most devices that compile in parallel: a training step has few kernels that take long. */
const mostCompilers = 8;

/**
 * Runs `call` with `setImmediate` replaced by a timer, also for the calls that Dawn makes from its callback.
 */
function withGentlePolling<T>(call: () => T): T {
  const original = globalThis.setImmediate;
  const gentle = (callback: (...args: unknown[]) => void, ...args: unknown[]) =>
    setTimeout(() => withGentlePolling(() => callback(...args)), pollMilliseconds);
  globalThis.setImmediate = gentle as unknown as typeof setImmediate;
  try {
    return call();
  } finally {
    globalThis.setImmediate = original;
  }
}

const uncheckedToggles = [
  'skip_validation',
  'disable_robustness',
  'disable_workgroup_init',
  'disable_polyfills_on_integer_div_and_mod',
];

/**
 * Draft features, such as subgroup matrices, and float16 on NVIDIA, which Dawn does not enable by default.
 */
const halfMatrixToggles = ['allow_unsafe_apis', 'vulkan_enable_f16_on_nvidia'];

/** Imports Dawn at the first use, so that a platform without a binary gets a clear error. */
async function createInstance(options: PlatformOptions): Promise<GPU> {
  const { create } = await import('webgpu').catch((cause: unknown) => {
    throw new DeviceError(whyNotLoaded(cause as NodeJS.ErrnoException), { cause });
  });
  const toggles: string[] = [];
  if (!(options.validation ?? process.env.FORGER_VALIDATION !== 'off')) toggles.push(...uncheckedToggles);
  if (options.halfMatrices ?? process.env.FORGER_HALF_MATRICES === 'on') toggles.push(...halfMatrixToggles);
  const flags = ['disable-dawn-features=timestamp_quantization'];
  // One list: of two flags with the same name Dawn uses only the last.
  if (toggles.length > 0) flags.push(`enable-dawn-features=${toggles}`);
  const instance = create(flags);
  instances.push(instance);
  return instance;
}

function whyNotLoaded({ code, message }: NodeJS.ErrnoException): string {
  if (code === 'ERR_MODULE_NOT_FOUND' && message.includes("'webgpu'"))
    return 'In Node, tensors need Dawn, the npm package webgpu, which is not installed: npm install webgpu@0.6.2';
  return `Dawn (npm package webgpu) does not load on ${process.platform} ${process.arch}; it has binaries for Linux with glibc, macOS and Windows: ${message}`;
}

/** The first line that Dawn or a driver wrote when no adapter answered. */
let complaint: string | undefined;

export const nodePlatform: Platform = {
  name: 'node',
  compilers: Math.min(availableParallelism(), mostCompilers),
  get noAdapterHelp() {
    const reason = complaint === undefined ? '' : ` (Dawn says: ${complaint})`;
    return `No WebGPU adapter answers${reason}: ${adviceText(driverAdvice())}.`;
  },
  async requestAdapter(options) {
    const capture = await stderrCapture();
    complaint = undefined;
    const request = async (): Promise<GPUAdapter | null> => {
      const gpu = await createInstance(options);
      const { value, text } = withGentlePolling(() =>
        capture(() => gpu.requestAdapter({ powerPreference: options.powerPreference ?? 'high-performance' })),
      );
      const adapter = await value;
      if (adapter) {
        print(withoutLimitWarnings(text));
        instances.push(adapter);
      } else complaint ??= /^(?:Warning|Error): (.+)$/m.exec(text)?.[1];
      return adapter;
    };
    separateShaderCaches();
    setRuntimeFolder();
    const adapter = hasSystemVulkanLoader() ? await request() : null;
    if (adapter) return { adapter, detail: "the system's driver" };
    const copy = usePrivateVulkan();
    const fallback = copy ? await request() : null;
    if (copy && fallback) return { adapter: fallback, detail: `the private Vulkan driver in ${copy.folder}` };
    return null;
  },
  asynchronous: (call) => withGentlePolling(call),
};
