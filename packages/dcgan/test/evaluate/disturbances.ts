// Real images spoilt in known ways, to see what each metric makes of it.

import { type ImageSource, Random } from '@forger/dcgan/internal';

/** Not among the streams of evaluation. */
const STREAM = 0x20000;

/** Changes each batch of another source; `random` is of the image, whatever batch it comes in. */
function each(
  source: ImageSource,
  name: string,
  change: (image: Uint8Array, random: Random) => void,
): ImageSource {
  const size = source.shape.reduce((a, b) => a * b, 1);
  return {
    name: `${source.name}, ${name}`,
    shape: source.shape,
    length: source.length,
    async *batches(count, seed, part) {
      let index = 0;
      for await (const batch of source.batches(count, seed, part)) {
        const changed = batch.slice();
        for (let at = 0; at < changed.length; at += size)
          change(changed.subarray(at, at + size), new Random(seed, STREAM, index++));
        yield changed;
      }
    },
  };
}

/** Adds normal noise. @param deviation in units of 0..255. */
export function noisy(source: ImageSource, deviation: number): ImageSource {
  return each(source, `noise of ${deviation}`, (image, random) => {
    for (let i = 0; i < image.length; i++)
      image[i] = Math.max(0, Math.min(255, Math.round(image[i]! + random.normal(deviation))));
  });
}

/** The mean over a square of 2·radius + 1 pixels. */
export function blurred(source: ImageSource, radius: number): ImageSource {
  const [channels, h, w] = source.shape;
  return each(source, `blur of radius ${radius}`, (image) => {
    const from = image.slice();
    for (let c = 0; c < channels; c++)
      for (let y = 0; y < h; y++)
        for (let x = 0; x < w; x++) {
          let [sum, area] = [0, 0];
          for (let v = Math.max(0, y - radius); v <= Math.min(h - 1, y + radius); v++)
            for (let u = Math.max(0, x - radius); u <= Math.min(w - 1, x + radius); u++, area++)
              sum += from[(c * h + v) * w + u]!;
          image[(c * h + y) * w + x] = Math.round(sum / area);
        }
  });
}

/** One image, again and again. */
export function repeated(source: ImageSource): ImageSource {
  let first: Uint8Array | undefined;
  return {
    ...each(source, 'one repeated', (image) => {
      first ??= image.slice();
      image.set(first);
    }),
    length: undefined,
  };
}

/** Images whose class is not among `missing`, in the order of the source's seed. */
export function withoutClasses(
  source: ImageSource,
  labelOf: (index: number) => number,
  missing: readonly number[],
): ImageSource {
  const size = source.shape.reduce((a, b) => a * b, 1);
  return {
    name: `${source.name}, without ${missing.join(', ')}`,
    shape: source.shape,
    length: undefined,
    async *batches(count, seed, part = 0) {
      // Twice as many as needed: enough while less than half of the classes are missing.
      const indices = source.indices!(2 * count, seed, part);
      let [at, left] = [0, count];
      for await (const batch of source.batches(2 * count, seed, part)) {
        for (let i = 0; i < batch.length && left > 0; i += size, at++) {
          if (missing.includes(labelOf(indices[at]!))) continue;
          left--;
          yield batch.subarray(i, i + size);
        }
      }
    },
  };
}
