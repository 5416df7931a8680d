// One attempt at a run, on one device: steps, metrics, sample grids and checkpoints, until the asked end or a signal.

import type { BatchSource } from '@forger/dcgan/internal';
import {
  DivergenceError,
  GRID_PICTURES,
  PIXELS,
  PROFILE_AFTER,
  StepMetricsReader,
  StepRunner,
  type TrainState,
} from '@forger/dcgan/internal';
import { type AdapterReport, ConfigError, type Device, type Tensor } from '@forger/tensor';
import type { ImageDataset } from '../data/dataset.ts';
import { writeGrid } from '../report/grid.ts';
import { restoreCheckpoint, saveCheckpoint } from './checkpoint.ts';
import type { TrainConfig } from './config.ts';
import { profileSteps } from './profile.ts';
import type { TrainSummary } from './reporter.ts';
import type { TrainIO } from './types.ts';

/** How an attempt begins. */
export interface Beginning {
  /** From the run's last checkpoint, if there is one. */
  resume: boolean;
  /** Whoever watches has not heard of the run yet. */
  announce: boolean;
  /** What to say when it begins again by itself; told where from. */
  because?: ((step: number) => string) | undefined;
}

export class Training {
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

  /** Steps done, those before this attempt included. */
  get stepsDone(): number {
    return this.#state.stepsDone;
  }

  async run({ resume, announce, because }: Beginning): Promise<TrainSummary> {
    const { run, reporter, signal, debug } = this.#io;
    const secondsBefore = resume ? await this.#restore(because !== undefined) : 0;
    if (announce) this.#announce();
    if (because) reporter.note(because(this.stepsDone));
    const metrics = new StepMetricsReader({
      batchSize: this.#config.batchSize,
      secondsBefore,
      before: run.readMetrics().at(-1),
      secondsLeft: (...at) => this.#secondsLeft(...at),
      onStep: (step) => {
        run.appendMetrics(step);
        reporter.step(step);
      },
    });
    if (this.#state.stepsDone === 0) await this.#sample();
    await this.#steps(metrics);
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
  async #restore(byItself: boolean): Promise<number> {
    const { run, reporter } = this.#io;
    const found = await run.latestCheckpoint();
    if (!found) {
      if (!byItself) reporter.note(`${run.dir} has no checkpoint yet: training starts over.`);
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

  /** @throws DivergenceError when a weight, a moment or a statistic is NaN or infinite. */
  async #checkWeights(): Promise<void> {
    const { names, flags } = this.#state.markNonFinite();
    const found = (await flags.data()).indexOf(1);
    flags.dispose();
    if (found >= 0)
      throw new DivergenceError(`${names[found]} holds NaN or infinity after step ${this.stepsDone}`);
  }

  async #sample(): Promise<void> {
    await this.#checkWeights();
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
    if (!values.every(Number.isFinite))
      throw new DivergenceError(`a sample picture holds NaN or infinity after step ${this.stepsDone}`);
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
