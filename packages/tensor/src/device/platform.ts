// What the device layer needs from the place it runs in: Node (Dawn) or a browser.

/** Options that decide which adapter and which checks a device gets. */
export interface PlatformOptions {
  /**
   * Keep Dawn's validation and shader bounds checks. Browsers always keep them. Default true; in Node false where the
   * environment says FORGER_VALIDATION=off.
   */
  readonly validation?: boolean;
  readonly powerPreference?: GPUPowerPreference;
  /**
   * Ask for products of small matrices (AdapterReport.halfMatrix), which are experimental and in Node behind toggles of
   * Dawn. Default where precision is mixed; in Node also where the environment says FORGER_HALF_MATRICES=on.
   */
  readonly halfMatrices?: boolean;
}

/** Runs calls that make WebGPU promises. */
export interface Waiting {
  /** Runs a call that makes a WebGPU promise, so that the platform can poll for its completion gently. */
  asynchronous<T>(call: () => Promise<T>): Promise<T>;
}

export interface Platform extends Waiting {
  readonly name: 'node' | 'browser';
  /** Asks for an adapter; null when none answers. `detail` says which driver it came from. */
  requestAdapter(options: PlatformOptions): Promise<{ adapter: GPUAdapter; detail: string } | null>;
  /** Devices that may compile kernels at once where only a device's first dispatch compiles: one to a core. */
  readonly compilers: number;
  /** One sentence on what to do when no adapter answers. */
  readonly noAdapterHelp: string;
}
