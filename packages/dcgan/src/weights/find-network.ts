// Which network a file's weights are, ready to be built: a recipe's, where its layers fit exactly, else what the shapes
// alone tell, or what the user describes.

import {
  CheckpointError,
  ConfigError,
  type Device,
  ForgerError,
  Rng,
  type Shape,
  showShape,
} from '@forger/tensor';
import { shown } from '../printable.ts';
import { imageInputs } from '../train/state.ts';
import type { AnyTask, InputInfos, Networks, Sizes } from '../train/task.ts';
import { assumptions, otherReadings, withHints } from './assumptions.ts';
import { quote, type WeightEntries } from './entry.ts';
import { unknownLayer } from './infer-layers.ts';
import { type Hints, inferNetwork, type Reading } from './infer-network.ts';
import { layersOf } from './layers.ts';
import { type LayerPlan, type NetworkPlan, planLayers } from './network-plan.ts';
import { plannedTask } from './planned-task.ts';
import { NETWORKS, type NetworkName, Probes } from './probes.ts';
import { inferParts, type Recognized, recognize } from './recognize.ts';

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
  /** The file and the network that it is compared with, for messages. */
  what?: string;
  /** The network layer by layer, of bare weights; absent where it has layers that a plan has no words for. */
  plan?: NetworkPlan;
}

