// Batches: each epoch walks the data once in its own order, and a restored source goes on as if never stopped.

import type { HostBatch } from '@forger/dcgan';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { DatasetBatches } from '../../src/data/batches.ts';
import { type ImageDatasetSpec, imageDataset } from '../../src/data/image-dataset.ts';
import type { ImageDataset } from '../../src/data/types.ts';

/** Images of two pixels that hold their own index, low byte and high byte. */
function counting(length: number, changes: Partial<ImageDatasetSpec> = {}): ImageDataset {
  return imageDataset({
    name: 'counting',
    length,
    channels: 1,
    height: 1,
    width: 2,
    fingerprint: '',
    read(index, out, offset) {
      out[offset] = index % 256;
      out[offset + 1] = Math.floor(index / 256);
    },
    ...changes,
  });
}

/** The indices in a batch made with range 'sigmoid'. */
const indices = ({ real }: HostBatch) =>
  Array.from({ length: real!.length / 2 }, (_, i) =>
    Math.round(255 * real![2 * i]! + 255 * 256 * real![2 * i + 1]!),
  );

const setting = fc
  .record({
    length: fc.integer({ min: 1, max: 300 }),
    seed: fc.nat(),
    part: fc.double({ min: 0, max: 1, noNaN: true }),
  })
  .map(({ length, seed, part }) => ({ length, seed, batchSize: Math.max(1, Math.round(part * length)) }));

const source = ({ length, seed, batchSize }: { length: number; seed: number; batchSize: number }) =>
  new DatasetBatches(counting(length), { batchSize, seed, range: 'sigmoid' });

test('an epoch shows no image twice and drops only the short last batch', () => {
  fc.assert(
    fc.property(setting, (set) => {
      const batches = source(set);
      expect(batches.batchesPerEpoch).toBe(Math.floor(set.length / set.batchSize));
      for (let epoch = 0; epoch < 3; epoch++) {
        const seen: number[] = [];
        for (let i = 0; i < batches.batchesPerEpoch; i++) {
          expect(batches.epoch).toBe(epoch);
          seen.push(...indices(batches.next()));
        }
        expect(new Set(seen).size).toBe(seen.length);
        expect(seen.length).toBe(set.length - (set.length % set.batchSize));
        expect(seen.every((index) => index >= 0 && index < set.length)).toBe(true);
      }
      expect(batches.epoch).toBe(3);
    }),
  );
});

test('every epoch and every seed has its own order', () => {
  const epoch = (batches: DatasetBatches) => indices(batches.next()).join();
  const one = source({ length: 100, batchSize: 100, seed: 1 });
  const two = source({ length: 100, batchSize: 100, seed: 2 });
  expect(new Set([epoch(one), epoch(one), epoch(one), epoch(two)]).size).toBe(4);
});

test('a restored source continues identically, from anywhere to anywhere', () => {
  fc.assert(
    fc.property(setting, fc.nat(40), fc.nat(40), (set, before, elsewhere) => {
      const straight = source(set);
      for (let i = 0; i < before; i++) straight.next();
      const state = JSON.parse(JSON.stringify(straight.state()));
      const resumed = source(set);
      for (let i = 0; i < elsewhere; i++) resumed.next();
      resumed.restore(state);
      expect(resumed.state()).toEqual(straight.state());
      for (let i = 0; i < 5; i++) expect(indices(resumed.next())).toEqual(indices(straight.next()));
    }),
  );
});

test('a state far away is reached at once', () => {
  const batches = source({ length: 50, batchSize: 7, seed: 3 });
  batches.restore({ epoch: 4_000_000_000, position: 6 });
  batches.next();
  expect(batches.state()).toEqual({ epoch: 4_000_000_001, position: 0 });
});

test('a batch stays as it is until the call after the next one', () => {
  const batches = source({ length: 8, batchSize: 2, seed: 3 });
  const first = batches.next();
  const copy = first.real!.slice();
  const second = batches.next();
  expect(Object.keys(first)).toEqual(['real']);
  expect(first.real).toEqual(copy);
  expect(second.real).not.toBe(first.real);
  expect(batches.next().real).toBe(first.real);
});

test('bytes are scaled to the range of tanh or sigmoid', () => {
  const dataset = counting(1, { read: (_, out, offset) => out.set([0, 255], offset) });
  const batch = (range: 'tanh' | 'sigmoid') => [
    ...new DatasetBatches(dataset, { batchSize: 1, seed: 0, range }).next().real!,
  ];
  expect(batch('tanh')).toEqual([-1, 1]);
  expect(batch('sigmoid')).toEqual([0, 1]);
});

describe('refuses', () => {
  test('a batch larger than the data, naming both', () => {
    expect(() => source({ length: 10, batchSize: 11, seed: 0 })).toThrow(
      "The batch size is 11, but the data set 'counting' holds only 10 images; give a batch size of at most 10",
    );
    expect(() => source({ length: 10, batchSize: 0, seed: 0 })).toThrow('The batch size is 0');
    expect(() => source({ length: 10, batchSize: 5, seed: 0.5 })).toThrow('The seed is 0.5');
  });

  test('a state of another data set or batch size', () => {
    const batches = source({ length: 10, batchSize: 5, seed: 0 });
    for (const state of [
      { epoch: 0, position: 2 },
      { epoch: -1, position: 0 },
      { epoch: 0.5, position: 0 },
    ]) {
      expect(() => batches.restore(state)).toThrow('an epoch here has 2 batches');
    }
  });
});

test('unshuffled epochs follow the data set', () => {
  const batches = new DatasetBatches(counting(7), {
    batchSize: 3,
    seed: 5,
    range: 'sigmoid',
    shuffle: false,
  });
  const epoch = () => [...indices(batches.next()), ...indices(batches.next())];
  expect([epoch(), epoch()]).toEqual(new Array(2).fill([0, 1, 2, 3, 4, 5]));
});

test('red and blue change places where the networks want BGR, and grey stays', () => {
  const colours = (channels: number): ImageDataset =>
    counting(2, {
      channels,
      read: (index, out, offset) => {
        for (let i = 0; i < 2 * channels; i++) out[offset + i] = 10 * index + i;
      },
    });
  const first = (channels: number, channelOrder: 'rgb' | 'bgr') => {
    const options = { batchSize: 2, seed: 0, range: 'sigmoid', shuffle: false, channelOrder } as const;
    const { real } = new DatasetBatches(colours(channels), options).next();
    return Array.from(real!, (v) => Math.round(255 * v));
  };
  expect(first(3, 'rgb')).toEqual([0, 1, 2, 3, 4, 5, 10, 11, 12, 13, 14, 15]);
  expect(first(3, 'bgr')).toEqual([4, 5, 2, 3, 0, 1, 14, 15, 12, 13, 10, 11]);
  expect(first(1, 'bgr')).toEqual([0, 1, 10, 11]);
});
