// Tensors of known values.
import { arange, ConfigError, full, ones, onesLike, tensor, zerosLike } from '@forger/tensor';
import { describe, expect, it } from 'vitest';
import { useDevice } from '../../../../test/support/device.ts';

useDevice();

describe('creation', () => {
  it('fills with one value, in any dtype', async () => {
    expect(await full([2, 2], 1.5).data()).toEqual(Float32Array.of(1.5, 1.5, 1.5, 1.5));
    expect(await full([2], -3, { dtype: 'int32' }).data()).toEqual(Int32Array.of(-3, -3));
    expect(await ones([], { dtype: 'uint32' }).data()).toEqual(Uint32Array.of(1));
    expect(await full([2], 0).data()).toEqual(Float32Array.of(0, 0));
  });

  it('follows the shape and dtype of another tensor', async () => {
    const x = tensor(Int32Array.of(5, 6), [1, 2], { dtype: 'int32' });
    expect(onesLike(x).shape).toEqual([1, 2]);
    expect(await onesLike(x).data()).toEqual(Int32Array.of(1, 1));
    expect(await zerosLike(x).data()).toEqual(Int32Array.of(0, 0));
  });

  it('counts up and down', async () => {
    expect(await arange(3).data()).toEqual(Float32Array.of(0, 1, 2));
    expect(await arange(3, { dtype: 'int32' }).data()).toEqual(Int32Array.of(0, 1, 2));
    expect(await arange(1, 2, 0.25).data()).toEqual(Float32Array.of(1, 1.25, 1.5, 1.75));
    expect(await arange(2, -1, -1, { dtype: 'int32' }).data()).toEqual(Int32Array.of(2, 1, 0));
    for (const [start, end, step] of [
      [0, 1, 0],
      [0, 1, -1],
      [0, 0, 1],
      [0, Number.POSITIVE_INFINITY, 1],
    ] as const)
      expect(() => arange(start, end, step), `${start}, ${end}, ${step}`).toThrow(ConfigError);
  });
});
