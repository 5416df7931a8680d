// `openDataset`: from what a person types after --data to pictures ready for training.

import type { DatasetOptions, ImageDataset } from '@forger/dcgan/internal';
import { openGlyphs } from '@forger/dcgan/internal';
import { ConfigError } from '@forger/tensor';
import { NAMED_SETS, openNamed } from './named.ts';
import { openPath } from './path.ts';

export type { DatasetOptions, ImageDataset } from '@forger/dcgan/internal';

/** The largest side that pictures are fitted to. */
const MAX_IMAGE_SIZE = 1024;

/**
 * Opens a data set: 'glyphs', 'mnist', 'fashion-mnist', 'cifar10', 'sprites', or the path of an IDX file, of a CIFAR-10
 * binary batch or archive, of a ZIP archive of pictures, or of a folder with one of these or with pictures. A
 * folder in the working directory that has a set's name is reached as './mnist'.
 *
 * Throws DataError for data that is missing, damaged or too little, and ConfigError for options out of range.
 */
export async function openDataset(spec: string, options: DatasetOptions): Promise<ImageDataset> {
  const { imageSize, channels } = options;
  if (!Number.isInteger(imageSize) || imageSize < 1 || imageSize > MAX_IMAGE_SIZE) {
    throw new ConfigError(
      `The image size is ${imageSize}; give an integer from 1 to ${MAX_IMAGE_SIZE} (pixels a side).`,
    );
  }
  if (channels !== 1 && channels !== 3) {
    throw new ConfigError(`The number of channels is ${channels}; give 1 (grey) or 3 (colour).`);
  }
  if (spec === 'glyphs') return openGlyphs(options);
  const named = NAMED_SETS.find((set) => set.name === spec);
  return named ? openNamed(named, options) : openPath(spec, options);
}
