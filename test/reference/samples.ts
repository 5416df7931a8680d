/**
 * For every reference operation, random inputs and arguments at which it is differentiable, and a random upstream
 * gradient. Property tests walk this table, so an operation added to `referenceOps` must be added here.
 */
import fc from 'fast-check';
import type { Ref } from './array.ts';
import * as draw from './draw.ts';
import { type ReferenceOpName, referenceOp, referenceOps } from './index.ts';

/** One random application of an operation. */
export interface Sample {
  inputs: Ref[];
  args: unknown;
  gy: Ref;
}

type Call = fc.Arbitrary<{ inputs: Ref[]; args: unknown }>;
type Values = (shape: readonly number[]) => fc.Arbitrary<Ref>;

const { anyDim, distinct, int, normal, shapeOfRank } = draw;
const noArgs = fc.constant({});

const call = (args: fc.Arbitrary<unknown>, ...inputs: fc.Arbitrary<Ref>[]): Call =>
  fc.record({ inputs: fc.tuple(...inputs), args });

/** One input of any shape, with arguments that do not depend on it. */
const unary = (values: Values, args: fc.Arbitrary<unknown> = noArgs): Call =>
  shapeOfRank(0, 4).chain((shape) => call(args, values(shape)));

const withDim = (values: Values): Call =>
  shapeOfRank(1, 4).chain((shape) => call(fc.record({ dim: anyDim(shape.length) }), values(shape)));

const binary = (xValues: Values, yValues: Values): Call =>
  shapeOfRank(0, 4)
    .chain((shape) => fc.tuple(draw.broadcastable(shape), draw.broadcastable(shape)))
    .chain(([x, y]) => call(noArgs, xValues(x), yValues(y)));

/** One number for both directions, or two. */
const pairOf = (value: (direction: 0 | 1) => fc.Arbitrary<number>) => fc.tuple(value(0), value(1));

const conv: Call = fc
  .record({
    n: int(1, 2),
    groups: int(1, 2),
    cPerGroup: int(1, 2),
    kPerGroup: int(1, 2),
    kernel: pairOf(() => int(1, 3)),
    stride: fc.oneof(
      int(1, 3),
      pairOf(() => int(1, 3)),
    ),
    padding: pairOf(() => int(0, 2)),
    dilation: pairOf(() => int(1, 2)),
    extra: pairOf(() => int(0, 3)),
    bias: fc.boolean(),
  })
  .chain((o) => {
    const size = (d: 0 | 1) =>
      Math.max(1, o.dilation[d] * (o.kernel[d] - 1) + 1 - 2 * o.padding[d]) + o.extra[d];
    const { stride, padding, dilation, groups } = o;
    const weight = [o.kPerGroup * groups, o.cPerGroup, ...o.kernel];
    return call(
      fc.constant({ stride, padding, dilation, groups }),
      normal([o.n, o.cPerGroup * groups, size(0), size(1)]),
      normal(weight),
      ...(o.bias ? [normal([weight[0]!])] : []),
    );
  });

const convTranspose: Call = fc
  .record({
    n: int(1, 2),
    groups: int(1, 2),
    cPerGroup: int(1, 2),
    kPerGroup: int(1, 2),
    size: pairOf(() => int(1, 3)),
    kernel: pairOf(() => int(1, 4)),
    stride: pairOf(() => int(1, 3)),
    dilation: pairOf(() => int(1, 2)),
    padding: pairOf(() => int(0, 2)),
    outputPadding: pairOf(() => int(0, 2)),
    bias: fc.boolean(),
  })
  .chain((o) => {
    const { stride, dilation, groups } = o;
    // PyTorch's limits: output padding below stride or dilation, and an output of at least one element.
    const outputPadding = ([0, 1] as const).map((d) =>
      Math.min(o.outputPadding[d], Math.max(stride[d], dilation[d]) - 1),
    );
    const padding = ([0, 1] as const).map((d) => {
      const full = (o.size[d] - 1) * stride[d] + dilation[d] * (o.kernel[d] - 1) + outputPadding[d]!;
      return Math.min(o.padding[d], Math.floor(full / 2));
    });
    return call(
      fc.constant({ stride, padding, dilation, outputPadding, groups }),
      normal([o.n, o.cPerGroup * groups, ...o.size]),
      normal([o.cPerGroup * groups, o.kPerGroup, ...o.kernel]),
      ...(o.bias ? [normal([o.kPerGroup * groups])] : []),
    );
  });

