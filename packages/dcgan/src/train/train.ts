// The training loop: data, steps, metrics, sample grids and checkpoints, until the asked end or a signal.

import {
  type AdapterReport,
  ConfigError,
  createDevice,
  type Device,
  ForgerError,
  type Tensor,
} from '@forger/tensor';
import { BatchSource } from '../data/batches.ts';
import { type ImageDataset, openDataset } from '../data/dataset.ts';
import { findRecipe } from '../recipes/index.ts';
import { checkOptions } from '../recipes/options.ts';
import { writeGrid } from '../report/grid.ts';
import { restoreCheckpoint, saveCheckpoint } from './checkpoint.ts';
import { compileKernels, everything } from './compile.ts';
import { optionsOf, type TrainConfig } from './config.ts';
import { PROFILE_AFTER } from './limits.ts';
import { profileSteps } from './profile.ts';
import type { TrainSummary } from './reporter.ts';
import { GRID_PICTURES, networkSizes, PIXELS, TrainState } from './step.ts';
import { DivergenceError, StepMetricsReader } from './step-metrics.ts';
import { StepRunner } from './step-runner.ts';
import { settleKernels } from './tuning.ts';
import type { Train, TrainIO } from './types.ts';

/** The signal came before the first step: nothing was trained. */
export class StoppedError extends ForgerError {}

const STOPPED_EARLY = 'Stopped before the first step: nothing was trained.';

/**
 * Trains as `Train` says.
 * @throws ConfigError on settings that do not fit the recipe, the data or the run that is resumed; DataError on data
 * that cannot be used; CheckpointError on one that is damaged or foreign; DeviceError without an adapter;
 * DivergenceError when a loss becomes NaN or infinite, the checkpoints before it kept; StoppedError when the signal
 * comes while the data are opened or kernels are compiled.
 */
