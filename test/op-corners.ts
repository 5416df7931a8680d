/**
 * Calls that random small shapes seldom or never reach: sizes of 1, primes, kernels smaller than their padding or
 * stride, taps that meet no input, ranks from 0 to 8, sums long enough to be split, and points on a kink.
 */
import fc from 'fast-check';
import type { Sample } from './check-op.ts';
import { type Ref, ref } from './reference/array.ts';
import * as draw from './reference/draw.ts';
import { type ReferenceOpName, referenceOp } from './reference/index.ts';

export interface Corner {
  op: ReferenceOpName;
  what: string;
  sample: Sample;
}

type Input = readonly number[] | fc.Arbitrary<Ref> | Ref;

const isArbitrary = (x: Input): x is fc.Arbitrary<Ref> => 'generate' in x;
const one = (values: fc.Arbitrary<Ref>, seed: number): Ref => fc.sample(values, { seed, numRuns: 1 })[0]!;

/** A corner from its inputs: values, how to draw them, or a shape to fill with normal ones. */
function corner(op: ReferenceOpName, what: string, given: readonly Input[], args: unknown = {}): Corner {
  const inputs = given.map((x, i) => {
    if (Array.isArray(x)) return one(draw.normal(x as readonly number[]), i + 1);
    return isArbitrary(x as Input) ? one(x as fc.Arbitrary<Ref>, i + 1) : (x as Ref);
  });
  const gy = one(draw.normal(referenceOp(op).forward(inputs, args).shape), 99);
  return { op, what, sample: { inputs, args, gy } };
}

const conv = (what: string, x: number[], weight: number[], args: object, bias = true): Corner =>
  corner('conv2d', what, [x, weight, ...(bias ? [[weight[0]!]] : [])], args);

const convTranspose = (what: string, x: number[], weight: number[], args: { groups?: number }): Corner =>
  corner('convTranspose2d', what, [x, weight, [weight[1]! * (args.groups ?? 1)]], args);

const norm = (what: string, x: number[], training: boolean): Corner =>
  corner(
    'batchNorm',
    what,
    [x, [x[1]!], [x[1]!], ...(training ? [] : [[x[1]!], draw.between(0.3, 2)([x[1]!])])],
    { training, affine: true, runningStats: !training, momentum: 0.1, eps: 1e-5 },
  );

const none = { reduction: 'none' };
const primes = [2, 3, 5, 7, 11, 13];
const farApart = [1000, -1000, 0, -1000, -1000, -1000, 88, 87, -88];
const six = [2, 1, 3, 2, 1, 2];

