// IDX and CIFAR-10 files from disk: read and inflated within bounds here, understood in @forger/dcgan.
import {
  MAX_ARCHIVE_BYTES,
  parseCifarArchive,
  parseCifarBatches,
  parseIdx,
  parseIdxHeader,
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

/** Reads CIFAR-10's binary batches in the given order. @throws DataError for a missing file or bytes of another form. */
export async function readCifarBatches(files: readonly string[]): Promise<RawPictures> {
  const parts: { name: string; bytes: Uint8Array }[] = [];
  for (const name of files) parts.push({ name, bytes: await readWhole(name) });
  return parseCifarBatches(parts);
}

/** Reads the training batches out of cifar-10-binary.tar.gz. @throws DataError for any other content. */
export async function readCifarArchive(file: string): Promise<RawPictures> {
  return parseCifarArchive(await readInflated(file, () => MAX_ARCHIVE_BYTES), file);
}
