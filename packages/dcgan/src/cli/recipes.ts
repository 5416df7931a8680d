// `forger recipes`: lists the recipes and what each does unless told otherwise.

import { recipes } from '../recipes/index.ts';
import type { RecipeInfo } from '../train/types.ts';

/** @returns the exit code. */
export async function runRecipes(): Promise<number> {
  console.log(
    Object.values(recipes)
      .map((recipe) => recipeLines(recipe).join('\n'))
      .join('\n\n'),
  );
  return 0;
}

/** A recipe as lines of text. */
export function recipeLines({ name, title, source, defaults }: RecipeInfo): string[] {
  const { imageSize, width, channels, batchSize, lr, data, epochs, steps } = defaults;
  const end = epochs === undefined ? `${steps?.toLocaleString('en')} steps` : `${epochs} epochs`;
  return [
    `${name}: ${title}`,
    `  ${source}`,
    `  ${imageSize}x${imageSize}x${channels}, width ${width}, batch ${batchSize}, lr ${lr}, ${end}, data ${data}`,
  ];
}
