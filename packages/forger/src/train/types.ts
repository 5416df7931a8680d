// The seams between the command and what does the work: recipes, training, sampling, description.

import type { NetworkPlan } from '@forger/dcgan';
import type { ON_NAN } from '@forger/dcgan/internal';
import type { AbortSignal } from '@forger/tensor/internal';
import type { Finding } from '../info/findings.ts';
import type { SourceOptions } from '../sample/source.ts';
import type { TrainConfig } from './config.ts';
import type { EvaluationLine } from './found-lines.ts';
import type { BestCheckpoint, Reporter, TrainSummary } from './reporter.ts';
import type { RunFolder } from './run-folder.ts';
import type { Tuning } from './tuning.ts';

/** What a training run works with. */
export interface RunIO {
  run: RunFolder;
  reporter: Reporter;
  /**
   * Once aborted, the step under way is finished, a checkpoint is written, and training returns; while the data are
   * still being opened or kernels compiled it throws StoppedError instead.
   */
  signal: AbortSignal;
  /** Slower checks, with where things were made in the messages. */
  debug: boolean;
  /** Time every kernel over this many steps, after the first few (train/profile.ts). Results stay the same. */
  profile?: number;
  /** Continue from the run's latest checkpoint. */
  resume: boolean;
  /** `--data` was given on resuming. Other data than before are used, and config.json records it. */
  dataNamed?: boolean;
  /** Record every step anew instead of replaying captured ones: the same bits, slower; for debugging. */
  eager?: boolean;
  /** How kernels are chosen when the run begins; a resumed run keeps those it has. Default on. */
  tuning?: Tuning;
  /**
   * How often the run may restart from its last checkpoint: after the device is lost, or after training diverges if
   * `onNan` is rollback. Default 3.
   */
  maxRestarts?: number;
  /**
   * When a loss or a weight becomes NaN or infinite: stop (the default), or go back to the last checkpoint and on with
   * all learning rates halved. The same rates would lead to the same bits. It is written into config.json and
   * checkpoints (`rollbacks`), so that a resumed run goes on in the same way.
   */
  onNan?: (typeof ON_NAN)[number];
  /** Where measured choices of kernels are kept; default: in the user's cache. */
  tuningFolder?: string;
}

/**
 * `trainRun` of train/train.ts: trains until the configured end or the signal, with a last sample grid and checkpoint.
 * It calls the methods of the reporter but `done`, and neither writes reports nor closes the run folder.
 */
export type TrainRun = (config: TrainConfig, io: RunIO) => Promise<TrainSummary>;

export interface SampleOptions extends SourceOptions {
  count: number;
  seed: number;
  /** The PNG to write. */
  out: string;
  /** Go on when NaN or infinity is among the weights. */
  allowNan?: boolean | undefined;
}

/** `sample` of sample/sample.ts: a grid of generated pictures from a run, a checkpoint or a generator's weights. */
export type Sample = (
  source: string,
  options: SampleOptions,
) => Promise<{
  path: string;
  width: number;
  height: number;
  /** How the weights were understood and what was done to them, where that is not plain. */
  notes: readonly string[];
}>;

/** One layer of a network, in the order in which data pass. */
export interface LayerRow {
  /** Name in the state dict, such as `main.0`. */
  name: string;
  /** The layer with its settings, such as `ConvTranspose2d 4×4 s2 p1`. */
  layer: string;
  /** Shape of its output for one picture, the batch axis left out. */
  output: readonly number[];
  parameters: number;
  /** Multiply-adds of a forward pass for one picture. */
  macs: number;
}

export interface NetworkDescription {
  /** Its name in the task, such as `generator`. */
  name: string;
  layers: readonly LayerRow[];
  parameters: number;
  macs: number;
}

/** What a run or a weight file holds. */
export interface Description {
  source: string;
  kind: 'recipe' | 'run' | 'checkpoint' | `${string} weights`;
  /** The recipe whose network it is. */
  recipe: string;
  config?: TrainConfig;
  /** Steps trained. */
  step?: number;
  networks: readonly NetworkDescription[];
  /** Of bare weights: the network as `--network` takes it; absent where it has layers that this has no words for. */
  plan?: NetworkPlan;
  /** How the weights were understood, where that is not plain. */
  notes: readonly string[];
  /** Of a run: its best checkpoint, its last evaluation, and what was found wrong with it. */
  best?: BestCheckpoint;
  evaluation?: EvaluationLine;
  findings?: readonly Finding[];
}

/** `describe` of info/info.ts. */
export type Describe = (source: string, options?: SourceOptions) => Promise<Description>;
