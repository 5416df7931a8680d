// What can be trained: a task says which networks there are, what a step gets, what it does, and what a preview shows.
// The trainer knows nothing else of a GAN; the recipes of this package are tasks, and so is whatever a user writes.

import { EMA, type Module, type Optimizer } from '@forger/nn';
import { ConfigError, type DType, type Rng, type Tensor } from '@forger/tensor';
import { shown } from '../printable.ts';

/** The sizes that networks are built for. */
export interface Sizes {
  /** Height and width of the images, in pixels. */
  imageSize: number;
  /** The task's own measure of width, such as ngf = ndf. */
  width: number;
  channels: number;
  /** Numbers in a latent. */
  latentSize: number;
}

/** Networks by name. */
export type Networks = Readonly<Record<string, Module>>;
/** Optimizers by name; one may serve several networks. */
export type Optimizers = Readonly<Record<string, Optimizer>>;

/** Where one tensor of a batch comes from. */
export interface InputSpec {
  /**
   * Field of the data set. 'image' gives float32 [N, C, H, W] in the task's pixel range, 'label' int32 [N]; a data set
   * of one's own may have others. Default 'image'.
   */
  readonly field?: string;
  /**
   * Data set that it is taken from, where a task needs several. Inputs of one data set belong together. Default 'data'.
   */
  readonly source?: string;
}
export type Inputs = Readonly<Record<string, InputSpec>>;
/** A batch's tensors by the names of its inputs. */
export type InputTensors<I extends Inputs> = {
  readonly [Name in keyof I]: I[Name] extends { readonly field: 'label' } ? Tensor<'int32'> : Tensor;
};
/** Tensors of any dtype by name. */
export type NamedTensors = Readonly<Record<string, Tensor<DType>>>;

/** What is known of an input once the data are open. */
export interface InputInfo {
  /** Shape for one sample: [C, H, W] for an image, [] for a label. */
  readonly shape: readonly number[];
  readonly dtype: 'float32' | 'int32';
  /** Names of the classes that labels stand for. */
  readonly classes?: readonly string[];
}
export type InputInfos = Readonly<Record<string, InputInfo>>;

/** Scalars by name: tensors of one element, which nothing waits for. */
export type Scalars = Readonly<Record<string, Tensor>>;

/** What a part of a step works with. */
export interface StepContext<
  N extends Networks = Networks,
  O extends Optimizers = Optimizers,
  I extends Inputs = Inputs,
  S extends NamedTensors = NamedTensors,
> {
  readonly networks: N;
  readonly optimizers: O;
  /** The batch: int32 for labels, float32 for everything else. */
  readonly inputs: InputTensors<I>;
  /** The stream for everything random: latents, noise, dropout. */
  readonly rng: Rng;
  /** Averages of weights, as the task's `averages` names them; a part that changes the weights calls `update()`. */
  readonly averages: Readonly<Record<string, EMA>>;
  /** The task's own tensors. */
  readonly state: S;
  readonly sizes: Sizes;
  readonly inputInfos: InputInfos;
  /** Latents to use in place of fresh ones, in turn: for comparisons with another program's run. */
  readonly latents?: (() => Tensor) | undefined;
}

/** One part of a step. */
export type Part<
  N extends Networks = Networks,
  O extends Optimizers = Optimizers,
  I extends Inputs = Inputs,
  S extends NamedTensors = NamedTensors,
> = (t: StepContext<N, O, I, S>) => Scalars;

/** What is known when the next part of a step is chosen. */
export interface Progress {
  /** Steps done before this one. */
  readonly stepsDone: number;
  /** Parts of this step that are done, in order. */
  readonly done: readonly string[];
  /** The latest values of the task's metrics; empty unless the task has `scheduleReadsMetrics`. */
  readonly metrics: Readonly<Record<string, number>>;
}

/** Names the part that comes next; undefined when the step is over. */
export type Schedule = (progress: Progress) => string | undefined;

/** What learning rates may depend on. */
export interface RateProgress {
  readonly stepsDone: number;
  /** Passes over the data done, with the fraction of the present one. */
  readonly epoch: number;
  /** Steps of the whole run; undefined when it ends by the clock. */
  readonly totalSteps: number | undefined;
  /** The rates that the optimizers were made with, by the optimizers' names. */
  readonly rates: Readonly<Record<string, number>>;
}

/** How a metric is shown. */
export interface MetricSpec {
  /** In tables, plots and progress lines, such as `loss D`. Default: the metric's name. */
  readonly label?: string;
  /** In sentences, such as `the discriminator's loss`. Default: the label. */
  readonly title?: string;
  /** Title of the panel that it is drawn in; metrics of one panel share its axes. Default: the name. */
  readonly panel?: string;
  /** Digits behind the decimal point. Default 3. */
  readonly digits?: number;
  /** The panel's vertical axis reaches at least from 0 to here. Default 0. */
  readonly least?: number;
  /** Of a discriminator's outputs: numbers from 0 to 1, or scores of any size. The diagnosis of a run needs to know. */
  readonly unit?: 'probability' | 'score';
}