/** Points at which the operations are smooth. */
export const corners: readonly Corner[] = [
  conv('all sizes 1', [1, 1, 1, 1], [1, 1, 1, 1], {}),
  conv('all sizes 1, padding past the kernel', [1, 1, 1, 1], [1, 1, 1, 1], { padding: 3 }),
  conv('padding larger than the kernel', [2, 2, 3, 2], [3, 2, 2, 1], { padding: [4, 3] }),
  conv('stride larger than the kernel', [1, 2, 11, 9], [2, 2, 2, 1], { stride: [5, 3] }),
  conv('stride larger than the input', [2, 1, 3, 3], [2, 1, 3, 3], { stride: 7, padding: 1 }),
  conv('stride and dilation that share a factor', [1, 2, 13, 14], [2, 2, 3, 2], {
    stride: [4, 2],
    dilation: [2, 4],
  }),
  conv('stride and dilation that share none', [1, 1, 17, 13], [1, 1, 4, 3], {
    stride: [2, 3],
    dilation: [3, 2],
  }),
  conv('padding that dilated taps mostly lie in', [1, 2, 2, 3], [2, 2, 3, 3], { padding: 5, dilation: 4 }),
  conv('primes', [3, 5, 7, 11], [13, 5, 3, 2], { stride: [2, 1], padding: [1, 0] }),
  conv('each channel by itself, two results each', [2, 5, 6, 5], [10, 1, 3, 2], {
    groups: 5,
    stride: 2,
    padding: 1,
  }),
  conv('the whole image under the kernel', [5, 3, 4, 4], [1, 3, 4, 4], {}, false),
  conv('rows and columns that no window reaches', [1, 1, 8, 9], [2, 1, 3, 3], { stride: 3 }),

  convTranspose('all sizes 1', [1, 1, 1, 1], [1, 1, 1, 1], {}),
  convTranspose('from one position, as a generator begins', [5, 7, 1, 1], [7, 3, 4, 4], {}),
  convTranspose('stride larger than the kernel: holes', [2, 2, 3, 2], [2, 3, 2, 1], {
    stride: [4, 3],
  } as object),
  convTranspose('holes that are all padding', [1, 1, 2, 3], [1, 1, 1, 1], {
    stride: 5,
    padding: 2,
    outputPadding: 4,
  } as object),
  convTranspose('padding past the kernel', [1, 2, 5, 5], [2, 2, 2, 3], { stride: 2, padding: 3 } as object),
  convTranspose('dilation that is a multiple of the stride', [1, 2, 3, 4], [2, 2, 3, 3], {
    stride: 2,
    dilation: 4,
    outputPadding: [3, 0],
  } as object),
  convTranspose('groups, primes', [2, 6, 5, 3], [6, 5, 3, 5], {
    groups: 3,
    stride: [3, 2],
    padding: [1, 2],
    outputPadding: [2, 1],
  } as object),

  corner('matmul', 'primes', [
    [17, 31],
    [31, 13],
  ]),
  corner('matmul', 'both sides broadcast', [
    [3, 1, 2, 5],
    [1, 4, 5, 2],
  ]),
  corner('matmul', 'rank 6 by rank 2', [
    [2, 1, 2, 1, 3, 4],
    [4, 1],
  ]),
  corner('matmul', 'vectors of one element', [[1], [1]]),
  corner('matmul', 'an inner axis long enough to be split', [
    [3, 1031],
    [1031, 2],
  ]),
  corner('linear', 'one row, one feature', [[1, 1], [1, 1], [1]]),
  corner('linear', 'primes, rank 4', [[2, 3, 1, 17], [11, 17], [11]]),

  norm('a batch of one image', [1, 2, 3, 3], true),
  norm('a batch of one image, one row', [1, 5, 1, 7], true),
  norm('one channel', [4, 1], true),
  norm('one value per channel, evaluated', [1, 3], false),
  norm('primes', [7, 3, 5, 11], true),
  corner('instanceNorm', 'one image, one channel', [[1, 1, 3, 1]], { affine: false, eps: 1e-5 }),

  corner('maxPool2d', 'stride larger than the kernel', [draw.distinct([1, 2, 9, 7])], {
    kernelSize: 2,
    stride: [4, 3],
  }),
  corner('maxPool2d', 'overlap of primes', [draw.distinct([2, 3, 11, 13])], {
    kernelSize: [5, 3],
    stride: 1,
    padding: [2, 1],
  }),
  corner('avgPool2d', 'stride larger than the kernel', [[1, 2, 9, 7]], { kernelSize: 2, stride: [4, 3] }),
  corner('avgPool2d', 'overlap of primes', [[2, 3, 11, 13]], {
    kernelSize: [5, 3],
    stride: 1,
    padding: [2, 1],
  }),
  corner('globalAvgPool2d', 'one pixel', [[2, 3, 1, 1]]),

  corner('tanh', 'a scalar', [[]]),
  corner('sigmoid', 'rank 6', [primes]),
  corner('exp', 'rank 6, sizes 1', [[1, 1, 1, 1, 1, 1]]),
  corner('pow', 'whole powers of either sign of x', [draw.awayFromZero([37])], { exponent: 5 }),
  corner('pow', 'a negative whole power', [draw.awayFromZero([37])], { exponent: -3 }),
  corner('softplus', 'more elements than one pass of the grid', [[70_001]]),

  corner('add', 'a scalar and rank 6', [[], six]),
  corner('mul', 'every other dimension of six stretched on either side', [
    [2, 1, 3, 1, 2, 1],
    [1, 3, 1, 2, 1, 3],
  ]),
  corner('div', 'every other dimension of eight stretched on either side', [
    [2, 1, 2, 1, 2, 1, 2, 1],
    draw.awayFromZero([1, 2, 1, 2, 1, 2, 1, 2]),
  ]),
  corner('sub', 'two scalars', [[], []]),
  corner('maximum', 'a missing and a stretched dimension', [
    draw.lattice(0)([3, 1, 5]),
    draw.lattice(1)([7, 1]),
  ]),

  corner('sum', 'a scalar', [[]]),
  corner('mean', 'a scalar', [[]]),
  corner('max', 'a scalar', [[]]),
  corner('sum', 'every other dimension of six', [primes.toReversed()], { dims: [0, 2, 4] }),
  corner('mean', 'every other dimension of six, from the back', [primes], {
    dims: [-1, -3, -5],
    keepdim: true,
  }),
  corner('max', 'every other dimension of six', [draw.distinct([3, 2, 3, 2, 3, 2])], { dims: [1, 3, 5] }),
  corner('sum', 'rows long enough to be split', [[3, 5003]], { dims: [1] }),
  corner('mean', 'columns long enough to be split', [[5003, 3]], { dims: [0] }),
  corner('var', 'rows long enough to be split', [[2, 1301]], { dims: [1], correction: 1 }),
  corner('min', 'rows long enough to be split', [draw.distinct([2, 1301])], { dims: [1] }),
  corner('var', 'one value', [[3, 1]], { dims: [1], correction: 0 }),

  corner('softmax', 'lines of one element', [[3, 1]], { dim: 1 }),
  corner('softmax', 'lines long enough to be shared', [[2, 1031]], { dim: 1 }),
  corner('logSoftmax', 'columns long enough to be shared', [[1031, 3]], { dim: 0 }),
  corner('softmax', 'logits far apart', [ref([3, 3], farApart)], { dim: 1 }),
  corner('logSoftmax', 'logits far apart', [ref([3, 3], farApart)], { dim: 1 }),
  corner('crossEntropy', 'logits far apart', [ref([3, 3], farApart)], {
    labels: [1, 0, 1],
    reduction: 'none',
  }),
  corner('crossEntropy', 'one class', [[3, 1]], { labels: [0, 0, 0], reduction: 'mean' }),
  corner('crossEntropy', 'more classes than one invocation takes', [[5, 37]], {
    labels: [0, 36, 17, 0, 35],
    reduction: 'sum',
  }),

  corner('reshape', 'rank 6 to a row', [six], { shape: [-1] }),
  corner('permute', 'rank 6', [primes], { dims: [5, 0, 3, 1, 4, 2] }),
  corner('permute', 'rank 6, sizes 1', [six], { dims: [1, 5, 4, 0, 3, 2] }),
  corner('permute', 'a scalar', [[]], { dims: [] }),
  corner('cat', 'rank 6, sizes 1', [six, six.with(1, 3)], { dim: 1 }),
  corner('stack', 'scalars', [[], [], []], { dim: 0 }),
  corner('stack', 'rank 5 in the middle', [primes.slice(1), primes.slice(1)], { dim: 3 }),
  corner('slice', 'a step larger than the dimension', [[3, 5]], { dim: 1, start: 2, step: 9 }),
  corner('slice', 'rank 6, backwards positions', [primes], { dim: 4, start: -7, end: -1, step: 3 }),
  corner('slice', 'leading rows that could share storage', [[8, 64]], { dim: 0, start: 1, end: 5 }),
  corner('expand', 'a scalar to rank 6', [[]], { shape: six }),
  corner('expand', 'every other dimension of six', [[1, 3, 1, 2, 1, 2]], { shape: [2, 3, 2, 2, 3, 2] }),
  corner('pad', 'rank 6', [six], { pad: [1, 0, 0, 2, 0, 0, 3, 1, 0, 1, 2, 0], value: 0.5 }),
  corner('pad', 'nothing', [[2, 2]], { pad: [0, 0] }),
  corner('reflectionPad2d', 'as wide as allowed', [[1, 1, 5, 3]], { pad: [2, 2, 4, 4] }),
  corner('reflectionPad2d', 'one side only', [[2, 2, 3, 2]], { pad: [0, 1, 0, 0] }),
  corner('indexSelect', 'one row many times', [[7, 5]], { dim: 0, index: [6, 6, 0, 6, 3, 6, 6] }),
];

