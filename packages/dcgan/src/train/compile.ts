// Compiles the kernels of a run before its first step, and reports progress.

import { type Device, empty } from '@forger/tensor';
import type { AbortSignal } from '@forger/tensor/internal';
import { type Batch, GRID_PICTURES, type TrainState } from './state.ts';

/** Silence is never longer than this, in milliseconds. */
const NOTE_INTERVAL = 2000;
/** Steps that are looked through for parts: with --n-dis 1000, every part has had its turn by then. */
const MOST_STEPS = 2048;

/** Everything that a run computes, once: first weights, a preview and every part of a step. To be run dry. */
export function everything(device: Device, newState: () => TrainState, batchSize: number): () => void {
  return () => {
    const state = newState();
    const tensors = (count: number): Batch =>
      Object.fromEntries(
        Object.entries(state.inputInfos).map(([name, { shape, dtype }]) => [
          name,
          empty([count, ...shape], { device, dtype }),
        ]),
      );
    const batch = tensors(batchSize);
    state.drawFixed((input) => tensors(GRID_PICTURES)[input]!);
    state.preview();
    for (const average of Object.keys(state.averages)) state.preview(average);
    state.markNonFinite();
    runEveryPart(state, (part) => state.part(part, batch));
    state.dispose();
  };
}

/**
 * Finds out by a dry run which kernels `work` needs, and compiles them.
 * @param io once `signal` is aborted, no further kernel is begun.
 */
export async function compileKernels(
  device: Device,
  work: () => void,
  { note, signal }: { note: (message: string) => void; signal?: AbortSignal | undefined },
): Promise<void> {
  const kernels = device.dryRun(work);
  let compiled = 0;
  const tell = (): void =>
    note(`Compiling ${kernels.length} kernels for this adapter, the largest first: ${compiled} done.`);
  const telling = setInterval(tell, NOTE_INTERVAL);
  try {
    const onProgress = (done: number): void => {
      compiled = done;
    };
    await device.warmUp(kernels, { ...(signal && { signal }), onProgress });
  } finally {
    clearInterval(telling);
  }
}

/**
 * Calls `run` once for each part that the schedule names in its first steps while every metric is high. One that comes
 * later is compiled when it comes.
 */
function runEveryPart(state: TrainState, run: (part: string) => void): void {
  const all = Object.keys(state.task.parts);
  const seen = new Set<string>();
  const high = new Proxy({}, { get: () => Number.POSITIVE_INFINITY }) as Record<string, number>;
  for (state.stepsDone = 0; state.stepsDone < MOST_STEPS && seen.size < all.length; state.stepsDone++) {
    const done: string[] = [];
    // A schedule that never ends a step would be met here first.
    while (done.length <= 16 * all.length) {
      const part = state.nextPart(done, state.task.scheduleReadsMetrics ? high : {});
      if (part === undefined) break;
      if (!seen.has(part)) run(part);
      seen.add(part);
      done.push(part);
    }
  }
}
