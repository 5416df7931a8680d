// `trainRun`: data, device and kernels of a run, and as many attempts at it as devices are lost.

import {
  type AnyTask,
  type Dataset,
  DatasetBatches,
  type InputInfos,
  type InputSpec,
  TrainState,
} from '@forger/dcgan';
import { compileKernels, drawFixed, everything, imageInputs, MAIN_SOURCE } from '@forger/dcgan/internal';
import { ConfigError, type Device, ForgerError } from '@forger/tensor';
import { pictureCacheFolder } from '../data/cache-folder.ts';
import { openDataset } from '../data/dataset.ts';
import { readingNotes } from '../data/reading.ts';
import { loadTask } from '../recipes/load.ts';
import { changesOf, sentenceOf } from './changes.ts';
import { lastCheckpoint } from './checkpoint.ts';
import { optionsOf, sizesOfRun, type TrainConfig } from './config.ts';
import { checkSizes } from './defaults.ts';
import { findPlaces } from './places.ts';
import { Restarts } from './restarts.ts';
import { Training } from './training.ts';
import { settleKernels } from './tuning.ts';
import type { RunIO, TrainRun } from './types.ts';

/** The signal came before the first step: nothing was trained. */
export class StoppedError extends ForgerError {
  override name = 'StoppedError';
}

const STOPPED_EARLY = 'Stopped before the first step: nothing was trained.';

/**
 * Trains as `TrainRun` says.
 * @throws ConfigError on settings that do not fit the task, the data or the run that is resumed; DataError on data
 * that cannot be used; CheckpointError on one that is damaged or foreign; DeviceError without an adapter, when a kernel
 * does not compile or memory runs out, and once devices were lost more often than `io.maxRestarts` allows;
 * DivergenceError when a loss or a weight becomes NaN or infinite, the checkpoints before it kept;
 * StoppedError when the signal comes while the data are opened or kernels are compiled.
 */
