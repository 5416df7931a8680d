// Capture and replay: a step is run once while its commands are kept; replaying encodes the same commands again in one
// submit, with no shape checks, no tape and no allocation.
import type { BufferPool } from './buffers.ts';
import type { Device } from './device.ts';
import type { Command } from './recorder.ts';

/**
 * A captured step. Buffers made during the capture belong to it, so nothing else uses them; what the step read from
 * outside (parameters, input tensors) must stay alive as long as the plan is replayed.
 */
export class Plan<T> {
  /** What the captured function returned; its tensors hold the values of the latest replay. */
  readonly result: T;
  readonly #device: Device;
  readonly #commands: readonly Command[];
  readonly #pool: BufferPool;
  readonly #disposeResult: () => void;

  constructor(
    device: Device,
    commands: readonly Command[],
    pool: BufferPool,
    result: T,
    disposeResult: () => void,
  ) {
    this.#device = device;
    this.#commands = commands;
    this.#pool = pool;
    this.result = result;
    this.#disposeResult = disposeResult;
  }

  /** Dispatches, copies and clears in one replay. */
  get commands(): number {
    return this.#commands.length;
  }

  /** Runs the step again: same kernels, same buffers, whatever those hold now. Nothing waits. */
  replay(): void {
    this.#device.throwIfFailed();
    this.#device.recorder.flush();
    this.#device.recorder.submit(this.#commands);
  }

  /** Frees the buffers of the plan and its result. */
  dispose(): void {
    this.#disposeResult();
    this.#device.dropPool(this.#pool);
  }
}
