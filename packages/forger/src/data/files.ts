// Reading from disk with errors that a person can act on: files, gzip within bounds, and folders in a fixed order.
import { readdir, readFile, realpath, stat } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { constants, gunzip, gunzipSync } from 'node:zlib';
import { exhausting, isGzip, mostInflated, overfull } from '@forger/dcgan/internal';
import { DataError } from '@forger/tensor';

/** The largest file, plain or inflated, that is read into memory whole: what Node's readFile takes. */
export const MAX_BYTES = 2 ** 31 - 1;

/** The DataError for a file or folder that the system would not give. */
export function unreadable(file: string, error: unknown): DataError {
  const code = (error as NodeJS.ErrnoException).code;
  const reasons: Record<string, string> = {
    ENOENT: 'does not exist; check the spelling of the path',
    EACCES: 'may not be read by this user; change its permissions or give another path',
    EPERM: 'may not be read by this user; change its permissions or give another path',
    EISDIR: 'is a folder where a file was expected; give a file in it',
    ERR_FS_FILE_TOO_LARGE: 'is larger than the 2 GiB that are read at most; split it',
  };
  const reason = (code && reasons[code]) || `could not be read (${(error as Error).message}); check the disk`;
  return new DataError(`'${file}' ${reason}.`, { cause: error });
}

/** Reads a whole file; DataError when that fails, or when it is none: a pipe or a device may never end. */
export async function readWhole(file: string): Promise<Uint8Array> {
  try {
    const found = await stat(file);
    if (!found.isFile() && !found.isDirectory()) {
      throw new DataError(`'${file}' is neither a file nor a folder; copy what it holds into a file.`);
    }
    return await readFile(file);
  } catch (error) {
    throw error instanceof DataError ? error : unreadable(file, error);
  }
}

/**
 * Reads a file that may be gzipped, whatever its name. `claim` gets the first bytes of the content and says how
 * many bytes there must be in all (or throws): inflating stops there, or at so many times the file's size, so a small
 * file cannot fill the memory.
 * Throws DataError for a file that cannot be read, is damaged, or holds more than `claim` said. Fewer bytes than
 * that are returned as they are.
 */
export async function readInflated(file: string, claim: (head: Uint8Array) => number): Promise<Uint8Array> {
  const bytes = await readWhole(file);
  if (!isGzip(bytes)) {
    claim(bytes);
    return bytes;
  }
  const inflate = async () => {
    const head = gunzipSync(bytes.subarray(0, 4096), { finishFlush: constants.Z_SYNC_FLUSH });
    const [claimed, most] = [claim(head), mostInflated(bytes.length)];
    try {
      const maxOutputLength = Math.max(1, Math.min(claimed, most));
      return await promisify(gunzip)(bytes, { maxOutputLength, chunkSize: 1 << 20 });
    } catch (error) {
      if (claimed <= most || (error as NodeJS.ErrnoException).code !== 'ERR_BUFFER_TOO_LARGE') throw error;
      throw exhausting(file, most, error);
    }
  };
  try {
    return await inflate();
  } catch (error) {
    const { code = '' } = error as NodeJS.ErrnoException;
    if (code === 'ERR_BUFFER_TOO_LARGE') throw overfull(file, error);
    const reasons: Record<string, string> = {
      Z_BUF_ERROR:
        'is a gzip file that ends too early; it was probably cut short, so download or copy it again',
      Z_DATA_ERROR: 'is a damaged gzip file; download or copy it again',
    };
    const reason = reasons[code];
    throw reason ? new DataError(`'${file}' ${reason}.`, { cause: error }) : error;
  }
}

/**
 * Every file under a folder, as paths relative to it with '/' between, sorted by code unit so that the order is
 * the same on every system. Names that begin with a dot are left out; links are followed, each folder once.
 */
export async function listFiles(folder: string): Promise<string[]> {
  const files: string[] = [];
  const seen = new Set<string>();
  const walk = async (relative: string): Promise<void> => {
    const absolute = path.join(folder, relative);
    try {
      const real = await realpath(absolute);
      if (seen.has(real)) return;
      seen.add(real);
      const entries = await readdir(absolute, { withFileTypes: true });
      // In order, so that a folder reached by two paths is always listed under the same one.
      for (const entry of entries.sort((a, b) => (a.name < b.name ? -1 : 1))) {
        if (entry.name.startsWith('.')) continue;
        const name = relative === '' ? entry.name : `${relative}/${entry.name}`;
        let kind: { isDirectory(): boolean; isFile(): boolean } | undefined = entry;
        if (entry.isSymbolicLink()) kind = await stat(path.join(folder, name)).catch(() => undefined);
        if (kind?.isDirectory()) await walk(name);
        else if (kind?.isFile()) files.push(name);
      }
    } catch (error) {
      throw error instanceof DataError ? error : unreadable(absolute, error);
    }
  };
  await walk('');
  return files.sort();
}
