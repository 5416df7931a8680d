// The size and channels of a new run where neither a flag nor a recipe on its own data fixes them: as the
// pictures have them.
import { type AnyTask, recipes } from '@forger/dcgan';
import { LIMITS } from '@forger/dcgan/internal';
import { ConfigError } from '@forger/tensor';
import { lookAt } from '../data/facts.ts';
import type { TrainOverrides } from './config.ts';

type Sizes = Pick<TrainOverrides, 'imageSize' | 'channels'>;

/**
 * What follows from the data, and a sentence on it. Colour stays colour, and grey stays grey. Pictures of
 * one's own that are smaller than the recipe's are trained at the smallest size that holds them.
 * @throws DataError when the data cannot be read.
 */
export async function sizesFromData(
  task: Pick<AnyTask, 'name' | 'defaults' | 'checkSizes'>,
  given: TrainOverrides,
): Promise<{ sizes: Sizes; notes: string[] }> {
  const { data, dataB, background, imageSize, channels } = given;
  const none = { sizes: {}, notes: [] };
  if (data === undefined || data === task.defaults?.data) return none;
  if (imageSize !== undefined && channels !== undefined) return none;
  const facts = await lookAt(data, background);
  if (!facts) return none;
  const other = dataB === undefined ? undefined : await lookAt(dataB, background);
  const colour = facts.channels === 3 || other?.channels === 3;
  const { imageSize: size = 32, channels: own = 1, width = 32 } = task.defaults ?? {};
  const sizes: Sizes = {};
  const notes: string[] = [];
  if (channels === undefined) {
    sizes.channels = colour ? 3 : 1;
    if (sizes.channels !== own)
      notes.push(
        colour
          ? `The pictures are in colour, so they are trained in colour (--channels 1 makes them grey; the recipe's own default is grey).`
          : `The pictures are grey, so one channel is trained (--channels 3 trains three, as the recipe's own default does).`,
      );
  }
  const side = Math.min(facts.side ?? Number.POSITIVE_INFINITY, other?.side ?? Number.POSITIVE_INFINITY);
  if (imageSize === undefined && side < size) {
    const fitting = sizesOf(task, width).find((candidate) => candidate >= side && candidate < size);
    if (fitting !== undefined) {
      sizes.imageSize = fitting;
      notes.push(
        `The pictures are ${side} pixels high or wide, so they are trained at ${fitting}×${fitting} (--image-size ${size} is the recipe's own default).`,
      );
    }
  }
  return { sizes, notes };
}

/** The sizes up to 256 that a recipe can make. */
function sizesOf({ checkSizes }: Pick<AnyTask, 'checkSizes'>, width: number): number[] {
  const all: number[] = [];
  for (let imageSize: number = LIMITS.imageSize.least; imageSize <= 256; imageSize++)
    if (canMake(checkSizes, imageSize, width)) all.push(imageSize);
  return all;
}

function canMake(checkSizes: AnyTask['checkSizes'], imageSize: number, width: number): boolean {
  try {
    checkSizes?.({ imageSize, width });
    return true;
  } catch (error) {
    if (error instanceof ConfigError) return false;
    throw error;
  }
}

/**
 * Checks the size of a run's pictures.
 * @throws ConfigError with the sizes that the recipe can make, and the recipes that could make this one.
 */
export function checkSizes(
  task: Pick<AnyTask, 'name' | 'defaults' | 'checkSizes'>,
  { imageSize, width }: { imageSize: number; width: number },
): void {
  try {
    task.checkSizes?.({ imageSize, width });
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    // The width may be what is wrong.
    if (canMake(task.checkSizes, imageSize, task.defaults?.width ?? width)) throw error;
    const others = Object.values(recipes).filter(
      (recipe) => recipe.name !== task.name && canMake(recipe.checkSizes, imageSize, recipe.defaults.width),
    );
    const could =
      others.length === 0
        ? ''
        : ` Pictures of ${imageSize} pixels are made by the ${others.length === 1 ? 'recipe' : 'recipes'} ${others.map(({ name }) => name).join(', ')}.`;
    throw new ConfigError(`${error.message}${could}`, { cause: error });
  }
}
