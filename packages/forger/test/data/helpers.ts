// Small files for the data tests, made on the spot in temporary folders.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import os from 'node:os';
import path from 'node:path';
import fc from 'fast-check';
import { expect, onTestFinished } from 'vitest';
import type { DatasetOptions, ImageDataset } from '../../src/data/dataset.ts';

export * from './builders.ts';

/** sharp as the forger package has it; the root has no dependency on it. */
export const sharp: typeof import('../../node_modules/sharp/lib/index.js') = createRequire(
  new URL('../../package.json', import.meta.url),
)('sharp');

/** A new temporary folder, removed when the test ends. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'forger-data-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** Writes a file, and the folders above it; returns its path. */
export function write(folder: string, name: string, content: Uint8Array | string): string {
  const file = path.join(folder, name);
  mkdirSync(path.dirname(file), { recursive: true });
  writeFileSync(file, content);
  return file;
}

export const options: DatasetOptions = { imageSize: 8, channels: 1, seed: 1 };

/** All bytes of one image. */
export function readImage(dataset: ImageDataset, index: number): Uint8Array {
  const out = new Uint8Array(dataset.channels * dataset.height * dataset.width);
  dataset.read(index, out, 0);
  return out;
}

/** Deterministic bytes that fast-check can shrink away from. */
export const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });

/** The message of the error of this name that a promise is rejected with: one sentence or a few, on one line. */
export async function rejection(promise: Promise<unknown>, name: string): Promise<string> {
  const error = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(Error);
  expect((error as Error).name).toBe(name);
  expect((error as Error).message).toMatch(/^[^\n]*\.$/);
  return (error as Error).message;
}
