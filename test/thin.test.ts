/**
 * The kernels for few input channels and for logit heads against float64, over random convolutions that they take: forward, transposed,
 * and all gradients of both, with rows that are multiples of four and that are not, whole rows in
 * a subgroup and not, windows past every edge.
 */
import { conv2d, createDevice, type Device, supportsCore, withGemmCore } from '@forger/tensor';
import fc from 'fast-check';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { onThin } from '../packages/tensor/src/kernels/conv-thin.ts';
import { checkOp, opTolerance, toTensor } from './check-op.ts';
import { worst } from './golden/errors.ts';
import type { Ref } from './reference/array.ts';
import { int, normal } from './reference/draw.ts';
import { referenceOp } from './reference/index.ts';

let device: Device;
beforeAll(async () => {
  device = await createDevice();
});
afterAll(() => device.destroy());

/** What is compiled in: compiling takes most of the time of these tests. */
interface Window {
  readonly channels: number;
  readonly kernel: readonly [number, number];
  readonly stride: readonly [number, number];
  readonly padding: readonly [number, number];
}

const windows: Window[] = [
  { channels: 1, kernel: [4, 4], stride: [2, 2], padding: [1, 1] },
  { channels: 3, kernel: [4, 4], stride: [2, 2], padding: [1, 1] },
  { channels: 3, kernel: [3, 3], stride: [1, 1], padding: [1, 1] },
  { channels: 1, kernel: [5, 5], stride: [2, 2], padding: [2, 2] },
  { channels: 2, kernel: [3, 2], stride: [2, 1], padding: [2, 0] },
  { channels: 4, kernel: [1, 1], stride: [2, 2], padding: [0, 0] },
  { channels: 1, kernel: [5, 5], stride: [1, 1], padding: [4, 0] },
];

/** Sizes of x and of the output channels; widths near those that fill fours and subgroups. */
const sizes = fc.record({
  images: int(1, 3),
  height: int(5, 13),
  width: fc.constantFrom(5, 7, 8, 12, 16, 17, 32, 33),
  outputs: fc.constantFrom(1, 5, 8, 9, 33, 70),
});

/** Sizes of a logit head. */
const headSizes = fc.record({
  images: int(1, 40),
  channels: int(1, 40),
  kernel: fc.constantFrom([4, 4], [2, 3], [1, 4]),
  bias: fc.boolean(),
});

const drawn = (shape: readonly number[], seed: number): Ref =>
  fc.sample(normal(shape), { seed, numRuns: 1 })[0]!;

describe.each(windows)('$channels channels, kernel $kernel, stride $stride, padding $padding', (window) => {
  const { channels, kernel, stride, padding } = window;

  beforeEach((context) => {
    if (!supportsCore(device, 'thin')) context.skip('this adapter cannot run the thin kernels');
  });

  const ops = ['conv2d', 'convTranspose2d'] as const;
  test.each(ops)('%s and its gradients', { timeout: 120_000 }, async (op) => {
    const property = fc.asyncProperty(sizes, fc.integer(), async (size, seed) => {
      const transposed = op === 'convTranspose2d';
      const [from, to] = transposed ? [size.outputs, channels] : [channels, size.outputs];
      const inputs = [
        drawn([size.images, from, size.height, size.width], seed),
        drawn([size.outputs, channels, ...kernel], seed + 1),
        drawn([to], seed + 2),
      ];
      const args = { stride, padding, ...(transposed && { outputPadding: [stride[0] - 1, 0] }) };
      const gy = drawn(referenceOp(op).forward(inputs, args).shape, seed + 3);
      const deviation = worst(await withGemmCore('thin', () => checkOp(device, op, { inputs, args, gy })));
      expect(deviation.error, deviation.name).toBeLessThan(opTolerance);
    });
    await fc.assert(property, { numRuns: 5 });
  });
});

describe('one output that sees the whole of x', () => {
  test.each(['conv2d', 'convTranspose2d'] as const)('%s and its gradients', async (op) => {
    const property = fc.asyncProperty(headSizes, fc.integer(), async (size, seed) => {
      const [from, to] = op === 'conv2d' ? [size.channels, 1] : [1, size.channels];
      const inputs = [
        drawn([size.images, from, ...(op === 'conv2d' ? size.kernel : [1, 1])], seed),
        drawn([1, size.channels, ...size.kernel], seed + 1),
        ...(size.bias ? [drawn([to], seed + 2)] : []),
      ];
      const gy = drawn(referenceOp(op).forward(inputs, {}).shape, seed + 3);
      const deviation = worst(
        await withGemmCore('thin', () => checkOp(device, op, { inputs, args: {}, gy })),
      );
      expect(deviation.error, deviation.name).toBeLessThan(opTolerance);
    });
    if (supportsCore(device, 'thin')) await fc.assert(property, { numRuns: 20 });
  });
});

test('what they take', () => {
  const z = { n: 64, c: 1, h: 32, w: 32, k: 32, r: 4, s: 4, p: 16, q: 16, groups: 1 };
  const square = { stride: [2, 2], padding: [1, 1], dilation: [1, 1] } as const;
  const taken = (change: object): boolean =>
    withGemmCore('thin', () => onThin(device, { ...z, ...square, ...change }));
  if (!supportsCore(device, 'thin')) return;
  expect(taken({})).toBe(true);
  expect(taken({ c: 3 })).toBe(true);
  for (const change of [{ c: 4, r: 5 }, { r: 6 }, { groups: 2 }, { stride: [3, 1] }, { dilation: [1, 2] }])
    expect(taken(change), JSON.stringify(change)).toBe(false);
  expect(taken({ padding: [4, 1] })).toBe(false);
  expect(taken({ n: 2 ** 16 })).toBe(false);
  expect(withGemmCore('naive', () => onThin(device, { ...z, ...square }))).toBe(false);
});

test('a captured convolution gives the same bits', async () => {
  if (!supportsCore(device, 'thin')) return;
  const x = toTensor(drawn([5, 1, 9, 11], 1), device);
  const w = toTensor(drawn([9, 1, 4, 4], 2), device);
  const run = () => conv2d(x, w, { stride: 2, padding: 1 });
  const eager = withGemmCore('thin', run);
  const plan = withGemmCore('thin', () => device.capture(run));
  plan.replay();
  expect(await plan.result.data()).toEqual(await eager.data());
  plan.dispose();
});
