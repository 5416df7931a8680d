// The recipes' networks, to compare a file's layers with. A recipe's own code says which layers there are and, at two
// widths, how their sizes follow from its settings; so nothing is written down twice.

import type { Module } from '@forger/nn';
import { ConfigError, type Device, Rng, type Shape } from '@forger/tensor';
import type { Recipe } from '../recipes/gan.ts';
import { recipes } from '../recipes/index.ts';
import { type Layer, layersOf } from './layers.ts';
import { TORCHGAN_NAME, torchgan } from './torchgan.ts';

export type NetworkName = 'generator' | 'discriminator';
export const NETWORKS: readonly NetworkName[] = ['generator', 'discriminator'];

/** The widths at which networks are built to be compared; every recipe can be built at them. */
const WIDTHS = [8, 16] as const;
/** A number of latents that comes from nothing else, so that it is known again among a network's shapes. */
const LATENTS = 97;

/** What one dimension of a tensor follows from: the number of latents, the width (`times` the width), or neither. */
export type Dimension = 'latents' | { readonly times: number } | number;

/** A recipe's networks for pictures of one size and number of channels, at any width. */
export interface Probe {
  readonly recipe: Recipe;
  readonly imageSize: number;
  readonly channels: number;
  readonly layers: Readonly<Record<NetworkName, readonly Layer<readonly Dimension[]>[]>>;
  /** What names of tensors must look like for this recipe to be meant; any will do without it. */
  readonly names?: RegExp;
}

/** Picture sizes that are tried beside a recipe's own, up to four times that. */
const SIZES = [16, 28, 32, 64, 128, 256];
const MOST_TIMES = 4;

/** The probes of a device, built when they are asked for. */
export class Probes {
  readonly #device: Device;
  readonly #built = new Map<string, Probe | undefined>();

  constructor(device: Device) {
    this.#device = device;
  }

  /** Every recipe at the picture size of its defaults. */
  *ofDefaults(): Iterable<Probe> {
    for (const recipe of candidates()) yield* this.#at(recipe, recipe.defaults.imageSize);
  }

  /** Every recipe at every other size that it allows. */
  *ofOtherSizes(): Iterable<Probe> {
    for (const recipe of candidates()) {
      const own = recipe.defaults.imageSize;
      for (const size of SIZES) if (size !== own && size <= MOST_TIMES * own) yield* this.#at(recipe, size);
    }
  }

  *#at(recipe: Recipe, imageSize: number): Iterable<Probe> {
    for (const channels of [3, 1]) {
      const key = `${recipe.name} ${imageSize} ${channels}`;
      if (!this.#built.has(key)) this.#built.set(key, this.#build(recipe, imageSize, channels));
      const probe = this.#built.get(key);
      if (probe) yield probe;
    }
  }

  #build(recipe: Recipe, imageSize: number, channels: number): Probe | undefined {
    try {
      recipe.checkSizes({ imageSize, width: WIDTHS[0] });
    } catch (error) {
      if (error instanceof ConfigError) return undefined;
      throw error;
    }
    const found: Record<NetworkName, Map<string, Shape>[]> = { generator: [], discriminator: [] };
    // Only the shapes are wanted: in a dry run networks take no memory and draw no weights.
    this.#device.dryRun(() => {
      for (const width of WIDTHS) {
        const sizes = { imageSize, channels, width, latentSize: LATENTS };
        const networks = recipe.build(sizes, new Rng(0, { device: this.#device }));
        for (const name of NETWORKS) found[name].push(shapesOf(networks[name]));
      }
    });
    const layers = { generator: compare(found.generator), discriminator: compare(found.discriminator) };
    return { recipe, imageSize, channels, layers, ...(recipe === torchgan && { names: TORCHGAN_NAME }) };
  }
}

function shapesOf(network: Module): Map<string, Shape> {
  return new Map(Array.from(network.stateDict(), ([name, { shape }]) => [name, shape]));
}

/** Tells by the shapes at both widths what each dimension follows from. */
function compare([narrow, wide]: readonly Map<string, Shape>[]): Layer<Dimension[]>[] {
  const [least, twice] = WIDTHS;
  const dimension = (n: number, m: number): Dimension => {
    if (n === LATENTS) return 'latents';
    return n === m ? n : { times: (m - n) / (twice - least) };
  };
  return layersOf(
    new Map(
      Array.from(narrow!, ([name, shape]) => [name, shape.map((n, i) => dimension(n, wide!.get(name)![i]!))]),
    ),
  );
}

/** torchgan first: it asks for names of its own. */
function candidates(): Recipe[] {
  return [torchgan, ...Object.values(recipes)];
}
