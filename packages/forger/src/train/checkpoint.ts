// Checkpoints of training in a run folder: the trainer's own, with the run's settings beside them.

import type { Trainer, Checkpoint as TrainerCheckpoint, CheckpointMeta as TrainerMeta } from '@forger/dcgan';
import { CheckpointError, ConfigError } from '@forger/tensor';
import { z } from 'zod';
import { describeFaults } from '../schema-faults.ts';
import { type Before, isRecorded, otherData, placeInData } from './changes.ts';
import type { Checkpoint, Kept } from './checkpoint-store.ts';
import { differences, parseConfig, sameTraining, type TrainConfig } from './config.ts';
import type { RunFolder } from './run-folder.ts';

const place = { epoch: z.int().min(0), position: z.int().min(0) };

const metaSchema = z.object({
  config: z.unknown(),
  data: z.object({
    /** Of the data. */
    fingerprint: z.string(),
    /** The next batch: its epoch, and its place in it. */
    ...place,
    others: z.record(z.string(), z.object(place)).exactOptional(),
  }),
  /** Of training so far. */
  seconds: z.number().min(0),
  // Those below are not in checkpoints of version 0.1.
  metrics: z.record(z.string(), z.number().nullable()).exactOptional(),
  inputs: z
    .record(
      z.string(),
      z.object({
        shape: z.array(z.int().min(1)),
        dtype: z.literal(['float32', 'int32']),
        classes: z.array(z.string()).exactOptional(),
      }),
    )
    .exactOptional(),
  hooks: z.record(z.string(), z.unknown()).exactOptional(),
});

/** What is saved beside the arrays. */
export type CheckpointMeta = TrainerMeta & { config: TrainConfig };

/** Writes a checkpoint into the run folder. @returns its path. */
export async function saveCheckpoint(
  run: RunFolder,
  { step, bytes, meta }: TrainerCheckpoint,
  config: TrainConfig,
  kept: Kept = 'step',
): Promise<string> {
  return run.writeCheckpoint(step, bytes, { config, ...meta }, kept);
}

/**
 * Puts a saved state in place of the trainer's.
 * @param dir the run folder, for messages.
 * @throws CheckpointError when the checkpoint holds something else; ConfigError when it was trained in another way.
 */
export function restoreCheckpoint(
  checkpoint: Checkpoint,
  config: TrainConfig,
  trainer: Trainer,
  dir: string,
): void {
  const meta = readMeta(checkpoint);
  const changed = sameTraining(meta.config, config);
  if (changed.length > 0) {
    throw new ConfigError(
      `${checkpoint.path} was trained with ${differences(changed, meta.config, config)}: put these back into config.json, or start a new run`,
    );
  }
  const { fingerprint } = trainer.batches;
  if (meta.data.fingerprint !== fingerprint && !isRecorded(config, checkpoint.step, fingerprint))
    throw otherData({ config, folder: dir });
  const data = { ...placeInData({ step: checkpoint.step, meta }, config, trainer.batches), fingerprint };
  trainer.restore({ step: checkpoint.step, bytes: checkpoint.bytes, meta: { ...meta, data } });
}

/** What a run goes on from: its newest whole checkpoint. @throws CheckpointError when all are damaged. */
export async function lastCheckpoint(run: RunFolder): Promise<Before | undefined> {
  const found = await run.latestCheckpoint();
  return found && { step: found.checkpoint.step, meta: readMeta(found.checkpoint) };
}

/** @throws CheckpointError when the checkpoint was not saved by training. */
export function readMeta(checkpoint: Checkpoint): CheckpointMeta {
  const result = metaSchema.safeParse(checkpoint.meta);
  if (result.success) {
    return { ...result.data, config: parseConfig(result.data.config, `settings in ${checkpoint.path}`) };
  }
  throw new CheckpointError(
    `${checkpoint.path} is not a checkpoint of a training run: ${describeFaults(result.error)}; name one that \`forger train\` wrote`,
  );
}
