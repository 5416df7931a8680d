// Batches of several inputs: images with their labels and numbers, and several data sets side by side.

import { DatasetBatches, type Field, imageDataset } from '@forger/dcgan';
import { ConfigError, DataError } from '@forger/tensor';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

const classes = ['even', 'odd'];

/** Images of one pixel that hold their own index, with what belongs to it: a class and two numbers. */
function counting(name: string, length: number, fingerprint = name) {
  const place: Field = {
    kind: 'numbers',
    shape: [2],
    read: (index, out, offset) => out.set([index / 2, -index], offset),
    fingerprint: `places of ${fingerprint}`,
  };
  return imageDataset({
    name,
    length,
    channels: 1,
    height: 1,
    width: 1,
    fingerprint,
    read: (index, out, offset) => out.fill(index, offset, offset + 1),
    label: { classes, read: (index) => index % 2, fingerprint: `labels of ${fingerprint}` },
    fields: { place },
  });
}

const inputs = { real: {}, label: { field: 'label' }, where: { field: 'place' } };
const common = { seed: 3, range: 'sigmoid' } as const;
const indices = (real: ArrayLike<number> | undefined) => Array.from(real!, (v) => Math.round(255 * v));

describe('labels and numbers', () => {
  test('come with the images that they belong to', () => {
    const batches = new DatasetBatches(counting('one', 20), { ...common, batchSize: 6, inputs });
    const seen: number[] = [];
    for (let i = 0; i < 6; i++) {
      const { real, label, where, ...others } = batches.next();
      expect(others).toEqual({});
      expect(label).toBeInstanceOf(Int32Array);
      expect(where).toBeInstanceOf(Float32Array);
      expect([...label!]).toEqual(indices(real).map((index) => index % 2));
      expect([...where!]).toEqual(indices(real).flatMap((index) => [index / 2, -index]));
      seen.push(...indices(real));
    }
    expect(new Set(seen.slice(0, 18)).size).toBe(18);
  });

  test('are described by shape, type and classes', () => {
    const batches = new DatasetBatches(counting('one', 20), { ...common, batchSize: 6, inputs });
    expect(batches.inputs).toEqual({
      real: { shape: [1, 1, 1], dtype: 'float32' },
      label: { shape: [], dtype: 'int32', classes },
      where: { shape: [2], dtype: 'float32' },
    });
    expect(batches.description).toBe('one, 20 pictures of 1x1x1');
    expect(batches.fingerprint).toBe('one labels of one places of one');
  });

  test('leave the images in the order in which they come alone', () => {
    const alone = new DatasetBatches(counting('one', 20), { ...common, batchSize: 6 });
    const labelled = new DatasetBatches(counting('one', 20), { ...common, batchSize: 6, inputs });
    expect(alone.fingerprint).toBe('one');
    for (let i = 0; i < 9; i++) expect(labelled.next().real).toEqual(alone.next().real);
  });

  test('are given for previews from the first sample on, and the order stays', () => {
    const [batches, untouched] = [0, 1].map(
      () => new DatasetBatches(counting('one', 5), { ...common, batchSize: 5, inputs }),
    ) as [DatasetBatches, DatasetBatches];
    expect([...batches.first('label', 7)]).toEqual([0, 1, 0, 1, 0, 0, 1]);
    expect(indices(batches.first('real', 7))).toEqual([0, 1, 2, 3, 4, 0, 1]);
    expect([...batches.first('where', 2)]).toEqual([0, -0, 0.5, -1]);
    expect(batches.next()).toEqual(untouched.next());
    expect(() => batches.first('labels', 2)).toThrow(ConfigError);
    expect(() => batches.first('labels', 2)).toThrow(
      "Data of the input 'labels' were asked for; the task's inputs are real, label, where.",
    );
  });
});

