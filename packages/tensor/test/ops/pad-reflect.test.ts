// Reflection padding: values, gradients, refusals, and PyTorch's golden cases.
import { backward, padReflect, ShapeError, tensor } from '@forger/tensor';
import { describe, expect, it } from 'vitest';
import { useDevice } from '../../../../test/support/device.ts';
import { relativeError } from '../../../../test/support/errors.ts';
import { expectClose } from '../../../../test/support/expect.ts';
import { goldenFor } from '../../../../test/support/golden.ts';
import { toTensor } from '../../../../test/support/tensors.ts';
import { goldenTolerance } from '../../../../test/support/tolerances.ts';

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

const golden = goldenFor('reflectionPad2d');

describe.skipIf(golden.length === 0)('golden cases of PyTorch', () => {
  it('agrees in result and gradient', async () => {
    for (const { id, args, inputs, y, gy, grads } of golden) {
      const [left, right, top, bottom] = (args as { pad: number[] }).pad as [number, number, number, number];
      const x = toTensor(inputs[0]!).requiresGrad_();
      const padded = padReflect(x, [
        [top, bottom],
        [left, right],
      ]);
      backward(padded, toTensor(gy));
      expect(relativeError(await padded.data(), y.data), `case ${id} y`).toBe(0);
      await expectClose(`grad_x: case ${id}`, x.grad!, grads.x!, goldenTolerance);
    }
  });
});
