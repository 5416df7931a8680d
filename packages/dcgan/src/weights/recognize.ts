// Which network a file's weights belong to, told by shape and order: the one whose layers have these shapes, in this
// order, at some width and some number of latents.

import type { Recipe } from '../recipes/gan.ts';
import type { Sizes } from '../train/task.ts';
import type { WeightEntries, WeightEntry } from './entry.ts';
import { type Hints, inferNetwork, type Reading } from './infer-network.ts';
import { type Layer, layersOf, orders } from './layers.ts';
import { type Dimension, NETWORKS, type NetworkName, type Probe, type Probes } from './probes.ts';

/** A network that weights belong to. */
export interface Recognized {
  readonly recipe: Recipe;
  readonly sizes: Sizes;
  readonly network: NetworkName;
  /** Where in the file it is: the keys that lead to it; '' when the file is nothing else. */
  readonly path: string;
  /** Its weights under the network's own names; what has no place in it keeps the file's. */
  readonly entries: WeightEntries;
  /** The file's layers beside the network's, where names differ. */
  readonly renamed: ReadonlyMap<string, string>;
}

/** How closely layers must fit. */
export type Closeness =
  /** The same layers, each with the same tensors. */
  | 'exact'
  /** The same layers; tensors of theirs may be missing or too many. */
  | 'layers'
  /** At least half of the tensors by name. */
  | 'names';

/**
 * Finds the recipes' networks in a file's weights: the whole of them, or what lies under a key or a prefix, as in
 * checkpoints. Empty when nothing fits so closely.
 */
export function recognize(
  entries: WeightEntries,
  probes: Probes,
  wanted: NetworkName,
  closeness: Closeness,
): Recognized[] {
  const attempt = (candidates: readonly Probe[]): Recognized[] =>
    find(entries, '', candidates, closeness, 0).filter(({ network }) => network === wanted);
  if (closeness === 'names') return attempt([...probes.ofDefaults(), ...probes.ofOtherSizes()]);
  // The other sizes are looked at only when they are needed: every probe is a network to build.
  const found = attempt([...probes.ofDefaults()]);
  return found.length > 0 ? found : attempt([...probes.ofOtherSizes()]);
}

/** The parts of a file that hold a network of which only the shapes are known, with how they can be read. */
export function inferParts(
  entries: WeightEntries,
  wanted: NetworkName,
  hints: Hints,
  path = '',
  depth = 0,
): { readonly path: string; readonly readings: readonly Reading[] }[] {
  const readings = inferNetwork(entries, wanted, hints);
  if (readings.length > 0) return [{ path, readings }];
  if (depth === MOST_DEPTH) return [];
  return Array.from(parts(entries)).flatMap(([key, part]) =>
    inferParts(part, wanted, hints, path === '' ? key : `${path}.${key}`, depth + 1),
  );
}

/** Checkpoints keep networks at most this many keys deep. */
const MOST_DEPTH = 6;

function find(
  entries: WeightEntries,
  path: string,
  probes: readonly Probe[],
  closeness: Closeness,
  depth: number,
): Recognized[] {
  const whole = best(entries, path, probes, closeness);
  if (whole) return [whole];
  if (depth === MOST_DEPTH) return [];
  return Array.from(parts(entries), ([key, part]) =>
    find(part, path === '' ? key : `${path}.${key}`, probes, closeness, depth + 1),
  ).flat();
}

/** The entries by the first part of their names. */
function parts(entries: WeightEntries): Map<string, Map<string, WeightEntry>> {
  const found = new Map<string, Map<string, WeightEntry>>();
  for (const [name, entry] of entries) {
    const at = name.search(/[./]/);
    if (at <= 0) continue;
    const [key, rest] = [name.slice(0, at), name.slice(at + 1)];
    const part = found.get(key) ?? new Map<string, WeightEntry>();
    found.set(key, part.set(rest, entry));
  }
  return found;
}

/** The fitting network whose recipe's own settings are nearest: several recipes share a network. */
function best(
  entries: WeightEntries,
  path: string,
  probes: readonly Probe[],
  closeness: Closeness,
): Recognized | undefined {
  const arrangements = orders(layersOf(entries));
  let found: { match: Recognized; score: number } | undefined;
  for (const probe of probes) {
    if (probe.names && ![...entries.keys()].some((name) => probe.names!.test(name))) continue;
    for (const network of NETWORKS) {
      const wanted = probe.layers[network];
      const fit = arrangements
        .map((arranged) => pairUp(arranged, wanted, probe, closeness))
        .find((candidate) => candidate !== undefined);
      if (!fit) continue;
      const { pairs, sizes, contradictions } = fit;
      const { defaults } = probe.recipe;
      const apart = arrangements[0]!.length + wanted.length - 2 * pairs.length;
      const score =
        -8 * (apart + contradictions) +
        Number(probe.names !== undefined) * 4 +
        Number(sizes.imageSize === defaults.imageSize) +
        Number(sizes.width === defaults.width) +
        Number(sizes.channels === defaults.channels);
      if (found && found.score >= score) continue;
      found = { score, match: { recipe: probe.recipe, sizes, network, path, ...rename(entries, pairs) } };
    }
  }
  return found?.match;
}

