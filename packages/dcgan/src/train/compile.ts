// Compiles the kernels of a run before its first step, with a word to whoever waits for it.

import { type Device, empty } from '@forger/tensor';
import { GRID_PICTURES, type TrainState } from './step.ts';

/** Silence is never longer than this, in milliseconds. */
const NOTE_INTERVAL = 2000;

/** Everything that a run computes, once: first weights, a sample grid and every part of a step. To be run dry. */
export function everything(device: Device, newState: () => TrainState, batchSize: number): () => void {
  return () => {
    const state = newState();
    const { imageSize, channels } = state.sizes;
    const shape = [batchSize, channels, imageSize, imageSize];
    const real = empty(shape, { device });
    state.preview(state.drawLatent(GRID_PICTURES));
    state.markNonFinite();
    runEveryPart(state, (part) => state.part(part, real));
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
  { reporter, signal }: { reporter: { note(message: string): void }; signal: AbortSignal },
): Promise<void> {
  const kernels = device.dryRun(work);
  let compiled = 0;
  const tell = (): void =>
    reporter.note(
      `Compiling ${kernels.length} kernels for this adapter, the largest first: ${compiled} done.`,
    );
  const telling = setInterval(tell, NOTE_INTERVAL);
  try {
    const onProgress = (done: number): void => {
      compiled = done;
    };
    await device.warmUp(kernels, { signal, onProgress });
  } finally {
    clearInterval(telling);
  }
}

/** Calls `run` once for each part that steps are made of, as recipes name them while their losses are high. */
function runEveryPart(state: TrainState, run: (part: string) => void): void {
  const seen = new Set<string>();
  const losses = { lossD: Number.POSITIVE_INFINITY, lossG: Number.POSITIVE_INFINITY };
  // Every network has had its turn by then.
  const steps = (state.options.nDis ?? 1) + 1;
  for (state.stepsDone = 0; state.stepsDone < steps; state.stepsDone++) {
    const done: string[] = [];
    for (let part = state.nextPart(done); part !== undefined; part = state.nextPart(done, losses)) {
      if (!seen.has(part)) run(part);
      seen.add(part);
      done.push(part);
    }
  }
}
