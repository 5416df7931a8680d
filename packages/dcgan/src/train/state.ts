// What training changes: networks, optimizers, averages and the random stream; one step of it; and previews in between.

import type { EMA, StateDict } from '@forger/nn';
import { ConfigError, type Device, type DType, empty, noGrad, Rng, type Tensor } from '@forger/tensor';
import { markNonFinite } from '@forger/tensor/internal';
import {
  type AnyTask,
  averagesOf,
  type FixedContext,
  type InputInfos,
  type Inputs,
  type InputTensors,
  inOrder,
  type NamedTensors,
  type Networks,
  type Optimizers,
  type Progress,
  type RateProgress,
  type Scalars,
  type Sizes,
} from './task.ts';

/** Images in a preview. */
export const GRID_PICTURES = 64;

const DEFAULT_LATENT_SIZE = 100;

/** The sizes of a new run's networks. */
export function networkSizes(
  { latentSize = DEFAULT_LATENT_SIZE }: Pick<AnyTask, 'latentSize'>,
  { imageSize, width, channels }: Omit<Sizes, 'latentSize'>,
): Sizes {
  return { imageSize, width, channels, latentSize };
}

/** The inputs of a task that takes images only, for networks of these sizes. */
export function imageInputs({ inputs }: Pick<AnyTask, 'inputs'>, { channels, imageSize }: Sizes): InputInfos {
  return Object.fromEntries(
    Object.entries(inputs as Inputs)
      .filter(([, spec]) => (spec.field ?? 'image') === 'image')
      .map(([name]) => [name, { shape: [channels, imageSize, imageSize], dtype: 'float32' as const }]),
  );
}

export interface TrainStateOptions {
  sizes: Sizes;
  lr: number;
  /** A whole number; first weights, latents and noise all follow from it. */
  seed: number;
  device: Device;
  /** What the data set's inputs are. Default: images of `sizes`. */
  inputs?: InputInfos;
  /** After each of these steps all learning rates are halved, from there on; a step may be there several times. */
  rollbacks?: readonly number[];
}

/** A step's batch: tensors by the names of the task's inputs. */
export type Batch = NamedTensors;

export interface PartOptions {
  /** Latents to use in place of fresh ones, in turn. */
  latents?: (() => Tensor) | undefined;
}

/** What learning rates may depend on beside the step. */
export type RatePlace = Partial<Pick<RateProgress, 'epoch' | 'totalSteps'>>;

/** The state of a training run on the device: the same state steps to the same bits. */
export class TrainState<T extends AnyTask = AnyTask> {
  readonly task: T;
  readonly sizes: Sizes;
  readonly inputInfos: InputInfos;
  readonly device: Device;
  readonly networks: ReturnType<T['build']>;
  readonly optimizers: ReturnType<T['optimizers']>;
  /** Averages of weights, as the task names them. */
  readonly averages: Readonly<Record<string, EMA>>;
  /** The task's own tensors. */
  readonly tensors: NamedTensors;
  /** The one stream that first weights, latents and noise are drawn from. */
  readonly rng: Rng;
  /** The learning rates that the optimizers were made with. */
  readonly rates: Readonly<Record<string, number>>;
  readonly #rollbacks: readonly number[];
  /** What previews are drawn from; empty until `drawFixed`. */
  #fixed: NamedTensors = {};
  stepsDone = 0;

  constructor(task: T, options: TrainStateOptions) {
    const { sizes, lr, seed, device, inputs = imageInputs(task, sizes), rollbacks = [] } = options;
    this.task = task;
    this.sizes = sizes;
    this.inputInfos = inputs;
    this.device = device;
    this.#rollbacks = rollbacks;
    this.rng = new Rng(seed, { device });
    this.networks = device.scope(() => task.build(sizes, this.rng, inputs));
    this.optimizers = task.optimizers(this.networks, lr);
    this.rates = Object.fromEntries(Object.entries(this.#optimizers).map(([name, { lr }]) => [name, lr]));
    this.averages = averagesOf(task, this.networks);
    this.tensors = kept(device.scope(() => task.state?.(sizes, this.rng, inputs) ?? {}));
  }

  /** Without their own types. */
  get #networks(): Networks {
    return this.networks;
  }
  get #optimizers(): Optimizers {
    return this.optimizers;
  }