const matmul: Call = fc
  .record({ batch: shapeOfRank(0, 2, 2), m: int(1, 4), k: int(1, 4), n: int(1, 4), vectors: int(0, 3) })
  .chain(({ batch, m, k, n, vectors }) =>
    fc.tuple(draw.broadcastable(batch), draw.broadcastable(batch)).chain(([xBatch, yBatch]) => {
      // The low bits of `vectors` make either operand 1-D.
      const x = vectors & 1 ? [k] : [...xBatch, m, k];
      const y = vectors & 2 ? [k] : [...yBatch, k, n];
      return call(noArgs, normal(x), normal(y));
    }),
  );

const linear: Call = fc
  .record({ rows: shapeOfRank(0, 2, 3), inFeatures: int(1, 5), outFeatures: int(1, 5), bias: fc.boolean() })
  .chain(({ rows, inFeatures, outFeatures, bias }) =>
    call(
      noArgs,
      normal([...rows, inFeatures]),
      normal([outFeatures, inFeatures]),
      ...(bias ? [normal([outFeatures])] : []),
    ),
  );

// Normalised groups have at least three values: of two, x̂ is ±1 whatever they are, and the gradient vanishes.
const batchNorm: Call = fc
  .record({
    shape: fc.oneof(
      fc.tuple(int(3, 6), int(1, 3)),
      fc.tuple(int(1, 2), int(1, 3), int(3, 6)),
      fc.tuple(int(1, 2), int(1, 3), int(1, 3), int(3, 4)),
    ),
    training: fc.boolean(),
    affine: fc.boolean(),
    stats: fc.boolean(),
    momentum: fc.constantFrom(0.01, 0.1, 0.5),
    eps: fc.constantFrom(1e-3, 1e-5, 2e-5),
    negativeSlope: fc.constantFrom(undefined, 0, 0.2),
  })
  .chain(({ shape, training, affine, stats, momentum, eps, negativeSlope }) => {
    const c = shape[1];
    const runningStats = stats || !training;
    return call(
      fc.constant({ training, affine, runningStats, momentum, eps, negativeSlope }),
      normal(shape),
      ...(affine ? [normal([c]), normal([c])] : []),
      ...(runningStats ? [normal([c]), draw.between(0.3, 2)([c])] : []),
    );
  });

const instanceNorm: Call = fc
  .record({
    shape: fc.tuple(int(1, 2), int(1, 3), int(1, 3), int(3, 4)),
    affine: fc.boolean(),
    negativeSlope: fc.constantFrom(undefined, 0, 0.2),
  })
  .chain(({ shape, affine, negativeSlope }) =>
    call(
      fc.constant({ affine, eps: 1e-5, negativeSlope }),
      normal(shape),
      ...(affine ? [normal([shape[1]]), normal([shape[1]])] : []),
    ),
  );

const pool = (values: Values): Call =>
  fc
    .record({
      planes: fc.tuple(int(1, 2), int(1, 2)),
      kernelSize: pairOf(() => int(1, 3)),
      stride: fc.option(
        pairOf(() => int(1, 3)),
        { nil: undefined },
      ),
      padding: pairOf(() => int(0, 1)),
      extra: pairOf(() => int(0, 4)),
    })
    .chain((o) => {
      // PyTorch's limit: padding at most half the kernel, so that no window is padding alone.
      const padding = ([0, 1] as const).map((d) => Math.min(o.padding[d], Math.floor(o.kernelSize[d] / 2)));
      const size = (d: 0 | 1) => Math.max(1, o.kernelSize[d] - 2 * padding[d]!) + o.extra[d];
      const args = { kernelSize: o.kernelSize, padding, ...(o.stride && { stride: o.stride }) };
      return call(fc.constant(args), values([...o.planes, size(0), size(1)]));
    });

