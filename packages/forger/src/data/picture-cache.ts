// Decoded pictures of large sets, kept in the user's cache, so that a second start takes seconds. A file is
// found by the names, sizes and times of the pictures, and believed only with its own checksum. It holds, in
// order: the length of a header (4 bytes), the header as JSON, the pixels of the usable pictures, SHA-256 of
// all before.
import { createHash } from 'node:crypto';
import { type FileHandle, mkdir, open, readdir, rename, rm, stat, utimes } from 'node:fs/promises';
import path from 'node:path';
import { z } from 'zod';
import type { PictureFiles } from './pictures.ts';
import { PictureStore } from './store.ts';

/** Sets of fewer pictures are decoded in a moment. */
export const LEAST_PICTURES = 1000;

/** All files together; those that were used longest ago go first. */
export const MOST_CACHE_BYTES = 8 * 2 ** 30;

const SUFFIX = '.pixels';
/** Whatever changes decoded bytes changes this number. */
const VERSION = 1;
const CHECKSUM_BYTES = 32;
const STATS_AT_ONCE = 64;

const schema = z.strictObject({
  count: z.int().min(1),
  imageBytes: z.int().min(1),
  fingerprint: z.string(),
  /** Places of pictures that could not be read, and why. */
  failures: z.array(z.tuple([z.int().min(0), z.string()])),
  notes: z.array(z.string()),
});

/** What decoding a set gave. */
export interface DecodedSet {
  readonly store: PictureStore;
  readonly fingerprint: string;
  /** By place. */
  readonly failures: ReadonlyMap<number, string>;
  readonly notes: readonly string[];
}

/**
 * The name of a set's file: a hash of every picture's name, size and time of change, and of how they are
 * decoded; undefined when one of them is gone.
 */
export async function cacheKey(files: PictureFiles, form: string): Promise<string | undefined> {
  const hash = createHash('sha256').update(`${VERSION} ${form}`);
  const stampOf = async (file: string): Promise<string | undefined> => {
    const found = await stat(file).catch(() => undefined);
    return found && `${found.size} ${found.mtimeMs}`;
  };
  const { archive, names } = files;
  if (archive !== undefined) hash.update(`\0${await stampOf(archive)}`);
  for (let from = 0; from < names.length; from += STATS_AT_ONCE) {
    const some = names.slice(from, from + STATS_AT_ONCE);
    const stamps =
      archive === undefined
        ? await Promise.all(some.map((name) => stampOf(path.join(files.path, name))))
        : [];
    if (stamps.includes(undefined)) return undefined;
    for (const [i, name] of some.entries()) hash.update(`\0${name}\0${stamps[i] ?? ''}`);
  }
  return hash.digest('hex');
}

/** The decoded pictures of a file; undefined when there is none, or it is damaged. */
export async function readCached(
  folder: string,
  key: string,
  names: number,
): Promise<DecodedSet | undefined> {
  const target = path.join(folder, key + SUFFIX);
  let file: FileHandle;
  try {
    file = await open(target, 'r');
  } catch {
    return undefined;
  }
  try {
    const { size } = await file.stat();
    const hash = createHash('sha256');
    let at = 0;
    const read = async (into: Uint8Array): Promise<Uint8Array> => {
      for (let done = 0; done < into.length; ) {
        const { bytesRead } = await file.read(into, done, Math.min(into.length - done, 2 ** 26), at);
        if (bytesRead === 0) throw new Error('it ends too early');
        [done, at] = [done + bytesRead, at + bytesRead];
      }
      return into;
    };
    const hashed = async (into: Uint8Array): Promise<Uint8Array> => {
      hash.update(await read(into));
      return into;
    };
    const length = Buffer.from(await hashed(new Uint8Array(4))).readUInt32LE();
    if (length > size) return undefined;
    const header = schema.parse(JSON.parse(Buffer.from(await hashed(new Uint8Array(length))).toString()));
    const { count, imageBytes, fingerprint, failures, notes } = header;
    if (count + failures.length !== names || 4 + length + count * imageBytes + CHECKSUM_BYTES !== size)
      return undefined;
    const store = new PictureStore(count, imageBytes);
    for (const chunk of store.chunks) await hashed(chunk);
    if (!hash.digest().equals(await read(new Uint8Array(CHECKSUM_BYTES)))) return undefined;
    await utimes(target, new Date(), new Date()).catch(() => {});
    return { store, fingerprint, failures: new Map(failures), notes };
  } catch {
    return undefined; // they are decoded again, and the file is replaced
  } finally {
    await file.close();
  }
}

/**
 * Keeps decoded pictures, and removes the files that were used longest ago where all would be larger than `most`.
 * @returns the path; undefined when the pictures are larger than that.
 * @throws the system's error when they cannot be written.
 */
export async function writeCached(
  folder: string,
  key: string,
  { store, fingerprint, failures, notes }: DecodedSet,
  most = MOST_CACHE_BYTES,
): Promise<string | undefined> {
  const { count, imageBytes } = store;
  const header = Buffer.from(
    JSON.stringify({ count, imageBytes, fingerprint, failures: [...failures], notes }),
  );
  const size = 4 + header.length + count * imageBytes + CHECKSUM_BYTES;
  if (size > most) return undefined;
  await mkdir(folder, { recursive: true });
  await evict(folder, most - size);
  const target = path.join(folder, key + SUFFIX);
  const temporary = `${target}.${process.pid}.part`;
  try {
    const file = await open(temporary, 'w');
    try {
      const hash = createHash('sha256');
      const length = Buffer.alloc(4);
      length.writeUInt32LE(header.length);
      for (const part of [length, header, ...store.chunks]) {
        hash.update(part);
        await file.writeFile(part);
      }
      await file.writeFile(hash.digest());
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, target);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
  return target;
}

export interface CachedFile {
  path: string;
  bytes: number;
  /** When it was written or last read. */
  used: Date;
}

/** The files of the cache, the last used first; those that a killed process left behind too. */
export async function listCached(folder: string): Promise<CachedFile[]> {
  const names = await readdir(folder).catch(() => []);
  const files: CachedFile[] = [];
  for (const name of names) {
    if (!name.includes(SUFFIX)) continue;
    const found = await stat(path.join(folder, name)).catch(() => undefined);
    if (found) files.push({ path: path.join(folder, name), bytes: found.size, used: found.mtime });
  }
  return files.sort((a, b) => b.used.getTime() - a.used.getTime());
}

/** Removes files, those used longest ago first, until `most` bytes are left. */
export async function evict(folder: string, most: number): Promise<CachedFile[]> {
  const removed: CachedFile[] = [];
  let total = 0;
  for (const file of await listCached(folder)) {
    total += file.bytes;
    if (total <= most) continue;
    await rm(file.path, { force: true });
    removed.push(file);
  }
  return removed;
}
