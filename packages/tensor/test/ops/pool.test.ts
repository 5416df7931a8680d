// Pooling: values, gradients of both orders, refusals, and PyTorch's golden cases.
import {
  avgPool2d,
  backward,
  globalAvgPool2d,
  grad,
  maxPool2d,
  mul,
  ShapeError,
  sum,
  type Tensor,
  tensor,
} from '@forger/tensor';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { deviceOps } from '../../../../test/ops-table.ts';
import { useDevice } from '../../../../test/support/device.ts';
import { expectClose } from '../../../../test/support/expect.ts';
import { goldenFor } from '../../../../test/support/golden.ts';
import { scrambled, toTensor } from '../../../../test/support/tensors.ts';
import { goldenTolerance } from '../../../../test/support/tolerances.ts';
import { expectSecondDerivatives } from './second-derivatives.ts';

useDevice();

const image = (h: number, w: number, values: number[]): Tensor =>
  tensor(Float32Array.from(values), [1, 1, h, w]);

async function gradientOf(
  x: Tensor,
  f: (x: Tensor) => Tensor,
  gy: number[] | Float32Array,
): Promise<Float32Array> {
  x.requiresGrad_();
  const y = f(x);
  backward(y, tensor(Float32Array.from(gy), y.shape));
  return x.grad!.data();
}

describe('maxPool2d', () => {
  it('takes the largest value and sends the gradient there', async () => {
    const x = image(2, 4, [1, 5, 2, 0, 3, 4, -1, 6]);
    expect(await maxPool2d(x, 2).data()).toEqual(Float32Array.of(5, 6));
    expect(await gradientOf(x, (t) => maxPool2d(t, 2), [10, 20])).toEqual(
      Float32Array.of(0, 10, 0, 0, 0, 0, 0, 20),
    );
  });

  it('gives the gradient of equal values to the first', async () => {
    const x = image(2, 2, [7, 7, 7, 7]);
    expect(await gradientOf(x, (t) => maxPool2d(t, 2), [1])).toEqual(Float32Array.of(1, 0, 0, 0));
  });

  it('adds the gradients of overlapping windows', async () => {
    const x = image(1, 3, [0, 9, 0]);
    expect(await gradientOf(x, (t) => maxPool2d(t, [1, 2], { stride: 1 }), [1, 2])).toEqual(
      Float32Array.of(0, 3, 0),
    );
  });

  it('counts padding as less than any number', async () => {
    const x = image(1, 1, [-1e30]);
    expect(await maxPool2d(x, 3, { padding: 1 }).data()).toEqual(Float32Array.of(Math.fround(-1e30)));
    const low = image(1, 1, [Number.NEGATIVE_INFINITY]);
    expect(await maxPool2d(low, 3, { padding: 1 }).data()).toEqual(Float32Array.of(Number.NEGATIVE_INFINITY));
  });

  it('lets NaN win, wherever it stands in the window', async () => {
    for (const at of [0, 1, 2, 3]) {
      const y = maxPool2d(image(2, 2, [1, Infinity, 3, 4].with(at, Number.NaN)), 2);
      expect(Number.isNaN(await y.item())).toBe(true);
    }
  });

  it('keeps planes apart and takes pairs for height and width', async () => {
    const values = scrambled(2 * 3 * 6 * 8);
    const y = maxPool2d(tensor(Float32Array.from(values), [2, 3, 6, 8]), [3, 2], {
      stride: [2, 3],
      padding: [1, 0],
    });
    expect(y.shape).toEqual([2, 3, 3, 3]);
    const expected: number[] = [];
    for (let plane = 0; plane < 6; plane++)
      for (let p = 0; p < 3; p++)
        for (let q = 0; q < 3; q++) {
          let best = Number.NEGATIVE_INFINITY;
          for (let h = Math.max(2 * p - 1, 0); h < Math.min(2 * p + 2, 6); h++)
            for (let w = 3 * q; w < 3 * q + 2; w++) best = Math.max(best, values[(plane * 6 + h) * 8 + w]!);
          expected.push(best);
        }
    expect(await y.data()).toEqual(Float32Array.from(expected));
  });

  it('dilates its windows', async () => {
    const dilated = (x: Tensor): Tensor => maxPool2d(x, [1, 2], { stride: 1, dilation: [1, 2] });
    expect(await dilated(image(1, 5, [5, 9, 1, 8, 2])).data()).toEqual(Float32Array.of(5, 9, 2));
    const gradient = await gradientOf(image(1, 5, [1, 9, 3, 8, 2]), dilated, [1, 2, 3]);
    expect(gradient).toEqual(Float32Array.of(0, 2, 4, 0, 0));
  });

  it('keeps no index when nothing is recorded', () => {
    const x = image(4, 4, scrambled(16));
    const before = x.device.memory().liveBuffers;
    const y = maxPool2d(x, 2);
    expect(x.device.memory().liveBuffers).toBe(before + 1);
    y.dispose();
  });

  it('refuses windows that do not fit', () => {
    const x = image(4, 4, scrambled(16));
    expect(() => maxPool2d(x, 5)).toThrow(ShapeError);
    expect(() => maxPool2d(x, 5)).toThrow(/larger than the image/);
    expect(() => maxPool2d(x, 2, { padding: 2 })).toThrow(/at most half/);
    expect(() => maxPool2d(x, 2, { stride: 0 })).toThrow(/stride 0/);
    expect(() => maxPool2d(tensor([1, 2]), 2)).toThrow(/N, C, H, W/);
    // A window whose cells at -2 and 1 both miss an image of one row.
    expect(() =>
      maxPool2d(image(1, 4, [1, 2, 3, 4]), 2, { stride: 1, padding: [2, 0], dilation: [3, 1] }),
    ).toThrow(/padding only/);
  });

  it('has second derivatives that agree with finite differences', async () => {
    // Values 0.9 apart, the step 1/16 to either side: the largest value of a window stays the largest.
    const values = scrambled(2 * 4 * 5).map((v) => 18 * v);
    await expectSecondDerivatives(
      (x) => maxPool2d(x, 3, { stride: [1, 2], padding: 1 }),
      [1, 2, 4, 5],
      values,
    );
  });
});

