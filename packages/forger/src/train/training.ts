// One attempt at a run, on one device: the trainer, with the hooks that write the run folder and report progress.

import {
  type AnyTask,
  type Batches,
  every,
  type Goal,
  type Hook,
  PIXELS,
  type TrainEvent,
  Trainer,
  type TrainResult,
  type TrainState,
} from '@forger/dcgan';
import { PROFILE_AFTER } from '@forger/dcgan/internal';
import type { AdapterReport, Tensor } from '@forger/tensor';
import { writeGrid } from '../report/grid.ts';
import { restoreCheckpoint, saveCheckpoint } from './checkpoint.ts';
import type { TrainConfig } from './config.ts';
import { profileHook } from './profile.ts';
import type { TrainSummary } from './reporter.ts';
import type { RunIO } from './types.ts';

/** How an attempt begins. */
export interface Beginning {
  /** From the run's last checkpoint, if there is one. */
  resume: boolean;
  /** Whether to report the start of the run. */
  announce: boolean;
  /** The message after an automatic restart from a step. */
  because?: ((step: number) => string) | undefined;
}

export class Training {
  readonly #config: TrainConfig;
  readonly #io: RunIO;
  readonly #trainer: Trainer;
  #savedAt = -1;
  #savedAs: string | undefined;

  /** @param hooks further ones, of the task's own file. */
  constructor(
    config: TrainConfig,
    io: RunIO,
    state: TrainState,
    batches: Batches,
    hooks: readonly Hook[] = [],
  ) {
    this.#config = config;
    this.#io = io;
    const { steps, epochs, minutes } = config;
    const goal: Goal = { steps, epochs, minutes };
    this.#trainer = new Trainer(state, {
      batches,
      goal,
      hooks: [this.#progress(), ...hooks, this.#samples(), this.#checkpoints(), ...this.#profile()],
      signal: io.signal,
      ...(io.eager !== undefined && { eager: io.eager }),
    });
  }

  /** Steps done, those before this attempt included. */
  get stepsDone(): number {
    return this.#trainer.stepsDone;
  }

  async run({ resume, announce, because }: Beginning): Promise<TrainSummary> {
    const { run, reporter, debug } = this.#io;
    if (resume) await this.#restore(because !== undefined);
    if (announce) this.#announce();
    if (because) reporter.note(because(this.stepsDone));
    const result = await this.#follow(this.#trainer.run(run.readMetrics().at(-1)?.metrics));
    const summary = await this.#summary(result);
    this.#trainer.dispose();
    if (debug) this.#reportLeaks();
    return summary;
  }

  async #follow(events: AsyncGenerator<TrainEvent, TrainResult>): Promise<TrainResult> {
    const { reporter } = this.#io;
    while (true) {
      const { done, value } = await events.next();
      if (done) return value;
      if (value.type === 'note') reporter.note(value.message);
      else if (value.type === 'hook') reporter.hook?.(value.hook, value.value);
    }
  }

  /** Every step into metrics.jsonl and to the reporter. */
  #progress(): Hook {
    const { run, reporter } = this.#io;
    return {
      name: 'progress',
      metrics: (step) => {
        run.appendMetrics(step);
        reporter.step(step);
      },
    };
  }

  /** Sample grids into the run folder. */
  #samples(): Hook {
    const { run, reporter } = this.#io;
    const write = async (trainer: Trainer): Promise<void> => {
      await trainer.settle();
      await trainer.checkFinite();
      const step = trainer.stepsDone;
      const path = run.samplePath(step);
      await this.#writeGrid(path);
      for (const average of Object.keys(trainer.state.averages))
        await this.#writeGrid(run.samplePath(step, average), average);
      reporter.sample(path);
    };
    return every('samples', this.#config.sampleEvery, write, {
      atStart: true,
      doneAt: async () => (await run.samples()).at(-1)?.step ?? -1,
    });
  }

  async #writeGrid(path: string, average?: string): Promise<void> {
    const { images, shape } = await this.#trainer.preview(average);
    const { pixelRange = 'tanh', channelOrder } = this.#trainer.state.task as AnyTask;
    const [count, channels, height, width] = shape as [number, number, number, number];
    await writeGrid(path, images, {
      count,
      channels,
      height,
      width,
      range: PIXELS[pixelRange],
      channelOrder,
    });
  }

  /** Checkpoints into the run folder. */
  #checkpoints(): Hook {
    const { run, reporter } = this.#io;
    const save = async (trainer: Trainer): Promise<void> => {
      this.#savedAs = await saveCheckpoint(run, await trainer.checkpoint(), this.#config);
      this.#savedAt = trainer.stepsDone;
      reporter.checkpoint(this.#savedAs);
    };
    return every('checkpoints', this.#config.checkpointEvery, save, { doneAt: () => this.#savedAt });
  }

  #profile(): Hook[] {
    const { run, reporter, profile } = this.#io;
    if (profile === undefined) return [];
    return [
      profileHook(run, { after: PROFILE_AFTER, steps: profile }, (report) => {
        if (report) reporter.profile(report);
        else reporter.note(`Nothing was profiled: the run ended within its first ${PROFILE_AFTER} steps.`);
      }),
    ];
  }

  /** Goes back to the newest checkpoint. */
  async #restore(byItself: boolean): Promise<void> {
    const { run, reporter } = this.#io;
    const found = await run.latestCheckpoint();
    if (!found) {
      if (!byItself) reporter.note(`${run.dir} has no checkpoint yet: training starts over.`);
      await run.rewind(0);
      return;
    }
    for (const note of found.notes) reporter.note(note);
    const { checkpoint } = found;
    restoreCheckpoint(checkpoint, this.#config, this.#trainer, run.dir);
    await run.rewind(checkpoint.step);
    this.#savedAt = checkpoint.step;
    this.#savedAs = checkpoint.path;
  }

  #announce(): void {
    const { state, batches, totalSteps, device } = this.#trainer;
    const count = (parameters: Tensor[]) => parameters.reduce((sum, { size }) => sum + size, 0);
    this.#io.reporter.start({
      run: this.#io.run.dir,
      config: this.#config,
      task: state.task,
      data: batches.description,
      adapter: adapterLine(device.adapter),
      parameters: Object.fromEntries(
        Object.entries(state.networks as AnyNetworks).map(([name, network]) => [
          name,
          count(network.parameters()),
        ]),
      ),
      step: state.stepsDone,
      ...(totalSteps !== undefined && { totalSteps }),
    });
  }

  async #summary({
    reason,
    because,
    step,
    epoch,
    seconds,
    imagesPerSecond,
    last,
  }: TrainResult): Promise<TrainSummary> {
    const { run } = this.#io;
    const sample = (await run.samples()).at(-1)?.path;
    return {
      run: run.dir,
      reason,
      ...(because !== undefined && { because }),
      step,
      epoch,
      seconds,
      imagesPerSecond,
      ...(last && { last }),
      ...(sample !== undefined && { sample }),
      ...(this.#savedAs !== undefined && { checkpoint: this.#savedAs }),
    };
  }

  #reportLeaks(): void {
    for (const { count, bytes, where } of this.#trainer.device.leaks()) {
      this.#io.reporter.note(`${count} buffers (${bytes} bytes) were never freed. They were ${where}`);
    }
  }
}

type AnyNetworks = Record<string, { parameters(): Tensor[] }>;

function adapterLine({ description, device, vendor, software }: AdapterReport): string {
  const name = description || device || vendor || 'an adapter without a name';
  return `${name} (WebGPU, ${software ? 'software' : 'hardware'})`;
}
