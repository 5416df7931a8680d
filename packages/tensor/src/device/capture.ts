// Capture and replay. A step is recorded once and given memory. Each replay encodes its commands again in one
// submit, without shape checks, tape or allocation.

import type { Command } from './command.ts';
import { forwardCopies } from './forward-copies.ts';
import type { DeviceParts } from './parts.ts';
import { mostAtOnce } from './placement.ts';
import type { PlanMemory } from './plan-memory.ts';
import type { Recorder } from './recorder.ts';
import type { Trace } from './trace.ts';
import { withoutUnused } from './unused-commands.ts';

/** The memory that a captured step needs, besides its inputs and its results. */
export interface PlanNeeds {
  /** The most bytes in use at once; no placement of the buffers needs less. */
  readonly bytesAtOnce: number;
  /** The part of them that activations take: made before a backward pass and used in it. */
  readonly keptForBackward: number;
}

/**
 * A captured step. It shares its working memory with the device's other plans, since only one runs at a time.
 * Tensors that the step reads from outside (parameters, inputs) must stay alive as long as the plan is
 * replayed.
 */
export class Plan<T> {
  /** The return value of the captured function. Its tensors hold the values of the latest replay. */
  readonly result: T;
  readonly needs: PlanNeeds;
  readonly #device: DeviceParts;
  readonly #commands: readonly Command[];
  readonly #dispose: () => void;

  /** @param dispose frees the result. */
  constructor(device: DeviceParts, trace: Trace, memory: PlanMemory, result: T, dispose: () => void) {
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

  /**
   * Runs the step again, with the same kernels on the same buffers and their present values. Does not wait.
   */
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
