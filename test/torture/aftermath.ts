// What a killed training left: where it was hit, and whether everything that it had saved is still whole.

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { readCheckpoint } from '../../packages/forger/src/train/checkpoint-store.ts';
import type { Training } from './training.ts';

/** Checkpoints that a run keeps. */
const KEPT = 3;

export const PHASES = [
  'before the run folder',
  'in start-up',
  'before the first checkpoint',
  'writing a checkpoint’s weights',
  'between a checkpoint’s weights and JSON',
  'writing a checkpoint’s JSON',
  'removing old checkpoints',
  'writing a sample grid',
  'writing another file',
  'between writes',
  'after the last checkpoint',
] as const;
export type Phase = (typeof PHASES)[number];

/** The phases that lie within `CheckpointStore.write`. */
export const CHECKPOINT_WRITES: readonly Phase[] = PHASES.slice(3, 7);

const list = (dir: string): string[] => (existsSync(dir) ? readdirSync(dir) : []);

/**
 * Where a training was when it was killed, from the files that it left. @param last name of the run's last checkpoint.
 */
export function phaseOf(dir: string, training: Training, last: string): Phase {
  if (!existsSync(join(dir, 'config.json')) && list(dir).every((name) => !name.endsWith('.tmp')))
    return 'before the run folder';
  const checkpoints = list(join(dir, 'checkpoints'));
  const temporary = (names: string[], like: RegExp) =>
    names.some((name) => name.endsWith('.tmp') && like.test(name));
  if (temporary(checkpoints, /safetensors/)) return 'writing a checkpoint’s weights';
  if (temporary(checkpoints, /json/)) return 'writing a checkpoint’s JSON';
  const steps = (end: string) =>
    checkpoints
      .filter((name) => /^step-\d+\./.test(name) && name.endsWith(end))
      .map((name) => Number(/\d+/.exec(name)![0]));
  const records = steps('.json');
  const orphans = steps('.safetensors').filter((step) => !records.includes(step));
  if (orphans.some((step) => step > Math.max(-1, ...records)))
    return 'between a checkpoint’s weights and JSON';
  if (orphans.length > 0 || records.length > KEPT) return 'removing old checkpoints';
  if (temporary(list(join(dir, 'samples')), /step/)) return 'writing a sample grid';
  if (temporary(list(dir), /./)) return 'writing another file';
  if (training.of('start').length === 0) return 'in start-up';
  if (records.length === 0) return 'before the first checkpoint';
  if (training.of('checkpoint').some(({ path }) => path?.endsWith(last))) return 'after the last checkpoint';
  return 'between writes';
}

/**
 * What is wrong with a folder after a kill; empty when nothing is. @param told checkpoints that were said to be saved.
 */
export async function faultsAfterKill(dir: string, told: readonly string[]): Promise<string[]> {
  const faults: string[] = [];
  const folder = join(dir, 'checkpoints');
  const records = list(folder).filter((name) => /^step-\d+\.json$/.test(name));
  for (const name of records) {
    const path = join(folder, name.replace('.json', '.safetensors'));
    await readCheckpoint(path).catch((error: Error) => faults.push(error.message));
  }
  const newest = Math.max(-1, ...records.map((name) => Number(/\d+/.exec(name)![0])));
  const promised = Math.max(-1, ...told.map((path) => Number(/step-(\d+)/.exec(path)![1])));
  if (newest < promised)
    faults.push(`the checkpoint of step ${promised} was said to be saved, and the newest is ${newest}`);
  const steps = new Set(stepsInMetrics(join(dir, 'metrics.jsonl')));
  for (let step = 1; step <= newest; step++) {
    if (!steps.has(step))
      faults.push(`metrics.jsonl lacks step ${step}, though the checkpoint has ${newest}`);
  }
  return faults;
}

/** The steps of a metrics file; a line that was cut short may only be the last. */
function stepsInMetrics(path: string): number[] {
  if (!existsSync(path)) return [];
  const lines = readFileSync(path, 'utf8').split('\n');
  return lines.slice(0, -1).map((line) => JSON.parse(line).step);
}
