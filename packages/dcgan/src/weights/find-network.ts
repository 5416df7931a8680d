// Which network a file's weights are, ready to be built: the one of its kind among them, under the network's own names.

import { CheckpointError, ConfigError, type Device, ForgerError, Rng, showShape } from '@forger/tensor';
import { shown } from '../printable.ts';
import { imageInputs } from '../train/state.ts';
import type { AnyTask, InputInfos, Networks, Sizes } from '../train/task.ts';
import { quote, type WeightEntries } from './entry.ts';
import { NETWORKS, type NetworkName, Probes } from './probes.ts';
import { type Recognized, recognize } from './recognize.ts';

/** A network as it was found. */
export interface FoundNetwork {
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

/** Something that networks can be found in. */
export interface NetworkFinder {
  /**
   * Finds out which network the weights are. Those of a run are known; others are compared with the recipes' networks.
   * @throws CheckpointError when no recipe makes such a network, or when several of them are there.
   */
  find(network: string, device: Device): FoundNetwork;
  /** Names of the networks that there are; absent for bare weights, which do not say. */
  networks?(device: Device): readonly string[];
}

/**
 * Bare weights to find networks in: they are compared with the recipes' networks, by the shape and order of their layers.
 * @param name of the file, for messages.
 * @param key where in a file of several networks the wanted one is.
 * @throws CheckpointError when there is nothing under the key.
 */
export function openWeights(all: WeightEntries, name: string, key?: string): NetworkFinder {
  const entries = key === undefined ? all : under(key, all);
  if (entries.size === 0)
    throw new CheckpointError(
      `${name} holds nothing under the key ${quote(key ?? '')}; its keys are ${keysOf(all)}`,
    );
  let probes: Probes | undefined;
  return {
    find: (wanted, device) => {
      if (!isNetworkName(wanted))
        throw new ConfigError(
          `The network ${wanted} was asked for, and bare weights are a generator or a discriminator`,
        );
      probes ??= new Probes(device);
      const { recipe, sizes, entries: weights, ...found } = pick(name, entries, wanted, probes);
      const build = (random: Rng): Networks => recipe.build(sizes, random);
      checkHeld(`${name}: the ${wanted} of recipe ${recipe.name}`, wanted, build, weights, device);
      const notes = reading(name, recipe.name, wanted, found);
      const inputs = imageInputs(recipe, sizes);
      return { task: recipe, sizes, inputs, build, weights, all: new Map([[wanted, weights]]), notes };
    },
  };
}

/**
 * The generator; else, of a run, its first network, and of bare weights the discriminator where they are nothing else.
 * @throws as `find`.
 */
export function findEither(opened: NetworkFinder, device: Device): FoundNetwork & { network: string } {
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
export function under(key: string, entries: WeightEntries): WeightEntries {
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
