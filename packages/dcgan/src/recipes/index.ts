// The recipes by name.

import { ConfigError } from '@forger/tensor';
import { pytorch } from './pytorch.ts';
import { quick } from './quick.ts';
import type { Recipe } from './recipe.ts';

export const recipes: Readonly<Record<string, Recipe>> = { quick, pytorch };

/** @throws ConfigError, with the names that there are, for another. */
export function findRecipe(name: string): Recipe {
  const recipe = Object.hasOwn(recipes, name) ? recipes[name] : undefined;
  if (recipe === undefined) {
    throw new ConfigError(
      `The recipe '${name}' was asked for; there are ${Object.keys(recipes).join(', ')}: choose one of these.`,
    );
  }
  return recipe;
}
