/**
 * Every algorithm × every product that it can compute, against float64, at sizes that cross the
 * edges of tiles, vectors and unrolled steps: 1, 17, and 63 to 65.
 *
 * The fast ones take seconds to compile for each new set of constants, so all convolutions here have one kernel size,
 * stride and padding; what varies (channels, images, groups, splits) does not recompile.
 */
import { conv2d, type Device, normal as normalTensor } from '@forger/tensor';
import { type Algorithm, algorithms } from '@forger/tensor/internal';
import fc from 'fast-check';
import { beforeEach, describe, expect, test } from 'vitest';
import type { Sample } from './check-op.ts';
import { checkOp } from './check-op.ts';
import type { Ref } from './reference/array.ts';
import { normal } from './reference/draw.ts';
import { type ReferenceOpName, referenceOp } from './reference/index.ts';
import { useDevice } from './support/device.ts';
import { worst } from './support/errors.ts';
import { unitRoundoff } from './support/tolerances.ts';

let device: Device;
useDevice(
  (opened) => {
    device = opened;
  },
  { halfMatrices: true },
);

const draw = (shape: readonly number[], seed: number): Ref =>
  fc.sample(normal(shape), { seed, numRuns: 1 })[0]!;

function sampleOf(op: ReferenceOpName, shapes: readonly number[][], args: unknown = {}): Sample {
  const inputs = shapes.map((shape, i) => draw(shape, i + 1));
  return { inputs, args, gy: draw(referenceOp(op).forward(inputs, args).shape, 99) };
}

/** [batch, M, K] × [batch, K, N] and its gradients, which are the same products with the three sizes exchanged. */
const products: [m: number, k: number, n: number, batch: number][] = [
  [1, 1, 1, 1],
  [17, 7, 1, 3],
  // Four, so that these and the long ones below take workgroups of one width, and so one kernel.
  [63, 64, 65, 4],
  [64, 65, 63, 4],
  [65, 8, 64, 4],
  [17, 1031, 1, 1], // split in parts that are not of equal length
  [130, 9, 260, 1], // several tiles each way
];

const args = { stride: 2, padding: 1 };

interface Convolution {
  what: string;
  x: number[];
  weight: number[];
  groups?: number;
}

const convolutions: Convolution[] = [
  { what: 'each channel by itself', x: [1, 8, 5, 3], weight: [8, 1, 3, 3], groups: 8 },
  { what: '65 channels from 7', x: [2, 7, 9, 9], weight: [65, 7, 3, 3] },
  { what: '3 × 17 channels from 3 × 2', x: [2, 6, 9, 8], weight: [51, 2, 3, 3], groups: 3 },
  { what: 'a weight gradient in parts', x: [8, 1, 13, 13], weight: [13, 1, 3, 3] },
  { what: 'rows of weights and gradients in whole quads', x: [2, 4, 7, 7], weight: [9, 4, 3, 3] },
  { what: 'sizes compiled in', x: [3, 17, 33, 31], weight: [33, 17, 3, 3] },
];

/** Transposed convolutions, whose result and gradients are those of a convolution in another order. */
const transposed: Convolution[] = [
  { what: 'each channel by itself', x: [1, 8, 3, 2], weight: [8, 1, 3, 3], groups: 8 },
  { what: '7 channels from 65', x: [2, 65, 5, 5], weight: [65, 7, 3, 3] },
  { what: '3 × 2 channels from 3 × 17', x: [2, 51, 5, 4], weight: [51, 2, 3, 3], groups: 3 },
  { what: 'sizes compiled in', x: [3, 33, 17, 16], weight: [33, 17, 3, 3] },
];

/** Shapes that algorithms on textures pack in their own way; its kernels are compiled once for all of them. */
const packed: { what: string; x: number[]; weight: number[]; args: object }[] = [
  { what: 'stride 1', x: [2, 5, 6, 7], weight: [17, 5, 3, 3], args: { padding: 1 } },
  {
    what: 'a kernel, stride and padding of two lengths',
    x: [3, 9, 9, 8],
    weight: [18, 9, 4, 2],
    args: { stride: [3, 1], padding: [2, 0] },
  },
  { what: 'phases without a tap', x: [2, 8, 9, 10], weight: [8, 8, 1, 2], args: { stride: 3 } },
  {
    what: 'rows and columns that no window reaches',
    x: [2, 8, 10, 11],
    weight: [16, 8, 3, 3],
    args: { stride: 4 },
  },
  { what: 'stride 2, no padding', x: [2, 5, 11, 9], weight: [6, 5, 4, 4], args: { stride: 2 } },
  {
    what: 'padding as wide as the taps allow, and rows that no window reaches',
    x: [1, 6, 8, 11],
    weight: [9, 6, 4, 4],
    args: { stride: 2, padding: 2 },
  },
  { what: '5×5, stride 2', x: [2, 5, 9, 10], weight: [7, 5, 5, 5], args: { stride: 2, padding: 2 } },
  { what: '2×2', x: [2, 4, 5, 6], weight: [8, 4, 2, 2], args: { padding: 1 } },
];

