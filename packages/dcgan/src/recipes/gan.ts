// `gan`: a task of one generator and one discriminator from what such GANs differ in. Every recipe of this
// package is one call of it; what it makes is a plain task (train/task.ts), so nothing here can do what a
// user's own task cannot.

import { Adam, type AdamOptions, type EMA, type Module, type Optimizer } from '@forger/nn';
import { normal, type Rng, type Tensor, uniform } from '@forger/tensor';
import {
  type AnyTask,
  defineTask,
  type Inputs,
  type MetricSpec,
  type Scalars,
  type Schedule,
  type Sizes,
  type StepContext,
  type Task,
  type TaskDefaults,
} from '../train/task.ts';
import { LOSSES, type Objective, type ObjectiveOf } from './objectives.ts';
import { adaptDiscriminator, checkOptions, type TrainingOptions } from './options.ts';
import { alternating, type Updates } from './updates.ts';

/**
 * Generator: latents [N, latentSize, 1, 1] to images [N, C, H, W]. Discriminator: images to logits, scores or
 * probabilities.
 */
export interface GanNetworks {
  readonly generator: Module;
  readonly discriminator: Module;
  readonly [name: string]: Module;
}

export interface GanOptimizers {
  readonly generator: Optimizer;
  readonly discriminator: Optimizer;
  readonly [name: string]: Optimizer;
}

export interface GanInputs extends Inputs {
  readonly real: { readonly field: 'image' };
}
export interface GanFixed {
  readonly latents: Tensor;
  readonly [name: string]: Tensor;
}

/** What the updates of a GAN work with. */
export interface GanContext extends StepContext<GanNetworks, GanOptimizers, GanInputs> {
  readonly generator: Module;
  readonly discriminator: Module;
  /** Training images, [N, C, H, W]. */
  readonly real: Tensor;
  /** Fresh latents, [N, latentSize, 1, 1]; each call draws others. */
  readonly drawLatents: () => Tensor;
  readonly objective: Objective;
}

export interface Latent {
  /** Unless weights say otherwise. */
  readonly size: number;
  /** Standard normal, or uniform in [-1, 1). */
  readonly distribution: 'normal' | 'uniform';
}

/** What a GAN is made of. */
export interface GanSpec
  extends Pick<AnyTask, 'name' | 'title' | 'source' | 'flaws' | 'defaults' | 'checkSizes'> {
  /** A new generator with its first weights. It is built before the discriminator. */
  generator(sizes: Sizes, rng: Rng): Module;
  discriminator(sizes: Sizes, rng: Rng): Module;
  /** Default: 100 numbers, standard normal. */
  readonly latent?: Latent;
  /** The range of images. Default 'tanh', [-1, 1]. */
  readonly pixelRange?: 'tanh' | 'sigmoid';
  readonly channelOrder?: 'rgb' | 'bgr';
  readonly shuffle?: boolean;
  /**
   * Statistics of batch norms in previews: those of the preview's own batch ('train', the default) or the running ones.
   */
  readonly previewMode?: 'train' | 'eval';
  /** Running statistics are never used, neither in previews nor by `forger sample`. */
  readonly alwaysBatchStatistics?: boolean;
  /** Adam's settings for both networks. Default: betas 0.5 and 0.999. */
  readonly adam?: Omit<AdamOptions, 'lr'>;
  /** The losses, for a label of real images. Default: those of logits, non-saturating. */
  readonly objective?: ObjectiveOf;
  /** Which updates a step makes. Default: the discriminator, then the generator on the same images. */
  readonly updates?: Updates;
}

/** A task that `gan` made. */
export interface GanTask extends Task<GanNetworks, GanOptimizers, GanInputs, GanFixed> {
  readonly gan: GanSpec & Required<Pick<GanSpec, 'latent' | 'adam' | 'objective' | 'pixelRange'>>;
  readonly latentSize: number;
  readonly pixelRange: 'tanh' | 'sigmoid';
  build(sizes: Sizes, rng: Rng): GanNetworks;
  withOptions(options: TrainingOptions): GanTask;
}

/** What is known of a published GAN. */
export interface Published {
  readonly title: string;
  readonly source: string;
  readonly flaws: readonly string[];
  readonly defaults: TaskDefaults;
  readonly checkSizes: (sizes: { imageSize: number; width: number }) => void;
}

/** A published GAN. */
export interface Recipe extends GanTask, Published {
  readonly title: string;
  readonly source: string;
  readonly flaws: readonly string[];
  readonly defaults: TaskDefaults;
  readonly checkSizes: Published['checkSizes'];
  readonly gan: GanTask['gan'] & Published;
  withOptions(options: TrainingOptions): Recipe;
}