describe('third derivatives', () => {
  it('pass through both poolings', async () => {
    // With y = A x and L = Σ y³, the gradient g = 3 Aᵀy² has Σ g² = 9 a Σ y⁴, where A Aᵀ = a I for windows that do not
    // overlap. Its derivatives along (1, …, 1), which A maps to (1, …, 1), are 36 a Σ y³ and 108 a Σ y².
    const cases = [
      { pool: maxPool2d, a: 1, squares: 5 ** 2 + 6 ** 2 },
      { pool: avgPool2d, a: 1 / 4, squares: 3.25 ** 2 + 1.75 ** 2 },
    ];
    for (const { pool, a, squares } of cases) {
      const x = image(2, 4, [1, 5, 2, 0, 3, 4, -1, 6]).requiresGrad_();
      const y = pool(x, 2);
      const gradient = (of: Tensor): Tensor => grad(of, [x], { createGraph: true })[0];
      const g = gradient(sum(mul(y, mul(y, y))));
      const third = gradient(sum(gradient(sum(mul(g, g)))));
      expect(await sum(third).item()).toBeCloseTo(108 * a * squares, 2);
    }
  });
});

describe('avgPool2d', () => {
  it('averages, with padding in the divisor or not', async () => {
    const x = image(2, 2, [1, 2, 3, 6]);
    expect(await avgPool2d(x, 2).data()).toEqual(Float32Array.of(3));
    expect(await avgPool2d(x, 2, { padding: 1 }).data()).toEqual(Float32Array.of(0.25, 0.5, 0.75, 1.5));
    expect(await avgPool2d(x, 2, { padding: 1, countIncludePad: false }).data()).toEqual(
      Float32Array.of(1, 2, 3, 6),
    );
  });

  it('has the adjoint of its forward pass as its gradient', async () => {
    // <avgPool(x), g> = <x, adjoint(g)>, for any windows: the two sides round differently, by less than 1e-6
    // of their terms' sum.
    const size = fc.integer({ min: 1, max: 3 });
    const windows = fc.record({
      h: fc.integer({ min: 3, max: 9 }),
      w: fc.integer({ min: 3, max: 9 }),
      kernel: fc.tuple(size, size),
      stride: fc.tuple(size, size),
      pad: fc.tuple(fc.nat(1), fc.nat(1)),
      countIncludePad: fc.boolean(),
    });
    await fc.assert(
      fc.asyncProperty(windows, async ({ h, w, kernel, stride, pad, countIncludePad }) => {
        const padding = [Math.min(pad[0], kernel[0] >> 1), Math.min(pad[1], kernel[1] >> 1)] as const;
        const values = scrambled(2 * h * w);
        const x = tensor(Float32Array.from(values), [2, 1, h, w]).requiresGrad_();
        const y = avgPool2d(x, kernel, { stride, padding, countIncludePad });
        const g = scrambled(y.size, 5);
        backward(y, tensor(Float32Array.from(g), y.shape));
        const [forward, adjoint] = [await y.data(), await x.grad!.data()];
        const left = g.reduce((total, v, i) => total + v * forward[i]!, 0);
        const right = values.reduce((total, v, i) => total + v * adjoint[i]!, 0);
        expect(Math.abs(left - right)).toBeLessThan(1e-6 * y.size);
      }),
      { numRuns: 25, seed: 7 },
    );
  });

  it('has second derivatives that agree with finite differences', async () => {
    for (const countIncludePad of [true, false]) {
      const op = (x: Tensor): Tensor => avgPool2d(x, [3, 2], { stride: [2, 1], padding: 1, countIncludePad });
      await expectSecondDerivatives(op, [1, 2, 4, 4], scrambled(32));
    }
  });
});

describe('globalAvgPool2d', () => {
  it('averages whole planes', async () => {
    const y = globalAvgPool2d(tensor(Float32Array.of(1, 2, 3, 6, 10, 10, 10, 10), [1, 2, 2, 2]));
    expect(y.shape).toEqual([1, 2, 1, 1]);
    expect(await y.data()).toEqual(Float32Array.of(3, 10));
    expect(() => globalAvgPool2d(tensor([1]))).toThrow(ShapeError);
  });

  it('has second derivatives that agree with finite differences', async () => {
    await expectSecondDerivatives(
      globalAvgPool2d,
      [2, 2, 2, 3],
      scrambled(24).map((v) => 10 * v + 3),
    );
  });
});

const golden = goldenFor('maxPool2d', 'avgPool2d', 'globalAvgPool2d');

describe.skipIf(golden.length === 0)('golden cases of PyTorch', () => {
  it('agrees in result and gradient', async () => {
    for (const { id, op, args, inputs, y, gy, grads } of golden) {
      const x = toTensor(inputs[0]!).requiresGrad_();
      const pooled = deviceOps[op]([x], args);
      backward(pooled, toTensor(gy));
      await expectClose(`${op}: case ${id} y`, pooled, y, goldenTolerance);
      await expectClose(`${op}: case ${id} grad_x`, x.grad!, grads.x!, goldenTolerance);
    }
  });
});
