// `train`: data, device and kernels of a run, and as many attempts at it as devices are lost.

import {
  BatchSource,
  checkOptions,
  compileKernels,
  everything,
  findRecipe,
  networkSizes,
  TrainState,
} from '@forger/dcgan/internal';
import { type Device, ForgerError } from '@forger/tensor';
import { type ImageDataset, openDataset } from '../data/dataset.ts';
import { optionsOf, type TrainConfig } from './config.ts';
import { Restarts } from './restarts.ts';
import { Training } from './training.ts';
import { settleKernels } from './tuning.ts';
import type { Train, TrainIO } from './types.ts';

/** The signal came before the first step: nothing was trained. */
export class StoppedError extends ForgerError {}

const STOPPED_EARLY = 'Stopped before the first step: nothing was trained.';

/**
 * Trains as `Train` says.
 * @throws ConfigError on settings that do not fit the recipe, the data or the run that is resumed; DataError on data
 * that cannot be used; CheckpointError on one that is damaged or foreign; DeviceError without an adapter, when a kernel
 * does not compile or memory runs out, and once devices were lost more often than `io.maxRestarts` allows;
 * DivergenceError when a loss or a weight becomes NaN or infinite, the checkpoints before it kept; StoppedError when the
 * signal comes while the data are opened or kernels are compiled.
 */
export const train: Train = async (config, io) => {
  performance.mark('forger:imported'); // marks are for bench/startup.ts
  const recipe = findRecipe(config.recipe);
  recipe.checkSizes(config);
  checkOptions(optionsOf(config));
  // Bad data end the compilation beside it, and the other way round.
  const ended = new AbortController();
  const signal = AbortSignal.any([io.signal, ended.signal]);
  const opening = openData(config, { ...io, signal });
  opening.catch(() => ended.abort());
  const restarts = new Restarts(config, io);
  // Once settled they stay, so that the run computes the same bits on another device.
  // A run that was stopped before its first checkpoint begins anew, so it settles them as a new one does.
  const begun = io.resume && (await io.run.checkpointSteps()).length > 0;
  let kernels = begun ? (config.kernels ?? {}) : config.kernels;
  const prepare = async (device: Device): Promise<Training> => {
    const { lr, seed, batchSize } = config;
    const { rollbacks = [] } = restarts.config;
    const newState = (): TrainState => {
      const sizes = networkSizes(recipe, config);
      return new TrainState(recipe, { sizes, lr, seed, device, options: optionsOf(config), rollbacks });
    };
    const work = everything(device, newState, batchSize);
    const { reporter, tuning = 'on', tuningFolder: folder } = io;
    const where = folder !== undefined && { folder };
    kernels = await settleKernels(device, work, { tuning, saved: kernels, reporter, signal, ...where });
    performance.mark('forger:tuned');
    await compileKernels(device, work, { reporter, signal });
    performance.mark('forger:compiled');
    const dataset = await opening;
    performance.mark('forger:data');
    if (io.signal.aborted) throw new StoppedError(STOPPED_EARLY);
    const batches = new BatchSource(dataset, {
      batchSize,
      seed,
      range: recipe.pixelRange,
      shuffle: recipe.shuffle,
      channelOrder: recipe.channelOrder,
    });
    if (Object.keys(kernels).length > 0) await restarts.changeConfig({ kernels });
    return new Training(restarts.config, io, newState(), dataset, batches);
  };
  try {
    while (true) {
      const device = await restarts.createDevice();
      performance.mark('forger:device');
      let training: Training | undefined;
      try {
        training = await prepare(device);
        return await training.run(restarts.beginning());
      } catch (error) {
        await restarts.after(error, training?.stepsDone);
      } finally {
        device.destroy();
      }
    }
  } finally {
    ended.abort();
  }
};

async function openData(config: TrainConfig, { reporter, signal }: TrainIO): Promise<ImageDataset> {
  const { data, dataDir, imageSize, channels, background, seed } = config;
  let told = '';
  const onProgress = (_done: number, total: number, unit: 'pictures' | 'bytes'): void => {
    signal.throwIfAborted(); // ends a long download or reading early
    const message =
      unit === 'bytes'
        ? `Downloading ${data}: ${(total / 1e6).toFixed(1)} MB.`
        : `Reading ${total.toLocaleString('en')} pictures.`;
    if (message !== told) reporter.note(message);
    told = message;
  };
  const options = { imageSize, channels, background, dataDir, seed, onProgress };
  const dataset = await openDataset(data, options).catch((error: unknown) => {
    if (!signal.aborted) throw error;
  });
  if (signal.aborted || !dataset) {
    throw new StoppedError(STOPPED_EARLY);
  }
  for (const note of dataset.notes) reporter.note(note);
  return dataset;
}
