// Whether a training step computes the same bits however it is run: recorded anew, captured, replayed, and once more.
import { StepRunner } from '@forger/dcgan';
import { type Device, readAll } from '@forger/tensor';
import type { StepSizes } from '../dcgan.ts';
import { newRun } from './training-run.ts';

/** The first step of a captured run is the capture itself, the others replay it. */
const STEPS = 3;

export interface Trace {
  /** After each step, the losses and then every array of the state, as bytes. */
  readonly after: readonly Buffer[];
  /** The names of the arrays, in their order. */
  readonly names: readonly string[];
  /** Where each begins. */
  readonly offsets: readonly number[];
}

/** Trains three steps of the `pytorch` recipe. */
export async function trace(device: Device, sizes: StepSizes, eager: boolean): Promise<Trace> {
  const { size: imageSize, width, channels, batch: batchSize } = sizes;
  const run = { recipe: 'pytorch', imageSize, width, channels: channels as 1 | 3, batchSize };
  const { newState, batches } = newRun(device, run);
  const state = newState();
  const runner = new StepRunner(state, { eager });
  const after: Buffer[] = [];
  try {
    const arrays = [...state.stateDict()];
    const names = ['losses', ...arrays.map(([name]) => name)];
    let offsets: number[] = [];
    for (let step = 0; step < STEPS; step++) {
      const { values } = await runner.step(batches.next());
      const { lossD, lossG } = await values;
      const losses = Buffer.from(Float32Array.of(lossD!, lossG!).buffer);
      const parts = (await readAll(arrays.map(([, t]) => t))).map((list) =>
        Buffer.from(list.buffer, list.byteOffset, list.byteLength),
      );
      const all = [losses, ...parts];
      offsets = all.map((_, i) => all.slice(0, i).reduce((sum, { length }) => sum + length, 0));
      after.push(Buffer.concat(all));
    }
    return { after, names, offsets };
  } finally {
    runner.dispose();
    state.dispose();
  }
}

/** Where two traces first differ, in words; null where they are the same. */
export function firstDifference(a: Trace, b: Trace): string | null {
  for (const [step, bytes] of a.after.entries()) {
    const other = b.after[step]!;
    if (bytes.equals(other)) continue;
    const at = bytes.findIndex((byte, i) => byte !== other[i]);
    const array = a.offsets.findLastIndex((offset) => offset <= at);
    return `${a.names[array]} after step ${step + 1}`;
  }
  return null;
}
