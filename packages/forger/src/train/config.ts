// What a training run was asked to do: the contents of config.json, its defaults, and what a resumed run may change.

import { type AnyTask, networkSizes, type Sizes, type TaskDefaults } from '@forger/dcgan';
import type { TrainingOptions } from '@forger/dcgan/internal';
import { CHANNELS, FALLBACK, LIMITS, LOSS_NAMES, PRECISIONS, type WholeRange } from '@forger/dcgan/internal';
import { ConfigError } from '@forger/tensor';
import { z } from 'zod';
import { isTaskFile } from '../recipes/task-file.ts';
import { describeFaults } from '../schema-faults.ts';

const GOALS = ['epochs', 'steps', 'minutes'] as const;
const whole = ({ least, most }: WholeRange) => z.int().min(least).max(most);

/** Settings that may be changed on resuming, and that the run's record then names. */
export const RECORDED = ['batchSize', 'lr', 'dLr', 'gLr'] as const;

const setting = z.union([z.string(), z.number(), z.null()]);
const changeSchema = z.strictObject({
  /** From this step on. */
  step: z.int().min(0),
  setting: z.literal([...RECORDED, 'data']),
  /** null where it was not set. */
  from: setting,
  to: setting,
  /** Of the new data. */
  fingerprint: z.string().exactOptional(),
});

/** What a resumed run does otherwise than before, and from which step on (train/changes.ts). */
export type Change = z.infer<typeof changeSchema>;

const schema = z
  .strictObject({
    /** Layout of this file. */
    version: z.literal(1),
    /** A recipe's name, or the absolute path of a user's own file. */
    recipe: z.string().min(1),
    /** A data set's name, or the absolute path of files or a folder. */
    data: z.string().min(1),
    /** The second data set, for recipes that take two. */
    dataB: z.string().min(1).exactOptional(),
    /** Folder that holds copies of the named data sets. */
    dataDir: z.string().min(1).exactOptional(),
    /** Colour that transparent pictures are laid on. */
    background: z.string().min(1),
    /** Height and width of the pictures, in pixels. */
    imageSize: whole(LIMITS.imageSize),
    /** Channels of the generator's last and the discriminator's first hidden layer. */
    width: whole(LIMITS.width),
    channels: z.literal(CHANNELS),
    /** Numbers in a latent, where that is not the recipe's. */
    latentSize: whole(LIMITS.latentSize).exactOptional(),
    batchSize: whole(LIMITS.batchSize),
    lr: z.number().positive(),
    /** Exactly one of these three says when the run ends; all count from the run's first step. */
    epochs: whole(LIMITS.epochs).exactOptional(),
    steps: whole(LIMITS.steps).exactOptional(),
    minutes: z.number().positive().exactOptional(),
    seed: whole(LIMITS.seed),
    /** Steps between two sample grids, and between two checkpoints. */
    sampleEvery: whole(LIMITS.sampleEvery),
    checkpointEvery: whole(LIMITS.checkpointEvery),
    /** Steps between two evaluations; absent: none (train/evaluating.ts). */
    evaluateEvery: whole(LIMITS.evaluateEvery).exactOptional(),
    /** Images on each side of an evaluation, and its metrics. */
    evaluateCount: whole(LIMITS.evaluateCount).exactOptional(),
    metrics: z.array(z.string().min(1)).min(1).exactOptional(),
    /** Whose features they compare; default: a classifier of the data, where there is one. */
    evaluateNetwork: z.string().min(1).exactOptional(),
    /**
     * The value that the best checkpoint is kept by, and the evaluations without a better one after which
     * the run ends.
     */
    keepBest: z.string().min(1).exactOptional(),
    stopAfter: whole(LIMITS.stopAfter).exactOptional(),
    /** Runs that were begun before there was a choice say f32. */
    precision: z.preprocess((value) => (value === 'f32' ? 'float32' : value), z.literal(PRECISIONS)),
    /** Departures from the recipe, present only where asked for: see recipes/options.ts. */
    loss: z.literal(LOSS_NAMES).exactOptional(),
    labelSmoothing: z.number().min(0).lt(1).exactOptional(),
    nDis: whole(LIMITS.nDis).exactOptional(),
    dLr: z.number().positive().exactOptional(),
    gLr: z.number().positive().exactOptional(),
    ema: z.number().min(0).lt(1).exactOptional(),
    spectralNorm: z.boolean().exactOptional(),
    noise: z.number().min(0).exactOptional(),
    /**
     * The steps that the run went back to when it had diverged (train/restarts.ts): from each on, both
     * learning rates are half of what they were.
     */
    rollbacks: z.array(z.int().min(0)).exactOptional(),
    /** The same paths as seen from the run folder, which may be copied with its data (train/places.ts). */
    fromRun: z
      .strictObject({
        recipe: z.string().exactOptional(),
        data: z.string().exactOptional(),
        dataB: z.string().exactOptional(),
        dataDir: z.string().exactOptional(),
      })
      .exactOptional(),
    /** What was changed when the run was resumed. */
    changes: z.array(changeSchema).exactOptional(),
    /**
     * The fastest algorithm for each problem, found when the run began. A resumed run uses the same (train/tuning.ts).
     */
    kernels: z.record(z.string(), z.string()).exactOptional(),
  })
  .refine(({ evaluateEvery, keepBest }) => evaluateEvery !== undefined || keepBest === undefined, {
    error: 'keepBest needs evaluateEvery',
  })
  .refine(({ keepBest, stopAfter }) => keepBest !== undefined || stopAfter === undefined, {
    error: 'stopAfter needs keepBest',
  })
  .refine((config) => goalsIn(config).length === 1, {
    error: 'exactly one of epochs, steps and minutes must be given',
  });

