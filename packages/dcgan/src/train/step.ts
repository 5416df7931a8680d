// What training changes: networks, optimizers and the random stream; one step of it; and pictures drawn in between.

import type { Module, StateDict } from '@forger/nn';
import { type Device, empty, Generator, noGrad, normal, type Tensor, uniform } from '@forger/tensor';
import type {
  NetworkSizes,
  Networks,
  Optimizers,
  Recipe,
  StepProgress,
  StepResult,
} from '../recipes/recipe.ts';

/** The values that are black and white in pictures of each range. */
export const PIXELS = { tanh: [-1, 1], sigmoid: [0, 1] } as const;

export interface TrainStateOptions {
  sizes: NetworkSizes;
  lr: number;
  /** A whole number; first weights, latents and noise all follow from it. */
  seed: number;
  device: Device;
}

/** The state of a training run on the device: the same state steps to the same bits. */
export class TrainState {
  readonly recipe: Recipe;
  readonly sizes: NetworkSizes;
  readonly device: Device;
  readonly networks: Networks;
  readonly optimizers: Optimizers;
  /** The one stream that first weights, latents and noise are drawn from. */
  readonly random: Generator;
  /** The asked learning rate, which a recipe's schedule starts from. */
  readonly lr: number;
  stepsDone = 0;

  constructor(recipe: Recipe, { sizes, lr, seed, device }: TrainStateOptions) {
    this.recipe = recipe;
    this.sizes = sizes;
    this.device = device;
    this.lr = lr;
    this.random = new Generator(seed, { device });
    this.networks = device.scope(() => recipe.build(sizes, this.random));
    this.optimizers = recipe.optimizers(this.networks, lr);
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
    const { recipe, optimizers, lr, stepsDone } = this;
    recipe.beforeStep?.({ optimizers, lr, stepsDone });
  }

  /** The part of the step that comes after those done; undefined when the step is over. */
  nextPart(done: readonly string[], losses: StepProgress['losses'] = {}): string | undefined {
    const { recipe, stepsDone } = this;
    if (!recipe.nextPart) return done.length === 0 ? 'step' : undefined;
    return recipe.nextPart({ stepsDone, done, losses });
  }

  /** One part of a step, by itself: does not count as a step. Parameters as of `step`. */
  part(part: string, real: Tensor, latents = (): Tensor => this.drawLatent(real.shape[0]!)): StepResult {
    const { recipe, networks, optimizers } = this;
    return this.device.scope(() => recipe.step({ ...networks, optimizers, real, drawLatent: latents, part }));
  }

  /** Pictures for latents, drawn as the recipe's sample grids are; leaves no trace in the state. */
  preview(latents: Tensor): Tensor {
    const { generator } = this.networks;
    // Captured for the sake of memory: the layers' results share buffers with each other and with captured steps.
    const plan = this.device.capture(() => {
      // A forward pass in training mode moves running statistics on, and dropout or noise would draw numbers.
      const restore = [...generator.buffers(), this.random.stateTensor].map(copyAside);
      const pictures = generate(generator, latents, this.recipe.sampleMode);
      generator.train();
      for (const back of restore) back();
      return pictures;
    });
    const pictures = plan.result.detach();
    plan.dispose();
    return pictures;
  }

  /** Everything that later steps depend on, the data's order aside: the live tensors by name. */
  stateDict(): Map<string, Tensor> {
    const { networks, optimizers, random } = this;
    return new Map([
      ...prefixed('generator', networks.generator.stateDict()),
      ...prefixed('discriminator', networks.discriminator.stateDict()),
      ...prefixed('optimizer.generator', optimizers.generator.stateDict()),
      ...prefixed('optimizer.discriminator', optimizers.discriminator.stateDict()),
      ['random.state', random.stateTensor],
    ]);
  }

  dispose(): void {
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
  generator: Generator,
): Tensor {
  const shape = [count, size, 1, 1];
  if (latent.distribution === 'normal') return normal(shape, { generator });
  return uniform(shape, { low: -1, high: 1, generator });
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