export const train: Train = async (config, io) => {
  performance.mark('forger:imported'); // marks are for bench/startup.ts
  const recipe = findRecipe(config.recipe);
  recipe.checkSizes(config);
  checkOptions(optionsOf(config));
  const opening = openData(config, io);
  // Bad data ends the compilation beside it.
  const failed = new AbortController();
  opening.catch(() => failed.abort());
  const device = await createDevice({ debug: io.debug });
  performance.mark('forger:device');
  try {
    const signal = AbortSignal.any([io.signal, failed.signal]);
    const newState = (): TrainState => {
      const { lr, seed } = config;
      const options = optionsOf(config);
      return new TrainState(recipe, { sizes: networkSizes(recipe, config), lr, seed, device, options });
    };
    const { batchSize, seed } = config;
    const work = everything(device, newState, batchSize);
    const kernels = await settleKernels(device, work, {
      tuning: io.tuning ?? 'on',
      saved: io.resume ? (config.kernels ?? {}) : undefined,
      reporter: io.reporter,
      signal,
      ...(io.tuningFolder !== undefined && { folder: io.tuningFolder }),
    });
    performance.mark('forger:tuned');
    await compileKernels(device, work, { reporter: io.reporter, signal });
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
    const settled = Object.keys(kernels).length > 0 ? { ...config, kernels } : config;
    if (settled !== config) await io.run.saveConfig(settled);
    return await new Training(settled, io, newState(), dataset, batches).run();
  } finally {
    device.destroy();
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

class Training {
  readonly #config: TrainConfig;
  readonly #io: TrainIO;
  readonly #dataset: ImageDataset;
  readonly #batches: BatchSource;
  readonly #device: Device;
  readonly #state: TrainState;
  readonly #runner: StepRunner;
  /** The latents of every sample grid. */
  readonly #fixedLatents: Tensor;
  readonly #totalSteps: number | undefined;
  #sampledAt = -1;
  #savedAt = -1;
  #savedAs: string | undefined;

  constructor(
    config: TrainConfig,
    io: TrainIO,
    state: TrainState,
    dataset: ImageDataset,
    batches: BatchSource,
  ) {
    this.#config = config;
    this.#io = io;
    this.#dataset = dataset;
    this.#batches = batches;
    this.#device = state.device;
    this.#state = state;
    const { steps, epochs } = config;
    this.#fixedLatents = this.#state.drawLatent(GRID_PICTURES);
    this.#runner = new StepRunner(this.#state, io.eager === undefined ? {} : { eager: io.eager });
    this.#totalSteps = steps ?? (epochs === undefined ? undefined : epochs * batches.batchesPerEpoch);
  }

  async run(): Promise<TrainSummary> {
    const { run, reporter, signal, resume, debug } = this.#io;
    const secondsBefore = resume ? await this.#restore() : 0;
    this.#announce();
    const metrics = new StepMetricsReader({
      batchSize: this.#config.batchSize,
      secondsBefore,
      secondsLeft: (...at) => this.#secondsLeft(...at),
      onStep: (step) => {
        run.appendMetrics(step);
        reporter.step(step);
      },
    });
    try {
      if (this.#state.stepsDone === 0) await this.#sample();
      await this.#steps(metrics);
    } catch (error) {
      throw error instanceof DivergenceError ? await this.#diverged(error) : error;
    }
    const summary = await this.#summary(metrics, signal.aborted && !this.#isOver(metrics.seconds));
    this.#dispose();
    if (debug) this.#reportLeaks();
    return summary;
  }

  async #steps(metrics: StepMetricsReader): Promise<void> {
    const state = this.#state;
    const { profile } = this.#io;
    if (profile !== undefined) {
      await this.#atMost(PROFILE_AFTER, metrics);
      await this.#profiled(profile, metrics);
    }
    await this.#atMost(Number.POSITIVE_INFINITY, metrics);
    await metrics.finish();
    if (this.#sampledAt !== state.stepsDone) await this.#sample();
    if (this.#savedAt !== state.stepsDone) await this.#save(metrics.seconds);
  }

  async #profiled(steps: number, metrics: StepMetricsReader): Promise<void> {
    const { run, reporter } = this.#io;
    const report = await profileSteps(this.#device, run, () => this.#atMost(steps, metrics));
    if (report) reporter.profile(report);
    else reporter.note(`Nothing was profiled: the run ended within its first ${PROFILE_AFTER} steps.`);
  }

  /** Trains `steps` more steps, or fewer if the run's end or the signal comes before. @returns how many. */
  async #atMost(steps: number, metrics: StepMetricsReader): Promise<number> {
    const { signal } = this.#io;
    const { sampleEvery, checkpointEvery } = this.#config;
    const state = this.#state;
    const before = state.stepsDone;
    while (state.stepsDone < before + steps && !signal.aborted && !this.#isOver(metrics.seconds)) {
      const epoch = this.#batches.epoch + 1;
      const { values } = await this.#runner.step(this.#batches.next());
      await metrics.add(state.stepsDone, epoch, values);
      const dueSample = state.stepsDone % sampleEvery === 0;
      const dueCheckpoint = state.stepsDone % checkpointEvery === 0;
      // Only what is known to be good is shown or saved.
      if (dueSample || dueCheckpoint) await metrics.finish();
      if (dueSample) await this.#sample();
      if (dueCheckpoint) await this.#save(metrics.seconds);
    }
    return state.stepsDone - before;
  }

  /** Goes back to the newest checkpoint. @returns the seconds trained until then. */
  async #restore(): Promise<number> {
    const { run, reporter } = this.#io;
    const found = await run.latestCheckpoint();
    if (!found) {
      reporter.note(`${run.dir} has no checkpoint yet: training starts over.`);
      await run.rewind(0);
      return 0;
    }
    for (const note of found.notes) reporter.note(note);
    const { checkpoint } = found;
    const { data, seconds } = restoreCheckpoint(checkpoint, this.#config, this.#state, this.#fixedLatents);
    if (data.fingerprint !== this.#dataset.fingerprint) {
      throw new ConfigError(
        `${run.dir} was trained on other pictures than ${this.#config.data} holds now: put the old ones back, or start a new run`,
      );
    }
    this.#batches.restore({ epoch: data.epoch, position: data.position });
    await run.rewind(checkpoint.step);
    this.#savedAt = checkpoint.step;
    this.#savedAs = checkpoint.path;
    this.#sampledAt = (await run.samples()).at(-1)?.step ?? -1;
    return seconds;
  }

  #announce(): void {
    const { name, length, channels, height, width } = this.#dataset;
    const { generator, discriminator } = this.#state.networks;
    const count = (parameters: Tensor[]) => parameters.reduce((sum, { size }) => sum + size, 0);
    this.#io.reporter.start({
      run: this.#io.run.dir,
      config: this.#config,
      data: `${name}, ${length.toLocaleString('en')} pictures of ${width}x${height}x${channels}`,
      adapter: adapterLine(this.#device.adapter),
      parameters: {
        generator: count(generator.parameters()),
        discriminator: count(discriminator.parameters()),
      },
      step: this.#state.stepsDone,
      ...(this.#totalSteps !== undefined && { totalSteps: this.#totalSteps }),
    });
  }

  #isOver(seconds: number): boolean {
    if (this.#totalSteps !== undefined) return this.#state.stepsDone >= this.#totalSteps;
    return seconds >= 60 * this.#config.minutes!;
  }

  #secondsLeft(step: number, seconds: number, perStep: number): number {
    if (this.#totalSteps !== undefined) return (this.#totalSteps - step) * perStep;
    return 60 * this.#config.minutes! - seconds;
  }

  async #sample(): Promise<void> {
    const { run, reporter } = this.#io;
    const step = this.#state.stepsDone;
    const path = run.samplePath(step);
    await this.#writeGrid(path, 'own');
    if (this.#state.ema) await this.#writeGrid(run.samplePath(step, 'average'), 'average');
    this.#sampledAt = step;
    reporter.sample(path);
  }

  async #writeGrid(path: string, weights: 'own' | 'average'): Promise<void> {
    const { imageSize, channels } = this.#config;
    const { pixelRange, channelOrder } = this.#state.recipe;
    const pictures = this.#state.preview(this.#fixedLatents, weights);
    const values = (await pictures.data()) as Float32Array;
    pictures.dispose();
    await writeGrid(path, values, {
      count: GRID_PICTURES,
      channels,
      height: imageSize,
      width: imageSize,
      range: PIXELS[pixelRange],
      channelOrder,
    });
  }

  async #save(seconds: number): Promise<void> {
    const { run, reporter } = this.#io;
    const data = { fingerprint: this.#dataset.fingerprint, ...this.#batches.state() };
    const meta = { config: this.#config, data, seconds };
    this.#savedAs = await saveCheckpoint(run, this.#state, this.#fixedLatents, meta);
    this.#savedAt = this.#state.stepsDone;
    reporter.checkpoint(this.#savedAs);
  }

  async #summary(metrics: StepMetricsReader, interrupted: boolean): Promise<TrainSummary> {
    const { run } = this.#io;
    const sample = (await run.samples()).at(-1)?.path;
    return {
      run: run.dir,
      reason: interrupted ? 'interrupted' : 'finished',
      step: this.#state.stepsDone,
      epoch: metrics.last?.epoch ?? this.#batches.epoch + 1,
      seconds: metrics.seconds,
      imagesPerSecond: metrics.imagesPerSecond,
      ...(metrics.last && { last: metrics.last }),
      ...(sample !== undefined && { sample }),
      ...(this.#savedAs !== undefined && { checkpoint: this.#savedAs }),
    };
  }

  async #diverged(error: DivergenceError): Promise<DivergenceError> {
    const { run } = this.#io;
    const { lr, seed } = this.#config;
    const saved = (await run.checkpointSteps()).at(-1);
    const kept =
      saved === undefined
        ? 'No checkpoint was written before'
        : `The last checkpoint before is of step ${saved}`;
    return new DivergenceError(
      `Training diverged: ${error.message}. ${kept}; start a new run with a smaller --lr (it is ${lr}) or another --seed (it is ${seed}).`,
      { cause: error },
    );
  }

  #dispose(): void {
    this.#runner.dispose();
    this.#fixedLatents.dispose();
    this.#state.dispose();
  }

  #reportLeaks(): void {
    for (const { count, bytes, where } of this.#device.leaks()) {
      this.#io.reporter.note(`${count} buffers (${bytes} bytes) were never freed. They were ${where}`);
    }
  }
}

function adapterLine({ description, device, vendor, software }: AdapterReport): string {
  const name = description || device || vendor || 'an adapter without a name';
  return `${name} (WebGPU, ${software ? 'software' : 'hardware'})`;
}