/** The settings of one run. */
export type TrainConfig = z.infer<typeof schema>;

/** Settings that a person gave; the rest come from the recipe, or from the run that is resumed. */
export type TrainOverrides = Partial<
  Omit<TrainConfig, 'version' | 'kernels' | 'rollbacks' | 'fromRun' | 'changes'>
>;

/** The length of a run where neither it nor its task gives one. */
const FALLBACK_STEPS = 500;

const DEFAULT_SAMPLE_EVERY = 100;
const DEFAULT_CHECKPOINT_EVERY = 500;

/** What --stop-after goes by, unless --keep-best says otherwise. */
const DEFAULT_KEEP_BEST = 'frechet';

/** Settings of evaluations; any of them asks for evaluations. */
const EVALUATION = [
  'evaluateEvery',
  'evaluateCount',
  'metrics',
  'evaluateNetwork',
  'keepBest',
  'stopAfter',
] as const;

type Evaluating = Pick<TrainOverrides, (typeof EVALUATION)[number] | 'checkpointEvery'>;

/** What follows from the settings of evaluations that are given: by default one at every checkpoint. */
function evaluationOf(settings: Evaluating): Evaluating {
  if (EVALUATION.every((name) => settings[name] === undefined)) return {};
  const { checkpointEvery = DEFAULT_CHECKPOINT_EVERY, evaluateEvery = checkpointEvery, keepBest } = settings;
  const best = keepBest ?? (settings.stopAfter === undefined ? undefined : DEFAULT_KEEP_BEST);
  return { evaluateEvery, ...(best !== undefined && { keepBest: best }) };
}

const OPTIONS = [
  'loss',
  'labelSmoothing',
  'nDis',
  'dLr',
  'gLr',
  'ema',
  'spectralNorm',
  'noise',
] as const satisfies readonly (keyof TrainConfig & keyof TrainingOptions)[];

// Settings that change weights. The end of a run and the intervals of what it writes do not. Data are
// identified by their fingerprint, not by their path. Settings in RECORDED may change.
const CHANGES_TRAINING = [
  'recipe',
  'background',
  'imageSize',
  'width',
  'channels',
  'latentSize',
  'seed',
  'precision',
  ...OPTIONS.filter((name) => !isRecorded(name)),
] satisfies readonly (keyof TrainConfig)[];

