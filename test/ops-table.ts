/**
 * How each operation of the float64 reference is called on the device, given the reference's inputs and arguments.
 * Golden cases and property tests walk this table, so an operation added to `referenceOps` must be added here.
 */
import type { Tensor } from '@forger/tensor';
import * as forger from '@forger/tensor';
import type { Conv2dArgs, ConvTranspose2dArgs } from './reference/conv.ts';
import type { DropoutArgs } from './reference/dropout.ts';
import type { ReferenceOpName } from './reference/index.ts';
import type { CrossEntropyArgs, LossArgs } from './reference/loss.ts';
import type { BatchNormArgs, InstanceNormArgs } from './reference/norm.ts';
import type { AvgPool2dArgs, MaxPool2dArgs } from './reference/pool.ts';
import type { ReduceArgs, VarArgs } from './reference/reduce.ts';
import type { SoftmaxArgs } from './reference/softmax.ts';
import type {
  CatArgs,
  ExpandArgs,
  IndexSelectArgs,
  PadArgs,
  PermuteArgs,
  ReflectionPadArgs,
  ReshapeArgs,
  SliceArgs,
  TransposeArgs,
} from './reference/structure.ts';
import { unaryOps } from './reference/unary.ts';

/** The operation on the device: inputs in the reference's order; its result is recorded for gradients. */
export type DeviceOp = (inputs: readonly Tensor[], args: unknown) => Tensor;

/** A call whose arguments have the type that the reference gives them. */
function op<A = unknown>(call: (args: A, x: Tensor, ...others: Tensor[]) => Tensor): DeviceOp {
  return ([x, ...others], args) => call(args as A, x!, ...others);
}

const unary = (f: (x: Tensor) => Tensor): DeviceOp => op((_, x) => f(x));
const binary = (f: (x: Tensor, y: Tensor) => Tensor): DeviceOp => op((_, x, y) => f(x, y!));
const reduce = (f: (x: Tensor, dims?: readonly number[], keepdim?: boolean) => Tensor): DeviceOp =>
  op<ReduceArgs>(({ dims, keepdim }, x) => f(x, dims, keepdim));
const loss = (
  f: (x: Tensor, target: Tensor | number, options: Pick<LossArgs, 'reduction'>) => Tensor,
): DeviceOp => op<LossArgs>(({ goal, reduction }, x, target) => f(x, goal ?? target!, { reduction }));

/** PyTorch's flat pads, the last dimension's first, as pairs in the order of the dimensions. */
function padPairs(flat: readonly number[]): [number, number][] {
  const pairs = Array.from({ length: flat.length / 2 }, (_, k): [number, number] => [
    flat[2 * k]!,
    flat[2 * k + 1]!,
  ]);
  return pairs.reverse();
}

function indexSelect(x: Tensor, { dim, index }: IndexSelectArgs): Tensor {
  // The device picks rows; another dimension is brought to the front and back.
  const d = dim < 0 ? dim + x.rank : dim;
  const swap = (t: Tensor) => (d === 0 ? t : forger.transpose(t, 0, d));
  return swap(forger.indexSelect(swap(x), index));
}

/** Elementwise functions go by the same names; their arguments follow in the reference's order. */
const all = { ...forger } as unknown as Record<string, (x: Tensor, ...args: unknown[]) => Tensor>;
const functions = Object.fromEntries(
  Object.entries(unaryOps).map(([name, { parameters }]) => {
    const f = all[name]!;
    const call = op<Record<string, unknown>>((args, x) =>
      f(x, ...Object.keys(parameters).map((parameter) => args[parameter])),
    );
    return [name, call];
  }),
) as Record<keyof typeof unaryOps, DeviceOp>;

