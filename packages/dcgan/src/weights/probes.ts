// Small copies of the recipes' networks, to compare a file's layers with: a recipe's own code says which layers there
// are and how their sizes follow from its settings, so nothing is written down twice.

import type { Module } from '@forger/nn';
import { ConfigError, type Device, Generator, type Shape } from '@forger/tensor';
import { recipes } from '../recipes/index.ts';
import type { Recipe } from '../recipes/recipe.ts';
import { type Layer, layersOf } from './layers.ts';
import { TORCHGAN_NAME, torchgan } from './torchgan.ts';

export type NetworkName = 'generator' | 'discriminator';
export const NETWORKS: readonly NetworkName[] = ['generator', 'discriminator'];

/** The width at which networks are built to be compared; every recipe can be built at it. */
export const PROBE_WIDTH = 8;
/** A size that comes from nothing else, so that it is known again among a network's shapes. */
export const PROBE_LATENT = 97;

/** A recipe's networks at the width and latents above. */
export interface Probe {
  readonly recipe: Recipe;
  readonly imageSize: number;
  readonly channels: number;
  readonly layers: Readonly<Record<NetworkName, readonly Layer<Shape>[]>>;
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
      recipe.checkSizes({ imageSize, width: PROBE_WIDTH });
    } catch (error) {
      if (error instanceof ConfigError) return undefined;
      throw error;
    }
    const sizes = { imageSize, channels, width: PROBE_WIDTH, latentSize: PROBE_LATENT };
    const random = new Generator(0, { device: this.#device });
    const networks = this.#device.scope(() => recipe.build(sizes, random));
    const layers = (network: Module): Layer<Shape>[] => {
      const state = network.stateDict();
      const shapes = layersOf(new Map(Array.from(state, ([name, { shape }]) => [name, shape])));
      network.dispose();
      return shapes;
    };
    const { generator, discriminator } = networks;
    const probe = {
      recipe,
      imageSize,
      channels,
      layers: { generator: layers(generator), discriminator: layers(discriminator) },
      ...(recipe === torchgan && { names: TORCHGAN_NAME }),
    };
    random.dispose();
    return probe;
  }
}

/** torchgan first: it asks for names of its own. */
function candidates(): Recipe[] {
  return [torchgan, ...Object.values(recipes)];
}