describe('several data sets', () => {
  const two = {
    photo: { source: 'photos' },
    drawing: { source: 'drawings' },
    class: { field: 'label', source: 'drawings' },
  };
  const sides = (photos: number, drawings: number, batchSize: number) =>
    new DatasetBatches(
      { photos: counting('photos', photos), drawings: counting('drawings', drawings) },
      { ...common, batchSize, inputs: two },
    );

  test('each have an order of their own, and the inputs of one belong together', () => {
    const batches = sides(24, 24, 8);
    let differ = false;
    for (let i = 0; i < 3; i++) {
      const { photo, drawing, class: label } = batches.next();
      expect([...label!]).toEqual(indices(drawing).map((index) => index % 2));
      differ ||= indices(photo).join() !== indices(drawing).join();
    }
    expect(differ).toBe(true);
  });

  test('are each walked once in an epoch of their own, of which the longest is the run’s', () => {
    const batches = sides(9, 26, 4);
    expect(batches.batchesPerEpoch).toBe(6);
    const seen = { photo: [] as number[], drawing: [] as number[] };
    for (let i = 0; i < 6; i++) {
      expect([batches.epoch, batches.state().position]).toEqual([0, i]);
      const { photo, drawing } = batches.next();
      seen.photo.push(...indices(photo));
      seen.drawing.push(...indices(drawing));
    }
    expect(batches.epoch).toBe(1);
    // Two batches of the nine photos: three passes, each without a photo twice.
    for (const pass of [0, 8, 16]) expect(new Set(seen.photo.slice(pass, pass + 8)).size).toBe(8);
    expect(new Set(seen.drawing).size).toBe(24);
    expect(batches.state()).toEqual({ epoch: 1, position: 0, others: { photos: { epoch: 3, position: 0 } } });
    expect(batches.description).toBe('photos, 9 pictures of 1x1x1; drawings, 26 pictures of 1x1x1');
    expect(batches.fingerprint).toBe('photos drawings labels of drawings');
  });

  test('continue identically when restored, from anywhere to anywhere', () => {
    const sizes = fc.record({
      photos: fc.integer({ min: 4, max: 30 }),
      drawings: fc.integer({ min: 4, max: 30 }),
    });
    fc.assert(
      fc.property(sizes, fc.nat(20), fc.nat(20), ({ photos, drawings }, before, elsewhere) => {
        const straight = sides(photos, drawings, 4);
        for (let i = 0; i < before; i++) straight.next();
        const resumed = sides(photos, drawings, 4);
        for (let i = 0; i < elsewhere; i++) resumed.next();
        resumed.restore(JSON.parse(JSON.stringify(straight.state())));
        expect(resumed.state()).toEqual(straight.state());
        for (let i = 0; i < 5; i++) expect(resumed.next()).toEqual(straight.next());
      }),
    );
  });

  test('are refused a state that lacks one of them, or has a place that it does not have', () => {
    const batches = sides(9, 26, 4);
    expect(() => batches.restore({ epoch: 0, position: 0 })).toThrow(DataError);
    const beyond = { epoch: 0, position: 0, others: { photos: { epoch: 0, position: 2 } } };
    expect(() => batches.restore(beyond)).toThrow('an epoch here has 2 batches');
  });
});

describe('are refused', () => {
  test('a data set that is not there', () => {
    const make = () =>
      new DatasetBatches(
        { photos: counting('photos', 9) },
        { ...common, batchSize: 4, inputs: { drawing: { source: 'drawings' } } },
      );
    expect(make).toThrow(ConfigError);
    expect(make).toThrow(
      "The input 'drawing' is taken from the data set 'drawings'; there are photos: give one of that name.",
    );
  });

  test('a field that a data set does not have', () => {
    const plain = imageDataset({
      ...{ name: 'plain', length: 9, channels: 1, height: 1, width: 1, fingerprint: 'plain' },
      read: (index, out, offset) => out.fill(index, offset, offset + 1),
    });
    const make = (field: string) => () =>
      new DatasetBatches(plain, { ...common, batchSize: 4, inputs: { more: { field } } });
    expect(make('label')).toThrow(DataError);
    expect(make('label')).toThrow(
      "The input 'more' needs the field 'label', and the data set 'plain' has image but no labels: give data with a label file or with a folder for each class.",
    );
    expect(make('depth')).toThrow(
      "The input 'more' needs the field 'depth', and the data set 'plain' has image.",
    );
  });

  test('a batch larger than the smaller of two', () => {
    expect(
      () =>
        new DatasetBatches(
          { a: counting('a', 9), b: counting('b', 3) },
          { ...common, batchSize: 4, inputs: { x: { source: 'a' }, y: { source: 'b' } } },
        ),
    ).toThrow("The batch size is 4, but the data set 'b' holds only 3 images");
  });
});
