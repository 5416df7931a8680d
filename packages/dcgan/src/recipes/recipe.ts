// What a recipe says: networks, first weights, latents, optimizers, and what one training step does.
// Each recipe is one file that can be read beside its source; everything around it (data, loop, files) is shared.

import type { AdamOptions, Module, Optimizer } from '@forger/nn';
import type { Rng, Tensor } from '@forger/tensor';
import type { Objective, ObjectiveOf } from './objectives.ts';
import type { TrainingOptions } from './options.ts';

/** Settings that a recipe chooses unless told otherwise; it gives `epochs` or `steps`. */
export interface RecipeDefaults {
  /** Absent where the recipe was published for a folder of one's own. */
  data?: string;
  imageSize: number;
  width: number;
  channels: 1 | 3;
  batchSize: number;
  lr: number;
  epochs?: number;
  steps?: number;
  sampleEvery?: number;
  checkpointEvery?: number;
}

/** What the command needs to know of a recipe. */
export interface RecipeInfo {
  /** The name that `--recipe` takes. */
  name: string;
  /** One line: what it is. */
  title: string;
  /** Where it was published. */
  source: string;
  /** What is known to be wrong with it, and which flag mends it; one sentence each. */
  flaws: readonly string[];
  defaults: RecipeDefaults;
  /** @throws ConfigError when the networks cannot be built so large or so wide; the message says which sizes there are. */
  checkSizes(sizes: { imageSize: number; width: number }): void;
}

/** The sizes that the networks of a recipe are built for. */
export interface NetworkSizes {
  /** Height and width of the pictures, in pixels. */
  imageSize: number;
  /** The recipe's own measure of width: ngf = ndf for `pytorch`. */
  width: number;
  channels: number;
  /** Numbers that a picture is made from. */
  latentSize: number;
}

/** The forger: latents [N, latentSize, 1, 1] to pictures [N, channels, H, W]. The detective: pictures to verdicts. */
export interface Networks {
  generator: Module;
  discriminator: Module;
}

export interface Optimizers {
  generator: Optimizer;
  discriminator: Optimizer;
}

/** Learning rates. */
export interface Rates {
  generator: number;
  discriminator: number;
}

/** What a step works with. */
export interface StepContext extends Networks {
  optimizers: Optimizers;
  /** Training pictures, [N, channels, H, W]. */
  real: Tensor;
  /** Fresh latents, [N, latentSize, 1, 1]; each call draws others. */
  drawLatent: () => Tensor;
  /** The losses: the recipe's own, unless an option put others in their place. */
  objective: Objective;
  /** The stream that latents are drawn from, for what else is random. */
  random: Rng;
  /** The part of the step that is asked for: 'step', or what the recipe's `nextPart` named. */
  part: string;
}

/** What a recipe knows when it names the next part of a step. */
export interface StepProgress {
  /** Steps done before this one. */
  stepsDone: number;
  /** Parts of this step that are done, in order. */
  done: readonly string[];
  options: TrainingOptions;
  /** What those parts found; empty unless the recipe has `decidesByLoss`. Of several generator losses, the last. */
  losses: { lossD?: number; lossG?: number };
}

/**
 * What a step measured, as tensors of one element: nothing waits for them. A value that the step did not compute is left
 * out.
 */
export interface StepResult {
  lossD?: Tensor;
  /** One for each update of the generator, in order. */
  lossG?: readonly Tensor[];
  /** Mean probability, before the discriminator's update, that it gives to real pictures, D(x), … */
  dReal?: Tensor;
  /** … and to generated ones, D(G(z)). */
  dFake?: Tensor;
  /** D(G(z)) as the generator's update saw it, after the discriminator's. */
  dFakeAfter?: Tensor;
}

export interface Recipe extends RecipeInfo {
  latent: {
    /** Unless the weights say otherwise. */
    size: number;
    /** Standard normal, or uniform in [-1, 1). */
    distribution: 'normal' | 'uniform';
  };
  /** The range of pictures: 'tanh' is [-1, 1], 'sigmoid' [0, 1]. */
  pixelRange: 'tanh' | 'sigmoid';
  /** Channels of colour pictures, in data and networks. Default 'rgb'. */
  channelOrder?: 'rgb' | 'bgr';
  /** Whether each epoch has an order of its own. Default true. */
  shuffle?: boolean;
  /** How sample grids are drawn: with statistics of the grid's own batch ('train') or the running ones ('eval'). */
  sampleMode: 'train' | 'eval';
  /** Running statistics are never used, neither in grids nor by `forger sample`. */
  alwaysBatchStatistics?: boolean;
  /** New networks with their first weights drawn from `random`, the generator's first. */
  build(sizes: NetworkSizes, random: Rng): Networks;
  /** Adam's settings, for both networks. */
  adam: Omit<AdamOptions, 'lr'>;
  /** The losses that the recipe was published with. */
  objective: ObjectiveOf;
  /**
   * One training step, or the part of it that the context names. It runs in a scope: tensors made here are freed at its
   * end, the result's aside. Its commands are captured once for each part and replayed from then on, so it must not wait
   * or upload, what it does on the host must follow from the part alone, and it may change nothing but the networks, the
   * optimizers and the random generator. Gradients live on from one part to the next; tensors do not.
   */
  step(context: StepContext): StepResult;
  /**
   * For recipes whose steps are not all alike: names the part that comes next, undefined when the step is over. All parts
   * of a step see the same pictures. A recipe that alternates has steps of one part each, chosen by `stepsDone`; one
   * that trains only past some loss has a part that measures and, perhaps, a second that updates. Without it each step
   * is one part, 'step', or 'discriminator' where an option lets the generator wait.
   */
  nextPart?(progress: StepProgress): string | undefined;
  /** `nextPart` looks at losses: after each part, training waits for them. */
  decidesByLoss?: boolean;
  /** Sets on the host what is not captured, before each step: learning rates by a schedule, where `rates` are the asked ones. */
  beforeStep?(settings: { optimizers: Optimizers; rates: Rates; stepsDone: number }): void;
}
