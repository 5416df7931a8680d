// Archives of pictures: ZIP, such as the sprites of "Dive into Deep Learning", and tar, plain or gzipped.
// They are read as they are, nothing is unpacked to disk. CIFAR-10 is published as a tar.gz too.

import path from 'node:path';
import {
  CIFAR_BATCH,
  CIFAR_PYTHON_BATCH,
  type DatasetOptions,
  type ImageDataset,
  parseCifarArchive,
  parseCifarPython,
  readTar,
  ZipArchive,
} from '@forger/dcgan/internal';
import { CheckpointError, DataError } from '@forger/tensor';
import { MAX_BYTES, readInflated, readWhole } from './files.ts';
import { ignoredNote, PICTURE_NAME } from './pictures.ts';
import { openSource, rawSource, type Source } from './source.ts';

const TAR_NAME = /\.(tar|tar\.gz|tgz)$/i;
export const ARCHIVE_NAME = /\.(zip|tar|tar\.gz|tgz)$/i;
/** Archives that are not read. */
export const OTHER_ARCHIVE = /\.(7z|rar|tar\.(xz|bz2|zst)|txz|tbz2?|xz|bz2|zst)$/i;

/** What macOS adds to archives beside every file. */
const HIDDEN = /(^|\/)(__MACOSX\/|\._)/;

/** @throws DataError when the archive is damaged, or holds no pictures. */
export async function findInArchive(file: string, labels = false): Promise<Source> {
  return TAR_NAME.test(file) ? findInTar(file, labels) : findInZip(file);
}

/** Opens the pictures of an archive, in the order of their names. @throws DataError as `findInArchive`. */
export async function openArchive(file: string, options: DatasetOptions): Promise<ImageDataset> {
  return openSource(await findInArchive(file, options.labels), options);
}

async function findInZip(file: string): Promise<Source> {
  const bytes = await readWhole(file);
  try {
    const archive = new ZipArchive(bytes);
    return picturesOf(file, archive.names(), (name) => archive.read(name));
  } catch (error) {
    if (!(error instanceof CheckpointError)) throw error;
    throw new DataError(`'${file}': ${error.message}.`, { cause: error });
  }
}

async function findInTar(file: string, labels: boolean): Promise<Source> {
  const archive = await readInflated(file, () => MAX_BYTES);
  const entries = readTar(archive, file);
  const named = (pattern: RegExp) => entries.filter(({ name }) => pattern.test(name) && !HIDDEN.test(name));
  if (named(CIFAR_BATCH).length > 0) return rawSource(file, parseCifarArchive(archive, file, labels));
  const python = named(CIFAR_PYTHON_BATCH).sort((a, b) => (a.name < b.name ? -1 : 1));
  if (python.length > 0) {
    const batches = python.map(({ name, bytes }) => ({
      name: `${file}:${path.posix.basename(name)}`,
      bytes,
    }));
    return rawSource(file, parseCifarPython(batches));
  }
  const contents = new Map(entries.map(({ name, bytes }) => [name.replace(/^\.\//, ''), bytes]));
  return picturesOf(file, [...contents.keys()], async (name) => contents.get(name)!);
}

function picturesOf(file: string, all: string[], read: (name: string) => Promise<Uint8Array>): Source {
  const shown = all.filter((name) => !HIDDEN.test(name) && !name.endsWith('/'));
  const names = shown.filter((name) => PICTURE_NAME.test(name)).sort();
  if (names.length === 0) {
    throw new DataError(`'${file}' holds no pictures (PNG, JPEG, …); give another archive, or a folder.`);
  }
  return { kind: 'pictures', files: { path: file, names, read, archive: file }, notes: ignoredNote(shown) };
}
