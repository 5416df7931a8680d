// IDX and CIFAR-10 files from disk: read and inflated within bounds here, understood in @forger/dcgan.
import { access } from 'node:fs/promises';
import path from 'node:path';
import {
  CIFAR_META,
  labelNames,
  MAX_ARCHIVE_BYTES,
  parseCifarArchive,
  parseCifarBatches,
  parseCifarMeta,
  parseIdx,
  parseIdxHeader,
  parseIdxLabelHeader,
  parseIdxLabels,
  type RawPictures,
} from '@forger/dcgan/internal';
import { readInflated, readWhole } from './files.ts';

/**
 * Reads an IDX image file, plain or gzip. Memory is bounded by the file's true content and the header's claim.
 * @throws DataError for a missing or damaged file.
 */
export async function readIdx(file: string): Promise<RawPictures> {
  return parseIdx(await readInflated(file, (head) => parseIdxHeader(head, file).bytes), file);
}

/** The file of an IDX image file's labels, beside it; undefined when there is none. */
export async function idxLabelsBeside(file: string): Promise<string | undefined> {
  for (const name of labelNames(path.basename(file))) {
    const labels = path.join(path.dirname(file), name);
    if (await exists(labels)) return labels;
  }
  return undefined;
}

/**
 * Reads an IDX label file, plain or gzip, for pictures.
 * @param images the file that they came from.
 * @throws DataError for a missing or damaged file, or one of other pictures.
 */
export async function readIdxLabels(
  file: string,
  images: string,
  raw: RawPictures,
  classes?: readonly string[],
): Promise<RawPictures> {
  const content = await readInflated(file, (head) => parseIdxLabelHeader(head, file).bytes);
  const count = raw.parts.reduce((sum, part) => sum + part.length, 0) / (raw.height * raw.width);
  return { ...raw, label: parseIdxLabels(content, file, { count, file: images }, classes) };
}

/**
 * Reads CIFAR-10's binary batches in the given order.
 * @param labels take the classes' names from the file beside the batches, where there is one.
 * @throws DataError for a missing file or bytes of another form.
 */
export async function readCifarBatches(files: readonly string[], labels = false): Promise<RawPictures> {
  const parts: { name: string; bytes: Uint8Array }[] = [];
  for (const name of files) parts.push({ name, bytes: await readWhole(name) });
  const meta = path.join(path.dirname(files[0]!), CIFAR_META);
  const named = labels && (await exists(meta));
  return parseCifarBatches(parts, named ? parseCifarMeta(await readWhole(meta), meta) : undefined);
}

/** Reads the training batches out of cifar-10-binary.tar.gz. @throws DataError for any other content. */
export async function readCifarArchive(file: string, labels = false): Promise<RawPictures> {
  return parseCifarArchive(await readInflated(file, () => MAX_ARCHIVE_BYTES), file, labels);
}

async function exists(file: string): Promise<boolean> {
  return access(file).then(
    () => true,
    () => false,
  );
}
