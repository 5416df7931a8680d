// When a training is hit: at a moment after its start, or when a file of its folder appears, is written to or
// is renamed.

import { existsSync, type FSWatcher, watch } from 'node:fs';
import { join } from 'node:path';
import type { Random } from '../../packages/dcgan/src/data/random.ts';
import type { Training } from './training.ts';

export interface Moment {
  readonly kind: 'moment';
  /** Milliseconds after the start of the process. */
  readonly at: number;
}

export interface FileEvent {
  readonly kind: 'file';
  readonly what: keyof typeof FILES;
  /** At which such event, from 1. */
  readonly at: number;
  /** Milliseconds after it. */
  readonly delay: number;
}

export type Aim = Moment | FileEvent;

/** The folder, the file's name, and what happens to it: `rename` also means that it appears or is removed. */
const FILES = {
  'a checkpoint’s weights begin': ['checkpoints', /^\.step-\d+\.safetensors\./, 'rename'],
  'a checkpoint’s weights are written': ['checkpoints', /^\.step-\d+\.safetensors\./, 'change'],
  'a checkpoint’s weights are renamed': ['checkpoints', /^step-\d+\.safetensors$/, 'rename'],
  'a checkpoint’s JSON begins': ['checkpoints', /^\.step-\d+\.json\./, 'rename'],
  'a checkpoint’s JSON is renamed or removed': ['checkpoints', /^step-\d+\.json$/, 'rename'],
  'a sample grid is written': ['samples', /^\.step-/, 'rename'],
  'metrics are written': ['.', /metrics\.jsonl/, 'change'],
  'settings, lock or reports are written': ['.', /config|lock|report|losses|gif/, 'rename'],
} as const satisfies Record<string, readonly [string, RegExp, 'rename' | 'change']>;

/** As many of these are aimed at moments in start-up, at moments in training, and at checkpoint writes. */
const SHARES = { startUp: 0.15, anywhere: 0.3 };

/** The events in a checkpoint's writing come first. */
const KINDS = Object.keys(FILES) as (keyof typeof FILES)[];
const OF_CHECKPOINTS = 5;

export interface Expected {
  /** Milliseconds until training begins, and until the process ends. */
  readonly startMs: number;
  readonly endMs: number;
  /** Checkpoints that it writes. */
  readonly checkpoints: number;
}

export function drawAim(random: Random, { startMs, endMs, checkpoints }: Expected): Aim {
  const share = random.uniform();
  if (share < SHARES.startUp) return { kind: 'moment', at: random.uniform(0, startMs) };
  if (share < SHARES.startUp + SHARES.anywhere) return { kind: 'moment', at: random.uniform(0, endMs) };
  // Checkpoints two times in three.
  const what = KINDS[random.below(3) < 2 ? random.below(OF_CHECKPOINTS) : random.below(KINDS.length)]!;
  const often = what.startsWith('a checkpoint') || what.startsWith('metrics');
  const at = 1 + random.below(often ? Math.max(1, Math.floor(0.8 * checkpoints)) : 3);
  return { kind: 'file', what, at, delay: random.below(2) === 0 ? 0 : random.uniform(0, 3) };
}

export function describeAim(aim: Aim): string {
  if (aim.kind === 'moment') return `${Math.round(aim.at)} ms`;
  return `${aim.what} (${aim.at}${aim.delay > 0 ? `, ${aim.delay.toFixed(1)} ms later` : ''})`;
}

/**
 * Resolves when it is time, or the process has ended before. @param dir the run folder, which need not be there yet.
 */
export async function awaitAim(aim: Aim, dir: string, training: Training): Promise<void> {
  const ended = training.ended.then(
    () => {},
    () => {},
  );
  if (aim.kind === 'moment') return Promise.race([sleep(aim.at), ended]);
  const [folder, name, type] = FILES[aim.what];
  const path = join(dir, folder);
  while (!existsSync(path) && !training.isOver) await sleep(1);
  if (training.isOver) return;
  let watcher: FSWatcher | undefined;
  let left: number = aim.at;
  const seen = new Promise<void>((resolve) => {
    watcher = watch(path, (event, file) => {
      if (event === type && file !== null && name.test(file) && --left === 0) resolve();
    });
    watcher.on('error', () => {}); // the folder is gone: so is the process, soon
  });
  await Promise.race([seen, ended]);
  watcher?.close();
  if (aim.delay > 0 && !training.isOver) await Promise.race([sleep(aim.delay), ended]);
}

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
