// One attempt at a run, on one device: the trainer, with the hooks that write the run folder and report progress.

import { existsSync } from 'node:fs';
import {
  type AnyTask,
  type Batches,
  type Dataset,
  type DiagnosisHook,
  diagnose,
  every,
  type Goal,
  type Hook,
  PIXELS,
  sentence,
  type TrainEvent,
  Trainer,
  type TrainResult,
  type TrainState,
} from '@forger/dcgan';
import { GRID_PICTURES, PROFILE_AFTER } from '@forger/dcgan/internal';
import type { AdapterReport, Tensor } from '@forger/tensor';
import { flagsOf } from '../info/findings.ts';
import { writeGrid } from '../report/grid.ts';
import { bestOf } from './best.ts';
import { restoreCheckpoint, saveCheckpoint } from './checkpoint.ts';
import type { TrainConfig } from './config.ts';
import { type Evaluating, evaluating } from './evaluating.ts';
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

/** What an attempt trains. */
export interface Prepared {
  readonly state: TrainState;
  readonly batches: Batches;
  /** The data set of the task's first input. */
  readonly dataset: Dataset;
  /** Further hooks, of the task's own file. */
  readonly hooks?: readonly Hook[];
}

export class Training {
  readonly #config: TrainConfig;
  readonly #io: RunIO;
  readonly #trainer: Trainer;
  readonly #diagnosis: DiagnosisHook;
  readonly #evaluating: Evaluating | undefined;
  #savedAt = -1;
  #savedAs: string | undefined;

  constructor(config: TrainConfig, io: RunIO, { state, batches, dataset, hooks = [] }: Prepared) {
    this.#config = config;
    this.#io = io;
    this.#diagnosis = this.#diagnose(state.task, dataset.length);
    this.#evaluating = evaluating(config, io, dataset, (trainer) => this.#keepBest(trainer));
    const { steps, epochs, minutes } = config;
    const goal: Goal = { steps, epochs, minutes };
    this.#trainer = new Trainer(state, {
      batches,
      goal,
      hooks: [
        this.#progress(),
        this.#diagnosis,
        ...hooks,
        this.#samples(),
        ...(this.#evaluating ? [this.#evaluating.hook] : []),
        this.#checkpoints(),
        ...this.#profile(),
      ],
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
      else if (value.type === 'hook') {
        const evaluated = this.#evaluating?.evaluated(value.hook, value.value);
        if (evaluated) reporter.evaluation?.(evaluated);
        else reporter.hook?.(value.hook, value.value);
      }
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

  /** What goes wrong, into diagnosis.jsonl, and for the first time of its kind to the reporter. */
  #diagnose(task: AnyTask, images: number): DiagnosisHook {
    const { run, reporter } = this.#io;
    return diagnose({
      task,
      images,
      onEvent: (event) => {
        const { kind, state, step } = event;
        const known = run.diagnosis.read().filter((line) => line.kind === kind);
        // A run that was stopped before its first checkpoint begins anew.
        if (!known.some((line) => line.step === step && line.state === state)) run.diagnosis.append(event);
        if (state === 'began' && known.length === 0) reporter.note(`${sentence(event)} ${flagsOf(kind)}`);
      },
    });
  }

  /** Sample grids into the run folder. */
  #samples(): Hook {
    const { run, reporter } = this.#io;
    const write = async (trainer: Trainer): Promise<void> => {
      await trainer.settle();
      await trainer.checkFinite();
      const step = trainer.stepsDone;
      const path = run.samplePath(step);
      const drawn = await trainer.preview();
      await this.#writeGrid(path, drawn);
      for (const average of Object.keys(trainer.state.averages))
        await this.#writeGrid(run.samplePath(step, average), await trainer.preview(average));
      reporter.sample(path);
      // Not of a step at which the run happens to be stopped: a resumed run is to find the same.
      if (step % this.#config.sampleEvery === 0) await this.#diagnosis.preview(trainer, drawn);
    };
    const hook = every('samples', this.#config.sampleEvery, write, {
      atStart: true,
      doneAt: async () => (await run.samples()).at(-1)?.step ?? -1,
    });
    return {
      ...hook,
      start: async (trainer) => {
        if (!existsSync(run.realPath)) await this.#writeReal(trainer);
        await hook.start?.(trainer);
      },
    };
  }

  /** A grid of training images, to compare the samples with. */
  async #writeReal({ state, batches }: Trainer): Promise<void> {
    const input = Object.entries(state.inputInfos).find(
      ([, { shape, dtype }]) => shape.length === 3 && dtype === 'float32',
    );
    if (!input) return;
    const [name, { shape }] = input;
    if (shape[0] !== 1 && shape[0] !== 3) return;
    const images = batches.first(name, GRID_PICTURES) as Float32Array;
    await this.#writeGrid(this.#io.run.realPath, { images, shape: [GRID_PICTURES, ...shape] });
  }

  async #writeGrid(path: string, { images, shape }: Drawn): Promise<void> {
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

  /** The best checkpoint so far, beside the last ones. */
  async #keepBest(trainer: Trainer): Promise<void> {
    const { run, reporter } = this.#io;
    reporter.checkpoint(await saveCheckpoint(run, await trainer.checkpoint(), this.#config, 'best'));
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
    const best = await bestOf(run);
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
      ...(best && { best }),
    };
  }

  #reportLeaks(): void {
    for (const { count, bytes, where } of this.#trainer.device.leaks()) {
      this.#io.reporter.note(`${count} buffers (${bytes} bytes) were never freed. They were ${where}`);
    }
  }
}

/** Images as a trainer's preview gives them. */
interface Drawn {
  readonly images: Float32Array;
  readonly shape: readonly number[];
}

type AnyNetworks = Record<string, { parameters(): Tensor[] }>;

function adapterLine({ description, device, vendor, software }: AdapterReport): string {
  const name = description || device || vendor || 'an adapter without a name';
  return `${name} (WebGPU, ${software ? 'software' : 'hardware'})`;
}
