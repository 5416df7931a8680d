// A ZIP archive of pictures, such as the sprites of "Dive into Deep Learning": read as it is, nothing is unpacked to disk.

import type { DatasetOptions, ImageDataset } from '@forger/dcgan/internal';
import { ZipArchive } from '@forger/dcgan/internal';
import { CheckpointError, DataError } from '@forger/tensor';
import { readWhole } from './files.ts';
import { openPictures, PICTURE_NAME } from './pictures.ts';

export const ARCHIVE_NAME = /\.zip$/i;

/** What macOS adds to archives beside every file. */
const MACOS_COPY = /(^|\/)(__MACOSX\/|\._)/;

/**
 * Opens the pictures of an archive, in the order of their names. Throws DataError when it is damaged or holds none.
 */
export async function openArchive(file: string, options: DatasetOptions): Promise<ImageDataset> {
  const bytes = await readWhole(file);
  try {
    const archive = new ZipArchive(bytes);
    const names = archive.names().filter((name) => PICTURE_NAME.test(name) && !MACOS_COPY.test(name));
    if (names.length === 0) {
      throw new DataError(`'${file}' holds no pictures (PNG, JPEG, …); give another archive, or a folder.`);
    }
    const read = (name: string): Promise<Uint8Array> => archive.read(name);
    return await openPictures({ path: file, names: names.sort(), read }, options);
  } catch (error) {
    if (!(error instanceof CheckpointError)) throw error;
    throw new DataError(`'${file}': ${error.message}.`, { cause: error });
  }
}
