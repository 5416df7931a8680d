// The interface between the device layer and its platform: Node (Dawn) or a browser.
import type { GPUAdapter } from './globals.ts';

/** Options for the choice of an adapter and for validation. */
export interface PlatformOptions {
  /**
   * Validate calls and check bounds in shaders. Browsers always do. Default true, and in Node false if the
   * environment variable FORGER_VALIDATION is 'off'.
   */
  readonly validation?: boolean;
  readonly powerPreference?: 'low-power' | 'high-performance';
  /**
   * Request products of small matrices (AdapterReport.halfMatrix). They are experimental, and in Node behind
   * toggles of Dawn. Default: true if precision is 'mixed', and in Node if the environment variable
   * FORGER_HALF_MATRICES is 'on'.
   */
  readonly halfMatrices?: boolean;
}

/** Runs calls that return WebGPU promises. */
export interface Waiting {
  /** Runs a call that returns a WebGPU promise; the platform polls for its completion. */
  asynchronous<T>(call: () => Promise<T>): Promise<T>;
}

export interface Platform extends Waiting {
  readonly name: 'node' | 'browser';
  /** Requests an adapter; null when none answers. `detail` says which driver it came from. */
  requestAdapter(options: PlatformOptions): Promise<{ adapter: GPUAdapter; detail: string } | null>;
  /** Most devices that compile in parallel, where only a device's first dispatch compiles: one per core. */
  readonly compilers: number;
  /** The error message for the case that no adapter answers. */
  readonly noAdapterHelp: string;
}