const globalPool: Call = fc
  .tuple(int(1, 3), int(1, 3), int(1, 4), int(1, 4))
  .chain((s) => call(noArgs, normal(s)));

const reduceArgs = (shape: readonly number[]) =>
  fc
    .tuple(fc.option(fc.subarray([...shape.keys()], { minLength: 1 })), fc.boolean(), fc.boolean())
    .map(([dims, keepdim, fromBack]) => ({
      keepdim,
      ...(dims && { dims: dims.map((d) => (fromBack ? d - shape.length : d)) }),
    }));

const reduce = (values: Values): Call =>
  shapeOfRank(1, 4).chain((shape) => call(reduceArgs(shape), values(shape)));

const variance: Call = shapeOfRank(1, 4).chain((shape) =>
  call(
    fc.tuple(reduceArgs(shape), int(0, 1)).map(([args, correction]) => {
      const dims: readonly number[] = args.dims ?? [...shape.keys()];
      const count = dims.reduce((n, d) => n * shape.at(d)!, 1);
      return { ...args, correction: count > 1 ? correction : 0 };
    }),
    normal(shape),
  ),
);

const reshape: Call = shapeOfRank(1, 4).chain((shape) =>
  call(
    fc
      .constantFrom([-1], [...shape].reverse(), [-1, shape.at(-1)!], [shape[0]!, 1, -1])
      .map((to) => ({ shape: to })),
    normal(shape),
  ),
);

const permute: Call = shapeOfRank(1, 4).chain((shape) => {
  const all = [...shape.keys()];
  return call(
    fc.shuffledSubarray(all, { minLength: all.length }).map((dims) => ({ dims })),
    normal(shape),
  );
});

const cat: Call = shapeOfRank(1, 4)
  .chain((shape) =>
    fc.tuple(fc.constant(shape), anyDim(shape.length), fc.array(int(1, 3), { minLength: 1, maxLength: 3 })),
  )
  .chain(([shape, dim, sizes]) =>
    call(fc.constant({ dim }), ...sizes.map((size) => normal(shape.with(dim, size)))),
  );

const stack: Call = fc
  .tuple(shapeOfRank(0, 3), int(1, 3))
  .chain(([shape, count]) =>
    call(fc.record({ dim: anyDim(shape.length + 1) }), ...Array.from({ length: count }, () => normal(shape))),
  );

const slice: Call = shapeOfRank(1, 4, 5)
  .chain((shape) => fc.tuple(fc.constant(shape), anyDim(shape.length)))
  .chain(([shape, dim]) => {
    const size = shape.at(dim)!;
    const args = fc.tuple(int(0, size - 1), int(1, size + 1), int(1, 3), fc.boolean(), fc.boolean());
    return call(
      args.map(([start, length, step, fromBack, open]) => ({
        dim,
        start: fromBack ? start - size : start,
        ...(open ? {} : { end: start + length }),
        step,
      })),
      normal(shape),
    );
  });

const expand: Call = fc
  .record({ to: shapeOfRank(0, 4), keep: fc.boolean() })
  .chain(({ to, keep }) => fc.tuple(fc.constant(to), draw.broadcastable(to), fc.constant(keep)))
  .chain(([to, from, keep]) => {
    const lead = to.length - from.length;
    const shape = to.map((size, d) => (keep && d >= lead && from[d - lead] === size ? -1 : size));
    return call(fc.constant({ shape }), normal(from));
  });

const pad: Call = shapeOfRank(1, 4, 3).chain((shape) =>
  call(
    fc.record({
      pad: int(1, shape.length).chain((dims) =>
        fc.array(int(0, 2), { minLength: 2 * dims, maxLength: 2 * dims }),
      ),
      value: fc.constantFrom(0, -1.5),
    }),
    normal(shape),
  ),
);

