// Rows by index: values, the order of summed gradients, and what is out of range.
import { backward, DataError, indexSelect, ShapeError, tensor } from '@forger/tensor';
import { describe, expect, it } from 'vitest';
import { useDevice } from '../../../../test/support/device.ts';

useDevice();

describe('indexSelect', () => {
  it('takes rows in the given order, repeats included', async () => {
    const x = tensor([
      [1, 2],
      [3, 4],
      [5, 6],
    ]);
    const y = indexSelect(x, [2, 0, 2]);
    expect(y.shape).toEqual([3, 2]);
    expect(await y.data()).toEqual(Float32Array.of(5, 6, 1, 2, 5, 6));
    for (const dtype of ['int32', 'uint32'] as const)
      expect(await indexSelect(x, tensor([1, 1], [2], { dtype })).data()).toEqual(
        Float32Array.of(3, 4, 3, 4),
      );
  });

  it('takes elements of one dimension, and rows of integers', async () => {
    expect(await indexSelect(tensor([7, 8, 9]), [1]).data()).toEqual(Float32Array.of(8));
    const integers = tensor(Int32Array.of(-1, -2), [2], { dtype: 'int32' });
    expect(await indexSelect(integers, [1, 0]).data()).toEqual(Int32Array.of(-2, -1));
  });

  it('sums the gradients of a row in the order of the indices', async () => {
    const x = tensor([
      [0, 0],
      [0, 0],
      [0, 0],
    ]).requiresGrad_();
    // In float32 1e8 + 1 - 1e8 is 0, and 1e8 - 1e8 + 1 is 1: the order shows.
    backward(
      indexSelect(x, [1, 1, 1, 2]),
      tensor([
        [1e8, 1e8],
        [1, -1e8],
        [-1e8, 1],
        [5, 6],
      ]),
    );
    expect(await x.grad!.data()).toEqual(Float32Array.of(0, 0, 0, 1, 5, 6));
  });

  it('refuses indices that name no row', () => {
    const x = tensor([
      [1, 2],
      [3, 4],
    ]);
    expect(() => indexSelect(x, [2])).toThrow(DataError);
    expect(() => indexSelect(x, [-1])).toThrow(/index -1 .* 2 rows/);
    expect(() => indexSelect(x, [0.5])).toThrow(DataError);
    expect(() => indexSelect(x, [])).toThrow(ShapeError);
    expect(() => indexSelect(x, tensor([0, 1]))).toThrow(/float32/);
    expect(() => indexSelect(x, tensor([[0]], [1, 1], { dtype: 'int32' }))).toThrow(ShapeError);
    expect(() => indexSelect(tensor(1), [0])).toThrow(ShapeError);
  });

  it('marks rows that only the device could see missing', async () => {
    const x = tensor([
      [1, 2],
      [3, 4],
    ]);
    const y = await indexSelect(x, tensor([-1, 1, 2], [3], { dtype: 'int32' })).data();
    expect(Array.from(y)).toEqual([Number.NaN, Number.NaN, 3, 4, Number.NaN, Number.NaN]);
  });
});
