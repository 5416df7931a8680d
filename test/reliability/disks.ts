// Disks that are full, and folders that may not be written to.

import { chmodSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { type Fault, forger, type Outcome, TINY } from './fault.ts';
import { canBeFinished, finishedRun, NOT_BEGUN, newestStep, RESUME, tiny } from './small-runs.ts';
import { empty, fill, mount, mountAgain, noMounts, noRights, when, withoutRights } from './surroundings.ts';

const LAST_CHECKPOINT = 'the last checkpoint: once there is room, `--resume` goes on to the same bits';

/** A run in a folder on a disk that is full from the moment a file is there. */
function onFullDisk(folder: string, args: readonly string[], file: string): Promise<Outcome> {
  const disk = mount(folder, 'size=8m');
  return forger(disk, args, { onStart: when(join(disk, file), () => fill(disk)) });
}

export const diskFaults: readonly Fault[] = [
  {
    name: 'the disk is full when a checkpoint is written',
    provoke: (folder) => forger(mount(folder, 'size=1100k'), TINY),
    sentence:
      'cannot write run/checkpoints/step-000006.safetensors: no space left on the disk: free some, or choose another path',
    exitCode: 1,
    kept: LAST_CHECKPOINT,
    isKept: async (folder) => {
      const disk = join(folder, 'disk');
      expect(await newestStep(disk)).toBe(4);
      mountAgain(disk, 'size=8m');
      await canBeFinished(disk);
    },
    skip: noMounts,
  },
  {
    name: 'the disk is full when metrics are written',
    provoke: (folder) =>
      onFullDisk(folder, tiny({ steps: 100_000, 'checkpoint-every': 2000 }), 'run/metrics.jsonl'),
    sentence: 'cannot write run/metrics.jsonl: no space left on the disk: free some, or choose another path',
    exitCode: 1,
    kept: 'the last checkpoint, and whole lines only',
    isKept: (folder) => {
      const text = readFileSync(join(folder, 'disk/run/metrics.jsonl'), 'utf8');
      const steps = text
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line).step);
      expect(steps).toEqual(steps.map((_, i) => i + 1));
      expect(text.endsWith('}\n')).toBe(true);
    },
    skip: noMounts,
  },
  {
    name: 'the disk is full when a sample grid is written',
    provoke: (folder) =>
      onFullDisk(
        folder,
        tiny({ steps: 100_000, 'checkpoint-every': 3, 'sample-every': 3 }),
        'run/checkpoints/step-000003.json',
      ),
    sentence:
      'cannot write run/samples/step-<step>.png: no space left on the disk: free some, or choose another path',
    exitCode: 1,
    kept: LAST_CHECKPOINT,
    isKept: async (folder) => {
      const disk = join(folder, 'disk');
      expect(await newestStep(disk)).toBeGreaterThanOrEqual(3);
      empty(disk);
      const { exitCode, stderr } = await forger(disk, [...RESUME, '--steps', '20']);
      expect(exitCode, stderr).toBe(0);
    },
    skip: noMounts,
  },
  {
    name: 'the disk is full when a run begins',
    provoke: (folder) => {
      const disk = mount(folder, 'size=1m');
      fill(disk);
      return forger(disk, TINY);
    },
    sentence:
      'cannot write <folder>/run/run.lock: no space left on the disk: free some, or choose another path',
    exitCode: 1,
    kept: NOT_BEGUN,
    isKept: (folder) => expect(readdirSync(join(folder, 'disk'))).toEqual(['filler']),
    skip: noMounts,
  },
  {
    name: 'the folder is on a read-only disk',
    provoke: (folder) => {
      mount(folder, 'ro');
      return forger(folder, [...TINY, '--out', 'disk/run']);
    },
    sentence: 'cannot make the folder <folder>/disk/run: the file system is read-only: choose another path',
    exitCode: 1,
    kept: NOT_BEGUN,
    skip: noMounts,
  },
  {
    name: 'the folder may not be written to',
    provoke: (folder) => {
      mkdirSync(join(folder, 'theirs'));
      chmodSync(join(folder, 'theirs'), 0o555);
      return forger(folder, [...TINY, '--out', 'theirs/run'], { through: withoutRights });
    },
    sentence:
      'cannot make the folder <folder>/theirs/run: permission denied: change its permissions, or choose another path',
    exitCode: 1,
    kept: NOT_BEGUN,
    skip: noRights,
  },
  {
    name: 'the run that is resumed may not be written to',
    provoke: async (folder) => {
      await finishedRun(folder);
      chmodSync(join(folder, 'run'), 0o555);
      return forger(folder, RESUME, { through: withoutRights });
    },
    sentence:
      'cannot write <folder>/run/run.lock: permission denied: change its permissions, or choose another path',
    exitCode: 1,
    kept: 'the run as it was',
    isKept: (folder) => chmodSync(join(folder, 'run'), 0o755),
    skip: noRights,
  },
];