/** What a preview is drawn from, and how. */
export interface PreviewContext<N extends Networks = Networks, F extends NamedTensors = NamedTensors> {
  readonly networks: N;
  /** What `fixed` gave. */
  readonly fixed: F;
  /** 'preview': a grid while training. 'sample': images for use, each of which should depend on its own input alone. */
  readonly purpose: 'preview' | 'sample';
  readonly sizes: Sizes;
  readonly inputInfos: InputInfos;
}

/** What `fixed` may draw from. */
export interface FixedContext<I extends Inputs = Inputs> {
  /** Images in a preview. */
  readonly count: number;
  readonly rng: Rng;
  readonly sizes: Sizes;
  readonly inputInfos: InputInfos;
  /**
   * The first `count` samples of an input's data set; their order in training is not changed.
   * @throws ConfigError where there are no data, as when images are drawn from a checkpoint.
   */
  readonly data: <Name extends keyof I & string>(input: Name) => InputTensors<I>[Name];
}

/** Settings that hold unless a run says otherwise. */
export interface TaskDefaults {
  /** A data set's name. Absent for a task that wants images of one's own. */
  readonly data?: string;
  readonly imageSize: number;
  readonly width: number;
  readonly channels: 1 | 3;
  readonly batchSize: number;
  readonly lr: number;
  readonly epochs?: number;
  readonly steps?: number;
  readonly sampleEvery?: number;
  readonly checkpointEvery?: number;
}

/**
 * A GAN that can be trained: plain values and functions, without state. Use `defineTask`, which infers the types, or
 * `gan` for the usual pair of networks.
 */
export interface Task<
  N extends Networks = Networks,
  O extends Optimizers = Optimizers,
  I extends Inputs = Inputs,
  F extends NamedTensors = NamedTensors,
  S extends NamedTensors = NamedTensors,
> {
  /** Letters, digits, `-` and `_`; names run folders. */
  readonly name: string;
  /** One line: what it is. */
  readonly title?: string;
  /** Where it was published. */
  readonly source?: string;
  /** What is known to be wrong with it, and what fixes it; one sentence each. */
  readonly flaws?: readonly string[];
  readonly defaults?: Partial<TaskDefaults>;
  /** @throws ConfigError when the networks cannot be built for these sizes; the message says which can be. */
  readonly checkSizes?: (sizes: { imageSize: number; width: number }) => void;
  /** Numbers in a latent, for `sizes.latentSize`. Default 100. */
  readonly latentSize?: number;

  /** The tensors of a batch, by name. */
  readonly inputs: I;
  /** Values of black and white: 'tanh' [-1, 1] (the default), 'sigmoid' [0, 1]. */
  readonly pixelRange?: 'tanh' | 'sigmoid';
  /** Channels of colour images, in data and networks. Default 'rgb'. */
  readonly channelOrder?: 'rgb' | 'bgr';
  /** Whether each epoch has an order of its own. Default true. */
  readonly shuffle?: boolean;

  /** New networks by name, with their first weights drawn from `rng`. */
  build(sizes: Sizes, rng: Rng, inputs: InputInfos): N;
  /** Optimizers for them. @param lr the run's learning rate. */
  optimizers(networks: N, lr: number): O;
  /**
   * Averages of weights by name: which network's, and with what decay (0 to below 1). They are saved and sampled too.
   */
  readonly averages?: Readonly<
    Record<string, { readonly network: keyof N & string; readonly decay: number }>
  >;
  /**
   * Further tensors that a step reads and writes, such as a pool of earlier images. They are part of every checkpoint.
   */
  state?(sizes: Sizes, rng: Rng, inputs: InputInfos): S;

  /**
   * What a step consists of. A part runs in a scope: tensors made in it are freed at its end, its result aside. Its
   * commands are captured once and replayed from then on, so it must not wait or upload, what it does on the host must
   * always be the same, and it may change nothing but networks, optimizers, averages, `state` and the random stream.
   * Gradients live on from one part to the next; tensors do not.
   */
  readonly parts: Readonly<Record<string, Part<N, O, I, S>>>;
  /** The order of parts. All parts of a step see the same batch. Default: each once, as they are listed. */
  readonly schedule?: Schedule;
  /** The schedule looks at metrics: after each part, training waits for them. */
  readonly scheduleReadsMetrics?: boolean;
  /** Learning rates by the optimizers' names, set before each step; those left out keep their own. */
  learningRates?(progress: RateProgress): Readonly<Partial<Record<keyof O & string, number>>>;

  /** Which of the scalars that parts return are logged, and how they are shown. Default: all of them. */
  readonly metrics?: Readonly<Record<string, MetricSpec>>;

  /** What every preview is drawn from, such as latents: drawn once when a run begins, and kept in its checkpoints. */
  fixed(t: FixedContext<I>): F;
  /** Images [count, C, H, W] for `fixed`. Runs without gradients and leaves no trace in the networks. */
  preview(t: PreviewContext<N, F>): Tensor;

  /** The same task with departures from it. Absent where there is nothing to depart from. @throws ConfigError */
  withOptions?(options: object): Task<N, O, I, F, S>;
}

