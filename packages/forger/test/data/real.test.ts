// The real sets, when copies lie beside the repository in ../shared/data; skipped where they do not.
import { existsSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { openDataset } from '../../src/data/dataset.ts';
import { options, readImage, rejection } from './helpers.ts';

const data = fileURLToPath(new URL('../../../../../shared/data', import.meta.url));

/** Runs a test when the folder is there, and says why when it is not. */
function withFolder(name: string, title: string, body: (folder: string) => Promise<void>): void {
  const folder = path.join(data, name);
  const here = existsSync(folder);
  test.skipIf(!here)(here ? title : `${title} (skipped: no ../shared/data/${name})`, () => body(folder));
}

describe.each([
  // Mean and deviation of the training pixels, as published with PyTorch's examples.
  ['mnist', 0.1307, 0.3081],
  ['fashion-mnist', 0.286, 0.353],
])('%s', (name, mean, deviation) => {
  withFolder(name, 'has its 60,000 training images, by path and by name', async (folder) => {
    const dataset = await openDataset(folder, { ...options, imageSize: 28 });
    expect(dataset.length).toBe(60_000);
    let [sum, squares] = [0, 0];
    for (let i = 0; i < dataset.length; i++) {
      for (const value of readImage(dataset, i)) {
        sum += value / 255;
        squares += (value / 255) ** 2;
      }
    }
    const count = dataset.length * 784;
    // Published to four digits.
    expect(Math.abs(sum / count - mean)).toBeLessThan(1e-4);
    expect(Math.abs(Math.sqrt(squares / count - (sum / count) ** 2) - deviation)).toBeLessThan(1e-4);
    for (const dataDir of [folder, data]) {
      const named = await openDataset(name, { ...options, imageSize: 28, dataDir });
      expect(named.fingerprint).toBe(dataset.fingerprint);
    }
  });
});

withFolder(
  'fashion-mnist',
  'is not taken for mnist, though its files have the same names',
  async (folder) => {
    const message = await rejection(openDataset('mnist', { ...options, dataDir: folder }), 'DataError');
    expect(message).toContain('are not the 60000 training images of mnist');
  },
);

withFolder('twemoji-72x72', 'reads every palette and alpha PNG, on white', async (folder) => {
  const dataset = await openDataset(folder, { ...options, imageSize: 18, channels: 3 });
  expect(dataset).toMatchObject({ length: 1949, notes: [] });
  // Most emoji are round: their corners show the background.
  const white = Array.from({ length: 1949 }, (_, i) => readImage(dataset, i)[0]).filter(
    (value) => value === 255,
  );
  expect(white.length).toBeGreaterThan(1500);
});

withFolder(
  'cifar10-png-subset',
  'reads the nested PNGs and ignores the table beside them',
  async (folder) => {
    const dataset = await openDataset(folder, { ...options, imageSize: 32, channels: 3 });
    expect(dataset.length).toBe(1000);
    expect(dataset.notes).toEqual(['Files ignored because they are not pictures: 1 .csv.']);
  },
);
