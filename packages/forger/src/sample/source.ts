// What `forger sample`, `forger info` and `forger convert` are pointed at: a run folder, a checkpoint, or bare weights
// in any format that weights/read.ts reads.

import { stat } from 'node:fs/promises';
import type { NetworkSizes, Networks, Recipe } from '@forger/dcgan/internal';
import {
  buildNetworks,
  findRecipe,
  type NetworkName,
  networkSizes,
  Probes,
  quote,
  type Recognized,
  readSafetensorsWeights,
  recognize,
  shown,
  type WeightEntries,
} from '@forger/dcgan/internal';
import { CheckpointError, type Device, ForgerError, Rng, showShape } from '@forger/tensor';
import { fileError } from '../atomic-file.ts';
import { readMeta } from '../train/checkpoint.ts';
import { type Checkpoint, isCheckpoint, readCheckpoint } from '../train/checkpoint-store.ts';
import { optionsOf, type TrainConfig } from '../train/config.ts';
import { RunFolder } from '../train/run-folder.ts';
import { readWeights } from '../weights/read.ts';

/** A network as it was found. */
export interface Source {
  recipe: Recipe;
  sizes: NetworkSizes;
  /** New networks of its kind. */
  build(random: Rng): Networks;
  /** Its state dict; absent in a run without a checkpoint. */
  weights?: WeightEntries;
  /** How the file was understood, where that is not plain, in sentences. */
  notes: string[];
}

/** What a path holds. */
export interface Opened {
  kind: 'run' | 'checkpoint' | 'weights';
  config?: TrainConfig;
  step?: number;
  /**
   * Finds out which network the weights are. Those of a run are known; others are compared with the recipes' networks.
   * @throws CheckpointError when no recipe makes such a network, or when several of them are there.
   */
  find(network: NetworkName, device: Device): Source;
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
  const all = await readWeights(path);
  let probes: Probes | undefined;
  const entries = key === undefined ? all : under(key, all);
  if (entries.size === 0)
    throw new CheckpointError(
      `${path} holds nothing under the key ${quote(key ?? '')}; its keys are ${keysOf(all)}`,
    );
  return {
    kind: 'weights',
    find: (network, device) => {
      probes ??= new Probes(device);
      const { recipe, sizes, entries: weights, ...found } = pick(path, entries, network, probes);
      const build = (random: Rng): Networks => recipe.build(sizes, random);
      checkHeld(`${path}: the ${network} of recipe ${recipe.name}`, network, build, weights, device);
      const notes = reading(path, recipe.name, network, found);
      return { recipe, sizes, build, weights, notes };
    },
  };
}

/** The generator, or the discriminator where bare weights are nothing else. @throws as `find`. */
export function findEither(opened: Opened, device: Device): Source & { network: NetworkName } {
  try {
    return { network: 'generator', ...opened.find('generator', device) };
  } catch (error) {
    if (!(error instanceof CheckpointError)) throw error;
    try {
      return { network: 'discriminator', ...opened.find('discriminator', device) };
    } catch {
      throw error;
    }
  }
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

/** How networks are called in checkpoints that hold several. */
const USUAL: Readonly<Record<NetworkName, RegExp>> = {
  generator: /(^|[./:])(generator|net_?g|g|gen)$/i,
  discriminator: /(^|[./:])(discriminator|net_?d|d|dis|disc)$/i,
};

/** The one network of its kind among a file's weights. */
function pick(path: string, entries: WeightEntries, network: NetworkName, probes: Probes): Recognized {
  const found = recognize(entries, probes, network);
  const usual = found.filter((match) => USUAL[network].test(match.path));
  const [match, ...others] = usual.length === 1 ? usual : found;
  if (!match) {
    const [first] = entries;
    const held = first
      ? `${entries.size} tensors, the first ${shown(first[0])} ${showShape(first[1].shape)}`
      : 'no tensors';
    throw new CheckpointError(
      `${path} holds ${held}, which is no ${network} that a recipe here makes: expected the layers of one of them, in its order, under any names; its keys are ${keysOf(entries)}`,
    );
  }
  if (others.length > 0)
    throw new CheckpointError(
      `${path} holds ${found.length} networks that can be the ${network}, under the keys ${listed(found.map((one) => one.path))}: name one with --key`,
    );
  return match;
}

/** A network of fewer numbers is built, so that what is missing can be named. */
const SMALL = 2 ** 26;

/**
 * Throws when most of a large network is missing: its sizes may follow from a few vectors, and building it would fill
 * the memory only to find that its weights are not there.
 */
function checkHeld(
  what: string,
  network: NetworkName,
  build: (random: Rng) => Networks,
  weights: WeightEntries,
  device: Device,
): void {
  const numbers = (tensors: Iterable<{ readonly shape: readonly number[] }>): number =>
    [...tensors].reduce((sum, { shape }) => sum + shape.reduce((n, d) => n * d, 1), 0);
  let needed = 0;
  // In a dry run networks take no memory.
  try {
    device.dryRun(() => {
      needed = numbers(build(new Rng(0, { device }))[network].stateDict().values());
    });
  } catch (error) {
    if (!(error instanceof ForgerError)) throw error;
    throw new CheckpointError(`${what} cannot be built: ${error.message}`, { cause: error });
  }
  const held = numbers(weights.values());
  if (needed > SMALL && needed > 4 * held)
    throw new CheckpointError(
      `${what} would have ${needed} numbers, and there are ${held}: copy or download the file again`,
    );
}

/** How a file's names were read. */
function reading(
  path: string,
  recipe: string,
  network: NetworkName,
  { renamed, path: key }: Pick<Recognized, 'renamed' | 'path'>,
): string[] {
  const [first] = renamed;
  const place = key === '' ? path : `${path}, ${shown(key)}`;
  if (!first) return key === '' ? [] : [`${place}: the ${network} of recipe ${recipe}`];
  return [
    `${place}: read as the ${network} of recipe ${recipe} by the shape and order of its layers (${shown(first[0])} is ${first[1]}, …); activations are the recipe's`,
  ];
}

/** The entries whose names start with a key, without it. */
function under(key: string, entries: WeightEntries): WeightEntries {
  return new Map(
    Array.from(entries)
      .filter(([name]) => name.startsWith(key) && /[./]/.test(name[key.length] ?? ''))
      .map(([name, entry]) => [name.slice(key.length + 1), entry]),
  );
}

/** Keys that a message names. */
const MOST_LISTED = 12;

/** The first parts of the names, for messages. */
function keysOf(entries: WeightEntries): string {
  const keys = [...new Set(Array.from(entries.keys(), (name) => name.split(/[./]/)[0]!))];
  return listed(keys);
}

function listed(keys: readonly string[]): string {
  const list = keys.slice(0, MOST_LISTED).map((key) => shown(key));
  return keys.length > MOST_LISTED ? `${list.join(', ')}, …` : list.join(', ');
}

async function isFolder(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isDirectory();
  } catch (error) {
    throw fileError('read', path, error);
  }
}
