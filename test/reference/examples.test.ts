/**
 * Forward results worked out by hand. Finite differences tie each gradient to its forward; these tie the forwards to
 * PyTorch's conventions (order of arguments, layouts, what counts from where) also where no golden case does.
 */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { samplesOf } from '../verify/samples.ts';
import { dot, map, type Ref, ref, sizeOf } from './array.ts';
import { normal } from './draw.ts';
import { referenceOps as ops } from './index.ts';

/** The values 0, 1, 2, … in a shape. */
const count = (...shape: number[]): Ref => ref(shape, [...Array(sizeOf(shape)).keys()]);
const values = (y: Ref) => [...y.data];

describe('structure', () => {
  test('reshape and permute', () => {
    expect(ops.reshape.forward([count(2, 3)], { shape: [3, -1] })).toEqual(count(3, 2));
    const y = ops.permute.forward([count(2, 3, 1)], { dims: [1, -1, 0] });
    expect(y).toEqual(ref([3, 1, 2], [0, 3, 1, 4, 2, 5]));
  });

  test('cat and stack', () => {
    const [a, b] = [count(2, 1), ref([2, 2], [5, 6, 7, 8])];
    expect(ops.cat.forward([a, b], { dim: -1 })).toEqual(ref([2, 3], [0, 5, 6, 1, 7, 8]));
    expect(ops.stack.forward([count(2), ref([2], [8, 9])], { dim: 0 })).toEqual(ref([2, 2], [0, 1, 8, 9]));
    expect(ops.stack.forward([count(2), ref([2], [8, 9])], { dim: -1 })).toEqual(ref([2, 2], [0, 8, 1, 9]));
  });

  test.each([
    [{ dim: 0, start: 1, end: 3 }, [1, 2]],
    [{ dim: 0, start: -2 }, [4, 5]],
    [{ dim: -1, end: -4 }, [0, 1]],
    [{ dim: 0, step: 2 }, [0, 2, 4]],
    [{ dim: 0, start: 1, end: 99, step: 3 }, [1, 4]],
  ])('slice of 0…5 with %j', (args, expected) => {
    expect(values(ops.slice.forward([count(6)], args))).toEqual(expected);
  });

  test('expand', () => {
    const y = ops.expand.forward([ref([2, 1], [3, 4])], { shape: [2, -1, 3] });
    expect(y).toEqual(ref([2, 2, 3], [3, 3, 3, 4, 4, 4, 3, 3, 3, 4, 4, 4]));
  });

  test('pad counts from the last dimension', () => {
    const y = ops.pad.forward([count(1, 2)], { pad: [1, 0, 0, 1], value: 9 });
    expect(y).toEqual(ref([2, 3], [9, 0, 1, 9, 9, 9]));
  });

  test('reflectionPad2d takes left, right, top, bottom and does not repeat the edge', () => {
    const y = ops.reflectionPad2d.forward([count(1, 1, 2, 3)], { pad: [2, 1, 0, 1] });
    expect(y).toEqual(ref([1, 1, 3, 6], [2, 1, 0, 1, 2, 1, 5, 4, 3, 4, 5, 4, 2, 1, 0, 1, 2, 1]));
  });

  test('indexSelect', () => {
    expect(values(ops.indexSelect.forward([count(3, 2)], { dim: 0, index: [2, 0, 2] }))).toEqual([
      4, 5, 0, 1, 4, 5,
    ]);
    expect(values(ops.indexSelect.forward([count(2, 3)], { dim: 1, index: [2, 1] }))).toEqual([2, 1, 5, 4]);
  });
});

describe('products', () => {
  test.each([
    [[3], [3], [], [5]],
    [[3], [3, 2], [2], [10, 13]],
    [[2, 3], [3], [2], [5, 14]],
    [
      [2, 1, 2],
      [2, 1],
      [2, 1, 1],
      [1, 3],
    ],
    [
      [1, 2],
      [2, 2, 1],
      [2, 1, 1],
      [1, 3],
    ],
  ])('matmul of %j and %j', (x, y, shape, expected) => {
    expect(ops.matmul.forward([count(...x), count(...y)], {})).toEqual(ref(shape, expected));
  });

  test('linear multiplies by the transposed weight', () => {
    const y = ops.linear.forward([ref([1, 2], [1, 10]), count(3, 2), ref([3], [100, 200, 300])], {});
    expect(y).toEqual(ref([1, 3], [110, 232, 354]));
  });

  test('conv2d correlates: stride, padding and dilation, height before width', () => {
    const x = count(1, 1, 3, 3);
    const kernel = ref([1, 1, 2, 1], [1, 10]);
    expect(ops.conv2d.forward([x, kernel], {})).toEqual(ref([1, 1, 2, 3], [30, 41, 52, 63, 74, 85]));
    const strided = ops.conv2d.forward([x, kernel], { stride: [2, 1], padding: [1, 0] });
    expect(strided).toEqual(ref([1, 1, 2, 3], [0, 10, 20, 63, 74, 85]));
    const dilated = ops.conv2d.forward([x, kernel], { dilation: [2, 1] });
    expect(dilated).toEqual(ref([1, 1, 1, 3], [60, 71, 82]));
  });

  test('conv2d keeps groups apart and adds the bias by output channel', () => {
    const [x, weight] = [ref([1, 2, 1, 1], [2, 3]), ref([4, 1, 1, 1], [1, 10, 100, 1000])];
    const y = ops.conv2d.forward([x, weight, ref([4], [1, 2, 3, 4])], { groups: 2 });
    expect(values(y)).toEqual([3, 22, 303, 3004]);
  });

  test('convTranspose2d is the adjoint of conv2d with the same weight', () => {
    fc.assert(
      fc.property(
        samplesOf('conv2d').chain((sample) => normal(sample.gy.shape).map((y) => ({ ...sample, y }))),
        ({ inputs: [x, weight], args, y }) => {
          const { stride, padding, dilation } = args as Record<string, number | [number, number]>;
          const at = (p: number | [number, number] | undefined, d: 0 | 1) =>
            typeof p === 'number' ? p : p![d];
          // The rows of x that no window reached, which the transposed convolution must be told to make.
          const outputPadding = ([0, 1] as const).map((d) => {
            const window = at(dilation, d) * (weight!.shape[2 + d]! - 1) + 1;
            return x!.shape[2 + d]! - ((y.shape[2 + d]! - 1) * at(stride, d) - 2 * at(padding, d) + window);
          }) as [number, number];
          const forward = ops.conv2d.forward([x!, weight!], args as object);
          const transposed = ops.convTranspose2d.forward([y, weight!], {
            ...(args as object),
            outputPadding,
          });
          // Two orders of one float64 sum.
          expect(dot(forward, y)).toBeCloseTo(dot(x!, transposed), 10);
        },
      ),
      { numRuns: 50, seed: 1 },
    );
  });
});

