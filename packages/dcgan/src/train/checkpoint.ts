// A checkpoint of a run: everything that a resumed run needs to go on to the same bits, as safetensors bytes and a few
// values beside them. Where it is kept is up to others: packages/forger writes files.

import { loadStateDict, readStateDict } from '@forger/nn';
import {
  type DType,
  readSafetensors,
  type SafetensorsEntry,
  type Tensor,
  writeSafetensors,
} from '@forger/tensor';
import type { BatchState } from '../data/batches.ts';
import type { TrainState } from './state.ts';
import { DivergenceError } from './step-metrics.ts';
import type { InputInfos } from './task.ts';

/** What a checkpoint says beside its arrays; JSON can hold it. */
export interface CheckpointMeta {
  /** Where the data stand, and a hash of them. */
  readonly data: BatchState & { readonly fingerprint: string };
  /** Seconds of training so far. */
  readonly seconds: number;
  /** The latest metrics. Absent in checkpoints of version 0.1. */
  readonly metrics?: Readonly<Record<string, number | null>>;
  /** What the task's inputs are, with the names of classes. Absent in checkpoints of version 0.1. */
  readonly inputs?: InputInfos;
  /** What hooks keep, by the hooks' names. */
  readonly hooks?: Readonly<Record<string, unknown>>;
}

export interface Checkpoint {
  readonly step: number;
  /** A safetensors file: networks, optimizers, averages, the random stream, what previews are drawn from. */
  readonly bytes: Uint8Array;
  readonly meta: CheckpointMeta;
}

/** What a hook keeps in checkpoints. */
export interface HookState {
  /** What JSON can hold. */
  readonly values?: unknown;
  /** Live tensors by name: saved as they are, and overwritten when a run is resumed. */
  readonly tensors?: ReadonlyMap<string, Tensor<DType>>;
}

/**
 * The arrays of a run as a safetensors file.
 * @throws DivergenceError when one holds NaN or infinity: such a checkpoint would be of no use.
 */
export async function saveArrays(
  state: TrainState,
  further: ReadonlyMap<string, Tensor<DType>> = new Map(),
): Promise<Uint8Array> {
  const entries = await readStateDict(new Map([...state.checkpointDict(), ...further]));
  for (const [name, { data }] of entries) {
    if (data instanceof Float32Array && !data.every(Number.isFinite))
      throw new DivergenceError(`${name} holds NaN or infinity after step ${state.stepsDone}`);
  }
  return writeSafetensors(entries, { format: 'pt' });
}

/**
 * Puts saved arrays in place of the present ones.
 * @throws CheckpointError when the file is damaged, or of other networks.
 */
export function loadArrays(
  state: TrainState,
  { step, bytes }: Pick<Checkpoint, 'step' | 'bytes'>,
  further: ReadonlyMap<string, Tensor<DType>> = new Map(),
): void {
  const { tensors } = readSafetensors(bytes);
  const wanted = new Map([...state.checkpointDict(), ...further]);
  loadStateDict(`the networks of recipe ${state.task.name}`, wanted, withoutOtherHooks(tensors, wanted));
  state.stepsDone = step;
}

/** A run may be resumed without a hook that it had. */
function withoutOtherHooks<T extends SafetensorsEntry>(
  saved: ReadonlyMap<string, T>,
  wanted: ReadonlyMap<string, Tensor<DType>>,
): Map<string, T> {
  return new Map([...saved].filter(([name]) => !name.startsWith(HOOK) || wanted.has(name)));
}

/** Before the names of a hook's tensors. */
export const HOOK = 'hook.';