// A task as the trainer takes it: which networks and inputs it has does not matter there.
// biome-ignore lint/suspicious/noExplicitAny: parts take their own networks, so no common type but any fits all tasks
export type AnyTask = Task<any, any, any, any, any>;

/** What a task gets where neither it nor the run says otherwise. */
export const FALLBACK = {
  imageSize: 32,
  width: 32,
  channels: 1,
  batchSize: 64,
  lr: 2e-4,
} as const satisfies Partial<TaskDefaults>;

/** Names that lines of metrics use for themselves. */
const TAKEN = ['step', 'epoch', 'imagesPerSecond', 'seconds', 'secondsLeft', 'type'];
const NAME = /^[A-Za-z][\w-]*$/;

/**
 * Returns a task as it is given, with its types inferred, after checking it.
 * @throws ConfigError that says what is missing or misnamed.
 */
export function defineTask<
  N extends Networks,
  O extends Optimizers,
  const I extends Inputs,
  F extends NamedTensors,
  S extends NamedTensors = NamedTensors,
>(task: Task<N, O, I, F, S>): Task<N, O, I, F, S> {
  checkTask(task, 'defineTask');
  return task;
}

/**
 * Checks that a value is a task: users' files are not type-checked when they are loaded.
 * @param what names it in the message.
 * @throws ConfigError
 */
export function checkTask(value: unknown, what: string): asserts value is AnyTask {
  const fault = faultOf(value);
  if (fault !== undefined) throw new ConfigError(`${what}: ${fault}`);
}

function faultOf(value: unknown): string | undefined {
  if (typeof value !== 'object' || value === null)
    return `${value === null ? 'null' : `a ${typeof value}`} was given; expected a task, as defineTask() or gan() make it`;
  const task = value as Record<string, unknown>;
  if (typeof task.name !== 'string' || !NAME.test(task.name))
    return `the task's name is ${shown(String(task.name), 80)}; expected a letter, then letters, digits, - or _`;
  for (const name of ['build', 'optimizers', 'fixed', 'preview'])
    if (typeof task[name] !== 'function')
      return `the task ${task.name} has no function ${name}(); add one, or make the task with gan()`;
  for (const name of ['inputs', 'parts'])
    if (typeof task[name] !== 'object' || task[name] === null || Object.keys(task[name]).length === 0)
      return `the task ${task.name} has no ${name}; expected an object with at least one`;
  const part = Object.entries(task.parts as object).find(([, fn]) => typeof fn !== 'function');
  if (part) return `the part ${shown(part[0])} of the task ${task.name} is no function`;
  const taken = Object.keys((task.metrics as object | undefined) ?? {}).find((name) => TAKEN.includes(name));
  if (taken !== undefined)
    return `the task ${task.name} calls a metric ${taken}, which every line of metrics has already: rename it`;
  return undefined;
}

/** A metric's names, digits and place, with what the task leaves out. */
export function metricSpec(task: Pick<AnyTask, 'metrics'>, name: string): Required<Omit<MetricSpec, 'unit'>> {
  const spec: MetricSpec = task.metrics?.[name] ?? {};
  const label = spec.label ?? name;
  return {
    label,
    title: spec.title ?? label,
    panel: spec.panel ?? (/loss/i.test(name) ? 'Loss' : label),
    digits: spec.digits ?? 3,
    least: spec.least ?? 0,
  };
}

/** Makes the averages that a task names. */
export function averagesOf(task: Pick<AnyTask, 'averages'>, networks: Networks): Record<string, EMA> {
  return Object.fromEntries(
    Object.entries(task.averages ?? {}).map(([name, { network, decay }]) => [
      name,
      new EMA(networks[network]!, decay),
    ]),
  );
}

/** Each part once, as they are listed. */
export function inOrder(parts: readonly string[]): Schedule {
  return ({ done }) => parts[done.length];
}

/** The values that are black and white in images of each range. */
export const PIXELS = { tanh: [-1, 1], sigmoid: [0, 1] } as const;
