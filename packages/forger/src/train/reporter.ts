// What a training run reports. The loop calls a Reporter; the command chooses which one.

import type { AnyTask, Best, EndReason, EvaluationProgress, StepMetrics } from '@forger/dcgan';
import type { NamedValue } from '../evaluate/values.ts';
import type { TrainConfig } from './config.ts';
import type { EvaluationLine } from './found-lines.ts';
import type { ProfileReport } from './profile.ts';

/** Facts known before the first step. */
export interface StartInfo {
  /** The run folder. */
  run: string;
  config: TrainConfig;
  /** For the names of its metrics. */
  task: Pick<AnyTask, 'metrics'>;
  /** One line on the training pictures, such as `glyphs, 60,000 pictures of 32x32x1`. */
  data: string;
  /** One line on the device, such as `llvmpipe (Vulkan, software)`. */
  adapter: string;
  /** Parameters of each network, by its name. */
  parameters: Readonly<Record<string, number>>;
  /** Steps already done; above 0 when a run is resumed. */
  step: number;
  /** Step at which the run ends; absent when it ends by the clock. */
  totalSteps?: number;
}

/** How a run ended. */
export interface TrainSummary {
  run: string;
  /**
   * `finished`: the asked end was reached; `interrupted`: the signal stopped it; `stopped`: a hook did. All saved a
   * checkpoint.
   */
  reason: EndReason;
  /** Why, where a hook stopped it. */
  because?: string;
  step: number;
  epoch: number;
  /** Seconds of training since step 0, and the mean pictures per second of this process. */
  seconds: number;
  imagesPerSecond: number;
  /** The last step's metrics; absent when this process made no step. */
  last?: StepMetrics;
  /** Paths of the newest sample grid and checkpoint. */
  sample?: string;
  checkpoint?: string;
  /** The best checkpoint, where one was kept, and the value that it is best by. */
  best?: BestCheckpoint;
}

/** The best checkpoint of a run. */
export interface BestCheckpoint {
  step: number;
  /** The safetensors file. */
  path: string;
  /** Name and title of the value that it is best by. */
  name: string;
  title: string;
  value: number;
}

/** Where the reports of a run lie. */
export interface ReportPaths {
  /** Absent when the run has no sample grid. */
  gif?: string;
  losses: string;
  html: string;
}

/** An evaluation of the run, and the best so far. */
export interface Evaluated {
  readonly line: EvaluationLine;
  /** The value that the run is judged by. */
  readonly judged: NamedValue;
  readonly best: Best | null;
}

/** Receives a run's events, in order. No method may throw or wait. */
export interface Reporter {
  start(info: StartInfo): void;
  step(metrics: StepMetrics): void;
  /** A plain remark, such as how many unreadable pictures were skipped. */
  note(message: string): void;
  /** A sample grid was written. */
  sample(path: string): void;
  /** A checkpoint was written. */
  checkpoint(path: string): void;
  /** The images were evaluated. */
  evaluation?(evaluated: Evaluated): void;
  /** How far an evaluation is. */
  evaluating?(progress: EvaluationProgress): void;
  /** A hook of the task's own file has something to say. */
  hook?(name: string, value: unknown): void;
  /** The steps that were to be profiled have been. */
  profile(report: ProfileReport): void;
  /** The run is over. Called by whoever called `train`, after writing the reports; `train` itself does not. */
  done(summary: TrainSummary, reports: ReportPaths): void;
}
