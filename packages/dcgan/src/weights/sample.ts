// New pictures from a generator that was found in a file.

import { CheckpointError, type Device, Rng } from '@forger/tensor';
import type { GridOptions } from '../data/grid.ts';
import { drawLatent, generate, PIXELS } from '../train/step.ts';
import type { Source } from './find-network.ts';
import { loadWeights } from './load.ts';

export interface SamplePicturesOptions {
  count: number;
  /** An integer from 0 to 2^32-1. */
  seed: number;
  device: Device;
}

export interface SampledPictures {
  /** count × channels × height × width values. */
  pictures: Float32Array;
  /** What they are, as `gridPixels` wants to know it. */
  grid: GridOptions;
  /** How the weights were understood and what was done to them, where that is not plain. */
  notes: readonly string[];
}

/** Pictures drawn at once; it bounds the memory, whatever the count. */
const BATCH = 64;

/**
 * Draws pictures from a generator, with the running statistics where the recipe ever uses them, so that a picture depends
 * on its latent alone. The first n pictures of a seed are the same for every count.
 * @throws CheckpointError for a source without weights, or whose weights do not fit.
 */
export async function samplePictures(
  { recipe, sizes, build, weights, notes }: Source,
  { count, seed, device }: SamplePicturesOptions,
): Promise<SampledPictures> {
  if (!weights) throw new CheckpointError('there are no weights to sample from yet');
  const random = new Rng(seed, { device });
  const networks = device.scope(() => build(random));
  const { generator } = networks;
  try {
    const loaded = await loadWeights(generator, weights);
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
    return { pictures, grid, notes: [...notes, ...loaded] };
  } finally {
    for (const network of [generator, networks.discriminator]) network.dispose();
    random.dispose();
  }
}
