// Downloads one file with a known size and checksum; it appears under its name only when it is whole and right.
import { createHash, randomUUID } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, open, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import { DataError } from '@forger/tensor';
import { unreadable } from './files.ts';
import type { DatasetOptions } from './types.ts';

export interface Download {
  name: string;
  /** Tried in order. */
  urls: string[];
  /** Its size, where it is known. */
  bytes?: number;
  /** One of the two, in hexadecimal. */
  sha256?: string;
  sha1?: string;
}

/** What a server may send of a file whose size is not known. */
const MOST_BYTES = 2 ** 30;

/** A server that sends nothing for so long is given up. */
const STALL_MS = 30_000;

/**
 * Downloads `file` into `folder` and returns its path there. Throws DataError, after every address has failed,
 * with the reasons and what to put where by hand.
 */
export async function download(
  setName: string,
  file: Download,
  folder: string,
  onProgress: DatasetOptions['onProgress'],
): Promise<string> {
  const target = path.join(folder, file.name);
  const reasons: string[] = [];
  await mkdir(folder, { recursive: true }).catch((error: unknown) => {
    throw new DataError(
      `The folder ${folder}, where ${setName} is to be downloaded, cannot be made (${(error as Error).message}); ` +
        'set XDG_CACHE_HOME to a folder that can be written, or use --data-dir.',
      { cause: error },
    );
  });
  for (const url of file.urls) {
    const temporary = `${target}.${randomUUID()}.part`;
    try {
      await fetchChecked(url, file, temporary, onProgress);
      await rename(temporary, target);
      return target;
    } catch (error) {
      await rm(temporary, { force: true });
      reasons.push(`${new URL(url).host}: ${reasonOf(error)}`);
    }
  }
  throw new DataError(
    `${setName} could not be downloaded (${reasons.join('; ')}); put ${file.name} (from ${file.urls[0]}) into ` +
      `${folder}, or name the folder that holds it with --data-dir.`,
  );
}

async function fetchChecked(
  url: string,
  file: Download,
  temporary: string,
  onProgress: DatasetOptions['onProgress'],
): Promise<void> {
  const stalled = new AbortController();
  const give = () => stalled.abort(new Error(`nothing came for ${STALL_MS / 1000} seconds`));
  let timer = setTimeout(give, STALL_MS);
  const output = await open(temporary, 'wx');
  try {
    const response = await fetch(url, { signal: stalled.signal });
    if (!response.ok || !response.body) throw new Error(`the server answered ${response.status}`);
    const announced = Number(response.headers.get('content-length')) || MOST_BYTES;
    const { bytes = Math.min(announced, MOST_BYTES) } = file;
    const algorithm = file.sha256 === undefined ? 'sha1' : 'sha256';
    const hash = createHash(algorithm);
    let received = 0;
    for await (const chunk of response.body) {
      clearTimeout(timer);
      timer = setTimeout(give, STALL_MS);
      received += chunk.length;
      if (received > bytes) throw new Error(`it sent more than the ${bytes} bytes expected`);
      hash.update(chunk);
      await output.writeFile(chunk);
      onProgress?.(received, bytes, 'bytes');
    }
    if (file.bytes !== undefined && received < bytes)
      throw new Error(`it sent ${received} of ${bytes} bytes`);
    if (hash.digest('hex') !== file[algorithm]) throw new Error('what it sent has another checksum');
    await output.sync();
  } finally {
    clearTimeout(timer);
    await output.close();
  }
}

/** The checksum of a file, in hexadecimal. Throws DataError when it cannot be read. */
export async function hashOf(file: string, algorithm: 'sha1' | 'sha256'): Promise<string> {
  const hash = createHash(algorithm);
  try {
    for await (const chunk of createReadStream(file)) hash.update(chunk as Buffer);
  } catch (error) {
    throw unreadable(file, error);
  }
  return hash.digest('hex');
}

/** fetch() hides the reason, such as ENOTFOUND, in the cause. */
function reasonOf(error: unknown): string {
  const { message, cause } = error as Error;
  return cause instanceof Error ? cause.message : message;
}