type Goals = { [goal in (typeof GOALS)[number]]?: number };

function goalsIn(settings: Goals): (keyof Goals)[] {
  return GOALS.filter((goal) => settings[goal] !== undefined);
}

/**
 * Checks settings of unknown origin.
 * @param source what they were read from, for the message.
 * @throws ConfigError that names every field at fault.
 */
export function parseConfig(value: unknown, source: string): TrainConfig {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  throw new ConfigError(`${source}: ${describeFaults(result.error)}`);
}

/** The settings of a new run: the recipe's defaults under what was given. */
export function newConfig(task: Pick<AnyTask, 'name' | 'defaults'>, given: TrainOverrides): TrainConfig {
  const { epochs, steps, ...defaults }: Partial<TaskDefaults> = { ...FALLBACK, ...task.defaults };
  const goal =
    goalsIn(given).length > 0
      ? {}
      : epochs === undefined
        ? { steps: steps ?? FALLBACK_STEPS }
        : { epochs, ...(steps !== undefined && { steps }) };
  const settings = {
    sampleEvery: DEFAULT_SAMPLE_EVERY,
    checkpointEvery: DEFAULT_CHECKPOINT_EVERY,
    ...defaults,
    ...goal,
    ...given,
  };
  const basics = { version: 1, recipe: task.name, background: 'white', seed: 0, precision: 'float32' };
  return parseConfig({ ...basics, ...settings, ...evaluationOf(settings) }, 'settings');
}

/**
 * The settings of a resumed run: those saved, with a new end, new intervals, another place of the data, or one of the
 * settings that may change (`RECORDED`) where given.
 * @throws ConfigError when what was given would train differently from what was saved.
 */
export function resumeConfig(saved: TrainConfig, given: TrainOverrides, folder: string): TrainConfig {
  const { epochs, steps, minutes, ...rest } = saved;
  const goal = goalsIn(given).length > 0 ? {} : { epochs, steps, minutes };
  const merged = { ...rest, ...goal, ...given, ...evaluationOf({ ...rest, ...given }) };
  const config = parseConfig(
    Object.fromEntries(Object.entries(merged).filter(([, value]) => value !== undefined)),
    'settings',
  );
  const changed = sameTraining(saved, config);
  if (changed.length > 0) {
    throw new ConfigError(
      `${folder} was trained with ${differences(changed, saved, config)}, so it cannot be resumed with other values: ` +
        'leave them out, or start a new run without --resume',
    );
  }
  return config;
}

/**
 * The settings in which two runs differ and that keep one from going on from the other. A recipe's own file may move.
 */
export function sameTraining(a: TrainConfig, b: TrainConfig): (typeof CHANGES_TRAINING)[number][] {
  const moved = isTaskFile(a.recipe) && isTaskFile(b.recipe);
  return CHANGES_TRAINING.filter((field) => a[field] !== b[field] && !(field === 'recipe' && moved));
}

function isRecorded(name: string): boolean {
  return RECORDED.some((recorded) => recorded === name);
}

/** The fields with both values, for messages. */
export function differences(
  fields: readonly (keyof TrainConfig)[],
  saved: TrainConfig,
  now: TrainConfig,
): string {
  return fields
    .map((field) => `${field} ${saved[field] ?? 'not set'} (now ${now[field] ?? 'not set'})`)
    .join(', ');
}

/** The departures from the recipe that a run was asked for. */
export function optionsOf(config: TrainConfig): TrainingOptions {
  return Object.fromEntries(OPTIONS.filter((name) => name in config).map((name) => [name, config[name]]));
}

/** The sizes of a run's networks. */
export function sizesOfRun(task: Pick<AnyTask, 'latentSize'>, config: TrainConfig): Sizes {
  const { latentSize = task.latentSize } = config;
  return networkSizes(latentSize === undefined ? {} : { latentSize }, config);
}
