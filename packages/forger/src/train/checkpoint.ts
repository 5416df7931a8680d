// What a checkpoint of a training run holds, and going on from one.

import type { TrainState } from '@forger/dcgan/internal';
import { DivergenceError } from '@forger/dcgan/internal';
import { loadStateDict, readStateDict } from '@forger/nn';
import { CheckpointError, ConfigError, readSafetensors, type Tensor, writeSafetensors } from '@forger/tensor';
import { z } from 'zod';
import { describeFaults } from '../schema-faults.ts';
import type { Checkpoint } from './checkpoint-store.ts';
import { differences, parseConfig, sameTraining, type TrainConfig } from './config.ts';
import type { RunFolder } from './run-folder.ts';

const metaSchema = z.object({
  config: z.unknown(),
  data: z.object({
    /** Of the data set's pictures. */
    fingerprint: z.string(),
    /** The next batch: its epoch, and its place in it. */
    epoch: z.int().min(0),
    position: z.int().min(0),
  }),
  /** Of training so far. */
  seconds: z.number().min(0),
});

/** What is saved beside the arrays. */
export type CheckpointMeta = z.infer<typeof metaSchema> & { config: TrainConfig };

/** Every array of a run: the state of training, and the latents of its sample grids. */
function arrays(state: TrainState, fixedLatents: Tensor): Map<string, Tensor> {
  return state.stateDict().set('fixed_latents', fixedLatents);
}

/**
 * Saves a checkpoint of the steps done.
 * @returns its path. @throws DivergenceError when an array holds NaN or infinity: such a checkpoint would be of no use.
 */
export async function saveCheckpoint(
  run: RunFolder,
  state: TrainState,
  fixedLatents: Tensor,
  meta: CheckpointMeta,
): Promise<string> {
  const entries = await readStateDict(arrays(state, fixedLatents));
  for (const [name, { data }] of entries) {
    if (data instanceof Float32Array && !data.every(Number.isFinite)) {
      throw new DivergenceError(`${name} holds NaN or infinity after step ${state.stepsDone}`);
    }
  }
  return run.writeCheckpoint(state.stepsDone, writeSafetensors(entries, { format: 'pt' }), meta);
}

/**
 * Puts a saved state in place of the present one.
 * @returns what was saved beside the arrays.
 * @throws CheckpointError when the checkpoint holds something else; ConfigError when it was trained in another way.
 */
export function restoreCheckpoint(
  checkpoint: Checkpoint,
  config: TrainConfig,
  state: TrainState,
  fixedLatents: Tensor,
): CheckpointMeta {
  const meta = readMeta(checkpoint);
  const changed = sameTraining(meta.config, config);
  if (changed.length > 0) {
    throw new ConfigError(
      `${checkpoint.path} was trained with ${differences(changed, meta.config, config)}: put these back into config.json, or start a new run`,
    );
  }
  const { tensors } = readSafetensors(checkpoint.bytes);
  loadStateDict(`the networks of recipe ${config.recipe}`, arrays(state, fixedLatents), tensors);
  state.stepsDone = checkpoint.step;
  return meta;
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
