// What happens to a run from outside: signals, crashes, full disks, damaged and foreign folders.

import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { type Fault, forger, isUndisturbed, type Outcome, type StartOptions } from './fault.ts';
import { canBeFinished, checkpoint, finishedRun, NOT_BEGUN, newestStep, RESUME, tiny } from './small-runs.ts';
import { clockOffBy, when } from './surroundings.ts';

const BEFORE = 'training continues from the checkpoint before; the damaged one is set aside as `.damaged`';
const SAVED = 'everything: the step under way is finished and saved, and `--resume` goes on to the same bits';
/** A run of six steps whose newest checkpoint is then damaged; resumed. */
async function resumeDamaged(folder: string, damage: (folder: string) => void): Promise<Outcome> {
  await finishedRun(folder);
  damage(folder);
  return forger(folder, RESUME);
}

function flip(path: string, at: number): void {
  const bytes = readFileSync(path);
  bytes[at]! ^= 4;
  writeFileSync(path, bytes);
}

async function isResumedFromBefore(folder: string): Promise<void> {
  const files = readdirSync(join(folder, 'run/checkpoints'));
  expect(files).toContain('step-000006.safetensors.damaged');
  await isUndisturbed(join(folder, 'run'));
}

/** A long run that is met by something once a file is there. */
function interrupted(folder: string, file: string, act: StartOptions['onStart']): Promise<Outcome> {
  return forger(folder, tiny({ steps: 100_000, 'checkpoint-every': 10 }), {
    onStart: when(join(folder, file), act!),
  });
}

/** A long run that each of these signals ends, in folders of their own. @returns how the last one ended. */
async function signalled(folder: string, names: readonly NodeJS.Signals[], file: string): Promise<Outcome> {
  const outcomes = await Promise.all(
    names.map((name, i) => {
      const own = i === names.length - 1 ? folder : join(folder, name);
      mkdirSync(own, { recursive: true });
      return interrupted(own, file, (child) => child.kill(name));
    }),
  );
  for (const { exitCode, stderr } of outcomes) expect(exitCode, stderr).toBe(outcomes.at(-1)!.exitCode);
  return outcomes.at(-1)!;
}

const SIGNALS = ['SIGTERM', 'SIGHUP', 'SIGINT'] as const;

const damaged: readonly Fault[] = [
  {
    name: 'the newest checkpoint is cut short',
    provoke: (folder) =>
      resumeDamaged(folder, () => {
        const path = checkpoint(folder, 6);
        writeFileSync(path, readFileSync(path).subarray(0, 1000));
      }),
    sentence:
      'run/checkpoints/step-000006.safetensors is damaged: 1000 bytes where <bytes> were written; copy it again, or use another checkpoint of the run; trying the checkpoint before it',
    exitCode: 0,
    kept: BEFORE,
    isKept: isResumedFromBefore,
  },
  {
    name: 'a bit is flipped in the newest checkpoint’s arrays',
    provoke: (folder) => resumeDamaged(folder, () => flip(checkpoint(folder, 6), 50_000)),
    sentence:
      'run/checkpoints/step-000006.safetensors is damaged: its contents do not match the checksum in its JSON; copy it again, or use another checkpoint of the run; trying the checkpoint before it',
    exitCode: 0,
    kept: BEFORE,
    isKept: isResumedFromBefore,
  },
  {
    name: 'a bit is flipped in the newest checkpoint’s JSON',
    provoke: (folder) =>
      resumeDamaged(folder, () => {
        const path = checkpoint(folder, 6, 'json');
        // 6 becomes 2: the run would go on with other pictures.
        flip(path, readFileSync(path, 'utf8').indexOf('"position": 6') + '"position": '.length);
      }),
    sentence:
      'run/checkpoints/step-000006.json is damaged: it does not match its own checksum; copy it again, or use another checkpoint of the run; trying the checkpoint before it',
    exitCode: 0,
    kept: BEFORE,
    isKept: isResumedFromBefore,
  },
  {
    name: 'all checkpoints are damaged',
    provoke: (folder) =>
      resumeDamaged(folder, () => {
        for (const step of [2, 4, 6]) flip(checkpoint(folder, step), 50_000);
      }),
    sentence:
      'run/checkpoints has no whole checkpoint left, so start a new run: <what is wrong with step 6>; <with step 4>; <with step 2>',
    exitCode: 1,
    kept: 'the run as it was',
    isKept: (folder) => {
      for (const step of [2, 4, 6]) expect(existsSync(checkpoint(folder, step))).toBe(true);
    },
  },
];

