// How much a set of images varies, in raw pixels and on the host: a check of previews against training data,
// cheap enough for every preview. packages/dcgan/src/evaluate measures the same properties in features, of
// more images.

/** Images of one shape, one behind the other. */
export interface ImageSet {
  readonly values: Float32Array;
  /** Numbers in an image. */
  readonly size: number;
}

export interface Diversity {
  /** Root mean square distance of the images from their mean, per pixel, in the pixels' own units. */
  readonly spread: number;
  /** Median over the images of the Euclidean distance to the nearest other one. */
  readonly nearest: number;
}

/** Longest side of images that are compared. */
const SIDE = 16;

/**
 * Images of at most 16 pixels a side, by means over squares: a copy stays a copy, noise of single pixels does
 * not hide it, and it costs the same for images of any size. Pixels at the right and lower edge that fill no
 * square are left out.
 * @param values [N, channels, height, width].
 */
export function thumbnails(
  values: Float32Array,
  [channels, height, width]: readonly [channels: number, height: number, width: number],
): ImageSet {
  const factor = Math.ceil(Math.max(height, width) / SIDE);
  if (factor === 1) return { values, size: channels * height * width };
  const [rows, columns] = [Math.floor(height / factor), Math.floor(width / factor)];
  const planes = values.length / (height * width);
  const small = new Float32Array(planes * rows * columns);
  for (let plane = 0; plane < planes; plane++) {
    for (let y = 0; y < rows * factor; y++) {
      for (let x = 0; x < columns * factor; x++) {
        const to = (plane * rows + Math.floor(y / factor)) * columns + Math.floor(x / factor);
        small[to]! += values[(plane * height + y) * width + x]! / factor ** 2;
      }
    }
  }
  return { values: small, size: channels * rows * columns };
}

export function countOf({ values, size }: ImageSet): number {
  return Math.floor(values.length / size);
}

/** @param images at least two. */
export function diversity(images: ImageSet): Diversity {
  return { spread: spread(images), nearest: median(nearestOthers(images)) };
}

function spread({ values, size }: ImageSet): number {
  const count = Math.floor(values.length / size);
  let sum = 0;
  for (let p = 0; p < size; p++) {
    let mean = 0;
    for (let n = 0; n < count; n++) mean += values[n * size + p]! / count;
    for (let n = 0; n < count; n++) sum += (values[n * size + p]! - mean) ** 2;
  }
  return Math.sqrt(sum / (count * size));
}

/** For each image the Euclidean distance to the nearest other one of the set. */
export function nearestOthers(images: ImageSet): number[] {
  const count = countOf(images);
  const nearest = new Float64Array(count).fill(Number.POSITIVE_INFINITY);
  for (let a = 0; a < count; a++) {
    for (let b = 0; b < a; b++) {
      const found = squaredDistance(images, a, images, b, Math.max(nearest[a]!, nearest[b]!));
      if (found < nearest[a]!) nearest[a] = found;
      if (found < nearest[b]!) nearest[b] = found;
    }
  }
  return Array.from(nearest, Math.sqrt);
}

/** For each image the Euclidean distance to the nearest one of another set. */
export function nearestIn(images: ImageSet, others: ImageSet): number[] {
  return Array.from({ length: countOf(images) }, (_, a) => {
    let nearest = Number.POSITIVE_INFINITY;
    for (let b = 0; b < countOf(others); b++)
      nearest = Math.min(nearest, squaredDistance(images, a, others, b, nearest));
    return Math.sqrt(nearest);
  });
}

/** Values between two looks at the limit. */
const STRIDE = 64;

/** The squared distance of two images; once it is known to be `limit` or more, some number that is no less. */
function squaredDistance(one: ImageSet, a: number, other: ImageSet, b: number, limit: number): number {
  const { values: left, size } = one;
  const right = other.values;
  const end = (a + 1) * size;
  const apart = (b - a) * size;
  let sum = 0;
  for (let i = a * size; i < end && sum < limit; ) {
    for (const until = Math.min(i + STRIDE, end); i < until; i++) {
      const difference = left[i]! - right[i + apart]!;
      sum += difference * difference;
    }
  }
  return sum;
}

/** The middle value; of an even number of values the lower of the two in the middle. */
export function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor((values.length - 1) / 2)] ?? Number.NaN;
}