  /** What previews are drawn from, by name. */
  get fixed(): NamedTensors {
    return this.#fixed;
  }

  /**
   * Draws what previews show: once, when the run begins.
   * @param data gives the first images (or labels) of an input's data set.
   */
  drawFixed(data: (input: string) => Tensor<DType> = noData, count = GRID_PICTURES): void {
    for (const t of Object.values(this.#fixed)) t.dispose();
    this.#fixed = this.#newFixed(this.rng, data, count);
  }

  #newFixed(rng: Rng, data: (input: string) => Tensor<DType>, count: number): NamedTensors {
    const { task, sizes, inputInfos, device } = this;
    return kept(
      device.scope(() => task.fixed({ count, rng, sizes, inputInfos, data: data as FixedContext['data'] })),
    );
  }

  /**
   * One training step of a task whose schedule reads no metrics. Nothing waits.
   * @param batch tensors by the names of the task's inputs.
   * @returns what the step measured, for the caller to dispose of.
   */
  step(batch: Batch, options: PartOptions = {}): Scalars {
    if (this.task.scheduleReadsMetrics)
      throw new ConfigError(
        `The schedule of ${this.task.name} reads metrics: use a StepRunner, which waits for them.`,
      );
    const done: string[] = [];
    const results: Scalars[] = [];
    this.beforeStep();
    for (let part = this.nextPart(done); part !== undefined; part = this.nextPart(done)) {
      results.push(this.part(part, batch, options));
      done.push(part);
    }
    this.stepsDone++;
    return joined(results);
  }

  /** Settings of the host that belong to the next step; then come its parts, until `nextPart` gives none. */
  beforeStep({ epoch = 0, totalSteps }: RatePlace = {}): void {
    const { task, stepsDone, rates } = this;
    const factor = 0.5 ** this.#rollbacks.filter((step) => step <= stepsDone).length;
    const scheduled = task.learningRates?.({ stepsDone, epoch, totalSteps, rates }) ?? {};
    for (const [name, optimizer] of Object.entries(this.#optimizers))
      optimizer.lr = (scheduled[name] ?? rates[name]!) * factor;
  }

  /**
   * The part of the step that comes after those done; undefined when the step is over.
   * @throws ConfigError when the schedule names a part that the task does not have.
   */
  nextPart(done: readonly string[], metrics: Progress['metrics'] = {}): string | undefined {
    const { task, stepsDone } = this;
    const names = Object.keys(task.parts);
    const part = (task.schedule ?? inOrder(names))({ stepsDone, done, metrics });
    if (part !== undefined && !names.includes(part))
      throw new ConfigError(
        `The schedule of ${task.name} asked for the part '${part}'; its parts are ${names.join(', ')}: name one of these.`,
      );
    return part;
  }

  /** One part of a step, by itself: does not count as a step. Parameters as of `step`. */
  part(part: string, batch: Batch, { latents }: PartOptions = {}): Scalars {
    const { task, networks, optimizers, averages, tensors, rng, sizes, inputInfos } = this;
    const context = {
      networks,
      optimizers,
      averages,
      rng,
      sizes,
      inputInfos,
      inputs: batch as InputTensors<Inputs>,
      state: tensors,
      latents,
    };
    return this.device.scope(() => (task.parts as AnyTask['parts'])[part]!(context));
  }

  /**
   * Images [count, C, H, W] as the task's previews are drawn; leaves no trace in the state.
   * @param average the name of an average whose weights are to be used in place of the network's own.
   */
  preview(average?: string): Tensor {
    const { task, sizes, inputInfos } = this;
    const networks = Object.values(this.#networks);
    const swap = (): void => {
      if (average !== undefined) this.averages[average]!.swap();
    };
    // Captured for the sake of memory: the layers' results share buffers with each other and with captured steps.
    const plan = this.device.capture(() => {
      // A forward pass in training mode moves running statistics on, and dropout or noise would draw numbers.
      const buffers = networks.flatMap((network) => [...network.buffers()]);
      const restore = [...buffers, this.rng.stateTensor].map(copyAside);
      swap();
      const context = {
        networks: this.networks,
        fixed: this.#fixed,
        purpose: 'preview' as const,
        sizes,
        inputInfos,
      };
      const images = noGrad(() => task.preview(context));
      for (const network of networks) network.train();
      swap();
      for (const back of restore) back();
      return images;
    });
    const images = plan.result.detach();
    plan.dispose();
    return images;
  }

  /** Everything that later steps depend on, the data's order aside: the live tensors by name. */
  stateDict(): Map<string, Tensor<DType>> {
    return new Map<string, Tensor<DType>>([
      ...Object.entries(this.#networks).flatMap(([name, network]) => prefixed(name, network.stateDict())),
      ...Object.entries(this.#optimizers).flatMap(([name, optimizer]) =>
        prefixed(`optimizer.${name}`, optimizer.stateDict()),
      ),
      ...Object.entries(this.averages).flatMap(([name, average]) => prefixed(name, average.stateDict())),
      ...Object.entries(this.tensors).map(([name, t]): [string, Tensor<DType>] => [`state.${name}`, t]),
      ['random.state', this.rng.stateTensor],
    ]);
  }

  /** `stateDict` with what previews are drawn from: what a checkpoint holds. */
  checkpointDict(): Map<string, Tensor<DType>> {
    const fixed = Object.entries(this.#fixed).map(([name, t]): [string, Tensor<DType>] => [
      `fixed_${name}`,
      t,
    ]);
    return new Map([...this.stateDict(), ...fixed]);
  }

  /** Which of the state's arrays hold NaN or infinity; nothing waits. */
  markNonFinite(): { names: string[]; flags: Tensor<'uint32'> } {
    const floats = [...this.stateDict()].filter(([, { dtype }]) => dtype === 'float32');
    return { names: floats.map(([name]) => name), flags: markNonFinite(floats.map(([, t]) => t)) };
  }

  dispose(): void {
    for (const t of [...Object.values(this.#fixed), ...Object.values(this.tensors)]) t.dispose();
    for (const average of Object.values(this.averages)) average.dispose();
    for (const optimizer of Object.values(this.#optimizers)) optimizer.dispose();
    for (const network of Object.values(this.#networks)) network.dispose();
    this.rng.dispose();
  }
}

function noData(input: string): never {
  throw new ConfigError(`A preview asked for data of the input '${input}', and there are none here.`);
}

/** The results of a step's parts as one: of a value that several measured, the last. */
function joined(results: readonly Scalars[]): Scalars {
  const whole: Record<string, Tensor> = Object.assign({}, ...results);
  const wanted = new Set(Object.values(whole));
  for (const t of results.flatMap((result) => Object.values(result))) if (!wanted.has(t)) t.dispose();
  return whole;
}

function kept(tensors: NamedTensors): NamedTensors {
  for (const t of Object.values(tensors)) t.keep();
  return { ...tensors };
}

function prefixed(prefix: string, state: StateDict): [string, Tensor<DType>][] {
  return Array.from(state, ([name, value]) => [`${prefix}.${name}`, value]);
}

/** Copies a tensor's values; @returns a function that puts them back. */
function copyAside(t: Tensor<DType>): () => void {
  const copy = empty(t.shape, t);
  t.device.copy(t.range, copy.range, t.bytes);
  return () => t.device.copy(copy.range, t.range, t.bytes);
}
