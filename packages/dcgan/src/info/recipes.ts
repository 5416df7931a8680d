// `describeRecipes`: the recipes with what their networks take.

import { summarize } from '@forger/nn';
import { createDevice, type Device, DeviceError, Generator, type Shape } from '@forger/tensor';
import { recipes } from '../recipes/index.ts';
import type { Recipe } from '../recipes/recipe.ts';
import { networkSizes } from '../train/step.ts';

/** Parameters, and multiply-adds of a forward pass for one picture. */
export interface NetworkCounts {
  parameters: number;
  macs: number;
}

export interface RecipeDescription {
  recipe: Recipe;
  /** Absent where no adapter answers, since networks are built on a device. */
  networks?: { generator: NetworkCounts; discriminator: NetworkCounts } | undefined;
}

/** Describes every recipe at its published sizes. */
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
    return all.map((recipe) => ({ recipe, networks: countNetworks(recipe, device) }));
  } finally {
    device.destroy();
  }
}

/** Nothing is computed: a dry run makes networks without memory. */
function countNetworks(recipe: Recipe, device: Device): RecipeDescription['networks'] {
  const sizes = networkSizes(recipe, recipe.defaults);
  const { latentSize, channels, imageSize } = sizes;
  let found: RecipeDescription['networks'];
  device.dryRun(() => {
    const { generator, discriminator } = recipe.build(sizes, new Generator(0, { device }));
    const count = (network: typeof generator, input: Shape): NetworkCounts => {
      const rows = summarize(network, input);
      const total = (key: keyof NetworkCounts) => rows.reduce((sum, row) => sum + row[key], 0);
      return { parameters: total('parameters'), macs: total('macs') };
    };
    found = {
      generator: count(generator, [latentSize, 1, 1]),
      discriminator: count(discriminator, [channels, imageSize, imageSize]),
    };
  });
  return found;
}
