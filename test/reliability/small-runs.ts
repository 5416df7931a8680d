// Small runs that something happens to, and what must be left of them.

import { cpSync, existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { readCheckpoint } from '../../packages/forger/src/train/checkpoint-store.ts';
import { forger, isUndisturbed, TINY, undisturbedRun } from './fault.ts';

/** How a run of `TINY` is resumed. */
export const RESUME = ['train', '--resume', 'run', '--tune', 'off'];

export const NOT_BEGUN = 'nothing was begun: no folder is left';

/** A file of a checkpoint. */
export const checkpoint = (folder: string, step: number, kind = 'safetensors') =>
  join(folder, `run/checkpoints/step-${String(step).padStart(6, '0')}.${kind}`);

/** `TINY` with another end or other intervals, such as `{ steps: 5000 }`. */
export function tiny(changes: {
  steps?: number;
  'checkpoint-every'?: number;
  'sample-every'?: number;
}): string[] {
  return [...TINY, ...Object.entries(changes).flatMap(([name, value]) => [`--${name}`, String(value)])];
}

/** Puts a finished run of six steps into a folder. */
export async function finishedRun(folder: string): Promise<void> {
  cpSync(await undisturbedRun(), join(folder, 'run'), { recursive: true });
}

/** That a run of six steps can be finished, and ends in the same bits. */
export async function canBeFinished(folder: string): Promise<void> {
  const { exitCode, stderr } = await forger(folder, [...RESUME, '--steps', '6']);
  expect(exitCode, stderr).toBe(0);
  await isUndisturbed(join(folder, 'run'));
}

/** That the newest checkpoint is whole, and no file of an interrupted write is left. @returns its step. */
export async function newestStep(folder: string): Promise<number> {
  const files = readdirSync(join(folder, 'run/checkpoints'));
  expect(files.filter((name) => name.startsWith('.'))).toEqual([]);
  expect(existsSync(join(folder, 'run/run.lock'))).toBe(false);
  const steps = files.flatMap((name) => (name.endsWith('.json') ? [Number(/\d+/.exec(name)![0])] : []));
  const newest = Math.max(...steps);
  await readCheckpoint(checkpoint(folder, newest));
  return newest;
}