const signals: readonly Fault[] = [
  {
    name: 'Ctrl-C, SIGTERM, or its terminal closes (SIGHUP)',
    provoke: (folder) => signalled(folder, SIGNALS, 'run/metrics.jsonl'),
    sentence: 'Stopping after this step and saving. Press Ctrl-C again to quit at once.',
    exitCode: 0,
    kept: SAVED,
    isKept: async (folder) => {
      for (const own of [folder, join(folder, 'SIGTERM'), join(folder, 'SIGHUP')])
        expect(await newestStep(own)).toBeGreaterThan(0);
    },
  },
  {
    name: 'the same before the first step',
    provoke: (folder) => signalled(folder, SIGNALS, 'run/checkpoints'),
    sentence: 'Stopped before the first step: nothing was trained.',
    exitCode: 1,
    kept: NOT_BEGUN,
    isKept: (folder) => {
      for (const name of ['SIGTERM', 'SIGHUP']) expect(readdirSync(join(folder, name))).toEqual([]);
    },
  },
  {
    name: 'a second Ctrl-C',
    provoke: (folder) =>
      interrupted(folder, 'run/checkpoints/step-000010.json', (child) => {
        child.stdout!.on('data', (text: string) => {
          if (text.includes('Stopping')) child.kill('SIGINT');
        });
        child.kill('SIGTERM');
      }),
    sentence: 'Stopping after this step and saving. Press Ctrl-C again to quit at once.',
    exitCode: 130,
    kept: 'the last checkpoint, or that of the step under way if it was saved by then',
    isKept: (folder) => {
      expect(existsSync(join(folder, 'run/run.lock'))).toBe(false);
      expect(readdirSync(join(folder, 'run/checkpoints')).some((name) => name.endsWith('.json'))).toBe(true);
    },
  },
  {
    name: 'the process is killed, or the machine loses power; then `--resume`',
    provoke: async (folder) => {
      const args = tiny({ steps: 100_000 });
      await forger(folder, args, {
        onStart: when(checkpoint(folder, 4, 'json'), (child) => child.kill('SIGKILL')),
      });
      const newest = Math.max(
        ...readdirSync(join(folder, 'run/checkpoints')).map((name) => Number(/\d+/.exec(name)?.[0])),
      );
      return forger(folder, [...RESUME, '--steps', String(newest + 2)]);
    },
    sentence: 'Resumes after step <step>.',
    exitCode: 0,
    kept: 'everything up to the last checkpoint; `pnpm torture kill` compares what comes after it',
    isKept: async (folder) => expect(await newestStep(folder)).toBeGreaterThanOrEqual(4),
  },
  {
    name: 'the reader of its output ends (`forger train | head -1`)',
    provoke: (folder) =>
      forger(folder, tiny({ steps: 100_000 }), {
        onStart: (child) => child.stdout!.once('data', () => child.stdout!.destroy()),
      }),
    sentence: 'standard output was closed: stopping after this step and saving.',
    exitCode: 141,
    kept: SAVED,
    isKept: async (folder) => {
      const step = await newestStep(folder);
      expect(step).toBeGreaterThanOrEqual(0);
      if (step < 6) await canBeFinished(folder);
    },
  },
  {
    name: 'its output goes to a full disk',
    provoke: (folder) =>
      forger(folder, tiny({ steps: 100_000 }), { through: ['sh', '-c', 'exec "$@" > /dev/full', 'sh'] }),
    sentence: 'cannot write to standard output: <reason>: stopping after this step and saving.',
    exitCode: 1,
    kept: SAVED,
    isKept: async (folder) => expect(await newestStep(folder)).toBeGreaterThanOrEqual(0),
    skip: !existsSync('/dev/full') && 'there is no /dev/full here',
  },
];

const DAY = 86_400_000;

const others: readonly Fault[] = [
  {
    name: 'a second run is started in the folder of one that runs',
    provoke: async (folder) => {
      let second: Promise<Outcome> | undefined;
      await interrupted(folder, 'run/metrics.jsonl', (child) => {
        second = forger(folder, RESUME).finally(() => child.kill('SIGINT'));
      });
      return second!;
    },
    sentence:
      'run is in use by process <number>: wait for it or stop it, or delete <folder>/run/run.lock if that process is something else',
    exitCode: 1,
    kept: 'the first run, which hears nothing of it',
    isKept: async (folder) => expect(await newestStep(folder)).toBeGreaterThan(0),
  },
  {
    name: 'the clock is set back by a day; then `--resume`',
    provoke: async (folder) => {
      await finishedRun(folder);
      for (const kind of ['json', 'safetensors']) rmSync(checkpoint(folder, 6, kind));
      return forger(folder, RESUME, { env: clockOffBy(-DAY) });
    },
    sentence: 'Resumes after step 4.',
    exitCode: 0,
    kept: 'everything: the run ends with the same bits as an undisturbed one, and its times only grow',
    isKept: async (folder) => {
      const lines = readFileSync(join(folder, 'run/metrics.jsonl'), 'utf8').trimEnd().split('\n');
      const seconds = lines.map((line) => JSON.parse(line).seconds);
      expect(seconds).toEqual(seconds.toSorted((a, b) => a - b));
      await isUndisturbed(join(folder, 'run'));
    },
  },
];

export const crashFaults: readonly Fault[] = [...damaged, ...signals, ...others];
