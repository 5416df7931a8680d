// The lock of a run folder: of several processes that want it at one instant exactly one gets it, whatever lies there.

import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ConfigError } from '@forger/tensor';
import { describe, expect, test } from 'vitest';
import { lockFolder } from '../../src/train/run-lock.ts';
import { emptyFolder } from './folders.ts';

const root = fileURLToPath(new URL('../../../..', import.meta.url));
const host = hostname();

function deadPid(): number {
  return spawnSync(process.execPath, ['--version']).pid;
}

function folderWith(lock: string | object): string {
  const dir = emptyFolder();
  writeFileSync(join(dir, 'run.lock'), typeof lock === 'string' ? lock : JSON.stringify(lock));
  return dir;
}

const read = (dir: string) => JSON.parse(readFileSync(join(dir, 'run.lock'), 'utf8'));

describe('a lock', () => {
  test('names its process, is whole from the start, and leaves nothing behind', () => {
    const dir = emptyFolder();
    const unlock = lockFolder(dir);
    expect(readdirSync(dir)).toEqual(['run.lock']);
    expect(read(dir)).toMatchObject({ pid: process.pid, host });
    unlock();
    expect(readdirSync(dir)).toEqual([]);
  });

  test('is respected under another name of its folder', () => {
    const dir = emptyFolder();
    const other = join(emptyFolder(), 'link');
    symlinkSync(dir, other);
    const unlock = lockFolder(dir);
    expect(() => lockFolder(other)).toThrow(ConfigError);
    unlock();
    lockFolder(other)();
  });

  test('is left alone when it is somebody else’s by the time it is released', () => {
    const dir = emptyFolder();
    const unlock = lockFolder(dir);
    const theirs = { pid: process.ppid, host };
    writeFileSync(join(dir, 'run.lock'), JSON.stringify(theirs));
    unlock();
    expect(read(dir)).toEqual(theirs);
  });

  test('whose process crashed while it took over a crashed one’s is taken over in turn', () => {
    const dir = folderWith({ pid: deadPid(), host });
    // The name of the claim is found by letting a live process hold it.
    const child = spawnSync(process.execPath, [
      join(root, 'scripts/run.mjs'),
      'packages/forger/test/cli/fixtures/crash-in-takeover.ts',
      dir,
    ]);
    expect(child.signal).toBe('SIGKILL');
    expect(readdirSync(dir).length).toBeGreaterThan(1); // the claim
    const unlock = lockFolder(dir);
    expect(read(dir)).toMatchObject({ pid: process.pid });
    unlock();
    expect(readdirSync(dir).filter((name) => !name.endsWith('.tmp'))).toEqual([]);
  });

  test.runIf(process.platform === 'linux')('is void when its number belongs to a later process now', () => {
    const dir = folderWith({ pid: process.ppid, host, started: '1' });
    lockFolder(dir)();
    const stat = readFileSync(`/proc/${process.ppid}/stat`, 'utf8');
    const started = stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
    expect(() => lockFolder(folderWith({ pid: process.ppid, host, started }))).toThrow(
      'is in use by process',
    );
  });

  test.runIf(process.platform === 'linux')('of a process that nobody has buried yet is void', async () => {
    // The shell's child ends; the shell, which became `sleep`, never asks for it.
    const parent = spawn('sh', ['-c', 'sleep 0 & echo $!; exec sleep 20'], {
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    const [line] = await once(parent.stdout, 'data');
    const pid = Number(String(line));
    await expect.poll(() => readFileSync(`/proc/${pid}/stat`, 'utf8').split(' ')[2]).toBe('Z');
    lockFolder(folderWith({ pid, host }))();
    parent.kill();
  });

  test('that holds no process is not touched', () => {
    for (const lock of ['', '{"pid": 12', 'null']) {
      const dir = folderWith(lock);
      expect(() => lockFolder(dir)).toThrow(
        'names no process: delete it if nothing is writing to that folder',
      );
      expect(readFileSync(join(dir, 'run.lock'), 'utf8')).toBe(lock);
    }
  });
});

describe.each([
  ['free', undefined],
  ['held by a dead process', () => ({ pid: deadPid(), host })],
])('a folder that is %s', (_, lock) => {
  test('goes to exactly one of three processes at one instant, 50 times', async () => {
    const count = 50;
    const every = 20;
    const dir = emptyFolder();
    const owner = lock?.();
    for (let i = 0; i < count; i++) {
      mkdirSync(join(dir, String(i)));
      if (owner) writeFileSync(join(dir, String(i), 'run.lock'), JSON.stringify(owner));
    }
    const racers = [0, 1, 2].map(() => {
      const args = [join(root, 'scripts/run.mjs'), 'packages/forger/test/cli/fixtures/lock-at.ts'];
      const child = spawn(process.execPath, [...args, String(every), String(count), dir], {
        stdio: ['pipe', 'pipe', 'inherit'],
      });
      let text = '';
      child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
        text += chunk;
      });
      const ready = once(child.stdout, 'data');
      const said = once(child, 'close').then(() => text.trimEnd().split('\n').slice(1));
      return { child, ready, said };
    });
    await Promise.all(racers.map(({ ready }) => ready));
    const from = Date.now() + 100;
    for (const { child } of racers) child.stdin.end(`${from}\n`);
    const found = await Promise.all(racers.map(({ said }) => said));
    for (let i = 0; i < count; i++) {
      const said = found.map((lines) => lines[i]!);
      expect(
        said.filter((line) => line === `${i} held`),
        said.join(' | '),
      ).toHaveLength(1);
      for (const line of said) expect(line).toMatch(/ held$|is in use by process \d+|was just taken/);
      expect(readdirSync(join(dir, String(i)))).toEqual([]);
    }
  });
});
