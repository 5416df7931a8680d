// Downloads one file with a known checksum over HTTPS; it appears under its name only when it is whole and right.
import { createHash, randomUUID } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises';
import path from 'node:path';
import type { DatasetOptions } from '@forger/dcgan/internal';
import { DataError } from '@forger/tensor';
import { unreadable } from './files.ts';

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
const STALE_MS = 3_600_000;

const REDIRECTS = [301, 302, 303, 307, 308];
const MOST_HOPS = 5;
const LOOPBACK = /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])$/;

/**
 * Downloads `file` into `folder` and returns its path there. Nothing that a server says decides on a name.
 * Throws DataError, after every address has failed, with the reasons and what to put where by hand.
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
  await removeStale(folder, file.name);
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
    const response = await request(url, stalled.signal);
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

/** Asks for a file, over HTTPS alone, wherever the server sends on to. */
async function request(address: string, signal: AbortSignal): Promise<Response> {
  let url = new URL(address);
  for (let hops = 0; hops <= MOST_HOPS; hops++) {
    if (!isSecure(url)) throw new Error(`${url.origin} is not HTTPS`);
    const response = await fetch(url, { signal, redirect: 'manual' });
    const location = response.headers.get('location');
    if (!REDIRECTS.includes(response.status) || location === null) return response;
    await response.body?.cancel();
    const next = new URL(location, url);
    if (url.protocol === 'https:' && next.protocol !== 'https:')
      throw new Error(`it sends on to ${next.origin}, which is not HTTPS`);
    url = next;
  }
  throw new Error(`it sends on more than ${MOST_HOPS} times`);
}

/** HTTPS, or this machine itself, where no one can intercept: "potentially trustworthy" by W3C's Secure Contexts. */
function isSecure({ protocol, hostname }: URL): boolean {
  return protocol === 'https:' || (protocol === 'http:' && LOOPBACK.test(hostname));
}

/** Removes what downloads left behind that were killed; one that is under way writes at least twice a minute. */
async function removeStale(folder: string, name: string): Promise<void> {
  for (const entry of await readdir(folder)) {
    if (!entry.startsWith(`${name}.`) || !entry.endsWith('.part')) continue;
    const file = path.join(folder, entry);
    const found = await stat(file).catch(() => undefined);
    if (found && Date.now() - found.mtimeMs > STALE_MS) await rm(file, { force: true });
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