/** A single number as input: the whole of a tensor, so that its own relative error shows. */
const alone = (op: ReferenceOpName, args: unknown, ...values: number[]): Corner =>
  corner(
    op,
    `${values.map((v) => v.toPrecision(3))}`,
    values.map((v) => ref([1], [Math.fround(v)])),
    args,
  );

const sizes = [1e-30, 1e-8, 1e-3, 0.2, 0.3, 1, 5, 12, 20, 50, 85, 100, 1000];
const everySize = sizes.flatMap((size) => [-size, size]);
const probabilities = [1e-30, 1e-10, 1e-5, 0.3, 0.49, 0.51, 0.9, 1 - 2 ** -24];

/** Very large and very small numbers, by operation: nothing overflows, and small results keep their digits. */
export const magnitudes: readonly Corner[] = [
  ...everySize.flatMap((x) => [
    ...(['tanh', 'sigmoid', 'softplus', 'silu', 'square'] as const).map((op) => alone(op, {}, x)),
    alone('elu', { alpha: 1 }, x),
    alone('leakyRelu', { negativeSlope: 0.2 }, x),
    alone('softplusGan', none, x),
    alone('bceWithLogits', none, x, 0),
    alone('bceWithLogits', none, x, 1),
  ]),
  ...probabilities.flatMap((x) => [alone('bce', none, x, 0), alone('bce', none, x, 1)]),
];