export const deviceOps: Record<ReferenceOpName, DeviceOp> = {
  conv2d: op<Conv2dArgs>((args, x, weight, bias) => forger.conv2d(x, weight!, { ...args, bias })),
  convTranspose2d: op<ConvTranspose2dArgs>((args, x, weight, bias) =>
    forger.convTranspose2d(x, weight!, { ...args, bias }),
  ),
  matmul: binary(forger.matmul),
  linear: op((_, x, weight, bias) => forger.linear(x, weight!, bias)),
  batchNorm: op<BatchNormArgs>(({ affine, runningStats, ...args }, x, ...others) => {
    const [weight, bias] = affine ? others : [];
    const [runningMean, runningVar] = runningStats ? others.slice(affine ? 2 : 0) : [];
    return forger.batchNorm(x, { ...args, weight, bias, runningMean, runningVar });
  }),
  instanceNorm: op<InstanceNormArgs>(({ eps, negativeSlope }, x, weight, bias) =>
    forger.instanceNorm(x, { eps, negativeSlope, weight, bias }),
  ),
  maxPool2d: op<MaxPool2dArgs>(({ kernelSize, ...args }, x) => forger.maxPool2d(x, kernelSize, args)),
  avgPool2d: op<AvgPool2dArgs>(({ kernelSize, ...args }, x) => forger.avgPool2d(x, kernelSize, args)),
  // The reference drops the two dimensions of size 1 that the device keeps.
  globalAvgPool2d: unary((x) => forger.reshape(forger.globalAvgPool2d(x), x.shape.slice(0, 2))),
  ...functions,
  softmax: op<SoftmaxArgs>(({ dim }, x) => forger.softmax(x, dim)),
  logSoftmax: op<SoftmaxArgs>(({ dim }, x) => forger.logSoftmax(x, dim)),
  add: binary(forger.add),
  sub: binary(forger.sub),
  mul: binary(forger.mul),
  div: binary(forger.div),
  maximum: binary(forger.maximum),
  minimum: binary(forger.minimum),
  squaredDifference: binary((x, y) => forger.square(forger.sub(x, y))),
  dropout: op<DropoutArgs>(({ p, seed }, x) => {
    const rng = new forger.Rng(seed, { device: x.device });
    const y = forger.dropout(x, p, { rng });
    rng.dispose();
    return y;
  }),
  sum: reduce(forger.sum),
  mean: reduce(forger.mean),
  var: op<VarArgs>(({ dims, keepdim, correction }, x) => forger.variance(x, dims, keepdim, correction)),
  max: reduce(forger.max),
  min: reduce(forger.min),
  reshape: op<ReshapeArgs>(({ shape }, x) => forger.reshape(x, shape)),
  transpose: op<TransposeArgs>(({ dims }, x) => forger.transpose(x, ...dims)),
  permute: op<PermuteArgs>(({ dims }, x) => forger.permute(x, dims)),
  cat: (inputs, args) => forger.cat(inputs, (args as CatArgs).dim),
  stack: (inputs, args) => forger.stack(inputs, (args as CatArgs).dim),
  slice: op<SliceArgs>(({ dim, start, end, step }, x) => forger.slice(x, dim, start, end, step)),
  expand: op<ExpandArgs>(({ shape }, x) => forger.expand(x, shape)),
  pad: op<PadArgs>(({ pad, value }, x) => forger.padConstant(x, padPairs(pad), value)),
  reflectionPad2d: op<ReflectionPadArgs>(({ pad }, x) => forger.padReflect(x, padPairs(pad))),
  indexSelect: op<IndexSelectArgs>((args, x) => indexSelect(x, args)),
  bce: loss(forger.bce),
  bceWithLogits: loss(forger.bceWithLogits),
  mse: loss(forger.mse),
  l1: loss(forger.l1),
  crossEntropy: op<CrossEntropyArgs>(({ labels, as = 'list', reduction }, x) => {
    const given =
      as === 'list' ? labels : forger.tensor([...labels], [labels.length], { device: x.device, dtype: as });
    return forger.crossEntropy(x, given, { reduction });
  }),
  softplusGan: op<LossArgs>(({ reduction }, x) => {
    const losses = forger.softplus(forger.neg(x));
    if (reduction === 'none') return losses;
    return reduction === 'mean' ? forger.mean(losses) : forger.sum(losses);
  }),
};
