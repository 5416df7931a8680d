// Classes of pictures by the sub-folders that they lie in, as torchvision's ImageFolder takes them.
import type { LabelSpec } from '@forger/dcgan/internal';
import { shown } from '@forger/dcgan/printable';

/** The classes of some pictures, by place; or, in a sentence, why there are none. */
export type FolderLabels = { classes: readonly string[]; labels: Uint32Array } | { none: string };

/**
 * The class of a picture is the first folder in its path, below the folders that all pictures share: many
 * archives have a single top folder. Classes are sorted by name, by code unit.
 * @param names paths with '/' between.
 */
export function folderLabels(names: readonly string[]): FolderLabels {
  const paths = names.map((name) => name.split('/'));
  const [first] = paths;
  let depth = 0;
  while (first && paths.every((path) => depth + 1 < path.length && path[depth] === first[depth])) depth++;
  const loose = paths.findIndex((path) => depth + 1 >= path.length);
  if (loose >= 0 || !first) {
    const example = first ? `, but ${shown(names[loose]!)} does not` : '';
    return { none: `There are no labels: every picture must lie in a folder of its class${example}.` };
  }
  const classes = [...new Set(paths.map((path) => path[depth]!))].sort();
  const labelOf = new Map(classes.map((name, label) => [name, label]));
  return { classes, labels: Uint32Array.from(paths, (path) => labelOf.get(path[depth]!)!) };
}

/** The labels of the pictures at some places. */
export function labelsAt(
  { classes, labels }: Exclude<FolderLabels, { none: string }>,
  places: readonly number[],
): LabelSpec {
  return { classes, read: (index) => labels[places[index]!]! };
}
