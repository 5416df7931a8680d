// The loop of training: steps until the end, metrics as they become known, and hooks, which are told of each
// event and do everything else: previews, checkpoints, evaluation, progress, early stopping.

import { ConfigError, type Device, type DType, type Tensor } from '@forger/tensor';
import type { AbortSignal } from '@forger/tensor/internal';
import type { Batches } from '../data/batches.ts';
import { type Checkpoint, HOOK, type HookState, loadArrays, saveArrays } from './checkpoint.ts';
import type { TrainState } from './state.ts';
import { DivergenceError, type StepMetrics, StepMetricsReader } from './step-metrics.ts';
import { StepRunner } from './step-runner.ts';
import type { AnyTask } from './task.ts';

/** When a run ends, counted from its first step. Without any of these it runs until the signal is aborted. */
export interface Goal {
  readonly steps?: number | undefined;
  readonly epochs?: number | undefined;
  readonly minutes?: number | undefined;
}

/** How a run ended: its goal was reached, the signal came, or a hook stopped it. */
export type EndReason = 'finished' | 'interrupted' | 'stopped';

export interface TrainResult {
  readonly reason: EndReason;
  /** Why, where a hook stopped the run. */
  readonly because?: string;
  readonly step: number;
  readonly epoch: number;
  /** Seconds of training since step 0. */
  readonly seconds: number;
  /** Mean images per second of this process. */
  readonly imagesPerSecond: number;
  /** The last step's metrics; absent when this process made no step. */
  readonly last?: StepMetrics;
}

/** What happens in a run, in order. */
export type TrainEvent =
  | ({ readonly type: 'step' } & StepMetrics)
  | {
      readonly type: 'sample';
      readonly step: number;
      /** Values in the task's pixel range, NCHW. */
      readonly images: Float32Array;
      /** [count, channels, height, width]. */
      readonly shape: readonly number[];
      /** The average of weights that they are of; absent for the networks' own. */
      readonly average?: string;
    }
  | { readonly type: 'checkpoint'; readonly checkpoint: Checkpoint }
  | { readonly type: 'note'; readonly message: string }
  /** Of a hook of one's own. */
  | { readonly type: 'hook'; readonly hook: string; readonly value: unknown };

/**
 * Something that happens beside training. Each method is called with the trainer and may wait; those of
 * several hooks are called in the order in which the hooks are given.
 */
export interface Hook {
  /** Letters, digits, - and _: names what the hook keeps in checkpoints. Two hooks of a run have different names. */
  readonly name: string;
  /** Before the first step of this process; a resumed run's state is already in place. */
  start?(trainer: Trainer): void | Promise<void>;
  /** After each step. The device may still be at work on it: `trainer.settle()` waits. */
  step?(trainer: Trainer): void | Promise<void>;
  /** When a step's metrics are known: in order, some steps late. */
  metrics?(metrics: StepMetrics, trainer: Trainer): void;
  /** After the last step, once all metrics are known. */
  end?(trainer: Trainer, reason: EndReason): void | Promise<void>;
  /** What checkpoints keep of the hook. Its tensors exist from `start` on, or from the beginning. */
  state?(): HookState;
  /** Goes on from what `state` gave. The tensors have been overwritten already. */
  restore?(values: unknown): void;
}

export interface TrainerOptions {
  readonly batches: Batches;
  readonly goal?: Goal;
  readonly hooks?: readonly Hook[];
  /** Once aborted, the step under way is finished, hooks are told, and the run ends. */
  readonly signal?: AbortSignal | undefined;
  /** Record every step anew instead of replaying captured ones: the same bits, slower; for debugging. */
  readonly eager?: boolean;
}

const NAME = /^[A-Za-z][\w-]*$/;

