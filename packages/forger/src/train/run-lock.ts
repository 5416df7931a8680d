// One process at a time may write to a run folder: run.lock names it. Locks of dead processes are taken over.

import { createHash, randomUUID } from 'node:crypto';
import {
  closeSync,
  fsyncSync,
  linkSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { hostname } from 'node:os';
import { basename, dirname, join, resolve } from 'node:path';
import { shown } from '@forger/dcgan/internal';
import { ConfigError } from '@forger/tensor';
import { fileError } from '../atomic-file.ts';

interface Owner {
  /** Of these contents: no two locks ever have the same. */
  id: string;
  pid: number;
  host: string;
  /** When the process began, in the system's own measure; absent where the system does not tell. */
  started: string | undefined;
}

/** Others may come and go while a lock is looked at; so often it is looked at again. */
const ATTEMPTS = 100;

/** What file systems without hard links, such as exFAT, say to one. */
const NO_LINKS = ['EPERM', 'EACCES', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EMLINK'];

/** Ids of the locks that this process holds, by path. */
const held = new Map<string, string>();

/** Releases every lock of this process. One that ends without that (an uncaught error) still leaves none behind. */
export function releaseLocks(): void {
  for (const path of held.keys()) release(path);
}
process.once('exit', releaseLocks);

/**
 * Takes the lock of a folder.
 * @returns a function that releases it.
 * @throws ConfigError when a running process holds it, or one on another machine, which cannot be asked.
 */
export function lockFolder(dir: string): () => void {
  const path = resolve(dir, 'run.lock');
  if (held.has(path)) throw new ConfigError(`${dir} is already open in this process`);
  held.set(path, take(path, dir));
  return () => release(path);
}

function release(path: string): void {
  const id = held.get(path);
  // A user may have deleted the lock, and another process may hold it now.
  if (id !== undefined && readOwner(path)?.id === id) rmSync(path, { force: true });
  held.delete(path);
}

/** Makes a file that names this process. @returns its id. */
function take(path: string, dir: string): string {
  const text = describeUs();
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    if (create(path, text)) return idOf(text);
    const owner = readOwner(path);
    if (owner === undefined) continue; // released a moment ago
    refuseWhileAlive(owner, dir, path);
    // Several processes may find the same stale lock. Only the one that gets this second lock, named by the stale one's
    // id, may replace it; otherwise the second process would delete the lock that the first has just taken.
    const claim = join(dirname(path), `.${basename(path).replace(/^\./, '')}.${owner.id}`);
    const id = take(claim, dir);
    if (readOwner(path)?.id === owner.id) {
      renameSync(claim, path);
      return id;
    }
    rmSync(claim, { force: true }); // it was replaced before we came
  }
  throw new ConfigError(`${dir} was just taken by another process; try again`);
}

/** Makes a file with its contents at once, unless there is one: others see all of it or nothing, after a crash too. */
function create(path: string, text: string): boolean {
  const whole = join(dirname(path), `.${basename(path)}.${idOf(text)}.${process.pid}.tmp`);
  try {
    const file = openSync(whole, 'w');
    try {
      writeFileSync(file, text);
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
    return linked(whole, path, text);
  } catch (error) {
    throw fileError('write', path, error);
  } finally {
    rmSync(whole, { force: true });
  }
}

function linked(whole: string, path: string, text: string): boolean {
  try {
    linkSync(whole, path);
    return true;
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? '';
    // ENOENT: the process that holds the lock has cleared the folder of temporary files.
    if (code === 'EEXIST' || code === 'ENOENT') return false;
    if (!NO_LINKS.includes(code)) throw error;
  }
  try {
    writeFileSync(path, text, { flag: 'wx' });
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

function describeUs(): string {
  const { pid } = process;
  return `${JSON.stringify({ pid, host: hostname(), started: lifeOf(pid)?.started, id: randomUUID() })}\n`;
}

function idOf(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 16);
}

function readOwner(path: string): Owner | undefined {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw fileError('read', path, error);
  }
  try {
    const { pid, host, started } = JSON.parse(text);
    if (Number.isSafeInteger(pid) && pid > 0 && typeof host === 'string')
      return { id: idOf(text), pid, host, started };
  } catch {
    // falls through: not JSON
  }
  throw new ConfigError(`${path} names no process: delete it if nothing is writing to that folder`);
}

function refuseWhileAlive(owner: Owner, dir: string, path: string): void {
  if (owner.host !== hostname()) {
    throw new ConfigError(
      `${dir} is in use by process ${owner.pid} on ${shown(owner.host)}: stop it there, ` +
        `or delete ${path} if it no longer runs`,
    );
  }
  // Our own number in a lock that we do not hold is an earlier process's: numbers start over in a new container.
  const ours = [...held.values()].includes(owner.id);
  if (ours || (owner.pid !== process.pid && isAlive(owner))) {
    throw new ConfigError(
      `${dir} is in use by process ${owner.pid}: wait for it or stop it, ` +
        `or delete ${path} if that process is something else`,
    );
  }
}

function isAlive({ pid, started }: Owner): boolean {
  try {
    process.kill(pid, 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EPERM') return false; // EPERM: alive, and someone else's
  }
  const life = lifeOf(pid);
  if (life === undefined) return true;
  // Numbers are given again: a process that began at another time is another one.
  return !life.ended && (started === undefined || started === life.started);
}

/**
 * What Linux tells of a process: when it began, in clock ticks since the system's start, and whether it has ended and
 * only waits for its parent to take note, which in a container may be for ever.
 */
function lifeOf(pid: number): { started: string; ended: boolean } | undefined {
  try {
    // proc(5): the fields after the name, which stands in parentheses and may hold any character.
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return { started: fields[19]!, ended: fields[0] === 'Z' || fields[0] === 'X' };
  } catch {
    return undefined;
  }
}
