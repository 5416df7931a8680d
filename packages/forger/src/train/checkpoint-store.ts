// A folder of checkpoints: step-000100.safetensors holds every array, step-000100.json the rest and two checksums, of
// the arrays and of itself. The JSON is written last, so a checkpoint exists when its JSON does. The best one so far is
// beside them as best-000100; a run that goes back to an older checkpoint finds the best one of its time.

import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readdir, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { CheckpointError } from '@forger/tensor';
import { z } from 'zod';
import { fileError, writeAtomic } from '../atomic-file.ts';
import { describeFaults } from '../schema-faults.ts';

/** A checkpoint whose checksums were right. */
export interface Checkpoint {
  step: number;
  /** Path of the safetensors file. */
  path: string;
  /** Contents of the safetensors file. */
  bytes: Uint8Array;
  /** Whatever was saved beside the arrays. */
  meta: Record<string, unknown>;
}

/** Damaged checkpoints that an error names. */
const MOST_NAMED = 3;

/** What to do about a damaged checkpoint. */
const REMEDY = 'copy it again, or use another checkpoint of the run';

const FILE = /^(step|best)-(\d+)\.(json|safetensors)$/;

/** `step`: one of the last few. `best`: the best so far by the metric that the run keeps it by. */
export type Kept = 'step' | 'best';

const recordSchema = z.object({
  format: z.literal('forger-checkpoint'),
  /** Version 1 had no checksum of itself. */
  version: z.literal([1, 2]),
  step: z.int().min(0),
  size: z.int().min(0),
  /** Of the safetensors file. */
  sha256: z.string(),
  meta: z.record(z.string(), z.unknown()),
});
type CheckpointRecord = z.infer<typeof recordSchema>;

/** How a record ends: the SHA-256 of all its bytes, these digits taken as zeros. */
const SEAL = /"checksum": "([0-9a-f]{64})"\n\}\n$/;
const NO_SEAL = '0'.repeat(64);

/** `step-000100`: the name that the files of a step share, in order when sorted by name. */
export function stepName(step: number, kept: Kept = 'step'): string {
  return `${kept}-${String(step).padStart(6, '0')}`;
}

/** Writes, finds and removes the checkpoints of one folder. */
export class CheckpointStore {
  readonly dir: string;
  readonly keep: number;

  /** @param keep how many of the newest checkpoints stay when another is written. */
  constructor(dir: string, keep: number) {
    this.dir = dir;
    this.keep = keep;
  }

  /**
   * Writes a checkpoint, then removes all but the newest few, and all best ones but the newest and those that
   * a run would need that goes on from one of the checkpoints kept.
   * @returns the path of its safetensors file.
   */
  async write(step: number, bytes: Uint8Array, meta: object, kept: Kept = 'step'): Promise<string> {
    const path = this.#weights(step, kept);
    const record: CheckpointRecord = {
      format: 'forger-checkpoint',
      version: 2,
      step,
      size: bytes.byteLength,
      sha256: sha256(bytes),
      meta: meta as Record<string, unknown>,
    };
    await writeAtomic(path, bytes);
    await writeAtomic(recordPath(path), recordText(record));
    await this.#rotate();
    return path;
  }

  /** Steps that have a checkpoint of a kind, in ascending order. */
  async steps(kept: Kept = 'step'): Promise<number[]> {
    const files = await this.#files();
    return files.filter((file) => file.kept === kept && file.kind === 'json').map(({ step }) => step);
  }

  /**
   * The newest checkpoint of a kind whose checksums are right, with a note for each newer one that is damaged;
   * undefined when nothing was saved yet. The newest best one is the best.
   * @throws CheckpointError when there are checkpoints and all are damaged.
   */
  async latest(kept: Kept = 'step'): Promise<{ checkpoint: Checkpoint; notes: string[] } | undefined> {
    const notes: string[] = [];
    for (const step of (await this.steps(kept)).reverse()) {
      try {
        const checkpoint = await readCheckpoint(this.#weights(step, kept));
        if (checkpoint.step !== step)
          throw new CheckpointError(`${checkpoint.path} says it is of step ${checkpoint.step}; ${REMEDY}`);
        return { checkpoint, notes };
      } catch (error) {
        if (!(error instanceof CheckpointError)) throw error;
        notes.push(`${error.message}; trying the checkpoint before it`);
      }
    }
    if (notes.length === 0) return undefined;
    const found = notes.slice(0, MOST_NAMED).join('; ');
    throw new CheckpointError(
      kept === 'best'
        ? `${this.dir} has no whole best checkpoint left, so use the last one: ${found}`
        : `${this.dir} has no whole checkpoint left, so start a new run: ${found}`,
    );
  }

  /**
   * Sets the checkpoints after a step aside, under names that end in `.damaged`, so that none is taken for
   * newest again.
   * Arrays without a JSON are of a write that was cut short, and are removed.
   */
  async setAsideAfter(lastStep: number): Promise<void> {
    const recorded = { step: new Set(await this.steps()), best: new Set(await this.steps('best')) };
    for (const { step, kept, name } of await this.#files()) {
      const path = join(this.dir, name);
      // A best one of a time that the run is yet to reach again is of no use to it: it will be found again.
      if (!recorded[kept].has(step) || (kept === 'best' && step > lastStep)) await rm(path, { force: true });
      else if (step > lastStep) await rename(path, `${path}.damaged`);
    }
  }

  async #rotate(): Promise<void> {
    const steps = (await this.steps()).slice(-this.keep);
    const best = await this.steps('best');
    const needed = [...steps, Number.POSITIVE_INFINITY].map((last) => best.findLast((step) => step <= last));
    // In this order a JSON goes before its weights: what is half removed is no checkpoint.
    for (const { step, kept, name } of await this.#files()) {
      if (!(kept === 'best' ? needed : steps).includes(step)) await rm(join(this.dir, name), { force: true });
    }
  }

