// What training changes: networks, optimizers and the random stream; one step of it; and pictures drawn in between.

import { EMA, type Module, type StateDict } from '@forger/nn';
import { type Device, empty, noGrad, normal, Rng, type Tensor, uniform } from '@forger/tensor';
import { markNonFinite } from '@forger/tensor/internal';
import type { Objective } from '../recipes/objectives.ts';
import {
  buildNetworks,
  buildOptimizers,
  objectiveOf,
  ratesOf,
  type TrainingOptions,
} from '../recipes/options.ts';
import type {
  NetworkSizes,
  Networks,
  Optimizers,
  Rates,
  Recipe,
  StepProgress,
  StepResult,
} from '../recipes/recipe.ts';
import { together } from '../recipes/steps.ts';

/** The values that are black and white in pictures of each range. */
export const PIXELS = { tanh: [-1, 1], sigmoid: [0, 1] } as const;

/** Pictures in a sample grid. */
export const GRID_PICTURES = 64;

/** The sizes of a new run's networks. */
export function networkSizes(
  { latent }: Pick<Recipe, 'latent'>,
  { imageSize, width, channels }: Omit<NetworkSizes, 'latentSize'>,
): NetworkSizes {
  return { imageSize, width, channels, latentSize: latent.size };
}

export interface TrainStateOptions {
  sizes: NetworkSizes;
  lr: number;
  /** A whole number; first weights, latents and noise all follow from it. */
  seed: number;
  device: Device;
  /** Departures from the recipe. */
  options?: TrainingOptions;
  /** After each of these steps both learning rates are halved, from there on; a step may be there several times. */
  rollbacks?: readonly number[];
}

/** The state of a training run on the device: the same state steps to the same bits. */
export class TrainState {
  readonly recipe: Recipe;
  readonly sizes: NetworkSizes;
  readonly device: Device;
  readonly networks: Networks;
  readonly optimizers: Optimizers;
  readonly options: TrainingOptions;
  readonly objective: Objective;
  /** The average of the generator's weights, where one was asked for. */
  readonly ema: EMA | null;
  /** The one stream that first weights, latents and noise are drawn from. */
  readonly random: Rng;
  /** The asked learning rates, which a recipe's schedule starts from. */
  readonly rates: Rates;
  readonly #rollbacks: readonly number[];
  stepsDone = 0;

  constructor(recipe: Recipe, { sizes, lr, seed, device, options = {}, rollbacks = [] }: TrainStateOptions) {
    this.recipe = recipe;
    this.sizes = sizes;
    this.device = device;
    this.options = options;
    this.objective = objectiveOf(recipe, options);
    this.rates = ratesOf(lr, options);
    this.#rollbacks = rollbacks;
    this.random = new Rng(seed, { device });
    this.networks = device.scope(() => buildNetworks(recipe, sizes, options, this.random));
    this.optimizers = buildOptimizers(this.networks, recipe, this.rates);
    this.ema = options.ema === undefined ? null : new EMA(this.networks.generator, options.ema);
  }

  /** Fresh latents, [count, latentSize, 1, 1]. */
  drawLatent(count: number): Tensor {
    return drawLatent(this.recipe, this.sizes.latentSize, count, this.random);
  }

  /**
   * One training step of a recipe that does not decide by losses. Nothing waits.
   * @param real training pictures, [N, channels, H, W].
   * @param latents where latents come from, instead of the random stream.
   * @returns what the step measured, for the caller to dispose of.
   */
  step(real: Tensor, latents?: () => Tensor): StepResult {
    if (this.recipe.decidesByLoss)
      throw new Error(`The steps of ${this.recipe.name} wait: use a StepRunner.`);
    const done: string[] = [];
    const results: StepResult[] = [];
    this.beforeStep();
    for (let part = this.nextPart(done); part !== undefined; part = this.nextPart(done)) {
      results.push(this.part(part, real, latents));
      done.push(part);
    }
    this.stepsDone++;
    return joined(results);
  }

  /** Settings of the host that belong to the next step; then come its parts, until `nextPart` gives none. */
  beforeStep(): void {
    const { recipe, optimizers, stepsDone } = this;
    const factor = 0.5 ** this.#rollbacks.filter((step) => step <= stepsDone).length;
    const rates = {
      generator: this.rates.generator * factor,
      discriminator: this.rates.discriminator * factor,
    };
    if (recipe.beforeStep) recipe.beforeStep({ optimizers, rates, stepsDone });
    else {
      optimizers.generator.lr = rates.generator;
      optimizers.discriminator.lr = rates.discriminator;
    }
  }

