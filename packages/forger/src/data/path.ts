// Finds what lies at a path that a person gave: one file of a known form, or a folder with one data set in it.
import { stat } from 'node:fs/promises';
import path from 'node:path';
import {
  CIFAR_ARCHIVE,
  CIFAR_BATCH,
  CIFAR_PYTHON_BATCH,
  type DatasetOptions,
  didYouMean,
  IDX_NAME,
  type ImageDataset,
  labelNames,
  parseCifarPython,
} from '@forger/dcgan/internal';
import { DataError } from '@forger/tensor';
import { ARCHIVE_NAME, findInArchive, OTHER_ARCHIVE } from './archive.ts';
import { ARRAY_NAME, findInArrays } from './arrays.ts';
import { listFiles, readWhole, unreadable } from './files.ts';
import { NAMED_SETS } from './named.ts';
import { filesOf, ignoredNote, PICTURE_NAME } from './pictures.ts';
import { idxLabelsBeside, readCifarArchive, readCifarBatches, readIdx, readIdxLabels } from './raw-files.ts';
import { openSource, rawSource, type Source } from './source.ts';

const WANTED =
  'IDX images (plain or gzip), CIFAR-10 batches, numpy arrays (.npy, .npz), a ZIP or tar archive of pictures, or pictures (PNG, JPEG, WebP, GIF, AVIF, TIFF, BMP, PPM)';

/** Opens the data set at a path. Throws DataError when there is none, or more than one, or it is damaged. */
export async function openPath(target: string, options: DatasetOptions): Promise<ImageDataset> {
  return openSource(await findSource(target, options.labels), options);
}

/** Finds the data set at a path. @throws DataError as `openPath`. */
export async function findSource(target: string, labels = false): Promise<Source> {
  const found = await stat(target).catch((error: unknown) => {
    throw (error as NodeJS.ErrnoException).code === 'ENOENT'
      ? missing(target, error)
      : unreadable(target, error);
  });
  return found.isDirectory() ? findInFolder(target, labels) : findInFile(target, labels);
}

/** The DataError for a path where nothing is: a misspelt name of a set is taken for one. */
function missing(target: string, error: unknown): DataError {
  const known = ['glyphs', ...NAMED_SETS.map(({ name }) => name)];
  return new DataError(
    `'${target}' does not exist; check the spelling of the path, or name one of the sets ${known.join(', ')}${didYouMean(path.basename(target), known)}.`,
    { cause: error },
  );
}

async function findInFile(file: string, labels: boolean): Promise<Source> {
  if (PICTURE_NAME.test(file)) {
    throw new DataError(
      `'${file}' is one picture, and a data set was expected; give the folder that it is in.`,
    );
  }
  if (OTHER_ARCHIVE.test(file)) {
    throw new DataError(
      `'${file}' is an archive that is not read; unpack it and give the folder, or make it a ZIP.`,
    );
  }
  if (CIFAR_ARCHIVE.test(file)) return rawSource(file, await readCifarArchive(file, labels));
  if (ARCHIVE_NAME.test(file)) return findInArchive(file, labels);
  if (ARRAY_NAME.test(file)) return findInArrays(file, labels);
  if (/\.bin$/i.test(file)) return rawSource(file, await readCifarBatches([file], labels));
  if (CIFAR_PYTHON_BATCH.test(file)) return rawSource(file, await readPython([file]));
  return findIdx(file, file, labels, []);
}

async function readPython(files: readonly string[]): ReturnType<typeof readCifarBatches> {
  const batches: { name: string; bytes: Uint8Array }[] = [];
  for (const name of files) batches.push({ name, bytes: await readWhole(name) });
  return parseCifarPython(batches);
}

/**
 * An IDX image file, with the labels beside it when they are asked for. @param target the file, or the folder it is in.
 */
async function findIdx(
  target: string,
  file: string,
  labels: boolean,
  notes: readonly string[],
): Promise<Source> {
  const raw = await readIdx(file);
  if (!labels) return rawSource(target, raw, notes);
  const beside = await idxLabelsBeside(file);
  if (beside) return rawSource(target, await readIdxLabels(beside, file, raw), notes);
  const missing = `There are no labels: no ${labelNames(path.basename(file))[0]} lies beside ${path.basename(file)}.`;
  return rawSource(target, raw, [...notes, missing]);
}

async function findInFolder(folder: string, labels: boolean): Promise<Source> {
  const files = await listFiles(folder);
  const absolute = (names: string[]) => names.map((name) => path.join(folder, name));
  const idx = trainingIdx(files);
  const batches = files.filter((name) => CIFAR_BATCH.test(name));
  const python = files.filter((name) => CIFAR_PYTHON_BATCH.test(name));
  const cifar = batches.length > 0 ? [] : files.filter((name) => CIFAR_ARCHIVE.test(name));
  const folders = (names: string[], pattern: string) =>
    [...new Set(names.map((name) => path.posix.dirname(name)))].map((name) => `${name}/${pattern}`);
  const pictures = files.filter((name) => PICTURE_NAME.test(name));

  const sets = [
    ...idx,
    ...folders(batches, 'data_batch_*.bin'),
    ...folders(python, 'data_batch_*'),
    ...cifar,
  ];
  if (pictures.length > 0) sets.push(`${pictures.length} pictures`);
  // Archives and arrays count where there is nothing else: beside pictures they are often what these were
  // unpacked from.
  const packed =
    sets.length > 0 ? [] : files.filter((name) => ARCHIVE_NAME.test(name) || ARRAY_NAME.test(name));
  sets.push(...packed);
  if (sets.length > 1) {
    throw new DataError(
      `'${folder}' holds more than one data set (${sets.slice(0, 4).join(', ')}${sets.length > 4 ? ', …' : ''}), and ` +
        'one was expected; give the path of the file or folder that you mean.',
    );
  }
  if (idx.length > 0) {
    const notes = idx[0]!.includes('train') ? [] : [`No training images were found, so ${idx[0]} is used.`];
    return findIdx(folder, absolute(idx)[0]!, labels, notes);
  }
  if (batches.length > 0) return rawSource(folder, await readCifarBatches(absolute(batches), labels));
  if (python.length > 0) return rawSource(folder, await readPython(absolute(python)));
  if (cifar.length > 0) return rawSource(folder, await readCifarArchive(absolute(cifar)[0]!, labels));
  if (packed.length > 0) {
    const source = await findInFile(absolute(packed)[0]!, labels);
    return { ...source, notes: [`The pictures are those of ${packed[0]}.`, ...source.notes] };
  }
  if (pictures.length === 0) {
    const other = files.find((name) => OTHER_ARCHIVE.test(name));
    const content =
      files.length === 0
        ? 'is empty'
        : `holds ${files.length} files but no images${other === undefined ? '' : ` (${other} has to be unpacked)`}`;
    throw new DataError(`'${folder}' ${content}, and ${WANTED} were expected; give another folder.`);
  }
  return { kind: 'pictures', files: filesOf(folder, pictures), notes: ignoredNote(files) };
}

/** IDX image files, those for training if any is; of a plain file and its gzip twin only the plain one. */
function trainingIdx(files: string[]): string[] {
  const idx = files.filter((name) => IDX_NAME.test(name));
  const unique = idx.filter((name) => !(name.endsWith('.gz') && idx.includes(name.slice(0, -3))));
  const training = unique.filter((name) => path.posix.basename(name).includes('train'));
  return training.length > 0 ? training : unique;
}