/** What the user says of bare weights. */
export interface WeightOptions extends Hints {
  /** Where in a file of several networks the wanted one is. */
  readonly key?: string | undefined;
  /** The network layer by layer, instead of what the shapes tell. */
  readonly plan?: NetworkPlan | undefined;
  /** Where the plan comes from, if not from the user, and what it does not tell. */
  readonly planned?: { readonly by: string; readonly guesses: readonly string[] } | undefined;
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
 * Bare weights to find networks in. They are compared with the recipes' networks, by the shape and order of
 * their layers; where none fits, the network follows from names and shapes alone (infer-network.ts).
 * @param name of the file, for messages.
 * @param options the key where the wanted network is, or what is known of it.
 * @throws CheckpointError when there is nothing under the key.
 */
export function openWeights(
  all: WeightEntries,
  name: string,
  options: string | WeightOptions = {},
): NetworkFinder {
  const { key, plan, planned: origin, ...hints } = typeof options === 'string' ? { key: options } : options;
  const entries = key === undefined ? all : under(key, all);
  if (entries.size === 0)
    throw new CheckpointError(
      key === undefined
        ? `${name} holds no tensors`
        : `${name} holds nothing under the key ${quote(key)}; its keys are ${keysOf(all)}`,
    );
  let probes: Probes | undefined;
  return {
    find: (wanted, device) => {
      if (!isNetworkName(wanted))
        throw new ConfigError(
          `The network ${wanted} was asked for, and bare weights are a generator or a discriminator`,
        );
      if (plan) return described(name, entries, wanted, withHints(plan, hints), device, { hints, ...origin });
      probes ??= new Probes(device);
      const exact = pick(name, recognize(entries, probes, wanted, 'exact'), wanted);
      if (exact) return fromRecipe(name, entries, exact, hints, device);
      const inferred = pick(name, likelier(entries, wanted, hints, probes), wanted);
      if (inferred) return fromReadings(name, inferred, hints, device);
      if (hints.imageSize !== undefined) refuseSize(name, entries, wanted, hints);
      for (const closeness of ['layers', 'names'] as const) {
        const near = pick(name, recognize(entries, probes, wanted, closeness), wanted);
        if (near) return fromRecipe(name, entries, near, {}, device);
      }
      throw unknown(name, entries, wanted);
    },
  };
}

/** What shapes alone tell of the wanted network, less what is better read as the other one. */
function likelier(
  entries: WeightEntries,
  wanted: NetworkName,
  hints: Hints,
  probes: Probes,
): ReturnType<typeof inferParts> {
  const found = inferParts(entries, wanted, hints);
  if (found.length === 0) return found;
  const other = NETWORKS.find((network) => network !== wanted)!;
  const exact = new Set(recognize(entries, probes, other, 'exact').map(({ path }) => path));
  const costs = new Map(
    inferParts(entries, other, {}).map(({ path, readings }) => [path, readings[0]!.cost]),
  );
  return found.filter(
    ({ path, readings }) =>
      !exact.has(path) && readings[0]!.cost <= (costs.get(path) ?? Number.POSITIVE_INFINITY),
  );
}

/** A recipe's network, or, where the user knows better, the same layers with what the user says. */
function fromRecipe(
  name: string,
  all: WeightEntries,
  match: Recognized,
  hints: Hints,
  device: Device,
): FoundNetwork {
  const { recipe, sizes, network, entries: weights, path, renamed } = match;
  const part = path === '' ? all : under(path, all);
  const readings = inferNetwork(part, network, { ...hints, imageSize: undefined });
  const otherSize = hints.imageSize !== undefined && hints.imageSize !== sizes.imageSize;
  if (otherSize || hints.reading !== undefined) {
    const wanted = otherSize ? inferNetwork(part, network, hints) : readings;
    if (wanted.length === 0) refuseSize(name, all, network, hints, [sizes.imageSize]);
    return fromReadings(name, { path, readings: wanted }, hints, device);
  }
  const build = (random: Rng): Networks => recipe.build(sizes, random);
  const what = `${name}: the ${network} of recipe ${recipe.name}`;
  checkHeld(what, network, build, weights, device);
  const own = new Map(Array.from(renamed, ([given, ours]) => [ours, given]));
  const { latent, pixelRange } = recipe.gan;
  let layers: LayerPlan[] | undefined;
  device.dryRun(() => {
    layers = planLayers(build(new Rng(0, { device }))[network]!, (layer) => own.get(layer) ?? layer);
  });
  const plan: NetworkPlan | undefined = layers && {
    network,
    imageSize: sizes.imageSize,
    channels: sizes.channels,
    latent: { size: sizes.latentSize, distribution: latent.distribution },
    pixelRange,
    channelOrder: recipe.channelOrder ?? 'rgb',
    layers,
  };
  const how = `${place(name, path)} is read as the ${network} of recipe ${recipe.name}`;
  const { activation, latent: drawn, pixelRange: range, normEps } = hints;
  if (activation || drawn || range || normEps !== undefined) {
    if (!plan)
      throw new ConfigError(
        `${how}, whose layers cannot be changed by flags: leave out --activation, --latent, --pixel-range and --norm-eps`,
      );
    return planned(name, path, withHints(plan, hints), tensorsOf(part), device, { readings });
  }
  const notes = [...(plan ? assumptions(plan, how) : [how]), ...(plan ? otherReadings(readings, plan) : [])];
  return {
    task: recipe,
    sizes,
    inputs: imageInputs(recipe, sizes),
    build,
    weights,
    all: new Map([[network, weights]]),
    notes,
    what,
    ...(plan && { plan }),
  };
}

const place = (name: string, path: string): string => (path === '' ? name : `${name}, ${shown(path)}`);

/** The reading that was asked for, or the most usual one. */
function fromReadings(
  name: string,
  { path, readings }: { path: string; readings: readonly Reading[] },
  { reading = 1 }: Hints,
  device: Device,
): FoundNetwork {
  const chosen = readings[reading - 1];
  if (!chosen)
    throw new ConfigError(`${name}: reading ${reading} was asked for; there are ${readings.length}`);
  return planned(name, path, chosen.plan, chosen.entries, device, { readings });
}

/** A network that the user describes. */
function described(
  name: string,
  entries: WeightEntries,
  wanted: NetworkName,
  plan: NetworkPlan,
  device: Device,
  { hints, ...origin }: { hints: Hints; by?: string; guesses?: readonly string[] },
): FoundNetwork {
  if (hints.imageSize !== undefined && hints.imageSize !== plan.imageSize)
    throw new ConfigError(
      `${name}: --image-size ${hints.imageSize} was given, and the network described draws ${plan.imageSize}×${plan.imageSize}`,
    );
  if (plan.network !== wanted)
    throw new CheckpointError(
      `${name}: the network described is a ${plan.network}, and a ${wanted} is wanted`,
    );
  const names = plan.layers.flatMap((layer) => ('name' in layer ? [layer.name] : []));
  const holds = (part: WeightEntries): boolean => {
    const layers = new Set(layersOf(part).map((layer) => layer.name));
    return names.some((layer) => layers.has(layer));
  };
  const keys = [...new Set(Array.from(entries.keys(), (key) => key.split(/[./]/)[0]!))];
  const path = holds(entries) ? '' : (keys.find((key) => holds(under(key, entries))) ?? '');
  const part = path === '' ? entries : under(path, entries);
  return planned(name, path, plan, tensorsOf(part), device, origin);
}

/** Tensors under PyTorch's names for them, layers under the file's. */
function tensorsOf(entries: WeightEntries): WeightEntries {
  return new Map(
    layersOf(entries).flatMap(({ name, tensors }) =>
      Array.from(tensors, ([tensor, entry]) => [name === '' ? tensor : `${name}.${tensor}`, entry] as const),
    ),
  );
}

/** Where a plan comes from. */
interface Origin {
  readonly readings?: readonly Reading[];
  readonly by?: string;
  readonly guesses?: readonly string[];
}

function planned(
  name: string,
  path: string,
  plan: NetworkPlan,
  weights: WeightEntries,
  device: Device,
  { readings, by = readings ? 'by names and shapes' : 'as it is described', guesses = [] }: Origin,
): FoundNetwork {
  const { network } = plan;
  const { task, sizes } = plannedTask(plan);
  const build = (random: Rng): Networks => task.build(sizes, random);
  const what = `${place(name, path)}: the ${network} ${by}`;
  checkHeld(what, network, build, weights, device);
  checkOutput(what, plan, build, device);
  const how = `${place(name, path)} is read as a ${network} ${by}`;
  const notes = readings
    ? [...assumptions(plan, how), ...otherReadings(readings, plan)]
    : [
        ...assumptions(plan, how).slice(0, 1),
        ...(guesses.length > 0 ? [`guessed, as it does not tell: ${guesses.join(', ')}`] : []),
      ];
  const all = new Map([[network, weights]]);
  return { task, sizes, inputs: imageInputs(task, sizes), build, weights, all, notes, what, plan };
}

/** Throws unless the described layers follow from one another and end in the pictures that are claimed. */
function checkOutput(
  what: string,
  { network, latent, channels, imageSize }: NetworkPlan,
  build: (random: Rng) => Networks,
  device: Device,
): void {
  const picture: Shape = [channels, imageSize, imageSize];
  const input: Shape = network === 'generator' ? [latent.size, 1, 1] : picture;
  let output: Shape = [];
  try {
    device.dryRun(() => {
      output = build(new Rng(0, { device }))[network]!.outputShape(input);
    });
  } catch (error) {
    if (!(error instanceof ForgerError)) throw error;
    throw new CheckpointError(`${what} cannot be built: ${error.message}`, { cause: error });
  }
  if (network === 'generator' && showShape(output) !== showShape(picture))
    throw new CheckpointError(
      `${what} gives ${showShape(output)} where pictures of ${showShape(picture)} are claimed`,
    );
}

/** @throws CheckpointError with the picture sizes that the shapes allow, if they allow any. */
function refuseSize(
  name: string,
  entries: WeightEntries,
  wanted: NetworkName,
  hints: Hints,
  known: readonly number[] = [],
): void {
  const fits = inferParts(entries, wanted, { ...hints, imageSize: undefined }).flatMap(({ readings }) =>
    readings.map(({ plan }) => plan.imageSize),
  );
  const sizes = [...new Set([...known, ...fits])].sort((a, b) => a - b);
  if (sizes.length > 0)
    throw new CheckpointError(
      `${name}: --image-size ${hints.imageSize} was given, which the shapes do not allow; they allow ${sizes.join(', ')}, and others with unusual paddings (--network FILE)`,
    );
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

/** The one network of its kind among those that were found; undefined when there is none. */
function pick<T extends { readonly path: string }>(
  name: string,
  found: readonly T[],
  network: NetworkName,
): T | undefined {
  const usual = found.filter((match) => USUAL[network].test(match.path));
  const [match, ...others] = usual.length === 1 ? usual : found;
  if (others.length > 0)
    throw new CheckpointError(
      `${name} holds ${found.length} networks that can be the ${network}, under the keys ${listed(found.map((one) => one.path))}: name one with --key`,
    );
  return match;
}

function unknown(name: string, entries: WeightEntries, network: NetworkName): CheckpointError {
  const [first] = entries;
  const held = first
    ? `${entries.size} tensors, the first ${shown(first[0])} ${showShape(first[1].shape)}`
    : 'no tensors';
  const stranger = unknownLayer(entries);
  const why = stranger
    ? `its layer ${shown(stranger.name)} of ${listed([...stranger.tensors.keys()])} is none of the kinds that shapes are read as`
    : 'its layers make no chain from latents to pictures or from pictures to scores';
  return new CheckpointError(
    `${name} holds ${held}, which is no ${network} that a recipe here makes: expected the layers of one of them, in its order, under any names; its keys are ${keysOf(entries)}; by shapes alone it cannot be read either: ${why}; describe the network with --network FILE`,
  );
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
