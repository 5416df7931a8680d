// Memorisation: how far generated images are from the nearest real one, pixel by pixel. Images that a
// generator learned by heart are much nearer to training images than further real images (the floor) are.
// Give the training set as the real images: a copy of an image that is not among the N compared goes unseen.

import { nearest } from '../distances.ts';
import { meanAndVariance } from '../draws.ts';
import type { Matrix, Metric, Sample } from '../types.ts';
import { needPixels } from './needs.ts';

/** Generated images that are looked up. */
const MOST = 1000;
/** Larger images are averaged down to at most this side first. */
const SIDE = 32;
/** Generated images of which the nearest real one is told. */
const TOLD = 64;

/** A generated image and the real one nearest to it. */
export interface NearestPair {
  /** Place among the generated images of this seed. */
  readonly generated: number;
  /** Index in the real images' data set, where they have one, else place among the real images of this seed. */
  readonly real: number;
  /** Root of the mean squared difference of pixels, 0 to 1. */
  readonly distance: number;
}

export const nearestImages: Metric = {
  name: 'nearest',
  title:
    'distance of generated images from the nearest real one, pixel by pixel: far below the floor is memorisation',
  values: { nearest: { title: 'distance of nearest real image', better: 'smaller', ideal: 'floor' } },
  needs: ['pixels'],
  compute: async (generated, real, { device }) => {
    const count = Math.min(MOST, generated.count);
    const a = vectorsOf(generated, count);
    const b = known.get(real) ?? vectorsOf(real, real.count);
    known.set(real, b);
    const { indices, squares } = await nearest(a, b, 1, device);
    const distances = squares.map((square) => Math.sqrt(square / a.columns));
    const { mean, variance } = meanAndVariance(distances);
    const pairs: NearestPair[] = Array.from({ length: Math.min(TOLD, count) }, (_, i) => ({
      generated: i,
      real: real.indices?.[indices[i]!] ?? indices[i]!,
      distance: distances[i]!,
    }));
    return {
      values: { nearest: { value: mean, standardError: Math.sqrt(variance / count) } },
      details: { of: count, pairs },
    };
  },
};

const known = new WeakMap<Sample, Matrix>();

/** The first images' pixels, 0 to 1, averaged over squares where images are large. */
function vectorsOf(sample: Sample, count: number): Matrix {
  const pixels = needPixels(sample);
  const [channels, h, w] = sample.shape;
  const factor = Math.ceil(Math.max(h, w) / SIDE);
  const [oh, ow] = [Math.max(1, Math.floor(h / factor)), Math.max(1, Math.floor(w / factor))];
  const values = new Float32Array(count * channels * oh * ow);
  let to = 0;
  for (let plane = 0; plane < count * channels; plane++)
    for (let i = 0; i < oh; i++)
      for (let j = 0; j < ow; j++, to++) {
        let [sum, area] = [0, 0];
        for (let y = i * factor; y < Math.min(h, (i + 1) * factor); y++)
          for (let x = j * factor; x < Math.min(w, (j + 1) * factor); x++, area++)
            sum += pixels[(plane * h + y) * w + x]!;
        values[to] = sum / (255 * area);
      }
  return { rows: count, columns: channels * oh * ow, values };
}
