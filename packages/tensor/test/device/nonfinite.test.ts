// Finding NaN and infinity on the device, wherever in a tensor they are.

import { ShapeError, type Tensor, tensor, zeros } from '@forger/tensor';
import { markNonFinite } from '@forger/tensor/internal';
import { expect, test } from 'vitest';
import { useDevice } from '../../../../test/support/device.ts';

useDevice();

const bits = (word: number): number => new Float32Array(new Uint32Array([word]).buffer)[0]!;

const marks = async (...tensors: Tensor[]): Promise<number[]> => [...(await markNonFinite(tensors).data())];

test('marks each tensor that holds one, at any place', async () => {
  const sizes = [1, 2, 63, 64, 65, 1000, 70_001];
  for (const bad of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]) {
    const tensors = sizes.flatMap((size, i) => {
      const values = new Float32Array(size).fill(1);
      values[[0, size - 1, size >> 1][i % 3]!] = bad;
      return [zeros([size]), tensor(values, [size])];
    });
    expect(await marks(...tensors)).toEqual(sizes.flatMap(() => [0, 1]));
  }
});

test('takes the largest, smallest and denormal numbers, and -0, for numbers', async () => {
  const finite = [bits(0x7f7fffff), bits(0xff7fffff), bits(0x00000001), bits(0x807fffff), -0];
  expect(await marks(tensor(finite))).toEqual([0]);
});

test('looks at a view alone', async () => {
  const values = new Float32Array(192);
  values[70] = Number.NaN;
  const all = tensor(values, [3, 64]);
  const rows = [0, 1, 2].map((row) => all.view([64], row * 256));
  expect(await marks(...rows)).toEqual([0, 1, 0]);
});

test('refuses an empty list and integers', () => {
  expect(() => markNonFinite([])).toThrow(ShapeError);
  expect(() => markNonFinite([zeros([2], { dtype: 'int32' })])).toThrow('float32');
});
