// `forger info`: prints what a recipe, a run or a weight file holds.

import { existsSync } from 'node:fs';
import { recipes, writeNetworkJson } from '@forger/dcgan/internal';
import { ConfigError } from '@forger/tensor';
import { writeAtomic } from '../atomic-file.ts';
import { findingText } from '../info/findings.ts';
import { describe } from '../info/info.ts';
import { describeRecipe } from '../info/recipes.ts';
import type { SourceOptions } from '../sample/source.ts';
import type { Description, NetworkDescription } from '../train/types.ts';
import { evaluationLines } from './evaluation-table.ts';
import { remark, say } from './print.ts';
import { bestBy } from './progress.ts';
import { tableLines } from './table.ts';

/** @returns the exit code. @throws ForgerError */
export async function runInfo(
  source: string,
  { describe: to, ...flags }: SourceOptions & { describe?: string },
): Promise<number> {
  const isRecipe = Object.hasOwn(recipes, source) && !existsSync(source);
  const description = await (isRecipe ? describeRecipe(source) : describe(source, flags));
  for (const note of description.notes) remark(note);
  if (to !== undefined) {
    if (!description.plan)
      throw new ConfigError(
        `${source}: a description was asked for, and only bare weights whose layers all have a name in it have one`,
      );
    await writeAtomic(to, new TextEncoder().encode(writeNetworkJson(description.plan)));
    say(`${to}: the network; correct it and give it back with --network ${to}`);
  }
  for (const line of descriptionLines(description)) say(line);
  return 0;
}

/** The description as lines of text. */
export function descriptionLines(description: Description): string[] {
  const { source, kind, recipe, config, step, networks } = description;
  const trained = step === undefined ? '' : `, ${count(step)} steps`;
  const settings =
    config === undefined
      ? []
      : Object.entries(config).filter(([name]) => name !== 'version' && name !== 'kernels');
  return [
    kind === 'recipe' ? `${source}: recipe` : `${source}: ${kind} of recipe ${recipe}${trained}`,
    ...(settings.length > 0
      ? ['', ...tableLines(settings.map(([name, value]) => [name, String(value)]))]
      : []),
    ...networks.flatMap((network) => ['', ...networkLines(network)]),
    ...howItWentLines(description),
  ];
}

/** The last evaluation, the best checkpoint, and what went wrong. */
function howItWentLines({ evaluation, best, findings = [] }: Description): string[] {
  return [
    ...(evaluation
      ? ['', ...evaluationLines(evaluation, `evaluation at step ${count(evaluation.step)}`)]
      : []),
    ...(best ? ['', `best checkpoint: step ${count(best.step)}, ${bestBy(best)}, ${best.path}`] : []),
    ...findings.flatMap((finding) => ['', `${finding.title}.`, `  ${findingText(finding)}`]),
  ];
}

function networkLines({ name, layers, parameters, macs }: NetworkDescription): string[] {
  const rows = layers.map((row) => [
    row.name,
    row.layer,
    row.output.join('x'),
    count(row.parameters),
    count(row.macs),
  ]);
  return tableLines(
    [
      [name, 'layer', 'output', 'parameters', 'multiply-adds'],
      ...rows,
      ['', '', 'in all', count(parameters), count(macs)],
    ],
    [2, 3, 4],
  );
}

function count(n: number): string {
  return n.toLocaleString('en');
}