  async #files(): Promise<{ step: number; kept: Kept; kind: string; name: string }[]> {
    const files = (await readdir(this.dir)).flatMap((name) => {
      const match = FILE.exec(name);
      return match ? [{ kept: match[1] as Kept, step: Number(match[2]), kind: match[3]!, name }] : [];
    });
    return files.sort((a, b) => a.step - b.step || a.name.localeCompare(b.name));
  }

  #weights(step: number, kept: Kept): string {
    return join(this.dir, `${stepName(step, kept)}.safetensors`);
  }
}

/**
 * Reads a checkpoint from its safetensors file and the JSON beside it, and compares the checksums.
 * @throws CheckpointError when either is missing, unreadable or does not fit the other.
 */
export async function readCheckpoint(path: string): Promise<Checkpoint> {
  const record = await readRecord(path);
  let bytes: Uint8Array;
  try {
    bytes = await readFile(path);
  } catch (error) {
    throw new CheckpointError(fileError('read', path, error).message, { cause: error });
  }
  if (bytes.byteLength !== record.size) {
    throw new CheckpointError(
      `${path} is damaged: ${bytes.byteLength} bytes where ${record.size} were written; ${REMEDY}`,
    );
  }
  if (sha256(bytes) !== record.sha256) {
    throw new CheckpointError(
      `${path} is damaged: its contents do not match the checksum in its JSON; ${REMEDY}`,
    );
  }
  return { step: record.step, path, bytes, meta: record.meta };
}

/** Whether a safetensors file has a checkpoint's JSON beside it; one that has none is a bare set of weights. */
export function isCheckpoint(path: string): boolean {
  return path.endsWith('.safetensors') && existsSync(recordPath(path));
}

/** The contents of a record's file, with the checksum over them. */
export function recordText(record: CheckpointRecord): string {
  const text = `${JSON.stringify({ ...record, checksum: NO_SEAL }, null, 2)}\n`;
  return sealed(text, sha256(text));
}

function sealed(text: string, checksum: string): string {
  return text.replace(SEAL, `"checksum": "${checksum}"\n}\n`);
}

async function readRecord(path: string): Promise<CheckpointRecord> {
  const source = recordPath(path);
  let bytes: Buffer;
  try {
    bytes = await readFile(source);
  } catch (error) {
    throw new CheckpointError(fileError('read', source, error).message, { cause: error });
  }
  let value: unknown;
  try {
    value = JSON.parse(bytes.toString('utf8'));
  } catch (error) {
    throw new CheckpointError(`${source} is not JSON; ${REMEDY}`, { cause: error });
  }
  const result = recordSchema.safeParse(value);
  if (!result.success) {
    const faults = describeFaults(result.error);
    throw new CheckpointError(`${source} is not the JSON of a checkpoint: ${faults}; ${REMEDY}`);
  }
  if (!isWhole(bytes, result.data)) {
    throw new CheckpointError(`${source} is damaged: it does not match its own checksum; ${REMEDY}`);
  }
  return result.data;
}

function isWhole(bytes: Buffer, { version }: CheckpointRecord): boolean {
  const text = bytes.toString('latin1'); // a character for each byte
  const checksum = SEAL.exec(text)?.[1];
  if (checksum === undefined) return version === 1 && !text.includes('"checksum"');
  return sha256(Buffer.from(sealed(text, NO_SEAL), 'latin1')) === checksum;
}

function recordPath(path: string): string {
  return path.replace(/\.safetensors$/, '.json');
}

function sha256(bytes: Uint8Array | string): string {
  return createHash('sha256').update(bytes).digest('hex');
}
