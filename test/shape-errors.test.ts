/**
 * Wrong calls of every operation: each throws a ShapeError at once whose one sentence names the operation and holds
 * the words listed: what was given, and what was expected.
 */
import * as forger from '@forger/tensor';
import { type Device, ShapeError, type Tensor } from '@forger/tensor';
import { describe, expect, test } from 'vitest';
import { deviceOps } from './ops-table.ts';
import type { ReferenceOpName } from './reference/index.ts';
import { unaryOps } from './reference/unary.ts';
import { useDevice } from './support/device.ts';
import { untyped } from './support/tensors.ts';

let device: Device;
useDevice((opened) => {
  device = opened;
});

const of = (...shape: number[]): Tensor => forger.zeros(shape);
const integers = (...shape: number[]): Tensor => untyped(forger.zeros(shape, { dtype: 'int32' }));

interface Wrong {
  what: string;
  call: () => unknown;
  words: string[];
}

const wrong = (what: string, call: () => unknown, ...words: string[]): Wrong => ({ what, call, words });

const dtype = (call: (x: Tensor) => unknown, shape: number[] = [2]): Wrong =>
  wrong('integers', () => call(integers(...shape)), 'int32', 'expected float32');

const broadcast = (call: (a: Tensor, b: Tensor) => unknown): Wrong[] => [
  wrong('shapes that do not broadcast', () => call(of(2, 3), of(2)), '[2, 3]', '[2]', 'neither is 1'),
  wrong('an integer operand', () => call(of(2), integers(2)), 'int32', 'must be float32'),
];

const reduction = (call: (x: Tensor, dims?: readonly number[]) => unknown): Wrong[] => [
  dtype(call),
  wrong('a dimension too far', () => call(of(2, 3), [2]), 'dimension 2', 'expected -2 to 1'),
  wrong('a dimension of a scalar', () => call(of(), [1]), 'dimension 1', '0 dimensions'),
  wrong('one dimension twice', () => call(of(2, 3), [1, -1]), 'twice', 'once'),
];

const pairLoss = (call: (x: Tensor, target: Tensor) => unknown): Wrong[] => [
  dtype((x) => call(x, of(2))),
  wrong('a target to broadcast', () => call(of(2, 3), of(3)), 'target', '[3]', "x's shape [2, 3]"),
  wrong('an integer target', () => call(of(2), integers(2)), 'target', 'int32', 'expected float32'),
];

const pool = (
  call: (x: Tensor, kernel: number, options?: { padding?: number; stride?: number }) => unknown,
) => [
  dtype((x) => call(x, 2), [1, 1, 4, 4]),
  wrong('rank 2', () => call(of(4, 4), 2), '[4, 4]', '(N, C, H, W)'),
  wrong('a kernel of size 0', () => call(of(1, 1, 4, 4), 0), 'kernelSize 0', 'at least 1'),
  wrong('a kernel past the image', () => call(of(1, 1, 2, 3), 3), '[3, 3]', '2×3', 'smaller'),
  wrong('too much padding', () => call(of(1, 1, 4, 4), 2, { padding: 2 }), '[2, 2]', 'half of the kernel'),
  wrong('a stride of 0', () => call(of(1, 1, 4, 4), 2, { stride: 0 }), 'stride 0', 'at least 1'),
];

const convolution = (
  call: (x: Tensor, weight: Tensor, options?: forger.ConvTranspose2dOptions) => unknown,
): Wrong[] => {
  const x = () => of(1, 4, 5, 5);
  const weight = () => of(4, 4, 3, 3);
  return [
    dtype((t) => call(t, weight()), [1, 4, 5, 5]),
    wrong('an integer weight', () => call(x(), integers(4, 4, 3, 3)), 'int32', 'expected float32'),
    wrong('rank 3', () => call(of(4, 5, 5), weight()), '[4, 5, 5]', '4 dimensions'),
    wrong(
      'other channels',
      () => call(of(1, 3, 5, 5), weight()),
      '[1, 3, 5, 5]',
      '[4, 4, 3, 3]',
      '4 channels',
    ),
    wrong('a bias of another size', () => call(x(), weight(), { bias: of(3) }), 'bias [3]', 'expected [4]'),
    wrong('groups of 0', () => call(x(), weight(), { groups: 0 }), 'groups 0', 'at least 1'),
    wrong('a stride of 0', () => call(x(), weight(), { stride: 0 }), 'stride 0', 'at least 1'),
    wrong(
      'negative padding',
      () => call(x(), weight(), { padding: [0, -1] }),
      'padding [0, -1]',
      'at least 0',
    ),
    wrong('half a dilation', () => call(x(), weight(), { dilation: 1.5 }), 'dilation 1.5', 'whole numbers'),
  ];
};

