// `train`: from a task and data to a trained GAN, as a row of events. It runs in Node, in a page and in a worker.

import { ConfigError, type Device, getDefaultDevice, tensor } from '@forger/tensor';
import type { AbortSignal } from '@forger/tensor/internal';
import { type Batches, DatasetBatches } from '../data/batches.ts';
import type { Dataset } from '../data/types.ts';
import type { Checkpoint } from './checkpoint.ts';
import { compileKernels, everything } from './compile.ts';
import { GRID_PICTURES, networkSizes, TrainState } from './state.ts';
import { type AnyTask, FALLBACK, type Sizes } from './task.ts';
import { type Goal, type Hook, type TrainEvent, Trainer, type TrainResult } from './trainer.ts';

export interface TrainOptions extends Goal {
  /**
   * What to train on: a data set, several by the names of the task's sources, or batches of one's own making, whose
   * `inputs` then are the task's.
   */
  readonly data: Dataset | Readonly<Record<string, Dataset>> | Batches;
  /** Default: the default device. */
  readonly device?: Device;
  /** Samples in a step, at least 1. Default: the task's, else 64. */
  readonly batchSize?: number;
  /** Sizes of the networks. Default: images as the data have them, and the task's own width. */
  readonly sizes?: Partial<Sizes>;
  /** Learning rate. Default: the task's, else 2e-4. */
  readonly lr?: number;
  /** A whole number from 0 to 2^32-1, that everything random follows from. Default 0. */
  readonly seed?: number;
  /** Told of every event of the run: `sampleEvery(100)`, `checkpointEvery(500)`, or one's own. */
  readonly hooks?: readonly Hook[];
  /** Once aborted, the step under way is finished and the run ends. */
  readonly signal?: AbortSignal;
  /** A checkpoint of such a run to go on from, bit for bit. */
  readonly resume?: Checkpoint;
  /** Record every step anew: the same bits, slower; for debugging. */
  readonly eager?: boolean;
}

/**
 * Trains a task, and yields what happens: every step, and what hooks emit.
 *
 *     for await (const event of train(task, { data, steps: 500, hooks: [sampleEvery(100)] })) …
 *
 * Everything that the run made is freed when it ends, also when the loop is left early.
 * @returns how it ended, as the generator's result.
 * @throws ConfigError or DataError when task, data and settings do not fit; DivergenceError when a metric or a weight
 * becomes NaN or infinite; DeviceError.
 */
export async function* train<T extends AnyTask>(
  task: T,
  options: TrainOptions,
): AsyncGenerator<TrainEvent, TrainResult> {
  const trainer = await openTrainer(task, options);
  try {
    return yield* trainer.run();
  } finally {
    trainer.dispose();
  }
}

/** A trainer that has its kernels compiled and stands before its next step, for loops of one's own. Dispose of it. */
export async function openTrainer<T extends AnyTask>(task: T, options: TrainOptions): Promise<Trainer<T>> {
  const { device = getDefaultDevice(), lr = task.defaults?.lr ?? FALLBACK.lr, seed = 0 } = options;
  const { steps, epochs, minutes, hooks = [], signal, eager, resume } = options;
  const batches = batchesOf(task, options);
  const inputs = batches.inputs;
  const sizes = { ...sizesOf(task, batches), ...options.sizes };
  task.checkSizes?.(sizes);
  const newState = (): TrainState<T> => new TrainState(task, { sizes, lr, seed, device, inputs });
  await compileKernels(device, everything(device, newState, batches.batchSize), { note: () => {}, signal });
  const state = newState();
  try {
    drawFixed(state, batches);
    const trainer = new Trainer(state, {
      batches,
      goal: { steps, epochs, minutes },
      hooks,
      signal,
      ...(eager !== undefined && { eager }),
    });
    if (resume) trainer.restore(resume);
    return trainer;
  } catch (error) {
    state.dispose();
    throw error;
  }
}

/** Draws what a run's previews show, from its data where the task asks for them. */
export function drawFixed(state: TrainState, batches: Batches): void {
  state.drawFixed((input) => {
    const { shape, dtype } = state.inputInfos[input]!;
    const values = batches.first(input, GRID_PICTURES);
    return tensor(values, [GRID_PICTURES, ...shape], { device: state.device, dtype });
  });
}

function batchesOf(task: AnyTask, { data, batchSize, seed = 0 }: TrainOptions): Batches {
  if (typeof (data as Batches).next === 'function') return data as Batches;
  const { pixelRange = 'tanh', shuffle, channelOrder, inputs, defaults } = task;
  return new DatasetBatches(data as Dataset, {
    batchSize: batchSize ?? defaults?.batchSize ?? FALLBACK.batchSize,
    seed,
    range: pixelRange,
    shuffle,
    channelOrder,
    inputs,
  });
}

/** Images as the data have them. */
function sizesOf(task: AnyTask, batches: Batches): Sizes {
  const image = Object.values(batches.inputs).find(({ shape }) => shape.length === 3);
  const [channels, height, width] = image?.shape ?? [1, 1, 1];
  if (height !== width)
    throw new ConfigError(`The images are ${height}×${width}; expected square ones: crop or resize them.`);
  return networkSizes(task, {
    imageSize: height!,
    channels: channels!,
    width: task.defaults?.width ?? FALLBACK.width,
  });
}
