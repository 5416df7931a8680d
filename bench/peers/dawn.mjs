// WebGPU for a library that expects a browser's: the adapter that @forger/tensor would take, as `navigator.gpu`, with
// the same gentle polling of everything that Dawn makes a promise of (packages/tensor/src/device/platform-node.ts).
import { createRequire } from 'node:module';
import { availableParallelism } from 'node:os';
import { nodePlatform } from '../../packages/tensor/src/device/platform-node.ts';

const asynchronous = {
  GPUAdapter: ['requestDevice'],
  GPUBuffer: ['mapAsync'],
  GPUDevice: ['createComputePipelineAsync', 'popErrorScope'],
  GPUQueue: ['onSubmittedWorkDone'],
  GPUShaderModule: ['getCompilationInfo'],
};

/** What libraries ask a browser for, with or without a GPU. */
export function pretendNavigator(gpu) {
  const navigator = { gpu, userAgent: 'Node', hardwareConcurrency: availableParallelism() };
  Object.defineProperty(globalThis, 'navigator', { value: navigator, configurable: true });
}

/** Throws an error that says what to do when there is no adapter. */
export async function pretendWebGpu() {
  const { globals } = createRequire(new URL('../../packages/tensor/package.json', import.meta.url))('webgpu');
  Object.assign(globalThis, globals);
  for (const [type, names] of Object.entries(asynchronous)) {
    const { prototype } = globals[type];
    for (const name of names) {
      const original = prototype[name];
      prototype[name] = function (...args) {
        return nodePlatform.asynchronous(() => original.apply(this, args));
      };
    }
  }
  const found = await nodePlatform.requestAdapter({});
  if (!found) throw new Error(nodePlatform.noAdapterHelp);
  pretendNavigator({ requestAdapter: async () => found.adapter });
}
