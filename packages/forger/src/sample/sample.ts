// `sample`: a grid of new pictures from a trained generator.

import { PIXELS } from '@forger/dcgan';
import { loadWeights } from '@forger/dcgan/internal';
import { CheckpointError, ConfigError, createDevice, noGrad, Rng } from '@forger/tensor';
import { writeGrid } from '../report/grid.ts';
import type { Sample } from '../train/types.ts';
import { findEither, openSource } from './source.ts';

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
    const { task, sizes, inputs, build, weights, all, notes } = findEither(opened, device);
    if (!weights) throw untrained(path);
    const rng = new Rng(seed, { device });
    const networks = device.scope(() => build(rng));
    for (const [name, entries] of all) notes.push(...(await loadWeights(networks[name]!, entries)));
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
    const { width, height } = await writeGrid(out, pictures, grid);
    return { path: out, width, height, notes };
  } finally {
    device.destroy();
  }
};

function noData(name: string): () => never {
  return () => {
    throw new ConfigError(
      `The pictures of the recipe ${name} are made from data, so none can be drawn from its weights alone: see the grids in the run's folder`,
    );
  };
}
