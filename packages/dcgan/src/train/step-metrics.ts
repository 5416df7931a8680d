// Losses of steps, read back some steps late so that the device never waits for the host, and not too late: at most a
// few steps are under way, which also bounds the queue of work. A metric that is NaN or infinite ends the run.

import { ForgerError } from '@forger/tensor';
import type { StepValues } from './step-runner.ts';
import { type AnyTask, metricSpec } from './task.ts';

/** Steps that may be under way before the host waits for the oldest. */
const STEPS_UNDER_WAY = 3;
/** Speed is measured over the steps of the last few seconds. */
const RATE_WINDOW_SECONDS = 5;

/** A loss or weight became NaN or infinite. */
export class DivergenceError extends ForgerError {
  override name = 'DivergenceError';
}

/** One training step. The values may arrive some steps late, since they are read back without stalling. */
export interface StepMetrics {
  /** Steps done, from 1. */
  readonly step: number;
  /** The epoch that the step belongs to, from 1. */
  readonly epoch: number;
  /** The task's metrics by name; one that the step did not measure stays as it was, NaN before the first time. */
  readonly metrics: Readonly<Record<string, number>>;
  /** Training images per second, over the last few seconds. */
  readonly imagesPerSecond: number;
  /** Seconds of training since step 0, the earlier parts of a resumed run included. */
  readonly seconds: number;
  /** Seconds until the run ends, once that can be told. */
  readonly secondsLeft?: number;
}

export interface StepMetricsOptions {
  /** For the metrics' names. */
  task: Pick<AnyTask, 'metrics'>;
  batchSize: number;
  /** Training time before this process, in seconds. */
  secondsBefore: number;
  /** The metrics of the step before, when a run is resumed: what a step does not measure stays as it was. */
  before?: Readonly<Record<string, number>> | undefined;
  /** Seconds until the end, from the steps done, the training time and the time of a step, all in seconds. */
  secondsLeft: (step: number, seconds: number, perStep: number) => number | undefined;
  /** Told of each step, in order. */
  onStep: (metrics: StepMetrics) => void;
}

/** Collects what steps measured, and keeps the time. */
export class StepMetricsReader {
  readonly #options: StepMetricsOptions;
  readonly #begin = performance.now();
  readonly #underWay: Promise<void>[] = [];
  /** Times at which recent steps were known to be done. */
  readonly #times: number[] = [];
  #steps = 0;
  #values: Record<string, number>;
  #last: StepMetrics | undefined;

  constructor(options: StepMetricsOptions) {
    this.#options = options;
    const names = Object.keys(options.task.metrics ?? {});
    this.#values = Object.fromEntries(names.map((name) => [name, options.before?.[name] ?? Number.NaN]));
    if (!options.task.metrics) Object.assign(this.#values, options.before);
  }

  /** Seconds of training, those before this process included. */
  get seconds(): number {
    return this.#options.secondsBefore + (performance.now() - this.#begin) / 1000;
  }

  /** Metrics of the last step that is known. */
  get last(): StepMetrics | undefined {
    return this.#last;
  }

  /** Mean pictures per second of this process. */
  get imagesPerSecond(): number {
    const seconds = this.seconds - this.#options.secondsBefore;
    return (this.#steps * this.#options.batchSize) / Math.max(seconds, 1e-9);
  }

  /**
   * Takes what a step measured; waits only while too many steps are under way.
   * @throws DivergenceError when a loss of this or an earlier step is NaN or infinite.
   */
  async add(step: number, epoch: number, values: Promise<StepValues>): Promise<void> {
    const done = Promise.all([this.#underWay.at(-1), values]).then(([, found]) => {
      this.#receive(step, epoch, found);
    });
    done.catch(() => {}); // handled where the promise is awaited below
    this.#underWay.push(done);
    while (this.#underWay.length > STEPS_UNDER_WAY) await this.#underWay.shift();
  }

  /** Waits for all steps under way. @throws DivergenceError as `add`. */
  async finish(): Promise<void> {
    while (this.#underWay.length > 0) await this.#underWay.shift();
  }

  #receive(step: number, epoch: number, values: StepValues): void {
    for (const [name, value] of Object.entries(values)) {
      if (!Number.isFinite(value)) {
        throw new DivergenceError(
          `${metricSpec(this.#options.task, name).title} is ${Number.isNaN(value) ? 'NaN' : 'infinite'} at step ${step}`,
        );
      }
    }
    this.#values = { ...this.#values, ...values };
    this.#steps++;
    const perStep = this.#secondsPerStep();
    const { batchSize, secondsLeft, onStep } = this.#options;
    const seconds = this.seconds;
    // The first step compiles every kernel: it says nothing about the time that is left.
    const left = this.#steps > 1 ? secondsLeft(step, seconds, perStep) : undefined;
    this.#last = {
      step,
      epoch,
      metrics: this.#values,
      imagesPerSecond: batchSize / perStep,
      seconds,
      ...(left !== undefined && { secondsLeft: Math.max(0, left) }),
    };
    onStep(this.#last);
  }

  #secondsPerStep(): number {
    const now = performance.now() / 1000;
    if (this.#steps === 1) this.#times.push(this.#begin / 1000);
    if (this.#steps === 2) this.#times.shift();
    this.#times.push(now);
    while (this.#times.length > 2 && this.#times[1]! < now - RATE_WINDOW_SECONDS) this.#times.shift();
    return Math.max(now - this.#times[0]!, 1e-9) / (this.#times.length - 1);
  }
}