const row = (...values: number[]): Ref => ref([values.length], values);
const mean = { reduction: 'mean' };

/** Points on a kink or a tie, where the gradient is a convention (PyTorch's). */
export const kinks: readonly Corner[] = [
  corner('relu', 'at 0', [row(0, -0, 1, -1)]),
  corner('leakyRelu', 'at 0', [row(0, -0, 1, -1)], { negativeSlope: 0.2 }),
  corner('abs', 'at 0', [row(0, -0, 2, -2)]),
  corner('elu', 'at 0', [row(0, -0, 1, -1)], { alpha: 0.5 }),
  corner('clamp', 'at both bounds', [row(-1, 1, -2, 2, 0)], { min: -1, max: 1 }),
  corner('pow', 'x⁰ at 0', [row(0, 2, -3)], { exponent: 0 }),
  corner('pow', 'x¹ at 0', [row(0, 2, -3)], { exponent: 1 }),
  corner('pow', 'x³ at 0', [row(0, 2, -3)], { exponent: 3 }),
  corner('maximum', 'ties across broadcasting', [ref([2, 1], [1, 2]), ref([3], [1, 2, 3])]),
  corner('minimum', 'ties across broadcasting', [ref([2, 1], [1, 2]), ref([3], [1, 2, 3])]),
  corner('max', 'ties over two dimensions', [ref([2, 2, 2], [3, 1, 3, 3, 0, 0, 0, 0])], { dims: [1, 2] }),
  corner('min', 'ties over the first dimension', [ref([3, 2], [1, 2, 1, 5, 1, 2])], { dims: [0] }),
  corner('max', 'ties across the parts of a split row', [ref([1400], new Array(1400).fill(2))]),
  corner('maxPool2d', 'ties in overlapping windows', [ref([1, 1, 3, 3], [5, 5, 5, 5, 5, 5, 5, 5, 5])], {
    kernelSize: 2,
    stride: 1,
    padding: 1,
  }),
  corner('l1', 'at the target', [row(1, 2, -1), row(1, 0, -1)], mean),
  corner('mse', 'at the target', [row(1, 2, -1), row(1, 0, -1)], mean),
  corner('bce', 'sure, and right or wrong', [row(0, 1, 0, 1), row(0, 1, 1, 0)], none),
  corner('bce', 'sure, with targets between', [row(0, 1), row(0.25, 0.25)], none),
];
