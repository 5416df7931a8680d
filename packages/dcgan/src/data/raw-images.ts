// Uncompressed pictures of one size held in memory, fitted as they are read: the common end of IDX and CIFAR files.
import { DataError } from '@forger/tensor';
import { sha256OfBytes, sha256OfText } from '../sha256.ts';
import { Fitter } from './fit.ts';
import { imageDataset, type LabelSpec } from './image-dataset.ts';
import type { DatasetOptions, ImageDataset } from './types.ts';

/** Pictures as they stand in files: each record is `skip` bytes of something else, then the channel-first pixels. */
export interface RawPictures {
  channels: 1 | 3;
  height: number;
  width: number;
  skip: number;
  /** Whole records each. */
  parts: Uint8Array[];
  label?: LabelSpec | undefined;
}

/** How raw images are resized. */
export type FitOptions = Pick<DatasetOptions, 'imageSize' | 'channels' | 'minImages'>;

/** A set of raw pictures. */
export interface RawDataset extends ImageDataset {
  /** SHA-256 of all pixels in order, before fitting. */
  readonly pixelHash: string;
}

/** Raw pictures as a data set. @throws DataError when there are fewer pictures than `options.minImages`. */
export async function openRawImages(
  name: string,
  raw: RawPictures,
  options: FitOptions,
  notes: readonly string[] = [],
): Promise<RawDataset> {
  const { imageSize, channels, minImages = 2 } = options;
  const recordBytes = raw.skip + raw.channels * raw.height * raw.width;
  const length = raw.parts.reduce((sum, part) => sum + part.length / recordBytes, 0);
  if (length < minImages) {
    throw new DataError(
      `'${name}' holds ${length} images, and at least ${minImages} are needed; give a larger data set.`,
    );
  }
  const fitter = new Fitter(raw.channels, raw.height, raw.width, channels, imageSize);
  const pixelHash = await sha256OfBytes(pixelsOf(raw, recordBytes));
  const form = ['raw', raw.channels, raw.height, raw.width, length, imageSize, channels];
  const dataset = imageDataset({
    name,
    length,
    channels,
    height: imageSize,
    width: imageSize,
    notes,
    fingerprint: sha256OfText(`${form.join(' ')} ${pixelHash}`),
    label: raw.label,
    read(index, out, offset) {
      let at = index * recordBytes;
      for (const part of raw.parts) {
        if (at < part.length) {
          fitter.fit(part, at + raw.skip, out, offset);
          return;
        }
        at -= part.length;
      }
    },
  });
  return Object.assign(dataset, { pixelHash });
}

/** All pixels in order, without what lies between them; of one part that is nothing else, a view of it. */
function pixelsOf({ parts, skip }: RawPictures, recordBytes: number): Uint8Array<ArrayBuffer> {
  const [first, ...others] = parts;
  if (first && others.length === 0 && skip === 0 && first.buffer instanceof ArrayBuffer)
    return first as Uint8Array<ArrayBuffer>;
  const pixels = recordBytes - skip;
  const all = new Uint8Array(parts.reduce((sum, part) => sum + (part.length / recordBytes) * pixels, 0));
  let to = 0;
  for (const part of parts) {
    for (let at = skip; at < part.length; at += recordBytes, to += pixels)
      all.set(part.subarray(at, at + pixels), to);
  }
  return all;
}