/** What GANs log. The diagnosis (train/diagnosis.ts) knows metrics by these names. */
export const GAN_METRICS = {
  lossD: { label: 'loss D', title: "the discriminator's loss", panel: 'Loss' },
  lossG: { label: 'loss G', title: "the generator's loss", panel: 'Loss' },
  dReal: { label: 'D(x)', panel: 'Output of D: probability of real, or its score', digits: 2, least: 1 },
  dFake: { label: 'D(G(z))', panel: 'Output of D: probability of real, or its score', digits: 2, least: 1 },
} as const satisfies Record<string, MetricSpec>;

/** The same, with what the discriminator's outputs are. */
function metricsOf({ unit }: Objective): Record<keyof typeof GAN_METRICS, MetricSpec> {
  if (unit === undefined) return GAN_METRICS;
  const { dReal, dFake } = GAN_METRICS;
  return { ...GAN_METRICS, dReal: { ...dReal, unit }, dFake: { ...dFake, unit } };
}

const LATENT: Latent = { size: 100, distribution: 'normal' };
const ADAM: Omit<AdamOptions, 'lr'> = { betas: [0.5, 0.999] };

/** The average of the generator's weights that --ema asks for. */
export const AVERAGE = 'ema';

/**
 * A GAN from what it differs in.
 *
 *     const task = gan({ name: 'mine', generator: (sizes, rng) => …, discriminator: (sizes, rng) => … });
 *
 * @param options departures that every such GAN takes (`forger train --loss hinge --ema 0.999 …`).
 * @throws ConfigError for options that cannot go together.
 */
export function gan(spec: GanSpec & Published, options?: TrainingOptions): Recipe;
export function gan(spec: GanSpec, options?: TrainingOptions): GanTask;
export function gan(spec: GanSpec, options: TrainingOptions = {}): GanTask {
  checkOptions(options);
  const {
    latent = LATENT,
    adam = ADAM,
    pixelRange = 'tanh',
    objective: published = LOSSES['non-saturating'],
    updates = alternating,
    previewMode = 'train',
    alwaysBatchStatistics = false,
    generator,
    discriminator,
    ...described
  } = spec;
  const { loss, labelSmoothing = 0, nDis, dLr, gLr, ema } = options;
  const objective = (loss === undefined ? published : LOSSES[loss])(1 - labelSmoothing);
  const contextOf = (t: StepContext<GanNetworks, GanOptimizers, GanInputs>): GanContext => ({
    ...t,
    ...t.networks,
    real: t.inputs.real,
    objective,
    drawLatents: t.latents ?? (() => drawLatents(latent, t.sizes.latentSize, t.inputs.real.shape[0]!, t.rng)),
  });
  const parts = Object.entries(updates.parts).map(([name, update]) => [
    name,
    (t: StepContext<GanNetworks, GanOptimizers, GanInputs>): Scalars => {
      const scalars = update(contextOf(t));
      // After the generator's updates, of which its loss tells.
      if (scalars.lossG) (t.averages[AVERAGE] as EMA | undefined)?.update();
      return scalars;
    },
  ]);
  const schedule: Schedule = updates.schedule({ ...options, nDis: nDis ?? 1 });
  const task = defineTask<GanNetworks, GanOptimizers, GanInputs, GanFixed>({
    ...described,
    inputs: { real: { field: 'image' } },
    build: (sizes: Sizes, rng: Rng) => {
      const networks = { generator: generator(sizes, rng), discriminator: discriminator(sizes, rng) };
      return { ...networks, discriminator: adaptDiscriminator(networks.discriminator, options, rng) };
    },
    optimizers: (networks, lr) => ({
      generator: new Adam(networks.generator.namedParameters(), { ...adam, lr: gLr ?? lr }),
      discriminator: new Adam(networks.discriminator.namedParameters(), { ...adam, lr: dLr ?? lr }),
    }),
    ...(ema !== undefined && { averages: { [AVERAGE]: { network: 'generator', decay: ema } } }),
    parts: Object.fromEntries(parts),
    schedule,
    ...(updates.scheduleReadsMetrics && { scheduleReadsMetrics: true }),
    metrics: metricsOf(objective),
    fixed: ({ count, rng, sizes }) => ({ latents: drawLatents(latent, sizes.latentSize, count, rng) }),
    preview: ({ networks, fixed, purpose }) => {
      const mode = purpose === 'preview' ? previewMode : alwaysBatchStatistics ? 'train' : 'eval';
      return networks.generator.train(mode === 'train').forward(fixed.latents);
    },
  });
  const whole = { ...spec, latent, adam, pixelRange, objective: published };
  const withOptions = (departures: TrainingOptions): GanTask => gan(spec, departures);
  return {
    ...task,
    build: task.build as GanTask['build'],
    latentSize: latent.size,
    pixelRange,
    gan: whole,
    withOptions,
  };
}

/** Latents as a GAN draws them, [count, size, 1, 1]. */
export function drawLatents(
  { distribution }: Pick<Latent, 'distribution'>,
  size: number,
  count: number,
  rng: Rng,
): Tensor {
  const shape = [count, size, 1, 1];
  return distribution === 'normal' ? normal(shape, { rng }) : uniform(shape, { low: -1, high: 1, rng });
}
