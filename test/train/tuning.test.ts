// A run's kernels: recorded with it, the same when it goes on, and kept for the next run on this adapter.
import { mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { conv2d, createDevice, type Device, getChoices, normal, setChoices } from '@forger/tensor';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { settleKernels } from '../../packages/dcgan/src/train/tuning.ts';
import { checkpointBytes, runTraining, tiny } from './helpers.ts';

let device: Device;
beforeAll(async () => {
  device = await createDevice();
});
afterAll(() => device.destroy());

const { signal } = new AbortController();
const work = (): void =>
  void conv2d(normal([8, 16, 16, 16]), normal([32, 16, 4, 4]), { stride: 2, padding: 1 });
const key = 'conv 8 16 16 16 32 4 4 8 8 1 2 2 1 1 1 1';

function settle(tuning: 'off' | 'on' | 'thorough', folder: string, saved?: Record<string, string>) {
  const notes: string[] = [];
  const reporter = { note: (text: string) => void notes.push(text) };
  return settleKernels(device, work, { tuning, saved, reporter, signal, folder }).then((choices) => ({
    choices,
    notes,
  }));
}

test('thorough tuning is written down and taken over by later runs', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'tuning-'));
  const first = await settle('thorough', folder);
  expect(first.notes.at(-1)).toMatch(/^Tuned 1 problems\.$/);
  const [name] = readdirSync(folder);
  const file = JSON.parse(readFileSync(join(folder, name!), 'utf8'));
  expect(file.choices).toEqual(first.choices);

  writeFileSync(join(folder, name!), JSON.stringify({ ...file, choices: { [key]: 'naive' } }));
  const second = await settle('on', folder);
  expect(second.choices).toEqual({ [key]: 'naive' });
  expect(getChoices(device)).toEqual({ [key]: 'naive' });
  expect((await settle('off', folder)).choices).toEqual({});
});

test('a damaged record is said and not used', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'tuning-'));
  await settle('thorough', folder);
  const path = join(folder, readdirSync(folder)[0]!);
  writeFileSync(path, '{"version": 1, "choices"');
  const { notes } = await settle('on', folder);
  expect(notes[0]).toBe(
    `${path} is no record of kernel choices and is not used; the next tuning replaces it.`,
  );
});

test('a resumed run goes on with its kernels, and hears of those that are gone', async () => {
  const { choices, notes } = await settle('thorough', '/nowhere', { [key]: 'naive', other: 'gone' });
  expect(choices).toEqual({ [key]: 'naive', other: 'gone' });
  expect(getChoices(device)).toEqual({ [key]: 'naive' });
  expect(notes).toHaveLength(1);
  expect(notes[0]).toContain('cannot run 1 of the kernels');
  setChoices(device, {});
});

test('a tuned run, and one that takes its kernels over, stops and goes on, end in the same bytes', async () => {
  const tuningFolder = mkdtempSync(join(tmpdir(), 'tuning-'));
  // Large enough for some convolutions to be worth tuning.
  const settings = { ...tiny, width: 8, batchSize: 16 };
  const tuned = await runTraining(settings, { tuning: 'thorough', tuningFolder });
  expect(tuned.told.notes.some((note) => /^Tuned [1-9]\d* problems\.$/.test(note))).toBe(true);
  const { dir } = await runTraining(settings, { tuning: 'on', tuningFolder, stopAt: 3 });
  const recorded = (folder: string) => JSON.parse(readFileSync(join(folder, 'config.json'), 'utf8'));
  expect(recorded(dir).kernels).toEqual(recorded(tuned.dir).kernels);
  await runTraining(recorded(dir), { resume: dir, tuning: 'thorough', tuningFolder });
  expect(checkpointBytes(dir, 6)).toEqual(checkpointBytes(tuned.dir, 6));
});
