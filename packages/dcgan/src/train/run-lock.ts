// One process at a time may write to a run folder: run.lock names it. Locks of dead processes are taken over.

import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { resolve } from 'node:path';
import { ConfigError } from '@forger/tensor';
import { fileError } from '../atomic-file.ts';

interface Owner {
  pid: number;
  host: string;
}

const held = new Set<string>();

// A process that ends without releasing (a second Ctrl-C, an uncaught error) still leaves no lock behind.
process.once('exit', () => {
  for (const path of held) rmSync(path, { force: true });
});

/**
 * Takes the lock of a folder.
 * @returns a function that releases it.
 * @throws ConfigError when a running process holds it, or one on another machine, which cannot be asked.
 */
export function lockFolder(dir: string): () => void {
  const path = resolve(dir, 'run.lock');
  if (held.has(path)) throw new ConfigError(`${dir} is already open in this process`);
  if (!tryCreate(path)) {
    const owner = readOwner(path);
    if (owner !== undefined) refuseWhileAlive(owner, dir, path);
    rmSync(path, { force: true });
    if (!tryCreate(path)) throw new ConfigError(`${dir} was just taken by another process; try again`);
  }
  held.add(path);
  return () => {
    if (held.delete(path)) rmSync(path, { force: true });
  };
}

function tryCreate(path: string): boolean {
  const owner: Owner = { pid: process.pid, host: hostname() };
  try {
    writeFileSync(path, `${JSON.stringify(owner)}\n`, { flag: 'wx' });
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw fileError('write', path, error);
  }
}

function readOwner(path: string): Owner | undefined {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined; // released a moment ago
    throw fileError('read', path, error);
  }
  try {
    const { pid, host } = JSON.parse(text);
    if (Number.isInteger(pid) && typeof host === 'string') return { pid, host };
  } catch {
    // falls through: not JSON
  }
  throw new ConfigError(`${path} names no process: delete it if nothing is writing to that folder`);
}

function refuseWhileAlive(owner: Owner, dir: string, path: string): void {
  if (owner.host !== hostname()) {
    throw new ConfigError(
      `${dir} is in use by process ${owner.pid} on ${owner.host}: stop it there, ` +
        `or delete ${path} if it no longer runs`,
    );
  }
  // Our own number in a lock that we do not hold is an earlier process's: numbers start over in a new container.
  if (owner.pid !== process.pid && isAlive(owner.pid)) {
    throw new ConfigError(
      `${dir} is in use by process ${owner.pid}: wait for it or stop it, ` +
        `or delete ${path} if that process is something else`,
    );
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'; // alive, and someone else's
  }
}
