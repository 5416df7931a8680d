// Capture and replay: a step is written down once, given memory, and its commands are encoded again and again, each time
// in one submit, with no shape checks, no tape and no allocation.
import type { Device } from './device.ts';
import { forwardCopies } from './forward-copies.ts';
import { mostAtOnce } from './placement.ts';
import type { PlanMemory } from './plan-memory.ts';
import type { Command, Recorder } from './recorder.ts';
import type { Trace } from './trace.ts';
import { withoutUnused } from './unused-commands.ts';

/** What a captured step needs of the device's memory, apart from what it was given and what it returned. */
export interface PlanNeeds {
  /** The most bytes in use at once: no order of buffers needs less. */
  readonly bytesAtOnce: number;
  /** Of these, the most that were made before a backward pass and are used in it: activations kept for backward. */
  readonly keptForBackward: number;
}

/**
 * A captured step. Its memory is its own (shared with other plans, which run at other times); what the step read from
 * outside (parameters, input tensors) must stay alive as long as the plan is replayed.
 */
export class Plan<T> {
  /** What the captured function returned; its tensors hold the values of the latest replay. */
  readonly result: T;
  readonly needs: PlanNeeds;
  readonly #device: Device;
  readonly #commands: readonly Command[];
  readonly #dispose: () => void;

  /** @param dispose lets go of the result. */
  constructor(device: Device, trace: Trace, memory: PlanMemory, result: T, dispose: () => void) {
    this.#device = device;
    this.result = result;
    trace.commands = withoutUnused(trace);
    trace.commands = forwardCopies(trace, device.alignment);
    trace.measureLifetimes();
    this.needs = needsOf(trace);
    const giveBack = memory.provide(trace.items);
    trace.onRelease = (item) => memory.released(item);
    this.#commands = trace.build();
    this.#dispose = () => {
      dispose();
      giveBack();
    };
  }

  /** Dispatches, copies and clears in one replay. */
  get commands(): number {
    return this.#commands.length;
  }

  get dispatches(): number {
    return this.#commands.filter(({ kind }) => kind === 'dispatch').length;
  }

  /** Runs the step again: same kernels, same buffers, whatever those hold now. Nothing waits. */
  replay(): void {
    this.#device.throwIfFailed();
    const recorder: Recorder = this.#device.recorder;
    recorder.flush();
    this.#device.dropAllPacked();
    recorder.submit(this.#commands);
  }

  /** Frees the buffers of the plan and its result. */
  dispose(): void {
    this.#dispose();
  }
}

function needsOf({ items }: Trace): PlanNeeds {
  const passing = [...items].filter(({ held, first }) => !held && first >= 0);
  const kept = passing.filter(({ lastBackward }) => lastBackward >= 0);
  return {
    bytesAtOnce: mostAtOnce(passing),
    keptForBackward: mostAtOnce(
      kept.map(({ bytes, first, lastBackward }) => ({ bytes, first, last: lastBackward })),
    ),
  };
}
