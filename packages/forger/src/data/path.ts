// Opens whatever a path leads to: an IDX or CIFAR-10 file, or a folder that holds one of these or pictures.
import { stat } from 'node:fs/promises';
import path from 'node:path';
import type { DatasetOptions, ImageDataset } from '@forger/dcgan/internal';
import { CIFAR_ARCHIVE, CIFAR_BATCH, IDX_NAME, labelNames, openRawImages } from '@forger/dcgan/internal';
import { DataError } from '@forger/tensor';
import { ARCHIVE_NAME, openArchive } from './archive.ts';
import { listFiles, unreadable } from './files.ts';
import { filesOf, openPictures, PICTURE_NAME } from './pictures.ts';
import { idxLabelsBeside, readCifarArchive, readCifarBatches, readIdx, readIdxLabels } from './raw-files.ts';

const WANTED =
  'IDX images (plain or gzip), CIFAR-10 binary batches, a ZIP archive of pictures, or pictures (PNG, JPEG, WebP, GIF, AVIF, TIFF)';

/** Opens the data set at a path. Throws DataError when there is none, or more than one, or it is damaged. */
export async function openPath(target: string, options: DatasetOptions): Promise<ImageDataset> {
  const found = await stat(target).catch((error: unknown) => {
    throw unreadable(target, error);
  });
  return found.isDirectory() ? openFolder(target, options) : openFile(target, options);
}

async function openFile(file: string, options: DatasetOptions): Promise<ImageDataset> {
  if (PICTURE_NAME.test(file)) {
    throw new DataError(
      `'${file}' is one picture, and a data set was expected; give the folder that it is in.`,
    );
  }
  if (ARCHIVE_NAME.test(file)) return openArchive(file, options);
  const label = path.basename(file);
  if (/\.t(ar\.)?gz$/i.test(file))
    return openRawImages(label, await readCifarArchive(file, options.labels), options);
  if (/\.bin$/i.test(file))
    return openRawImages(label, await readCifarBatches([file], options.labels), options);
  return openIdx(label, file, options, []);
}

/** Opens an IDX image file, and the labels beside it when they are asked for. */
async function openIdx(
  label: string,
  file: string,
  options: DatasetOptions,
  notes: readonly string[],
): Promise<ImageDataset> {
  const raw = await readIdx(file);
  if (!options.labels) return openRawImages(label, raw, options, notes);
  const labels = await idxLabelsBeside(file);
  if (labels) return openRawImages(label, await readIdxLabels(labels, file, raw), options, notes);
  const missing = `There are no labels: no ${labelNames(path.basename(file))[0]} lies beside ${path.basename(file)}.`;
  return openRawImages(label, raw, options, [...notes, missing]);
}

async function openFolder(folder: string, options: DatasetOptions): Promise<ImageDataset> {
  const files = await listFiles(folder);
  const absolute = (names: string[]) => names.map((name) => path.join(folder, name));
  const label = path.basename(path.resolve(folder));
  const idx = trainingIdx(files);
  const batches = files.filter((name) => CIFAR_BATCH.test(name));
  const archives = batches.length > 0 ? [] : files.filter((name) => CIFAR_ARCHIVE.test(name));
  const batchFolders = [...new Set(batches.map((name) => path.posix.dirname(name)))];
  const pictures = files.filter((name) => PICTURE_NAME.test(name));

  const sets = [...idx, ...batchFolders.map((name) => `${name}/data_batch_*.bin`), ...archives];
  if (pictures.length > 0) sets.push(`${pictures.length} pictures`);
  if (sets.length > 1) {
    throw new DataError(
      `'${folder}' holds more than one data set (${sets.slice(0, 4).join(', ')}${sets.length > 4 ? ', …' : ''}), and ` +
        'one was expected; give the path of the file or folder that you mean.',
    );
  }
  if (idx.length > 0) {
    const notes = idx[0]!.includes('train') ? [] : [`No training images were found, so ${idx[0]} is used.`];
    return openIdx(label, absolute(idx)[0]!, options, notes);
  }
  if (batches.length > 0)
    return openRawImages(label, await readCifarBatches(absolute(batches), options.labels), options);
  if (archives.length > 0)
    return openRawImages(label, await readCifarArchive(absolute(archives)[0]!, options.labels), options);
  if (pictures.length === 0) {
    const content = files.length === 0 ? 'is empty' : `holds ${files.length} files but no images`;
    throw new DataError(`'${folder}' ${content}, and ${WANTED} were expected; give another folder.`);
  }
  const dataset = await openPictures(filesOf(folder, pictures), options);
  const ignored = files.length - pictures.length;
  if (ignored === 0) return dataset;
  return {
    ...dataset,
    notes: [...dataset.notes, `Files ignored because they are not pictures: ${ignored}.`],
  };
}

/** IDX image files, those for training if any is; of a plain file and its gzip twin only the plain one. */
function trainingIdx(files: string[]): string[] {
  const idx = files.filter((name) => IDX_NAME.test(name));
  const unique = idx.filter((name) => !(name.endsWith('.gz') && idx.includes(name.slice(0, -3))));
  const training = unique.filter((name) => path.posix.basename(name).includes('train'));
  return training.length > 0 ? training : unique;
}