type Pair = readonly [given: Layer<WeightEntry>, wanted: Layer<readonly Dimension[]>];

/** The file's layers beside the network's, and the sizes that the network then has; undefined when they do not fit. */
function pairUp(
  given: readonly Layer<WeightEntry>[],
  wanted: readonly Layer<readonly Dimension[]>[],
  probe: Probe,
  closeness: Closeness,
): { pairs: Pair[]; sizes: Sizes; contradictions: number } | undefined {
  const named = byName(given, wanted);
  const same = named.length === given.length && named.length === wanted.length;
  const close = named.length * 2 >= wanted.length;
  const pairs = same || (closeness === 'names' && close) ? named : inOrder(given, wanted);
  if (!pairs || (closeness === 'exact' && !pairs.every(complete))) return undefined;
  const solution = solve(pairs, probe);
  if (!solution || (closeness !== 'names' && solution.contradictions > 0)) return undefined;
  return { pairs, ...solution };
}

function inOrder(
  given: readonly Layer<WeightEntry>[],
  wanted: readonly Layer<readonly Dimension[]>[],
): Pair[] | undefined {
  if (given.length !== wanted.length) return undefined;
  return given.map((layer, i): Pair => [layer, wanted[i]!]);
}

function byName(
  given: readonly Layer<WeightEntry>[],
  wanted: readonly Layer<readonly Dimension[]>[],
): Pair[] {
  const named = new Map(wanted.map((layer) => [layer.name, layer]));
  return given.flatMap((layer): Pair[] => {
    const same = named.get(layer.name);
    return same ? [[layer, same]] : [];
  });
}

/** Counters that some programs do not keep do not count. */
function complete([given, wanted]: Pair): boolean {
  const names = (tensors: Iterable<string>): string =>
    [...tensors]
      .filter((name) => name !== 'num_batches_tracked')
      .sort()
      .join();
  return names(given.tensors.keys()) === names(wanted.tensors.keys());
}

/**
 * The sizes at which the probe's network has the given shapes, or most of them, and how many dimensions contradict;
 * undefined when there are none.
 */
function solve(pairs: readonly Pair[], probe: Probe): { sizes: Sizes; contradictions: number } | undefined {
  const { recipe, imageSize, channels } = probe;
  const widths = new Map<number, number>();
  let latentSize = recipe.latentSize;
  let contradictions = 0;
  for (const [given, wanted] of pairs) {
    let shared = 0;
    for (const [name, expected] of wanted.tensors) {
      const shape = given.tensors.get(name)?.shape;
      if (!shape) continue;
      if (shape.length !== expected.length) return undefined;
      shared++;
      for (const [i, n] of shape.entries()) {
        const dimension = expected[i]!;
        if (dimension === 'latents') latentSize = n;
        else if (typeof dimension === 'number') contradictions += Number(n !== dimension);
        else widths.set(n / dimension.times, (widths.get(n / dimension.times) ?? 0) + 1);
      }
    }
    if (shared === 0) return undefined;
  }
  const [width = 0, ...others] = [...widths].sort((a, b) => b[1] - a[1]).map(([value]) => value);
  if (!Number.isInteger(width) || width < 1 || latentSize < 1) return undefined;
  return {
    sizes: { imageSize, channels, width, latentSize },
    contradictions: contradictions + others.length,
  };
}

/** The entries under the network's names. */
function rename(entries: WeightEntries, pairs: readonly Pair[]): Pick<Recognized, 'entries' | 'renamed'> {
  const named = new Map<string, WeightEntry>();
  const renamed = new Map<string, string>();
  const placed = new Set<WeightEntry>();
  const join = (layer: string, tensor: string): string => (layer === '' ? tensor : `${layer}.${tensor}`);
  for (const [given, wanted] of pairs) {
    if (given.name !== wanted.name) renamed.set(given.name, wanted.name);
    for (const [tensor, entry] of given.tensors) {
      named.set(join(wanted.name, tensor), entry);
      placed.add(entry);
    }
  }
  for (const [name, entry] of entries) {
    if (!placed.has(entry)) named.set(name, entry);
  }
  return { entries: named, renamed };
}
