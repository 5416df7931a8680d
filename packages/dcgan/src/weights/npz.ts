// `.npz` files, which numpy and Chainer write: a ZIP archive of `.npy` files, one for each array. Chainer's keys are
// paths, `l0/W`; its snapshots of whole trainers keep each network under `updater/model:NAME/`.

import { CheckpointError } from '@forger/tensor';
import { Budget } from './budget.ts';
import type { WeightEntries, WeightEntry } from './entry.ts';
import { readNpy } from './npy.ts';
import type { ZipArchive } from './zip.ts';

const EXTENSION = '.npy';
/** Where a snapshot of a Chainer trainer keeps its networks; what lies elsewhere is state of the training. */
const MODEL = 'updater/model:';

/** Whether the archive is numpy's. */
export function isNpz(archive: ZipArchive): boolean {
  const names = archive.names();
  return names.length > 0 && names.every((name) => name.endsWith(EXTENSION));
}

/** The arrays of an archive by name. @throws CheckpointError when one is damaged, or of Python objects. */
export async function readNpz(archive: ZipArchive, fileBytes: number): Promise<WeightEntries> {
  const all = archive.names();
  const models = all.filter((name) => name.startsWith(MODEL));
  const budget = new Budget(fileBytes);
  const entries = new Map<string, WeightEntry>();
  for (const file of models.length > 0 ? models : all) {
    const name = file.slice(0, -EXTENSION.length);
    entries.set(name, readNpy(name, await archive.read(file), budget));
  }
  if (entries.size === 0) throw new CheckpointError('it holds no arrays');
  return entries;
}
