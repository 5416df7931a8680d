// Reflection padding: values, gradients, refusals, and PyTorch's golden cases.
import { backward, padReflect, ShapeError, tensor } from '@forger/tensor';
import { describe, expect, it } from 'vitest';
import { goldenCases, goldenTolerance, relativeError, useDevice } from '../support.ts';

useDevice();

describe('padReflect', () => {
  it('mirrors without repeating the border', async () => {
    expect(await padReflect(tensor([1, 2, 3]), [[2, 1]]).data()).toEqual(Float32Array.of(3, 2, 1, 2, 3, 2));
    const y = padReflect(
      tensor([
        [1, 2],
        [3, 4],
      ]),
      [
        [1, 0],
        [0, 1],
      ],
    );
    expect(y.shape).toEqual([3, 3]);
    expect(await y.data()).toEqual(Float32Array.of(3, 4, 3, 1, 2, 1, 3, 4, 3));
  });

  it('pads dimensions that are not the last, and integers', async () => {
    const x = tensor(Int32Array.of(1, 2, 3, 4, 5, 6), [3, 2], { dtype: 'int32' });
    expect(
      await padReflect(x, [
        [1, 2],
        [0, 0],
      ]).data(),
    ).toEqual(Int32Array.of(3, 4, 1, 2, 3, 4, 5, 6, 3, 4, 1, 2));
  });

  it('sums what each element was mirrored into', async () => {
    const x = tensor([1, 2, 3]).requiresGrad_();
    backward(padReflect(x, [[2, 2]]), tensor([1, 2, 4, 8, 16, 32, 64]));
    // Padded: 3 2 1 2 3 2 1
    expect(await x.grad!.data()).toEqual(Float32Array.of(4 + 64, 2 + 8 + 32, 1 + 16));
  });

  it('refuses pads that reach past the mirror', () => {
    expect(() => padReflect(tensor([1, 2]), [[2, 0]])).toThrow(ShapeError);
    expect(() => padReflect(tensor([1, 2]), [[0, 2]])).toThrow(/less than the size/);
    expect(() => padReflect(tensor([1, 2]), [[-1, 0]])).toThrow(ShapeError);
    expect(() => padReflect(tensor([1]), [[1, 0]])).toThrow(ShapeError);
  });
});

const golden = goldenCases('structure')?.filter(({ args }) => args.kind === 'reflection_pad2d');

describe.skipIf(golden === undefined)('golden cases of PyTorch', () => {
  it('agrees in result and gradient', async () => {
    expect(golden!.length).toBeGreaterThan(0);
    for (const { id, args, tensor: stored, values } of golden!) {
      const [left, right, top, bottom] = args.pad as [number, number, number, number];
      const x = stored('x').requiresGrad_();
      const y = padReflect(x, [
        [top, bottom],
        [left, right],
      ]);
      backward(y, stored('gy'));
      expect(relativeError(await y.data(), values('y')), `case ${id} y`).toBe(0);
      expect(relativeError(await x.grad!.data(), values('grad_x')), `case ${id} grad_x`).toBeLessThan(
        goldenTolerance,
      );
    }
  });
});
