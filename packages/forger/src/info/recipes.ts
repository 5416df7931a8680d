// The recipes with their networks at the published sizes, layer by layer.

import type { Recipe } from '@forger/dcgan/internal';
import { findRecipe, networkSizes, recipes } from '@forger/dcgan/internal';
import { createDevice, type Device, DeviceError, Rng } from '@forger/tensor';
import type { Description, NetworkDescription } from '../train/types.ts';
import { describeNetworks } from './info.ts';

export interface RecipeDescription {
  recipe: Recipe;
  /** Generator and discriminator; absent where no adapter answers, since networks are built on a device. */
  networks?: readonly NetworkDescription[];
}

/** Describes every recipe. */
export async function describeRecipes(): Promise<RecipeDescription[]> {
  const all = Object.values(recipes);
  let device: Device;
  try {
    device = await createDevice();
  } catch (error) {
    if (error instanceof DeviceError) return all.map((recipe) => ({ recipe }));
    throw error;
  }
  try {
    return all.map((recipe) => ({ recipe, networks: networksOf(recipe, device) }));
  } finally {
    device.destroy();
  }
}

/** Describes the recipe of a name. @throws ConfigError when there is none; DeviceError without an adapter. */
export async function describeRecipe(name: string): Promise<Description> {
  const recipe = findRecipe(name);
  const device = await createDevice();
  try {
    return { source: name, kind: 'recipe', recipe: name, networks: networksOf(recipe, device), notes: [] };
  } finally {
    device.destroy();
  }
}

/** Nothing is computed: in a dry run networks take no memory. */
function networksOf(recipe: Recipe, device: Device): NetworkDescription[] {
  const sizes = networkSizes(recipe, recipe.defaults);
  const networks: NetworkDescription[] = [];
  device.dryRun(() => {
    networks.push(...describeNetworks(recipe.build(sizes, new Rng(0, { device })), sizes));
  });
  return networks;
}
