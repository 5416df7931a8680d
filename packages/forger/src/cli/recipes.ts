// `forger recipes`: a table of the recipes, and below it where each comes from and what is wrong with it.

import type { Recipe } from '@forger/dcgan/internal';
import { describeRecipes, type RecipeDescription } from '../info/recipes.ts';
import { tableLines } from './table.ts';

const HEAD = ['recipe', 'data', 'size', 'width', 'G', 'D', 'G', 'D', 'loss', 'optimizer', 'batch'];
const ABOVE = ['', '', '', '', 'parameters', '', 'multiply-adds'];
const NUMBERS = [4, 5, 6, 7, 10];

/** @returns the exit code. */
export async function runRecipes(): Promise<number> {
  for (const line of recipeLines(await describeRecipes())) console.log(line);
  return 0;
}

/** The table as lines of text, with notes on each recipe below it. */
export function recipeLines(described: readonly RecipeDescription[]): string[] {
  return [
    ...tableLines([ABOVE, HEAD, ...described.map(row)], NUMBERS),
    ...(described.some(({ networks }) => !networks)
      ? ['', 'No adapter answers, so the networks were not counted: see forger doctor.']
      : []),
    ...described.flatMap(({ recipe: { name, title, source, flaws } }) => [
      '',
      `${name}: ${title}`,
      `  ${source}`,
      ...flaws.map((flaw) => `  - ${flaw}`),
    ]),
  ];
}

function row({ recipe, networks }: RecipeDescription): string[] {
  const { imageSize, width, channels, batchSize, data } = recipe.defaults;
  const [generator, discriminator] = networks ?? [];
  return [
    recipe.name,
    data ?? 'a folder',
    `${imageSize}x${imageSize}x${channels}`,
    String(width),
    ...[generator?.parameters, discriminator?.parameters, generator?.macs, discriminator?.macs].map(millions),
    recipe.gan.objective(1).title,
    optimizer(recipe),
    String(batchSize),
  ];
}

/** As many digits as are worth reading: 3.60 M, 104 M. */
function millions(n: number | undefined): string {
  return n === undefined ? '-' : `${(n / 1e6).toPrecision(3)} M`;
}

function optimizer({ gan, defaults }: Pick<Recipe, 'gan' | 'defaults'>): string {
  const { betas, weightDecay } = gan.adam;
  const decay = weightDecay ? `, L2 ${weightDecay}` : '';
  return `Adam ${defaults.lr}, ${betas!.join(' ')}${decay}`;
}