const reflectionPad: Call = fc.tuple(int(1, 2), int(1, 2), int(1, 4), int(1, 4)).chain((shape) => {
  const [, , h, w] = shape;
  const amounts = fc.tuple(int(0, w - 1), int(0, w - 1), int(0, h - 1), int(0, h - 1));
  return call(fc.record({ pad: amounts }), normal(shape));
});

const indexSelect: Call = shapeOfRank(1, 3)
  .chain((shape) => fc.tuple(fc.constant(shape), anyDim(shape.length)))
  .chain(([shape, dim]) =>
    call(
      fc.record({
        dim: fc.constant(dim),
        index: fc.array(int(0, shape.at(dim)! - 1), { minLength: 1, maxLength: 6 }),
      }),
      normal(shape),
    ),
  );

const reduction = fc.constantFrom('mean', 'sum', 'none');
const lossArgs = fc.record({ reduction });
const loss = (xValues: Values, targetValues: Values): Call =>
  shapeOfRank(1, 3).chain((shape) => call(lossArgs, xValues(shape), targetValues(shape)));

const crossEntropy: Call = fc
  .tuple(int(1, 4), int(1, 5))
  .chain(([n, c]) =>
    call(
      fc.record({ reduction, labels: fc.array(int(0, c - 1), { minLength: n, maxLength: n }) }),
      normal([n, c]),
    ),
  );

const clamp: Call = fc
  .constantFrom<{ min?: number; max?: number }>({ min: -1, max: 1.5 }, { min: 0.25 }, { max: -0.5 })
  .chain((args) => unary(draw.avoiding(...Object.values(args)), fc.constant(args)));

const positive = draw.between(0.3, 3);
const probability = draw.between(0.05, 0.95);
const offZero = draw.avoiding(0);

const calls: Record<ReferenceOpName, Call> = {
  conv2d: conv,
  convTranspose2d: convTranspose,
  matmul,
  linear,
  batchNorm,
  instanceNorm,
  maxPool2d: pool(distinct),
  avgPool2d: pool(normal),
  globalAvgPool2d: globalPool,
  relu: unary(offZero),
  leakyRelu: unary(offZero, fc.record({ negativeSlope: fc.constantFrom(0.01, 0.2) })),
  tanh: unary(normal),
  sigmoid: unary(normal),
  softplus: unary(normal),
  exp: unary(normal),
  log: unary(positive),
  sqrt: unary(positive),
  abs: unary(offZero),
  neg: unary(normal),
  square: unary(normal),
  pow: unary(positive, fc.record({ exponent: fc.constantFrom(-1, 0, 0.5, 1, 1.7, 2, 3) })),
  clamp,
  elu: unary(offZero, fc.record({ alpha: fc.constantFrom(1, 0.5) })),
  gelu: unary(normal),
  silu: unary(normal),
  softmax: withDim(normal),
  logSoftmax: withDim(normal),
  add: binary(normal, normal),
  sub: binary(normal, normal),
  mul: binary(normal, normal),
  div: binary(normal, draw.awayFromZero),
  maximum: binary(draw.lattice(0), draw.lattice(1)),
  minimum: binary(draw.lattice(0), draw.lattice(1)),
  squaredDifference: binary(normal, normal),
  sum: reduce(normal),
  mean: reduce(normal),
  var: variance,
  max: reduce(distinct),
  min: reduce(distinct),
  reshape,
  permute,
  cat,
  stack,
  slice,
  expand,
  pad,
  reflectionPad2d: reflectionPad,
  indexSelect,
  bce: loss(probability, draw.between(0, 1)),
  bceWithLogits: loss(normal, draw.between(0, 1)),
  mse: loss(normal, normal),
  l1: loss(draw.lattice(0), draw.lattice(1)),
  crossEntropy,
  softplusGan: unary(normal, lossArgs),
};

/** Random samples of an operation. */
export function samplesOf(name: ReferenceOpName): fc.Arbitrary<Sample> {
  return calls[name].chain(({ inputs, args }) =>
    normal(referenceOp(name).forward(inputs, args).shape).map((gy) => ({ inputs, args, gy })),
  );
}

/** All operations, in the order of the table. */
export const opNames = Object.keys(referenceOps) as ReferenceOpName[];
