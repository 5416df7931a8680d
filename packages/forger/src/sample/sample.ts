// `sample`: a grid of new pictures from a trained generator.

import { checkFinite, findEither, samplePictures } from '@forger/dcgan';
import { CheckpointError, createDevice } from '@forger/tensor';
import { writeGrid } from '../report/grid.ts';
import type { Sample } from '../train/types.ts';
import { openSource } from './source.ts';

/** What to say of a run that cannot be sampled. */
export function untrained(path: string): CheckpointError {
  return new CheckpointError(
    `${path} has no checkpoint yet: wait for the first one, or continue the run with --resume ${path}`,
  );
}

/**
 * Draws pictures as `Sample` says, and as `samplePictures` draws them.
 * @throws ConfigError when a path cannot be read or written; CheckpointError when the source is damaged, foreign or
 * not trained yet, or when its weights hold NaN; DeviceError without an adapter.
 */
export const sample: Sample = async (path, { count, seed, out, allowNan = false, ...how }) => {
  const opened = await openSource(path, how);
  const device = await createDevice();
  try {
    const source = findEither(opened, device);
    if (!source.weights) throw untrained(path);
    if (opened.kind === 'weights' && source.network !== 'generator')
      throw new CheckpointError(
        `${path} is a discriminator, which judges pictures and draws none: sample a generator's weights (forger info ${path} shows the layers)`,
      );
    for (const weights of source.all.values())
      source.notes.push(...(await checkFinite(path, weights, allowNan)));
    const { pictures, grid, notes } = await samplePictures(source, { count, seed, device });
    const { width, height } = await writeGrid(out, pictures, grid);
    return { path: out, width, height, notes };
  } finally {
    device.destroy();
  }
};
