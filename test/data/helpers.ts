// Small files for the data tests, made on the spot in temporary folders.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import os from 'node:os';
import path from 'node:path';
import fc from 'fast-check';
import { expect, onTestFinished } from 'vitest';
import type { DatasetOptions, ImageDataset } from '../../packages/dcgan/src/data/dataset.ts';

/** sharp as the dcgan package has it; the root has no dependency on it. */
export const sharp: typeof import('../../packages/dcgan/node_modules/sharp/lib/index.js') = createRequire(
  new URL('../../packages/dcgan/package.json', import.meta.url),
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

/** An IDX image file. `claim` overrides what the header says. */
export function idx(
  pixels: Uint8Array,
  rows: number,
  columns: number,
  claim: { magic?: number; count?: number; rows?: number } = {},
): Buffer {
  const header = Buffer.alloc(16);
  header.writeUInt32BE(claim.magic ?? 0x803, 0);
  header.writeUInt32BE(claim.count ?? pixels.length / (rows * columns), 4);
  header.writeUInt32BE(claim.rows ?? rows, 8);
  header.writeUInt32BE(columns, 12);
  return Buffer.concat([header, pixels]);
}

/** One CIFAR-10 record after another, each plane filled with its value of `colours`. */
export function cifar(colours: [number, number, number][], label = 3): Buffer {
  return Buffer.concat(
    colours.map((colour) =>
      Buffer.concat([Buffer.from([label]), ...colour.map((value) => Buffer.alloc(1024, value))]),
    ),
  );
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