/** More than one block of rows, columns and the inner axis, with a kernel that the algorithm serves. */
const severalBlocks = (name: string) => ({
  what: 'several blocks each way',
  x: [5, 34, 9, 13],
  weight: name.endsWith('x3') ? [33, 34, 3, 3] : [33, 34, 2, 2],
  args: { stride: 1, padding: 1 },
});

/**
 * The error allowed is the algorithm's own (`errorUnits`), relative to the largest magnitude. A sum of k
 * products of either sign, made one after another, errs by about √k / 2 units of roundoff here, and the
 * longest have some thousand.
 */
describe.each(algorithms.map((one) => [one.name, one] as const))('%s', (name, algorithm: Algorithm) => {
  async function check(op: ReferenceOpName, sample: Sample): Promise<void> {
    // checkOp calls the operations before it first waits, so inside withAlgorithm.
    const run = () => checkOp(device, op, sample, { smooth: false });
    const deviation = worst(await device.withAlgorithm(name, run));
    if (process.env.FORGER_SHOW_ERRORS)
      process.stdout.write(`${name} ${(deviation.error / unitRoundoff).toFixed(1)} ${deviation.name}\n`);
    expect(deviation.error, deviation.name).toBeLessThan(algorithm.errorUnits * unitRoundoff);
  }

  beforeEach((context) => {
    if (!algorithm.runsOn(device)) context.skip(`this adapter cannot run ${name}`);
  });

  const matmulTest = test.skipIf(!algorithm.matmul);

  matmulTest.each(products)('matmul %i×%i×%i, %i at once', async (m, k, n, batch) => {
    await check(
      'matmul',
      sampleOf('matmul', [
        [batch, m, k],
        [batch, k, n],
      ]),
    );
  });

  matmulTest('matmul with one matrix shared by all', async () => {
    await check(
      'matmul',
      sampleOf('matmul', [
        [3, 17, 9],
        [9, 33],
      ]),
    );
  });

  matmulTest.each([33, 36])('linear: transposed operands, %i rows', async (rows) => {
    await check(
      'linear',
      sampleOf('linear', [
        [rows, 64],
        [rows + 28, 64],
      ]),
    );
  });

  test.each(convolutions)('conv2d: $what', async ({ x, weight, groups = 1 }) => {
    await check('conv2d', sampleOf('conv2d', [x, weight], { ...args, groups }));
  });

  test.each(transposed)('convTranspose2d: $what', async ({ x, weight, groups = 1 }) => {
    await check('convTranspose2d', sampleOf('convTranspose2d', [x, weight], { ...args, groups }));
  });

  if (algorithm.specialValues !== 'spread') return; // the rest is for those that pack tiles and texels
  test.each([...packed, severalBlocks(name)])('$what', async ({ x, weight, args }) => {
    await check('conv2d', sampleOf('conv2d', [x, weight], args));
    const [n, , h, w] = x;
    await check('convTranspose2d', sampleOf('convTranspose2d', [[n!, weight[0]!, h!, w!], weight], args));
  });

  test('textures of a captured step are its own, and go with it', async () => {
    const { x, weight, args } = severalBlocks(name);
    const [input, w, other] = [normalTensor(x), normalTensor(weight), normalTensor(x)].map((t) => t.keep());
    const run = () => conv2d(input!, w!, args);
    const eager = device.withAlgorithm(name, run);
    await device.sync();
    device.dropAllPacked();
    const before = device.memory();
    const plan = device.withAlgorithm(name, () => device.capture(run));
    expect(plan.needs.bytesAtOnce).toBeGreaterThan(0);
    expect(device.memory().pooledBytes).toBeGreaterThanOrEqual(plan.needs.bytesAtOnce);
    // The same textures in other hands between two replays.
    device.withAlgorithm(name, () => conv2d(other!, w!, args)).dispose();
    plan.replay();
    expect(await plan.result.data()).toEqual(await eager.data());
    plan.dispose();
    expect(device.memory().liveBytes).toBe(before.liveBytes);
    for (const t of [input!, w!, other!, eager]) t.dispose();
  });
});