export const trainRun: TrainRun = async (given, io) => {
  performance.mark('forger:imported'); // marks are for bench/startup.ts
  const { config, notes } = await findPlaces(given, io.run.dir, io.resume);
  for (const note of notes) io.reporter.note(note);
  const { task: published, hooks } = await loadTask(config.recipe);
  const task = withOptions(published, config);
  checkSizes(task, config);
  const specs = Object.values(task.inputs as Record<string, InputSpec>);
  // Bad data end the compilation beside it, and the other way round.
  const ended = new AbortController();
  const signal = AbortSignal.any([io.signal, ended.signal]);
  const opening = openData(task, config, { ...io, signal });
  opening.catch(() => ended.abort());
  const restarts = new Restarts(config, io);
  // Once settled they stay, so that the run computes the same bits on another device.
  // A run that was stopped before its first checkpoint begins anew, so it settles them as a new one does.
  const before = io.resume ? await lastCheckpoint(io.run) : undefined;
  let kernels = before ? (config.kernels ?? {}) : config.kernels;
  const openBatches = async (): Promise<DatasetBatches> => {
    const datasets = await opening;
    const { batchSize, seed } = config;
    const { pixelRange: range = 'tanh', shuffle, channelOrder, inputs } = task;
    return new DatasetBatches(datasets, { batchSize, seed, range, shuffle, channelOrder, inputs });
  };
  // Once, before the first attempt: later ones find it in the settings.
  let recorded = false;
  const record = async (fingerprint: string): Promise<void> => {
    if (recorded) return;
    recorded = true;
    const { config } = restarts;
    const now = { config, fingerprint, folder: io.run.dir, named: io.dataNamed ?? false };
    const changes = before ? changesOf(before, now) : [];
    for (const change of changes.slice(before?.meta.config.changes?.length ?? 0))
      io.reporter.note(sentenceOf(change));
    // With the paths that were found, too.
    if (changes.length > 0) await restarts.changeConfig({ changes });
    else if (config.fromRun) await restarts.changeConfig({});
  };
  const prepare = async (device: Device): Promise<Training> => {
    const { lr, seed, batchSize } = config;
    const { rollbacks = [] } = restarts.config;
    const sizes = sizesOfRun(task, config);
    // Images are as the settings say; how many classes there are, only the data know.
    const imagesOnly = specs.every(({ field = 'image' }) => field === 'image');
    const inputs: InputInfos = imagesOnly ? imageInputs(task, sizes) : (await openBatches()).inputs;
    const newState = (): TrainState => new TrainState(task, { sizes, lr, seed, device, inputs, rollbacks });
    const work = everything(device, newState, batchSize);
    const { reporter, tuning = 'on', tuningFolder: folder } = io;
    const where = folder !== undefined && { folder };
    kernels = await settleKernels(device, work, { tuning, saved: kernels, reporter, signal, ...where });
    performance.mark('forger:tuned');
    await compileKernels(device, work, { note: (message) => reporter.note(message), signal });
    performance.mark('forger:compiled');
    const batches = await openBatches();
    performance.mark('forger:data');
    if (io.signal.aborted) throw new StoppedError(STOPPED_EARLY);
    await record(batches.fingerprint);
    if (Object.keys(kernels).length > 0) await restarts.changeConfig({ kernels });
    const state = newState();
    drawFixed(state, batches);
    const dataset = Object.values(await opening)[0]!;
    return new Training(restarts.config, io, { state, batches, dataset, hooks: hooks() });
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

/**
 * A task with the departures that a run was asked for.
 * @throws ConfigError when it takes none, or they cannot go together.
 */
export function withOptions(task: AnyTask, config: Pick<TrainConfig, 'recipe'> & object): AnyTask {
  const options = optionsOf(config as TrainConfig);
  const names = Object.keys(options);
  if (names.length === 0) return task;
  if (task.withOptions) return task.withOptions(options);
  throw new ConfigError(
    `The recipe ${task.name} was asked for with ${names.join(', ')}, which only GANs made by gan() take: leave them out, or change the recipe's own file.`,
  );
}

/** The data sets that a task needs, by name, in order. */
export function sourcesOf(task: Pick<AnyTask, 'inputs'>): string[] {
  const specs = Object.values(task.inputs as Record<string, InputSpec>);
  return [...new Set(specs.map(({ source = MAIN_SOURCE }) => source))];
}

/** Opens the data sets of a task: the first from --data, the second from --data-b. */
async function openData(
  task: AnyTask,
  config: TrainConfig,
  io: RunIO,
): Promise<Readonly<Record<string, Dataset>>> {
  const sources = sourcesOf(task);
  const paths = [config.data, config.dataB];
  const opened: [string, Dataset][] = [];
  for (const [i, source] of sources.entries()) {
    const path = paths[i];
    if (path === undefined)
      throw new ConfigError(
        `The recipe ${task.name} takes ${sources.length} data sets (${sources.join(', ')}), and ${i} ${i === 1 ? 'was' : 'were'} given: name the other with --data-b.`,
      );
    opened.push([source, await openOne(path, task, config, io)]);
  }
  return Object.fromEntries(opened);
}

async function openOne(
  data: string,
  task: AnyTask,
  config: TrainConfig,
  { reporter, signal }: RunIO,
): Promise<Dataset> {
  const { dataDir, imageSize, channels, background, seed } = config;
  const specs = Object.values(task.inputs as Record<string, InputSpec>);
  const tell = readingNotes(data, (message) => reporter.note(message));
  const onProgress = (done: number, total: number, unit: 'pictures' | 'bytes'): void => {
    signal.throwIfAborted(); // ends a long download or reading early
    tell(done, total, unit);
  };
  const labels = specs.some(({ field }) => field === 'label');
  const options = {
    ...{ imageSize, channels, background, dataDir, seed, onProgress },
    pictureCache: pictureCacheFolder(),
    ...(labels && { labels }),
  };
  const dataset = await openDataset(data, options).catch((error: unknown) => {
    if (!signal.aborted) throw error;
  });
  if (signal.aborted || !dataset) {
    throw new StoppedError(STOPPED_EARLY);
  }
  for (const note of dataset.notes) reporter.note(note);
  return dataset;
}
