// What surrounds a process, made hostile: small and read-only disks, missing rights, a clock that is wrong, signals.

import type { ChildProcess } from 'node:child_process';
import { spawnSync } from 'node:child_process';
import { closeSync, existsSync, mkdirSync, openSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll } from 'vitest';

const mounted: string[] = [];
afterAll(() => {
  for (const path of mounted) spawnSync('umount', ['-l', path]);
});

const isRoot = process.getuid?.() === 0;

/** Why no file system can be mounted here; false when one can. */
export const noMounts: string | false =
  isRoot && process.platform === 'linux' ? false : 'only root on Linux can mount a small disk';

/** Why rights cannot be taken away here; false when they can. */
export const noRights: string | false =
  process.platform === 'win32' || (isRoot && spawnSync('setpriv', ['--version']).status !== 0)
    ? 'the right to write anywhere cannot be given up here'
    : false;

/** Starts a command whose user may not write where permissions say no; root may do so otherwise. */
export const withoutRights: readonly string[] = isRoot
  ? [
      'setpriv',
      '--bounding-set',
      '-dac_override,-dac_read_search',
      '--inh-caps',
      '-dac_override,-dac_read_search',
    ]
  : [];

/** Mounts an empty disk in memory, `options` as of tmpfs(5), such as `size=1m`. @returns its folder. */
export function mount(folder: string, options: string): string {
  const path = join(folder, 'disk');
  mkdirSync(path);
  const { status, stderr } = spawnSync('mount', ['-t', 'tmpfs', '-o', options, 'none', path]);
  if (status !== 0) throw new Error(`mount failed: ${stderr}`);
  mounted.push(path);
  return path;
}

/** Changes a mounted disk's options. */
export function mountAgain(path: string, options: string): void {
  const { status, stderr } = spawnSync('mount', ['-o', `remount,${options}`, path]);
  if (status !== 0) throw new Error(`mount failed: ${stderr}`);
}

/** Fills a disk to the last byte, with a file of the name `filler`. */
export function fill(disk: string): void {
  const file = openSync(join(disk, 'filler'), 'w');
  try {
    for (const piece of [1 << 16, 1 << 12, 1]) {
      try {
        while (writeSync(file, Buffer.alloc(piece)) === piece);
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
      }
    }
  } finally {
    closeSync(file);
  }
}

/** Makes room on a disk that was filled. */
export function empty(disk: string): void {
  rmSync(join(disk, 'filler'));
}

/** Calls `act` once a file is there, while the process runs. */
export function when(path: string, act: (child: ChildProcess) => void): (child: ChildProcess) => void {
  return (child) => {
    const timer = setInterval(() => {
      if (child.exitCode !== null) clearInterval(timer);
      if (!existsSync(path)) return;
      clearInterval(timer);
      act(child);
    }, 1);
    child.on('exit', () => clearInterval(timer));
  };
}

/** The environment of a process whose clock is off by so many milliseconds. */
export function clockOffBy(milliseconds: number): NodeJS.ProcessEnv {
  const preload = fileURLToPath(new URL('clock.mjs', import.meta.url));
  return { NODE_OPTIONS: `--import ${preload}`, FORGER_TEST_CLOCK: String(milliseconds) };
}
