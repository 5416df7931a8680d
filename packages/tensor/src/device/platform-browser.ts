// WebGPU as a browser offers it.
import type { Platform } from './platform.ts';

export const browserPlatform: Platform = {
  name: 'browser',
  compilers: 1,
  noAdapterHelp:
    'This browser offers no WebGPU adapter: use a current Chrome, Edge, Firefox or Safari with hardware acceleration switched on, on https or localhost.',
  async requestAdapter(options) {
    const gpu = (globalThis as { navigator?: { gpu?: GPU } }).navigator?.gpu;
    const adapter = await gpu?.requestAdapter({
      powerPreference: options.powerPreference ?? 'high-performance',
    });
    return adapter ? { adapter, detail: 'navigator.gpu' } : null;
  },
  asynchronous: (call) => call(),
};
