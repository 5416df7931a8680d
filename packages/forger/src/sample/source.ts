// What `forger sample`, `forger info` and `forger convert` are pointed at: a run folder, a checkpoint, or bare weights
// in any format that weights/read.ts reads.

import { stat } from 'node:fs/promises';
import {
  buildNetworks,
  findRecipe,
  type NetworkFinder,
  type Networks,
  networkSizes,
  openWeights,
  quote,
  readSafetensorsWeights,
  type Source,
  under,
} from '@forger/dcgan/internal';
import { CheckpointError, type Rng } from '@forger/tensor';
import { fileError } from '../atomic-file.ts';
import { readMeta } from '../train/checkpoint.ts';
import { type Checkpoint, isCheckpoint, readCheckpoint } from '../train/checkpoint-store.ts';
import { optionsOf, type TrainConfig } from '../train/config.ts';
import { RunFolder } from '../train/run-folder.ts';
import { readWeights } from '../weights/read.ts';

/** What a path holds. */
export interface Opened extends NetworkFinder {
  kind: 'run' | 'checkpoint' | 'weights';
  config?: TrainConfig;
  step?: number;
}

/**
 * Reads a path.
 * @param key where in a file of several networks the wanted one is; of a run or a checkpoint, 'ema' is the average of the
 * generator's weights.
 * @throws ConfigError when there is nothing to read; CheckpointError when it is damaged or foreign.
 */
export async function openSource(path: string, key?: string): Promise<Opened> {
  if (await isFolder(path)) return openRun(path, key);
  if (isCheckpoint(path)) return fromCheckpoint('checkpoint', await readCheckpoint(path), key);
  return { kind: 'weights', ...openWeights(await readWeights(path), path, key) };
}

async function openRun(path: string, key: string | undefined): Promise<Opened> {
  const run = await RunFolder.read(path);
  const found = await run.latestCheckpoint();
  if (found) return fromCheckpoint('run', found.checkpoint, key);
  const { config } = run;
  return { kind: 'run', step: 0, config, find: () => fromConfig(config) };
}

/** The average's name among a checkpoint's arrays. */
const AVERAGE = 'ema';

function fromCheckpoint(kind: Opened['kind'], checkpoint: Checkpoint, key: string | undefined): Opened {
  const { config } = readMeta(checkpoint);
  const entries = readSafetensorsWeights(checkpoint.bytes);
  const average = key === AVERAGE ? under(AVERAGE, entries) : new Map();
  if (key !== undefined && average.size === 0)
    throw new CheckpointError(
      `${checkpoint.path} holds nothing under the key ${quote(key)}: the only one is ${AVERAGE}, in runs with --ema`,
    );
  return {
    kind,
    step: checkpoint.step,
    config,
    // Parameters are averaged; running statistics are the generator's.
    find: (network) => ({
      ...fromConfig(config),
      weights: new Map([...under(network, entries), ...(network === 'generator' ? average : [])]),
    }),
  };
}

function fromConfig(config: TrainConfig): Source {
  const recipe = findRecipe(config.recipe);
  recipe.checkSizes(config);
  const sizes = networkSizes(recipe, config);
  const build = (random: Rng): Networks => buildNetworks(recipe, sizes, optionsOf(config), random);
  return { recipe, sizes, build, notes: [] };
}

async function isFolder(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isDirectory();
  } catch (error) {
    throw fileError('read', path, error);
  }
}
