// Where a run's data and its recipe's file lie. config.json has each as an absolute path and as one from the
// run folder, so that a folder that was copied or moved together with its data finds them.

import { stat } from 'node:fs/promises';
import { isAbsolute, relative, resolve } from 'node:path';
import { DataError } from '@forger/tensor';
import { NAMED_SETS } from '../data/named.ts';
import { isTaskFile } from '../recipes/task-file.ts';
import type { TrainConfig } from './config.ts';

/** Settings that may be paths, and the flag that says each anew. */
const FLAGS = { data: '--data', dataB: '--data-b', dataDir: '--data-dir', recipe: '--recipe' } as const;
type Place = keyof typeof FLAGS;
const PLACES = Object.keys(FLAGS) as Place[];

/** Whether a data set is one that Forger knows by name. */
export function isNamedSet(data: string): boolean {
  return data === 'glyphs' || NAMED_SETS.some(({ name }) => name === data);
}

const isPath = (place: Place, value: string): boolean =>
  place === 'recipe' ? isTaskFile(value) : place === 'dataDir' || !isNamedSet(value);

/** Settings with every path as it is now, and a sentence for each that was found elsewhere than before. */
export interface Found {
  readonly config: TrainConfig;
  readonly notes: readonly string[];
}

/**
 * Finds what a run needs: where config.json says, else at the same place from the run folder.
 * @param folder the run folder.
 * @param resumed name the flag that says where something is now: a new run has just been told.
 * @throws DataError when something is at neither place, with both.
 */
export async function findPlaces(config: TrainConfig, folder: string, resumed: boolean): Promise<Found> {
  const notes: string[] = [];
  const absolute: Partial<Record<Place, string>> = {};
  const fromRun: Partial<Record<Place, string>> = {};
  for (const place of PLACES) {
    const value = config[place];
    if (value === undefined || !isPath(place, value)) continue;
    const path = await findPlace(config, place, folder, resumed);
    if (path !== resolve(value)) notes.push(`${value} is not there any more; ${path} is taken.`);
    absolute[place] = path;
    const from = relative(resolve(folder), path);
    if (!isAbsolute(from)) fromRun[place] = from; // on Windows it may be on another drive
  }
  if (Object.keys(absolute).length === 0) return { config, notes };
  return { config: { ...config, ...absolute, fromRun }, notes };
}

/** The path of one setting that is a path. */
async function findPlace(
  config: TrainConfig,
  place: Place,
  folder: string,
  resumed: boolean,
): Promise<string> {
  const told = resolve(config[place]!);
  const from = config.fromRun?.[place];
  const beside = from === undefined ? told : resolve(folder, from);
  for (const path of [told, beside]) if (await exists(path)) return path;
  if (!resumed) return told; // what opens it says that it is missing
  const looked = told === beside ? told : `${told} nor at ${beside}`;
  const what = place === 'recipe' ? "the run's recipe is" : "the run's data are";
  const rest =
    place === 'recipe'
      ? ''
      : '. Data of the same fingerprint go on to the same bytes, wherever they lie and whatever they are called';
  throw new DataError(
    `${folder}: ${what} ${told === beside ? 'not at' : 'neither at'} ${looked}: say where they are now, with --resume ${folder} ${FLAGS[place]} PATH${rest}.`,
  );
}

/** The recipe of a run that is looked at: a name, or where its file is now. */
export async function findRecipeOf(config: TrainConfig, folder: string): Promise<string> {
  const { recipe, fromRun } = config;
  if (!isTaskFile(recipe) || fromRun?.recipe === undefined || (await exists(recipe))) return recipe;
  const beside = resolve(folder, fromRun.recipe);
  return (await exists(beside)) ? beside : recipe;
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}
