// The files that fixtures/make.py wrote, and files made from them; those made by hand are in builders.ts.

import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { readWeights } from '../../src/weights/read.ts';
import { emptyFolder } from '../cli/folders.ts';

export * from './builders.ts';

const folder = fileURLToPath(new URL('fixtures', import.meta.url));

export function fixture(name: string): string {
  return join(folder, name);
}

export function fixtureBytes(name: string): Buffer {
  return readFileSync(fixture(name));
}

/** What PyTorch drew: some pixels of the pictures for `latents`. */
export const expected: {
  latents: number[];
  shape: number[];
  of: Record<string, { shape: number[]; step: number; values: number[] }>;
} = JSON.parse(readFileSync(fixture('pictures.json'), 'utf8'));

/** Writes bytes under a name of their own. @returns the path. */
export function written(name: string, bytes: Uint8Array): string {
  const path = join(emptyFolder(), name);
  writeFileSync(path, bytes);
  return path;
}

/** The refusal that reading gives, less the file's name in front. */
export async function refusal(name: string, bytes: Uint8Array): Promise<string> {
  const path = written(name, bytes);
  try {
    const entries = await readWeights(path);
    for (const entry of entries.values()) await entry.read();
  } catch (error) {
    const { name: kind, message } = error as Error;
    if (kind !== 'CheckpointError') throw error;
    return message.replace(`${path}: `, '');
  }
  throw new Error(`${name} was read`);
}
