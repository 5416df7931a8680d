// New pictures from a generator that was found in a file.

import { CheckpointError, ConfigError, type Device, noGrad, Rng } from '@forger/tensor';
import type { GridOptions } from '../data/grid.ts';
import { PIXELS } from '../train/task.ts';
import type { FoundNetwork } from './find-network.ts';
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
 * Draws pictures as the task's preview does, with the running statistics where the recipe ever uses them, so
 * that a picture depends on its latent alone. The first n pictures of a seed are the same for every count.
 * @throws CheckpointError for a source without weights, or whose weights do not fit; ConfigError for a task
 * whose pictures are made from data.
 */
export async function samplePictures(
  { task, sizes, inputs, build, weights, all, notes, what }: FoundNetwork,
  { count, seed, device }: SamplePicturesOptions,
): Promise<SampledPictures> {
  if (!weights) throw new CheckpointError('there are no weights to draw pictures from yet');
  const rng = new Rng(seed, { device });
  const networks = device.scope(() => build(rng));
  try {
    const loaded: string[] = [];
    for (const [name, entries] of all) loaded.push(...(await loadWeights(networks[name]!, entries, what)));
    rng.manualSeed(seed);
    const { imageSize, channels } = sizes;
    const size = channels * imageSize * imageSize;
    const pictures = new Float32Array(count * size);
    for (let done = 0; done < count; done += BATCH) {
      // Whole batches, also at the end: fewer latents would draw other numbers from the stream.
      const batch = device.scope(() => {
        const context = { sizes, inputInfos: inputs };
        const fixed = task.fixed({ ...context, count: BATCH, rng, data: noData(task.name) });
        return noGrad(() => task.preview({ ...context, networks, fixed, purpose: 'sample' }));
      });
      const values = (await batch.data()) as Float32Array;
      batch.dispose();
      pictures.set(values.subarray(0, Math.min(BATCH, count - done) * size), done * size);
    }
    const { pixelRange = 'tanh', channelOrder } = task;
    const range = PIXELS[pixelRange];
    const grid = { count, channels, height: imageSize, width: imageSize, range, channelOrder };
    return { pictures, grid, notes: [...notes, ...loaded] };
  } finally {
    for (const network of Object.values(networks)) network.dispose();
    rng.dispose();
  }
}

function noData(name: string): () => never {
  return () => {
    throw new ConfigError(
      `The pictures of the recipe ${name} are made from data, so none can be drawn from its weights alone: see the grids in the run's folder`,
    );
  };
}
