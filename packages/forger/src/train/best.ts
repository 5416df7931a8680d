// The best checkpoint of a run, and what it is best by.

import { findValue } from '../evaluate/values.ts';
import { readMeta } from './checkpoint.ts';
import type { Checkpoint } from './checkpoint-store.ts';
import { hookName } from './evaluating.ts';
import type { BestCheckpoint } from './reporter.ts';
import type { RunFolder } from './run-folder.ts';

/** The best checkpoint; undefined where none was kept, or none of them is whole. */
export async function bestOf(run: RunFolder): Promise<BestCheckpoint | undefined> {
  const found = await run.bestCheckpoint().catch(() => undefined);
  return found && whatItIsBestBy(found.checkpoint);
}

/** @throws CheckpointError when the checkpoint was not saved by training. */
export function whatItIsBestBy(checkpoint: Checkpoint): BestCheckpoint | undefined {
  const { path, step } = checkpoint;
  const { config, hooks = {} } = readMeta(checkpoint);
  if (config.keepBest === undefined) return undefined;
  const value = findValue(config.keepBest);
  const { best } = (hooks[hookName(value)] ?? {}) as { best?: { value: number } | null };
  return best ? { step, path, name: value.name, title: value.spec.title, value: best.value } : undefined;
}
