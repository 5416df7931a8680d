// Faults that are injected into Dawn from outside, as data. inject.mjs, which Node loads before the command, carries
// them out by wrapping methods of Dawn's objects: nothing inside the packages knows of it.

/** At some call of a method of Dawn's, something goes wrong. */
export interface Injection {
  /** The method, such as `GPUQueue.submit`. */
  readonly method: string;
  /** Calls are counted once this file exists, relative to the folder of the command; default: from the start. */
  readonly after?: string;
  /** The call at which it happens, from 1. */
  readonly at: number;
  /** How many calls in a row; default 1. After `lose`, calls are counted anew, on the next device. */
  readonly times?: number;
  /** Only writes of so many bytes count. */
  readonly bytes?: number;
  /** Only calls whose descriptor's label contains this count. */
  readonly label?: string;
  /**
   * lose: the device is destroyed, then the call is made. throw: the call throws `message` instead.
   * refuse: a promise that rejects with `message` is returned. nothing: null is returned, or a promise of it.
   * wgsl: the shader's code gets a line that does not compile. invalid: a bind group loses its last entry.
   * nan: what is written into a buffer becomes NaN.
   * memory: a buffer or texture that the device has no memory for: invalid, and an error of that kind.
   */
  readonly action: 'lose' | 'throw' | 'refuse' | 'nothing' | 'wgsl' | 'invalid' | 'memory' | 'nan';
  readonly message?: string;
}
