// What `forger sample`, `forger info` and `forger convert` are pointed at: a run folder, a checkpoint, or bare weights
// in any format that weights/read.ts reads.

import { stat } from 'node:fs/promises';
import type { AnyTask, InputInfos, Networks, Sizes } from '@forger/dcgan';
import {
  imageInputs,
  NETWORKS,
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
import { CheckpointError, ConfigError, type Device, ForgerError, Rng, showShape } from '@forger/tensor';
import { fileError } from '../atomic-file.ts';
import { loadTask } from '../recipes/load.ts';
import { readMeta } from '../train/checkpoint.ts';
import { type Checkpoint, isCheckpoint, readCheckpoint } from '../train/checkpoint-store.ts';
import type { TrainConfig } from '../train/config.ts';
import { RunFolder } from '../train/run-folder.ts';
import { withOptions } from '../train/train.ts';
import { readWeights } from '../weights/read.ts';

/** A network as it was found. */
export interface Source {
  task: AnyTask;
  sizes: Sizes;
  inputs: InputInfos;
  /** New networks of its kind. */
  build(random: Rng): Networks;
  /** Its state dict; absent in a run without a checkpoint. */
  weights?: WeightEntries;
  /** The state dicts of all networks that there are, by name. */
  all: ReadonlyMap<string, WeightEntries>;
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
  find(network: string, device: Device): Source;
  /** Names of the networks that there are; absent for bare weights, which do not say. */
  networks?(device: Device): readonly string[];
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
    find: (name, device) => {
      if (!isNetworkName(name))
        throw new ConfigError(
          `The network ${name} was asked for, and bare weights are a generator or a discriminator`,
        );
      const network = name;
      probes ??= new Probes(device);
      const { recipe, sizes, entries: weights, ...found } = pick(path, entries, network, probes);
      const build = (random: Rng): Networks => recipe.build(sizes, random);
      checkHeld(`${path}: the ${network} of recipe ${recipe.name}`, network, build, weights, device);
      const notes = reading(path, recipe.name, network, found);
      const inputs = imageInputs(recipe, sizes);
      return { task: recipe, sizes, inputs, build, weights, all: new Map([[network, weights]]), notes };
    },
  };
}

/**
 * The generator; else, of a run, its first network, and of bare weights the discriminator where they are nothing else.
 * @throws as `find`.
 */
export function findEither(opened: Opened, device: Device): Source & { network: string } {
  const names = opened.networks?.(device);
  const first = names && !names.includes('generator') ? names[0]! : 'generator';
  try {
    return { network: first, ...opened.find(first, device) };
  } catch (error) {
    if (names || !(error instanceof CheckpointError)) throw error;
    try {
      return { network: 'discriminator', ...opened.find('discriminator', device) };
    } catch {
      throw error;
    }
  }
}

const isNetworkName = (name: string): name is NetworkName => NETWORKS.some((known) => known === name);

async function openRun(path: string, key: string | undefined): Promise<Opened> {
  const run = await RunFolder.read(path);
  const found = await run.latestCheckpoint();
  if (found) return fromCheckpoint('run', found.checkpoint, key);
  const { config } = run;
  const source = await fromConfig(config, undefined);
  return { kind: 'run', step: 0, config, ...named(source, path, () => new Map()) };
}

async function fromCheckpoint(
  kind: Opened['kind'],
  checkpoint: Checkpoint,
  key: string | undefined,
): Promise<Opened> {
  const { config, inputs } = readMeta(checkpoint);
  const entries = readSafetensorsWeights(checkpoint.bytes);
  const source = await fromConfig(config, inputs);
  const averages = source.task.averages ?? {};
  const average = key === undefined ? undefined : averages[key];
  if (key !== undefined && average === undefined)
    throw new CheckpointError(
      `${checkpoint.path} holds nothing under the key ${quote(key)}: ${Object.keys(averages).length > 0 ? `there is ${Object.keys(averages).join(', ')}` : 'the only one is ema, in runs with --ema'}`,
    );
  // Parameters are averaged; running statistics are the network's own.
  const weightsOf = (network: string): WeightEntries =>
    new Map([...under(network, entries), ...(average?.network === network ? under(key!, entries) : [])]);
  const all = (networks: readonly string[]): Map<string, WeightEntries> =>
    new Map(networks.map((name) => [name, weightsOf(name)]));
  return { kind, step: checkpoint.step, config, ...named(source, checkpoint.path, all) };
}

/** Finds one of a run's networks by name. */
function named(
  source: Omit<Source, 'weights' | 'all'>,
  path: string,
  weightsOf: (networks: readonly string[]) => Map<string, WeightEntries>,
): Pick<Opened, 'find' | 'networks'> {
  /** What the networks are called, found in a dry run, where they take no memory. */
  const networks = (device: Device): string[] => {
    const names: string[] = [];
    device.dryRun(() => {
      names.push(...Object.keys(source.build(new Rng(0, { device }))));
    });
    return names;
  };
  return {
    networks,
    find: (network, device) => {
      const names = networks(device);
      if (!names.includes(network))
        throw new CheckpointError(`${path} has no network ${quote(network)}: there are ${names.join(', ')}`);
      const all = weightsOf(names);
      const weights = all.get(network);
      return { ...source, all, ...(weights && { weights }) };
    },
  };
}

async function fromConfig(
  config: TrainConfig,
  saved: InputInfos | undefined,
): Promise<Omit<Source, 'weights' | 'all'>> {
  const { task: published } = await loadTask(config.recipe);
  const task = withOptions(published, config);
  task.checkSizes?.(config);
  const sizes = networkSizes(task, config);
  const inputs = saved ?? imageInputs(task, sizes);
  return { task, sizes, inputs, build: (rng) => task.build(sizes, rng, inputs), notes: [] };
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
      needed = numbers(build(new Rng(0, { device }))[network]!.stateDict().values());
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