const scaled = (call: (x: Tensor, options: { weight?: Tensor; bias?: Tensor }) => unknown): Wrong[] => [
  dtype((x) => call(x, {}), [2, 3, 4]),
  wrong('a weight of another size', () => call(of(2, 3, 4), { weight: of(4) }), 'weight', '[4]', '[3]'),
  wrong('an integer bias', () => call(of(2, 3, 4), { bias: integers(3) }), 'bias', 'int32', 'float32 [3]'),
];

const functions = Object.fromEntries(
  Object.entries(unaryOps).map(([name, { parameters }]) => {
    const args = Object.fromEntries(
      Object.entries(parameters).map(([parameter, values]) => [parameter, values[0]]),
    );
    return [name, [dtype((x) => deviceOps[name as keyof typeof unaryOps]([x], args))]];
  }),
) as Record<keyof typeof unaryOps, Wrong[]>;

const calls: Record<ReferenceOpName, readonly Wrong[]> = {
  conv2d: [
    ...convolution(forger.conv2d),
    wrong(
      'outputs that groups do not divide',
      () => forger.conv2d(of(1, 4, 5, 5), of(3, 2, 3, 3), { groups: 2 }),
      'groups 2',
      '3 output channels must divide',
    ),
    wrong(
      'a kernel past the image',
      () => forger.conv2d(of(1, 1, 3, 4), of(1, 1, 3, 3), { dilation: 2 }),
      'kernel 3×3',
      'larger than the input 3×4',
    ),
  ],
  convTranspose2d: [
    ...convolution(forger.convTranspose2d),
    wrong(
      'too much output padding',
      () => forger.convTranspose2d(of(1, 1, 3, 3), of(1, 1, 3, 3), { outputPadding: 2, stride: 2 }),
      'outputPadding 2',
      'less than stride 2',
    ),
    wrong(
      'padding that leaves nothing',
      () => forger.convTranspose2d(of(1, 1, 1, 2), of(1, 1, 2, 2), { padding: 1 }),
      'input 1×2',
      'output of 0×1',
    ),
  ],
  matmul: [
    dtype((x) => forger.matmul(x, of(2, 2)), [2, 2]),
    wrong('inner sizes', () => forger.matmul(of(2, 3), of(4, 5)), '[2, 3]', '[4, 5]', 'last size 3', '4'),
    wrong('a scalar', () => forger.matmul(of(), of(2)), '[]', 'at least 1 dimension'),
    wrong('leading sizes', () => forger.matmul(of(2, 1, 3), of(3, 3, 1)), '[2]', '[3]', 'leading'),
  ],
  linear: [
    dtype((x) => forger.linear(x, of(2, 2))),
    wrong('features', () => forger.linear(of(2, 3), of(5, 4)), '[2, 3]', '[5, 4]', "weight's second"),
    wrong('a scalar', () => forger.linear(of(), of(2, 2)), '[]', '[2, 2]'),
    wrong(
      'a bias of another size',
      () => forger.linear(of(2, 3), of(5, 3), of(3)),
      'bias [3]',
      'expected [5]',
    ),
  ],
  batchNorm: [
    ...scaled(forger.batchNorm),
    wrong('rank 1', () => forger.batchNorm(of(3)), '[3]', '(N, C)'),
    wrong('one value', () => forger.batchNorm(of(1, 3), { training: true }), '[1, 3]', 'more than 1 value'),
    wrong(
      'one statistic',
      () => forger.batchNorm(of(2, 3), { runningVar: of(3) }),
      'runningMean',
      'pass both',
    ),
  ],
  instanceNorm: [
    ...scaled(forger.instanceNorm),
    wrong('rank 2', () => forger.instanceNorm(of(2, 3)), '[2, 3]', '(N, C, L)'),
    wrong('one value', () => forger.instanceNorm(of(2, 3, 1)), '[2, 3, 1]', 'more than 1 value'),
  ],
  maxPool2d: pool(forger.maxPool2d),
  avgPool2d: pool(forger.avgPool2d),
  globalAvgPool2d: [
    dtype(forger.globalAvgPool2d, [1, 1, 2, 2]),
    wrong('rank 3', () => forger.globalAvgPool2d(of(1, 2, 2)), '[1, 2, 2]', '(N, C, H, W)'),
  ],
  ...functions,
  softmax: [
    dtype((x) => forger.softmax(x, 0)),
    wrong('a dimension too far', () => forger.softmax(of(2, 3), -3), 'dimension -3', 'expected -2 to 1'),
  ],
  logSoftmax: [
    dtype((x) => forger.logSoftmax(x, 0)),
    wrong('half a dimension', () => forger.logSoftmax(of(2, 3), 0.5), 'dimension 0.5', 'expected -2 to 1'),
  ],
  add: [...broadcast(forger.add), wrong('two numbers', () => forger.add(1, 2), 'two numbers', 'tensor')],
  sub: broadcast(forger.sub),
  mul: broadcast(forger.mul),
  div: broadcast(forger.div),
  maximum: broadcast(forger.maximum),
  minimum: broadcast(forger.minimum),
  squaredDifference: broadcast((a, b) => forger.square(forger.sub(a, b))),
  sum: reduction(forger.sum),
  mean: reduction(forger.mean),
  var: [
    ...reduction(forger.variance),
    wrong('too few values', () => forger.variance(of(1), 0, false, 1), 'correction 1', 'more values'),
  ],
  max: reduction(forger.max),
  min: reduction(forger.min),
  reshape: [
    wrong('another size', () => forger.reshape(of(2, 3), [4]), '[2, 3]', '6 elements', '[4]'),
    wrong('two unknown sizes', () => forger.reshape(of(2, 3), [-1, -1]), '[-1, -1]'),
    wrong('a size that does not divide', () => forger.reshape(of(2, 3), [4, -1]), '[4, -1]'),
    wrong('a size of 0', () => forger.reshape(of(2, 3), [0, -1]), '[0, -1]'),
  ],
  permute: [
    wrong('too few dimensions', () => forger.permute(of(2, 3), [0]), '[0]', '[2, 3]', 'each of the 2 once'),
    wrong('one dimension twice', () => forger.permute(of(2, 3), [1, -1]), '[1, -1]', 'once'),
    wrong('a dimension too far', () => forger.permute(of(2, 3), [0, 2]), 'dimension 2', 'expected -2 to 1'),
  ],
  transpose: [
    wrong('a dimension too far', () => forger.transpose(of(2, 3), 0, 2), 'dimension 2', 'expected -2 to 1'),
  ],
  cat: [
    wrong('nothing', () => forger.cat([]), 'empty list', 'at least one'),
    wrong('other sizes', () => forger.cat([of(2, 3), of(2, 4)]), '[2, 4]', '[2, 3]', 'dimension 0'),
    wrong('other ranks', () => forger.cat([of(2, 3), of(2)]), '[2]', '[2, 3]'),
    wrong('other dtypes', () => forger.cat([of(2), integers(2)]), 'int32', 'float32', 'agree'),
    wrong('scalars', () => forger.cat([of(), of()]), 'scalar', 'stack'),
  ],
  stack: [
    wrong('nothing', () => forger.stack([]), 'empty list', 'at least one'),
    wrong('other shapes', () => forger.stack([of(6), of(2, 3)]), '[2, 3]', '[6]', 'the same'),
    wrong('a dimension too far', () => forger.stack([of(2)], 2), 'dimension 2', 'expected -2 to 1'),
  ],
  slice: [
    wrong('nothing left', () => forger.slice(of(3), 0, 2, 1), 'start 2', 'end 1', 'start < end'),
    wrong('a step of 0', () => forger.slice(of(3), 0, 0, 3, 0), 'step 0', 'step >= 1'),
    wrong('half a start', () => forger.slice(of(3), 0, 0.5), 'start 0.5', 'whole numbers'),
    wrong('a scalar', () => forger.slice(of(), 0), 'scalar', 'no dimension'),
  ],
  expand: [
    wrong('a size other than 1', () => forger.expand(of(2), [3]), '[2]', '[3]', 'neither is 1'),
    wrong('fewer dimensions', () => forger.expand(of(2, 3), [3]), '[2, 3]', '[3]', 'only sizes of 1'),
    wrong('a size of 0', () => forger.expand(of(1), [0]), '[0]', 'at least 1'),
    wrong('a new dimension kept', () => forger.expand(of(2), [-1, 2]), '[-1, 2]', 'at least 1'),
  ],
  pad: [
    dtype((x) => forger.padConstant(x, [[1, 1]])),
    wrong(
      'too many pairs',
      () =>
        forger.padConstant(of(3), [
          [1, 1],
          [1, 1],
        ]),
      '[[1,1],[1,1]]',
      'at most 1',
    ),
    wrong('a negative pad', () => forger.padConstant(of(3), [[-1, 1]]), '[[-1,1]]', '>= 0'),
  ],
  reflectionPad2d: [
    wrong(
      'a pad as wide as the image',
      () =>
        forger.padReflect(of(1, 1, 3, 3), [
          [3, 0],
          [0, 0],
        ]),
      '[[3,0],[0,0]]',
      'less than the size',
    ),
  ],
  indexSelect: [
    wrong('a scalar', () => forger.indexSelect(of(), [0]), 'scalar', 'at least one dimension'),
    wrong('nothing', () => forger.indexSelect(of(3, 2), []), 'empty list', 'at least one'),
    wrong('float indices', () => forger.indexSelect(of(3, 2), of(2) as never), 'float32', 'int32 or uint32'),
  ],
  bce: pairLoss(forger.bce),
  bceWithLogits: pairLoss(forger.bceWithLogits),
  mse: pairLoss(forger.mse),
  l1: pairLoss(forger.l1),
  crossEntropy: [
    wrong('rank 1', () => forger.crossEntropy(of(3), [0]), '[3]', '(N, C)'),
    wrong('too few labels', () => forger.crossEntropy(of(2, 3), [0]), '1 labels', '2 rows', 'one per row'),
    wrong('a label too far', () => forger.crossEntropy(of(2, 3), [0, 3]), 'label 3', '0 to 2'),
    wrong(
      'float labels',
      () => forger.crossEntropy(of(2, 3), of(2) as never),
      'float32',
      'int32 or uint32 [2]',
    ),
  ],
  dropout: [dtype((x) => forger.dropout(x))],
  softplusGan: [dtype((x) => forger.softplus(forger.neg(x)))],
};

/** Names in messages that differ from the reference's: the operations that are made of others, and their own names. */
const shownAs: Partial<Record<ReferenceOpName, string>> = {
  squaredDifference: 'sub',
  var: 'variance',
  pad: 'padConstant',
  reflectionPad2d: 'padReflect',
  softplusGan: 'neg',
};

describe.each(Object.keys(calls) as ReferenceOpName[])('%s refuses', (name) => {
  test.each(calls[name])('$what', ({ call, words }) => {
    const allowed = device.memory().liveBuffers;
    let message = '';
    device.scope(() => {
      expect(call).toThrow(ShapeError);
      try {
        call();
      } catch (error) {
        message = (error as Error).message;
      }
    });
    for (const word of [shownAs[name] ?? name, ...words]) expect(message).toContain(word);
    expect(message.split('\n')).toHaveLength(1);
    expect(device.memory().liveBuffers).toBe(allowed);
  });
});
