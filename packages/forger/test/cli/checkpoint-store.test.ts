// Checkpoints on disk: no bit of them can change unnoticed, older ones are still read, and nothing piles up.

import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { CheckpointError, ConfigError } from '@forger/tensor';
import { expect, test } from 'vitest';
import { CheckpointStore, readCheckpoint } from '../../src/train/checkpoint-store.ts';
import { RunFolder } from '../../src/train/run-folder.ts';
import { emptyFolder } from './folders.ts';
import { config } from './settings.ts';

const bytes = Uint8Array.from({ length: 100 }, (_, i) => i * 7);
/** Text of several bytes a letter, as in the paths of data. */
const meta = { data: { position: 6 }, path: 'Bilder/Größe ☀' };

async function written(): Promise<{ path: string; record: string; text: Buffer }> {
  const path = await new CheckpointStore(emptyFolder(), 3).write(6, bytes, meta);
  const record = path.replace('.safetensors', '.json');
  return { path, record, text: readFileSync(record) };
}

test('a checkpoint comes back as it was written', async () => {
  const { path } = await written();
  expect(await readCheckpoint(path)).toMatchObject({ step: 6, meta });
});

test('every flipped bit of its JSON is found', async () => {
  const { path, record, text } = await written();
  for (let at = 0; at < text.length; at++) {
    for (let bit = 0; bit < 8; bit++) {
      const damaged = Buffer.from(text);
      damaged[at]! ^= 1 << bit;
      writeFileSync(record, damaged);
      await expect(readCheckpoint(path), `bit ${bit} of byte ${at}`).rejects.toThrow(CheckpointError);
    }
  }
  writeFileSync(record, text);
  await readCheckpoint(path);
});

test('every byte that is missing, doubled or turned to a space is found', async () => {
  const { path, record, text } = await written();
  for (let at = 0; at < text.length; at++) {
    const pieces = [[], [text[at]!, text[at]!], [0x20], [0x0a]];
    for (const piece of pieces) {
      const damaged = Buffer.concat([text.subarray(0, at), Buffer.from(piece), text.subarray(at + 1)]);
      if (damaged.equals(text)) continue;
      writeFileSync(record, damaged);
      await expect(readCheckpoint(path), `${piece} at byte ${at}`).rejects.toThrow(CheckpointError);
    }
  }
});

test('a checkpoint of version 1, which had no checksum of its JSON, is still read', async () => {
  const { path, record } = await written();
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  const old = { format: 'forger-checkpoint', version: 1, step: 6, size: bytes.length, sha256, meta };
  writeFileSync(record, JSON.stringify(old));
  expect(await readCheckpoint(path)).toMatchObject({ step: 6, meta });
  // One of now is not taken for one of then.
  writeFileSync(record, JSON.stringify({ ...old, version: 2 }));
  await expect(readCheckpoint(path)).rejects.toThrow('does not match its own checksum');
});

test('what an interrupted write left is removed, and what is damaged set aside', async () => {
  const dir = emptyFolder();
  const store = new CheckpointStore(dir, 3);
  for (const step of [2, 4]) await store.write(step, bytes, meta);
  writeFileSync(join(dir, 'step-000006.safetensors'), bytes); // killed before its JSON
  await store.setAsideAfter(2);
  expect(readdirSync(dir).sort()).toEqual([
    'step-000002.json',
    'step-000002.safetensors',
    'step-000004.json.damaged',
    'step-000004.safetensors.damaged',
  ]);
});

test('runs that begin within one second get folders of their own, also at one instant', async () => {
  const before = process.cwd();
  process.chdir(emptyFolder());
  try {
    const now = new Date(2026, 0, 2, 3, 4, 5);
    const runs = await Promise.all(Array.from({ length: 8 }, () => RunFolder.create(config, { now })));
    expect(new Set(runs.map(({ dir }) => dir)).size).toBe(8);
    for (const run of runs) run.close();
  } finally {
    process.chdir(before);
  }
});

test('what a run that was killed while it began has left is no obstacle to the next', async () => {
  const dir = join(emptyFolder(), 'run');
  mkdirSync(dir);
  writeFileSync(join(dir, '.config.json.4711.tmp'), '{"version"');
  writeFileSync(join(dir, '.run.lock.0123456789abcdef.4711.tmp'), '{"pid"');
  const run = await RunFolder.create(config, { out: dir });
  expect(readdirSync(dir).sort()).toEqual(['checkpoints', 'config.json', 'run.lock', 'samples']);
  await expect(RunFolder.create(config, { out: dir })).rejects.toThrow(ConfigError);
  run.close();
});

test('the best checkpoint stays, and those that were best at the time of a checkpoint that is kept', async () => {
  const store = new CheckpointStore(emptyFolder(), 2);
  const best = async (): Promise<number[]> => store.steps('best');
  expect(await store.latest('best')).toBeUndefined();
  await store.write(10, bytes, meta, 'best');
  await store.write(20, bytes, meta);
  await store.write(25, bytes, meta, 'best');
  await store.write(30, bytes, meta, 'best');
  // A run that goes back to step 20 needs the best of its time.
  expect(await best()).toEqual([10, 30]);
  await store.write(40, bytes, meta);
  await store.write(60, bytes, meta);
  expect([await store.steps(), await best()]).toEqual([[40, 60], [30]]);
  await store.write(70, bytes, meta, 'best');
  expect((await store.latest('best'))!.checkpoint).toMatchObject({ step: 70, meta });
  await store.setAsideAfter(60);
  expect(await best()).toEqual([30]);
  expect(readdirSync(store.dir).filter((name) => name.startsWith('best-'))).toHaveLength(2);
  writeFileSync(join(store.dir, 'best-000030.safetensors'), 'x');
  await expect(store.latest('best')).rejects.toThrow(
    'has no whole best checkpoint left, so use the last one',
  );
});
