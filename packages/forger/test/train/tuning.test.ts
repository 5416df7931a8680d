// A run's kernels: recorded with it, the same when it goes on, and kept for the next run on this adapter.
import { mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { conv2d, convTranspose2d, type Device, matmul, normal } from '@forger/tensor';
import { getChoices, setChoices, tunableProblems } from '@forger/tensor/internal';
import { expect, test } from 'vitest';
import { useDevice } from '../../../../test/support/device.ts';
import { defaultChoices, KERNEL_DEFAULTS, kernelDefaults } from '../../../dcgan/src/train/kernel-defaults.ts';
import { adapterName, settleKernels } from '../../src/train/tuning.ts';
import { checkpointBytes, runTraining, tiny } from './helpers.ts';

let device: Device;
useDevice((opened) => {
  device = opened;
});

const work = (): void =>
  void conv2d(normal([8, 16, 16, 16]), normal([32, 16, 4, 4]), { stride: 2, padding: 1 });
const key = 'conv 8 16 16 16 32 4 4 8 8 1 2 2 1 1 1 1';

function settle(
  tuning: 'off' | 'on' | 'thorough',
  folder: string,
  saved?: Record<string, string>,
  problem = work,
  signal = new AbortController().signal,
) {
  const notes: string[] = [];
  const reporter = { note: (text: string) => void notes.push(text) };
  return settleKernels(device, problem, { tuning, saved, reporter, signal, folder }).then((choices) => ({
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

/** Adapters as Dawn describes them. */
const adapters = {
  'lavapipe 25.0': [
    'mesa',
    '',
    'llvmpipe (LLVM 15.0.6, 256 bits)',
    'llvmpipe: Mesa 25.0.7-2~bpo12+1 (LLVM 15.0.6) 0.0.1',
  ],
  'lavapipe 26': ['mesa', '', 'llvmpipe (LLVM 22.1.8, 512 bits)', 'llvmpipe: Mesa 26.2.6-1 (LLVM 22.1.8)'],
  NVIDIA: ['nvidia', 'hopper', 'NVIDIA H100 80GB HBM3', 'NVIDIA: 570.86.10 570.86.10.0'],
} as const;

const named = ([vendor, architecture, name, description]: readonly string[]) =>
  adapterName({
    adapter: { ...device.adapter, vendor, architecture, device: name, description } as Device['adapter'],
  });

test('adapters find the kernels that ship for them, and unknown ones none', () => {
  for (const [name, adapter] of Object.entries(adapters))
    expect(kernelDefaults(named(adapter))?.name).toBe(name);
  expect(kernelDefaults(named(['mesa', '', 'llvmpipe', 'llvmpipe: Mesa 25.2.1 (LLVM 20)']))).toBeUndefined();
  expect(kernelDefaults(named(['amd', 'rdna-3', 'Radeon', 'Mesa 26.0.1']))).toBeUndefined();
});

/** A problem of each class. */
const classes = (): void => {
  work();
  convTranspose2d(normal([16, 100, 1, 1]), normal([100, 64, 4, 4]));
  matmul(normal([128, 128]), normal([128, 128]));
  matmul(normal([512, 512]), normal([512, 512]));
};

test('what ships is chosen for problems of its class and size, of those a core can solve', () => {
  const problems = tunableProblems(device, classes);
  expect(problems.map(({ family }) => family).sort()).toEqual([
    'convolution',
    'matmul',
    'matmul',
    'one window',
  ]);
  const chosen = (name: string) =>
    defaultChoices(KERNEL_DEFAULTS.find((one) => one.name === name)!, problems);
  expect(chosen('lavapipe 25.0')).toEqual({});
  expect(chosen('lavapipe 26')).toEqual({
    'conv 16 64 4 4 100 4 4 1 1 1 1 1 0 0 1 1': 'uniform',
    'matmul 1 128 128 128': 'uniform',
  });
  const only = problems.map((problem) => ({ ...problem, candidates: ['naive'] as const }));
  expect(defaultChoices(KERNEL_DEFAULTS.find(({ name }) => name === 'lavapipe 26')!, only)).toEqual({});
});

test('a run takes what ships for its adapter, unless something was found before or kernels go by rule', async () => {
  const before = device.adapter;
  const pretend = ([vendor, architecture, name, description]: readonly string[]) =>
    Object.defineProperty(device, 'adapter', {
      value: { ...before, vendor, architecture, device: name, description },
      configurable: true,
      writable: true,
    });
  try {
    pretend(adapters['lavapipe 26']);
    const folder = mkdtempSync(join(tmpdir(), 'tuning-'));
    const large = 'conv 16 64 4 4 100 4 4 1 1 1 1 1 0 0 1 1';
    const window = (): void => void convTranspose2d(normal([16, 100, 1, 1]), normal([100, 64, 4, 4]));
    const on = await settle('on', folder, undefined, window);
    expect(on).toEqual({ choices: { [large]: 'uniform' }, notes: [] });
    expect(getChoices(device)).toEqual(on.choices);
    expect((await settle('off', folder, undefined, window)).choices).toEqual({});
    expect(readdirSync(folder)).toEqual([]);
    await settle('thorough', folder, undefined, window);
    const [file] = readdirSync(folder);
    const record = JSON.parse(readFileSync(join(folder, file!), 'utf8'));
    writeFileSync(join(folder, file!), JSON.stringify({ ...record, choices: { [large]: 'subgroup' } }));
    expect((await settle('on', folder, undefined, window)).choices).toEqual({ [large]: 'subgroup' });
  } finally {
    pretend([before.vendor, before.architecture, before.device, before.description]);
    setChoices(device, {});
  }
});

test('a preference that nobody measured holds where the tuner had no time', async () => {
  const before = device.adapter;
  const describe = (vendor: string) =>
    Object.defineProperty(device, 'adapter', {
      value: { ...before, vendor },
      configurable: true,
      writable: true,
    });
  try {
    describe('nvidia');
    const folder = mkdtempSync(join(tmpdir(), 'tuning-'));
    const stopped = AbortSignal.abort();
    const { choices } = await settle('on', folder, undefined, work, stopped);
    expect(choices).toEqual(defaultChoices(kernelDefaults('nvidia')!, tunableProblems(device, work)));
    expect(getChoices(device)).toEqual(choices);
    expect(readdirSync(folder)).toEqual([]);
  } finally {
    describe(before.vendor);
    setChoices(device, {});
  }
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