/** A run on one device. */
export class Trainer<T extends AnyTask = AnyTask> {
  readonly state: TrainState<T>;
  readonly batches: Batches;
  readonly device: Device;
  /** Steps at which the run ends; undefined when it ends by the clock or the signal. */
  totalSteps: number | undefined;
  readonly #goal: Goal;
  readonly #hooks: readonly Hook[];
  readonly #signal: AbortSignal | undefined;
  readonly #runner: StepRunner;
  readonly #events: TrainEvent[] = [];
  #metrics: StepMetricsReader | undefined;
  /** Of the run before this process. */
  #before: { seconds: number; metrics: Readonly<Record<string, number>> | undefined } = {
    seconds: 0,
    metrics: undefined,
  };
  #stoppedBecause: string | undefined;

  /** @param state what is trained, with what previews are drawn from (`drawFixed`). */
  constructor(state: TrainState<T>, { batches, goal = {}, hooks = [], signal, eager }: TrainerOptions) {
    const { steps, epochs } = goal;
    this.state = state;
    this.batches = batches;
    this.device = state.device;
    this.#goal = goal;
    this.#hooks = hooks;
    this.#signal = signal;
    this.#runner = new StepRunner(state, eager === undefined ? {} : { eager });
    this.totalSteps = steps ?? (epochs === undefined ? undefined : epochs * batches.batchesPerEpoch);
    checkHooks(hooks);
  }

  /** Steps done, those before this process included. */
  get stepsDone(): number {
    return this.state.stepsDone;
  }

  /** Seconds of training, those before this process included. */
  get seconds(): number {
    return this.#metrics?.seconds ?? this.#before.seconds;
  }

  /** The latest metrics that are known. */
  get metrics(): Readonly<Record<string, number>> {
    return this.#metrics?.last?.metrics ?? this.#before.metrics ?? {};
  }

  /** Yields an event to the caller of `train`. */
  emit(event: TrainEvent): void {
    this.#events.push(event);
  }

  note(message: string): void {
    this.emit({ type: 'note', message });
  }

  /** Ends the run after this step. @param because the reason, which the summary shows. */
  stop(because: string): void {
    this.#stoppedBecause ??= because;
  }

  /** Whether the signal came: what takes long may be broken off. */
  get isInterrupted(): boolean {
    return this.#signal?.aborted === true;
  }

  /** Whether the run is to end before another step. */
  get isOver(): boolean {
    return this.isInterrupted || this.#stoppedBecause !== undefined || this.#reached(this.seconds);
  }

  /** Waits until the metrics of all steps are known. @throws DivergenceError when one is NaN or infinite. */
  async settle(): Promise<void> {
    await this.#metrics?.finish();
  }

  /** @throws DivergenceError when a weight, a moment or a statistic is NaN or infinite. */
  async checkFinite(): Promise<void> {
    const { names, flags } = this.state.markNonFinite();
    const found = (await flags.data()).indexOf(1);
    flags.dispose();
    if (found >= 0)
      throw new DivergenceError(`${names[found]} holds NaN or infinity after step ${this.stepsDone}`);
  }

  /**
   * Draws a preview.
   * @param average the name of an average whose weights are to be used.
   * @returns values in the task's pixel range, and their shape [count, channels, height, width].
   * @throws DivergenceError when one is NaN or infinite.
   */
  async preview(average?: string): Promise<{ images: Float32Array; shape: readonly number[] }> {
    const t = this.state.preview(average);
    const [images, shape] = [await t.data(), t.shape];
    t.dispose();
    if (!images.every(Number.isFinite))
      throw new DivergenceError(`a sample picture holds NaN or infinity after step ${this.stepsDone}`);
    return { images, shape };
  }

  /** A checkpoint of the steps done. @throws DivergenceError when an array holds NaN or infinity. */
  async checkpoint(): Promise<Checkpoint> {
    await this.settle();
    const bytes = await saveArrays(this.state, this.#hookTensors());
    const hooks = Object.fromEntries(
      this.#hooks.flatMap((hook) => {
        const values = hook.state?.().values;
        return values === undefined ? [] : [[hook.name, values]];
      }),
    );
    const { fingerprint } = this.batches;
    return {
      step: this.stepsDone,
      bytes,
      meta: {
        data: { fingerprint, ...this.batches.state() },
        seconds: this.seconds,
        metrics: { ...this.metrics },
        inputs: this.state.inputInfos,
        ...(Object.keys(hooks).length > 0 && { hooks }),
      },
    };
  }

  /**
   * Goes on from a checkpoint; before `run`.
   * @throws CheckpointError when it is damaged or of other networks; ConfigError when the data are other ones.
   */
  restore(checkpoint: Checkpoint): void {
    const { data, seconds, metrics, hooks = {} } = checkpoint.meta;
    if (data.fingerprint !== this.batches.fingerprint) {
      throw new ConfigError(
        'The run was trained on other data than are given now: give the old ones, or start a new run.',
      );
    }
    loadArrays(this.state, checkpoint, this.#hookTensors());
    this.batches.restore(data);
    const { steps, epochs } = this.#goal;
    if (steps === undefined && epochs !== undefined) {
      // Steps before may have been of another batch size, so epochs are counted from here.
      const left = (epochs - data.epoch) * this.batches.batchesPerEpoch - data.position;
      this.totalSteps = this.stepsDone + Math.max(left, 0);
    }
    for (const hook of this.#hooks) if (Object.hasOwn(hooks, hook.name)) hook.restore?.(hooks[hook.name]);
    this.#before = {
      seconds,
      // JSON has no NaN: it is written as null.
      metrics:
        metrics && Object.fromEntries(Object.entries(metrics).map(([name, v]) => [name, v ?? Number.NaN])),
    };
  }

  /**
   * Trains until the end. Leaving the loop early ends the run where it stands.
   * @param before metrics of the step before, for a checkpoint of version 0.1, which has none.
   * @throws DivergenceError when a metric is NaN or infinite; DeviceError; whatever a hook throws.
   */
  async *run(before?: Readonly<Record<string, number>>): AsyncGenerator<TrainEvent, TrainResult> {
    const metrics = new StepMetricsReader({
      task: this.state.task,
      batchSize: this.batches.batchSize,
      secondsBefore: this.#before.seconds,
      before: this.#before.metrics ?? before,
      secondsLeft: (...at) => this.#secondsLeft(...at),
      onStep: (step) => {
        for (const hook of this.#hooks) hook.metrics?.(step, this);
        this.emit({ type: 'step', ...step });
      },
    });
    this.#metrics = metrics;
    for (const hook of this.#hooks) await hook.start?.(this);
    yield* this.#drain();
    while (!this.isOver) {
      const epoch = this.batches.epoch + 1;
      const place = this.#ratePlace();
      const { values } = await this.#runner.step(this.batches.next(), place);
      await metrics.add(this.stepsDone, epoch, values);
      for (const hook of this.#hooks) await hook.step?.(this);
      yield* this.#drain();
    }
    await metrics.finish();
    const reason = this.#endReason(metrics.seconds);
    for (const hook of this.#hooks) await hook.end?.(this, reason);
    yield* this.#drain();
    return {
      reason,
      ...(this.#stoppedBecause !== undefined && { because: this.#stoppedBecause }),
      step: this.stepsDone,
      epoch: metrics.last?.epoch ?? this.batches.epoch + 1,
      seconds: metrics.seconds,
      imagesPerSecond: metrics.imagesPerSecond,
      ...(metrics.last && { last: metrics.last }),
    };
  }

  /** Frees captures, networks and everything else of the run. */
  dispose(): void {
    this.#runner.dispose();
    this.state.dispose();
  }

  *#drain(): Generator<TrainEvent> {
    while (this.#events.length > 0) yield this.#events.shift()!;
  }

  #reached(seconds: number): boolean {
    if (this.totalSteps !== undefined) return this.stepsDone >= this.totalSteps;
    return this.#goal.minutes !== undefined && seconds >= 60 * this.#goal.minutes;
  }

  #endReason(seconds: number): EndReason {
    if (this.#reached(seconds)) return 'finished';
    return this.#stoppedBecause === undefined ? 'interrupted' : 'stopped';
  }

  #secondsLeft(step: number, seconds: number, perStep: number): number | undefined {
    if (this.totalSteps !== undefined) return (this.totalSteps - step) * perStep;
    return this.#goal.minutes === undefined ? undefined : 60 * this.#goal.minutes - seconds;
  }

  #ratePlace(): { epoch?: number; totalSteps?: number } {
    if (!this.state.task.learningRates) return {};
    const { epoch, position } = this.batches.state();
    return {
      epoch: epoch + position / this.batches.batchesPerEpoch,
      ...(this.totalSteps !== undefined && { totalSteps: this.totalSteps }),
    };
  }

  #hookTensors(): Map<string, Tensor<DType>> {
    return new Map(
      this.#hooks.flatMap((hook) =>
        Array.from(hook.state?.().tensors ?? [], ([name, t]): [string, Tensor<DType>] => [
          `${HOOK}${hook.name}.${name}`,
          t,
        ]),
      ),
    );
  }
}

function checkHooks(hooks: readonly Hook[]): void {
  const names = hooks.map(({ name }) => name);
  for (const [i, name] of names.entries()) {
    if (!NAME.test(name) || names.indexOf(name) !== i)
      throw new ConfigError(
        `A hook is called '${name}'; expected a letter, then letters, digits, - or _, and another name for each hook.`,
      );
  }
}
