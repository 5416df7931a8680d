// The dtype is part of a tensor's type: what data() gives, what operations take and what they hand on.
import {
  arange,
  cat,
  type DType,
  full,
  indexSelect,
  mul,
  permute,
  readAll,
  reshape,
  type Tensor,
  type TypedData,
  tensor,
  zeros,
  zerosLike,
} from '@forger/tensor';
import { describe, expect, expectTypeOf, it } from 'vitest';
import { useDevice } from '../../../test/support/device.ts';

useDevice();

const integers = (): Tensor<'int32'> => tensor([1, -2, 3, 4], [2, 2], { dtype: 'int32' });

describe('data()', () => {
  it('gives a Float32Array of a float32 tensor, without a cast', async () => {
    const values = await mul(tensor([1, 2]), 2).data();
    expectTypeOf(values).toEqualTypeOf<Float32Array>();
    expect(values).toEqual(Float32Array.of(2, 4));
  });

  it('gives the array of the dtype that was asked for', async () => {
    const signed = await integers().data();
    expectTypeOf(signed).toEqualTypeOf<Int32Array>();
    expect(signed).toEqual(Int32Array.of(1, -2, 3, 4));
    const unsigned = await full([2], 7, { dtype: 'uint32' }).data();
    expectTypeOf(unsigned).toEqualTypeOf<Uint32Array>();
    expect(unsigned).toEqual(Uint32Array.of(7, 7));
    expectTypeOf(arange(3, { dtype: 'int32' })).toEqualTypeOf<Tensor<'int32'>>();
  });

  it('is any of the arrays where the dtype is not known', async () => {
    const unknown = zeros([1], { dtype: 'int32' as DType });
    const values = await unknown.data();
    expectTypeOf(values).toEqualTypeOf<TypedData>();
    expect(values).toEqual(Int32Array.of(0));
  });

  it('is read for several tensors in their order', async () => {
    const [x, y] = [tensor([1]), integers()];
    const [a, b] = await readAll([x, y]);
    expectTypeOf(a).toEqualTypeOf<Float32Array>();
    expectTypeOf(b).toEqualTypeOf<Int32Array>();
    expect([a[0], b[1]]).toEqual([1, -2]);
    expect(await readAll([])).toEqual([]);
  });
});

describe('operations that move elements', () => {
  it('keep the dtype, also as methods', async () => {
    const x = integers();
    for (const y of [reshape(x, [4]), x.reshape([4]), cat([x]).reshape([4]), zerosLike(x).reshape([4])]) {
      expectTypeOf(y).toEqualTypeOf<Tensor<'int32'>>();
      expect(y.dtype).toBe('int32');
    }
    expect(await permute(x, [1, 0]).data()).toEqual(Int32Array.of(1, 3, -2, 4));
    const row = await indexSelect(x, [1]).data();
    expectTypeOf(row).toEqualTypeOf<Int32Array>();
    expect(row).toEqual(Int32Array.of(3, 4));
  });

  it('arithmetic takes float32 only, in the types and when it runs', () => {
    // @ts-expect-error integers are not float32
    expect(() => mul(integers(), 2)).toThrow(/int32.*float32|float32.*int32/);
  });
});

describe('isFloatingPoint()', () => {
  it('tells the type checker that a tensor is float32', () => {
    const found: Tensor[] = [];
    for (const t of [tensor([1]), integers()] as Tensor<DType>[]) if (t.isFloatingPoint()) found.push(t);
    expect(found).toHaveLength(1);
  });
});