  /** The part of the step that comes after those done; undefined when the step is over. */
  nextPart(done: readonly string[], losses: StepProgress['losses'] = {}): string | undefined {
    const { recipe, stepsDone, options } = this;
    const progress = { stepsDone, done, losses, options };
    return recipe.nextPart ? recipe.nextPart(progress) : together(progress);
  }

  /** One part of a step, by itself: does not count as a step. Parameters as of `step`. */
  part(part: string, real: Tensor, latents = (): Tensor => this.drawLatent(real.shape[0]!)): StepResult {
    const { recipe, networks, optimizers, objective, random, ema } = this;
    return this.device.scope(() => {
      const context = { ...networks, optimizers, objective, random, real, drawLatent: latents, part };
      const result = recipe.step(context);
      if (result.lossG) ema?.update();
      return result;
    });
  }

  /**
   * Pictures for latents, drawn as the recipe's sample grids are; leaves no trace in the state.
   * @param weights the generator's own, or their average, which the state must then keep.
   */
  preview(latents: Tensor, weights: 'own' | 'average' = 'own'): Tensor {
    const { generator } = this.networks;
    const swap = (): void => {
      if (weights === 'average') this.ema?.swap();
    };
    // Captured for the sake of memory: the layers' results share buffers with each other and with captured steps.
    const plan = this.device.capture(() => {
      // A forward pass in training mode moves running statistics on, and dropout or noise would draw numbers.
      const restore = [...generator.buffers(), this.random.stateTensor].map(copyAside);
      swap();
      const pictures = generate(generator, latents, this.recipe.sampleMode);
      generator.train();
      swap();
      for (const back of restore) back();
      return pictures;
    });
    const pictures = plan.result.detach();
    plan.dispose();
    return pictures;
  }

  /** Everything that later steps depend on, the data's order aside: the live tensors by name. */
  stateDict(): Map<string, Tensor> {
    const { networks, optimizers, random, ema } = this;
    return new Map([
      ...prefixed('generator', networks.generator.stateDict()),
      ...prefixed('discriminator', networks.discriminator.stateDict()),
      ...prefixed('optimizer.generator', optimizers.generator.stateDict()),
      ...prefixed('optimizer.discriminator', optimizers.discriminator.stateDict()),
      ...prefixed('ema', ema?.stateDict() ?? new Map()),
      ['random.state', random.stateTensor],
    ]);
  }

  /** Which of the state's arrays hold NaN or infinity; nothing waits. */
  markNonFinite(): { names: string[]; flags: Tensor } {
    const floats = [...this.stateDict()].filter(([, { dtype }]) => dtype === 'float32');
    return { names: floats.map(([name]) => name), flags: markNonFinite(floats.map(([, t]) => t)) };
  }

  dispose(): void {
    this.ema?.dispose();
    for (const optimizer of Object.values(this.optimizers)) optimizer.dispose();
    for (const network of Object.values(this.networks)) network.dispose();
    this.random.dispose();
  }
}

/** Latents as a recipe draws them, [count, size, 1, 1]. */
export function drawLatent(
  { latent }: Pick<Recipe, 'latent'>,
  size: number,
  count: number,
  rng: Rng,
): Tensor {
  const shape = [count, size, 1, 1];
  if (latent.distribution === 'normal') return normal(shape, { rng });
  return uniform(shape, { low: -1, high: 1, rng });
}

/** Pictures for latents, with the batch's statistics ('train') or the running ones ('eval'). */
export function generate(generator: Module, latents: Tensor, mode: 'train' | 'eval'): Tensor {
  generator.train(mode === 'train');
  return noGrad(() => generator.forward(latents));
}

/** The results of a step's parts as one: of a value that several measured, the last; all losses of the generator. */
function joined(results: readonly StepResult[]): StepResult {
  const lossG = results.flatMap((result) => result.lossG ?? []);
  const whole: StepResult = Object.assign({}, ...results, lossG.length > 0 && { lossG });
  const kept = new Set(Object.values(whole).flat());
  for (const t of results.flatMap((result) => Object.values(result).flat())) if (!kept.has(t)) t.dispose();
  return whole;
}

function prefixed(prefix: string, state: StateDict): [string, Tensor][] {
  return Array.from(state, ([name, value]) => [`${prefix}.${name}`, value]);
}

/** Copies a tensor's values; @returns a function that puts them back. */
function copyAside(t: Tensor): () => void {
  const copy = empty(t.shape, t);
  t.device.copy(t.range, copy.range, t.bytes);
  return () => t.device.copy(copy.range, t.range, t.bytes);
}
