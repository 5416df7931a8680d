// The ranges that a run's settings must lie in, shared by the command's flags and by config.json.

import type { Precision } from '@forger/tensor';

/** A closed range of whole numbers. */
export interface WholeRange {
  readonly least: number;
  readonly most: number;
}

const MANY = Number.MAX_SAFE_INTEGER;

export { ACTIVATION_NAMES, type ActivationPlan, parseActivation } from '../weights/activation-name.ts';

/** Ranges of the whole-number settings. The seed is one 32-bit word of the random generator's key. */
export const LIMITS = {
  imageSize: { least: 4, most: 1024 },
  width: { least: 1, most: 4096 },
  latentSize: { least: 1, most: 65536 },
  batchSize: { least: 1, most: 65536 },
  epochs: { least: 1, most: MANY },
  steps: { least: 1, most: MANY },
  seed: { least: 0, most: 2 ** 32 - 1 },
  sampleEvery: { least: 1, most: MANY },
  checkpointEvery: { least: 1, most: MANY },
  /** Steps of a profile, whose time line has an entry for each command. */
  profile: { least: 1, most: 1000 },
  nDis: { least: 1, most: 1000 },
  count: { least: 1, most: 10_000 },
  evaluateEvery: { least: 1, most: MANY },
  /** Images that are compared; some metrics compare each with each. */
  evaluateCount: { least: 2, most: 100_000 },
  stopAfter: { least: 1, most: MANY },
  maxRestarts: { least: 0, most: 1_000_000 },
} as const satisfies Record<string, WholeRange>;

/** Steps before a profile: they compile kernels and fill caches. */
export const PROFILE_AFTER = 3;

/** Default of `--max-restarts`. */
export const MAX_RESTARTS = 3;

/** Channels of the pictures: grey or red, green, blue. */
export const CHANNELS = [1, 3] as const;

/** What training computes in: float32 alone, or large products in float16 with sums in float32. */
export const PRECISIONS = ['float32', 'mixed'] as const satisfies readonly Precision[];

/** Losses that `--loss` puts in place of a recipe's own. */
export const LOSS_NAMES = ['bce', 'non-saturating', 'lsgan', 'hinge', 'wgan-gp'] as const;

/** What to do when a loss or a weight becomes NaN or infinite: see train/restarts.ts. */
export const ON_NAN = ['stop', 'rollback'] as const;

/** How a run settles on kernels: see train/tuning.ts. */
export const TUNING = ['off', 'on', 'thorough'] as const;