describe('windows and statistics', () => {
  const x = ref([1, 1, 2, 3], [1, 2, 3, 4, 5, -6]);

  test('pools', () => {
    expect(values(ops.maxPool2d.forward([x], { kernelSize: [2, 1] }))).toEqual([4, 5, 3]);
    const negative = map(x, (v) => -Math.abs(v));
    const padded = ops.maxPool2d.forward([negative], { kernelSize: 2, padding: 1 });
    expect(padded).toEqual(ref([1, 1, 2, 2], [-1, -2, -4, -5]));
    expect(values(ops.avgPool2d.forward([x], { kernelSize: 2, stride: [1, 1] }))).toEqual([3, 1]);
    expect(values(ops.avgPool2d.forward([x], { kernelSize: 2, padding: 1 }))).toEqual([0.25, 1.25, 1, -0.25]);
    expect(ops.globalAvgPool2d.forward([x], {})).toEqual(ref([1, 1], [1.5]));
  });

  test('reductions', () => {
    expect(ops.sum.forward([count(2, 3)], { dims: [0] })).toEqual(ref([3], [3, 5, 7]));
    expect(ops.mean.forward([count(2, 3)], { dims: [-1], keepdim: true })).toEqual(ref([2, 1], [1, 4]));
    expect(ops.sum.forward([count(2, 3)], {})).toEqual(ref([], [15]));
    expect(ops.max.forward([count(2, 3)], { dims: [1] })).toEqual(ref([2], [2, 5]));
    expect(ops.min.forward([count(2, 3)], { dims: [1] })).toEqual(ref([2], [0, 3]));
    expect(values(ops.var.forward([count(4)], {}))).toEqual([1.25]);
    expect(values(ops.var.forward([count(4)], { correction: 1 }))).toEqual([5 / 3]);
  });

  test('batchNorm of (N,C,L) normalises each channel over N and L, instanceNorm over L alone', () => {
    const z = ref([2, 1, 2], [0, 2, 4, 6]);
    const args = { training: true, affine: true, runningStats: false, momentum: 0.1, eps: 4 };
    // Mean 3 and variance 5: divided by √(5 + 4) = 3, then times 6, plus 1.
    const y = ops.batchNorm.forward([z, ref([1], [6]), ref([1], [1])], args);
    expect(values(y)).toEqual([-5, -1, 3, 7]);
    expect(values(ops.instanceNorm.forward([z], { affine: false, eps: 3 }))).toEqual([-0.5, 0.5, -0.5, 0.5]);
    const evaluated = ops.batchNorm.forward([z, ref([1], [2]), ref([1], [5])], {
      ...args,
      training: false,
      affine: false,
      runningStats: true,
    });
    expect(values(evaluated)).toEqual([-2 / 3, 0, 2 / 3, 4 / 3]);
  });
});

test('elementwise', () => {
  const x = ref([3], [-2, 0.5, 4]);
  expect(values(ops.pow.forward([x], { exponent: 3 }))).toEqual([-8, 0.125, 64]);
  expect(values(ops.clamp.forward([x], { max: 1 }))).toEqual([-2, 0.5, 1]);
  expect(values(ops.leakyRelu.forward([x], { negativeSlope: 0.5 }))).toEqual([-1, 0.5, 4]);
  expect(values(ops.sub.forward([ref([2, 1], [1, 2]), ref([2], [10, 20])], {}))).toEqual([-9, -19, -8, -18]);
});

test('losses and their reductions', () => {
  const [x, t] = [ref([2], [1, 5]), ref([2], [3, 4])];
  expect(ops.mse.forward([x, t], { reduction: 'none' })).toEqual(ref([2], [4, 1]));
  expect(ops.mse.forward([x, t], { reduction: 'sum' })).toEqual(ref([], [5]));
  expect(ops.l1.forward([x, t], { reduction: 'mean' })).toEqual(ref([], [1.5]));
  const equal = ops.crossEntropy.forward([ref([1, 4], [7, 7, 7, 7])], { reduction: 'mean', labels: [2] });
  expect(equal.data[0]).toBeCloseTo(Math.log(4), 14);
  const sure = ops.crossEntropy.forward([ref([2, 2], [0, 50, 0, 50])], { reduction: 'none', labels: [1, 0] });
  expect(sure.shape).toEqual([2]);
  expect(sure.data[0]).toBeCloseTo(0, 14);
  expect(sure.data[1]).toBeCloseTo(50, 12);
});
