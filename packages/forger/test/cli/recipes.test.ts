// What `forger recipes` and `forger info NAME` say of the recipes.

import { describeRecipe, describeRecipes } from '@forger/cli';
import { recipes } from '@forger/dcgan';
import { expect, test } from 'vitest';
import { recipeLines } from '../../src/cli/recipes.ts';

test('forger recipes shows every recipe in a row, and its source and flaws below', async () => {
  const lines = recipeLines(await describeRecipes());
  const chainer = lines.find((line) => line.startsWith('chainer '))!;
  expect(chainer.split(/ {2,}/)).toEqual(
    ['chainer', 'cifar10', '32x32x3', '512', '3.60 M', '5.86 M', '103 M', '216 M'].concat([
      'BCE of logits',
      'Adam 0.0002, 0.5 0.999, L2 0.0001',
      '50',
    ]),
  );
  for (const { name, source, flaws } of Object.values(recipes)) {
    expect(lines.filter((line) => line.startsWith(`${name} `))).toHaveLength(1);
    const at = lines.findIndex((line) => line.startsWith(`${name}: `));
    expect(lines.slice(at + 1, at + 2 + flaws.length)).toEqual([
      `  ${source}`,
      ...flaws.map((flaw) => `  - ${flaw}`),
    ]);
    expect(flaws.every((flaw) => flaw.endsWith('.'))).toBe(true);
  }
  expect(recipeLines([{ recipe: recipes.quick! }]).join('\n')).toContain('No adapter answers');
});

test('a recipe is described by its name, layer by layer', async () => {
  const { kind, networks } = await describeRecipe('vanilla');
  expect(kind).toBe('recipe');
  expect(networks.map(({ name, parameters, macs }) => [name, parameters, macs])).toEqual([
    ['generator', 1_486_352, 1_483_776],
    ['discriminator', 1_460_225, 1_458_432],
  ]);
  expect(networks[0]!.layers.at(-1)).toMatchObject({ name: 'reshape', output: [1, 28, 28] });
  await expect(describeRecipe('gan')).rejects.toThrow("The recipe 'gan' was asked for");
});
