// What `forger sample` and `forger info` are pointed at: a run folder, a checkpoint, or a generator's bare weights.

import { readFile, stat } from 'node:fs/promises';
import type { StateEntries } from '@forger/nn';
import { CheckpointError, readSafetensors, type SafetensorsTensor, showShape } from '@forger/tensor';
import { fileError } from '../atomic-file.ts';
import { findRecipe, recipes } from '../recipes/index.ts';
import type { NetworkSizes, Recipe } from '../recipes/recipe.ts';
import { readMeta } from '../train/checkpoint.ts';
import { type Checkpoint, isCheckpoint, readCheckpoint } from '../train/checkpoint-store.ts';
import type { TrainConfig } from '../train/config.ts';
import { RunFolder } from '../train/run-folder.ts';
import type { Description } from '../train/types.ts';

/** A trained generator as it was found. */
export interface Source {
  kind: Description['kind'];
  recipe: Recipe;
  sizes: NetworkSizes;
  /** The generator's state dict; absent in a run without a checkpoint. */
  generator?: StateEntries;
  config?: TrainConfig;
  step?: number;
}

type Entries = ReadonlyMap<string, SafetensorsTensor>;

/**
 * Finds out what a path holds.
 * @throws ConfigError when there is nothing to read; CheckpointError when it is damaged or foreign.
 */
export async function openSource(path: string): Promise<Source> {
  if (await isFolder(path)) return openRun(path);
  if (isCheckpoint(path)) return fromCheckpoint('checkpoint', await readCheckpoint(path));
  const entries = await readTensors(path);
  // A checkpoint of a run whose JSON was left behind holds more than the generator.
  const own = under('generator.', entries);
  return fromWeights(path, own.size > 0 ? own : under('module.', entries, entries));
}

async function openRun(path: string): Promise<Source> {
  const run = await RunFolder.read(path);
  const found = await run.latestCheckpoint();
  return found
    ? fromCheckpoint('run', found.checkpoint)
    : { kind: 'run', step: 0, ...fromConfig(run.config) };
}

function fromCheckpoint(kind: Source['kind'], checkpoint: Checkpoint): Source {
  const { config } = readMeta(checkpoint);
  const generator = under('generator.', readSafetensors(checkpoint.bytes).tensors);
  return { kind, step: checkpoint.step, generator, ...fromConfig(config) };
}

function fromConfig(config: TrainConfig): Pick<Source, 'recipe' | 'sizes'> & { config: TrainConfig } {
  const recipe = findRecipe(config.recipe);
  const { imageSize, width, channels } = config;
  return { config, recipe, sizes: { imageSize, width, channels, latentSize: recipe.latent.size } };
}

/** Weights tell what they are by their names and shapes. */
function fromWeights(path: string, generator: Entries): Source {
  const shapes = new Map(Array.from(generator, ([name, { shape }]) => [name, shape]));
  for (const recipe of Object.values(recipes)) {
    const sizes = recipe.recognize?.(shapes);
    if (sizes) return { kind: 'generator weights', recipe, sizes, generator };
  }
  const [first] = shapes;
  const held = first ? `${shapes.size} tensors, the first ${first[0]} ${showShape(first[1])}` : 'no tensors';
  throw new CheckpointError(
    `${path} holds ${held}, which is no generator that a recipe here makes: expected main.0.weight [latents, channels, 4, 4], main.1.weight, … as PyTorch's DCGAN example names them`,
  );
}

/** The entries whose names start with a prefix, without it; `otherwise` when there are none. */
function under(prefix: string, entries: Entries, otherwise: Entries = new Map()): Entries {
  const found = Array.from(entries)
    .filter(([name]) => name.startsWith(prefix))
    .map(([name, entry]): [string, SafetensorsTensor] => [name.slice(prefix.length), entry]);
  return found.length > 0 ? new Map(found) : otherwise;
}

async function isFolder(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isDirectory();
  } catch (error) {
    throw fileError('read', path, error);
  }
}

async function readTensors(path: string): Promise<Entries> {
  const bytes = await readFile(path).catch((error) => {
    throw fileError('read', path, error);
  });
  try {
    return readSafetensors(bytes).tensors;
  } catch (error) {
    if (!(error instanceof CheckpointError)) throw error;
    throw new CheckpointError(`${path}: ${error.message}`, { cause: error });
  }
}
