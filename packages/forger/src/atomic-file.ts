// Writing files so that a crash never leaves half of one: a temporary name in the same folder, flushed, then renamed.
// Lines are appended whole, or not at all.

import { closeSync, fstatSync, fsyncSync, ftruncateSync, openSync, writeFileSync } from 'node:fs';
import { mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { ConfigError } from '@forger/tensor';

const TEMPORARY = /^\..+\.\d+\.tmp$/;

const REASONS: Record<string, string> = {
  EACCES: 'permission denied: change its permissions, or choose another path',
  EPERM: 'permission denied: change its permissions, or choose another path',
  EROFS: 'the file system is read-only: choose another path',
  ENOSPC: 'no space left on the disk: free some, or choose another path',
  EFBIG: 'it would be larger than the file system allows: choose another path',
  EIO: 'the disk or its connection failed: check it, or choose another path',
  EDQUOT: 'the disk quota is used up: free some space, or choose another path',
  ENOENT: 'there is no such file or folder: check the path',
  ENOTDIR: 'a part of the path is a file, not a folder: check the path',
  EEXIST: 'there is a file of that name: choose another',
  EISDIR: 'it is a folder: name a file',
  EMFILE: 'too many files are open: close some programs, or raise `ulimit -n`',
};

/** `cannot <action> <path>: <reason>: <what to do>` as a ConfigError, for the errors of Node's file functions. */
export function fileError(action: string, path: string, error: unknown): ConfigError {
  const code = (error as NodeJS.ErrnoException).code;
  const reason = (code !== undefined && REASONS[code]) || (error as Error).message;
  return new ConfigError(`cannot ${action} ${path}: ${reason}`, { cause: error });
}

/**
 * Makes a folder and those above it that are missing. @returns whether there was anything to make.
 * Node's own `mkdir(…, { recursive: true })` never returns where a file system refuses folders with ENOENT,
 * as /proc does.
 */
export async function makeFolders(path: string): Promise<boolean> {
  const folderAt = (at: string) => stat(at).catch(() => undefined);
  if ((await folderAt(path))?.isDirectory()) return false;
  const above = dirname(path);
  if (above !== path && !(await folderAt(above))) await makeFolders(above);
  try {
    await mkdir(path);
  } catch (error) {
    // Another process may have made it in the meantime.
    if ((await folderAt(path))?.isDirectory()) return false;
    throw error;
  }
  await syncFolder(above);
  return true;
}

/**
 * Writes a file whole or not at all: readers see the old contents or the new, also after a power cut.
 * @throws ConfigError when the path cannot be written.
 */
export async function writeAtomic(path: string, contents: Uint8Array | string): Promise<void> {
  const temporary = join(dirname(path), `.${basename(path)}.${process.pid}.tmp`);
  try {
    const file = await open(temporary, 'w');
    try {
      await file.writeFile(contents);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
    await syncFolder(dirname(path));
  } catch (error) {
    await rm(temporary, { force: true }).catch(() => {});
    throw fileError('write', path, error);
  }
}

/** Removes what interrupted `writeAtomic` calls left in a folder. Call it only while no other process writes there. */
export async function removeTemporaries(folder: string): Promise<void> {
  for (const name of await readdir(folder)) {
    if (TEMPORARY.test(name)) await rm(join(folder, name), { force: true });
  }
}

// A name lasts through a power cut only once its folder is flushed too. Windows cannot open folders.
async function syncFolder(folder: string): Promise<void> {
  if (process.platform === 'win32') return;
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } catch (error) {
    // Some file systems cannot flush folders; they have no better way.
    if (!['EINVAL', 'ENOTSUP', 'EOPNOTSUPP'].includes((error as NodeJS.ErrnoException).code ?? ''))
      throw error;
  } finally {
    await handle.close();
  }
}

/**
 * Appends text to a file. @param durable also after a power cut.
 * @throws ConfigError when it cannot be written; then the file is as before.
 */
export function appendWhole(path: string, text: string, durable: boolean): void {
  try {
    const file = openSync(path, 'a');
    const before = fstatSync(file).size;
    try {
      writeFileSync(file, text);
      if (durable) fsyncSync(file);
    } catch (error) {
      ftruncateSync(file, before); // a full disk takes a part of the text
      throw error;
    } finally {
      closeSync(file);
    }
  } catch (error) {
    throw fileError('write', path, error);
  }
}
