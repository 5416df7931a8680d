// `sample`: a grid of new pictures from a trained generator.

import { drawLatent, generate, loadWeights, PIXELS } from '@forger/dcgan/internal';
import { CheckpointError, createDevice, Rng } from '@forger/tensor';
import { writeGrid } from '../report/grid.ts';
import type { Sample } from '../train/types.ts';
import { openSource } from './source.ts';

/** What to say of a run that cannot be sampled. */
export function untrained(path: string): CheckpointError {
  return new CheckpointError(
    `${path} has no checkpoint yet: wait for the first one, or continue the run with --resume ${path}`,
  );
}

/** Pictures drawn at once; it bounds the memory, whatever the count. */
const BATCH = 64;

/**
 * Draws pictures as `Sample` says, with the running statistics where the recipe ever uses them, so that a picture depends
 * on its latent alone. The first n pictures of a seed are the same for every count.
 * @throws ConfigError when a path cannot be read or written; CheckpointError when the source is damaged, foreign or
 * not trained yet; DeviceError without an adapter.
 */
export const sample: Sample = async (path, { count, seed, out, key }) => {
  const opened = await openSource(path, key);
  const device = await createDevice();
  try {
    const { recipe, sizes, build, weights, notes } = opened.find('generator', device);
    if (!weights) throw untrained(path);
    const random = new Rng(seed, { device });
    const { generator } = device.scope(() => build(random));
    notes.push(...(await loadWeights(generator, weights)));
    random.manualSeed(seed);
    const mode = recipe.alwaysBatchStatistics ? 'train' : 'eval';
    const { imageSize, channels } = sizes;
    const size = channels * imageSize * imageSize;
    const pictures = new Float32Array(count * size);
    for (let done = 0; done < count; done += BATCH) {
      // Whole batches, also at the end: fewer latents would draw other numbers from the stream.
      const batch = device.scope(() =>
        generate(generator, drawLatent(recipe, sizes.latentSize, BATCH, random), mode),
      );
      const values = (await batch.data()) as Float32Array;
      batch.dispose();
      pictures.set(values.subarray(0, Math.min(BATCH, count - done) * size), done * size);
    }
    const range = PIXELS[recipe.pixelRange];
    const { channelOrder } = recipe;
    const grid = { count, channels, height: imageSize, width: imageSize, range, channelOrder };
    const { width, height } = await writeGrid(out, pictures, grid);
    return { path: out, width, height, notes };
  } finally {
    device.destroy();
  }
};
