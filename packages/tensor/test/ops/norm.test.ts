// Batch and instance normalisation: large groups in every split of the work against float64, running
// statistics, errors.
import {
  backward,
  batchNorm,
  ConfigError,
  cat,
  type Device,
  type DType,
  grad,
  instanceNorm,
  leakyRelu,
  noGrad,
  ShapeError,
  type Tensor,
  tensor,
  zeros,
} from '@forger/tensor';
import { afterAll, describe, expect, test } from 'vitest';
import { type Ref, ref } from '../../../../test/reference/array.ts';
import {
  type BatchNormArgs,
  batchNorm as referenceBatchNorm,
  instanceNorm as referenceInstanceNorm,
  updatedRunningStats,
} from '../../../../test/reference/norm.ts';
import { useDevice } from '../../../../test/support/device.ts';
import { expectClose, showWorstErrors } from '../../../../test/support/expect.ts';
import { goldenFor } from '../../../../test/support/golden.ts';
import { randomRef, toTensor, untyped } from '../../../../test/support/tensors.ts';

let device: Device;
useDevice((opened) => {
  device = opened;
});
afterAll(showWorstErrors);

// A unit in the last place is 1.2e-7. Results and gradients go through a mean, a variance, a root and a division, each
// good to a few units, and a cancellation in gy - mean(gy) - x̂ mean(gy x̂).
const tolerance = 2e-6;

const onDevice =
  ({ affine, runningStats, ...args }: BatchNormArgs) =>
  ([x, ...others]: readonly Tensor[]): Tensor => {
    const [weight, bias] = affine ? others : [];
    const [runningMean, runningVar] = runningStats ? others.slice(affine ? 2 : 0) : [];
    return batchNorm(x!, { ...args, weight, bias, runningMean, runningVar });
  };

/** Random inputs in the reference's order: x, weight and bias, runningMean and runningVar. */
function batchNormInputs(shape: readonly number[], args: BatchNormArgs): Ref[] {
  const channels = [shape[1]!];
  const positive = (u: number): number => 0.5 + u;
  return [
    randomRef(shape, 1),
    ...(args.affine ? [randomRef(channels, 2), randomRef(channels, 3)] : []),
    ...(args.runningStats ? [randomRef(channels, 4), randomRef(channels, 5, positive)] : []),
  ];
}

test('two values of a channel become -1 and 1', async () => {
  const x = tensor([
    [1, 10],
    [3, 30],
  ]);
  expect(Array.from(await batchNorm(x, { training: true, eps: 0 }).data())).toEqual([-1, -1, 1, 1]);
});

describe('every split of the work', () => {
  // Rows × channels × run: long and short runs, whole quads and not, one channel and very many.
  const shapes = [
    [64, 1, 32, 32],
    [70_000, 1],
    [64, 16_384],
    [300, 2, 3],
    [33, 5, 4, 4],
    [130, 70, 1, 1],
    [9, 37, 17, 3],
    [2, 600, 8, 8],
    [16, 20, 64, 64],
  ];
  // Software adapters and GPUs are given shares of different sizes; both must be right on any.
  const everywhere = [true, false].flatMap((software) => shapes.map((shape) => [shape, software] as const));
  test.each(everywhere)('batchNorm of %j, as for a software adapter: %s', async (shape, software) => {
    const adapter = device.adapter as { software: boolean };
    const { software: really } = adapter;
    adapter.software = software;
    const args = { training: true, affine: true, runningStats: true, momentum: 0.1, eps: 1e-5 };
    const inputs = batchNormInputs(shape, args);
    const gy = randomRef(shape, 9);
    const results = device.scope(() => {
      const tensors = inputs.map((r) => toTensor(r));
      const leaves = tensors.slice(0, 3).map((t) => t.requiresGrad_());
      const y = onDevice(args)(tensors);
      return [y, ...grad(y, leaves, { gradOutputs: [toTensor(gy)] }), ...tensors.slice(3)];
    });
    adapter.software = really;
    const expected = [
      referenceBatchNorm.forward(inputs, args),
      ...referenceBatchNorm.backward(inputs, args, gy).slice(0, 3),
      ...updatedRunningStats(inputs, args),
    ];
    // The gradients of weight and bias (2 and 3) are sums of n values of both signs: they come to about √n, while
    // their rounding grows with n times the size of one, so up to 256 times more of it is seen than in small cases.
    for (const [i, e] of expected.entries()) {
      const allowed = i === 2 || i === 3 ? 5e-5 : 5e-6;
      await expectClose(`large batchNorm ${i}: [${shape}]`, results[i]!, e!, allowed);
    }
    for (const t of results) t!.dispose();
  });

  test.each([[[260, 256, 1, 2]], [[2, 3, 64, 64]], [[1, 1, 300, 301]], [[5, 7, 4, 4]]])(
    'instanceNorm of %j',
    async (shape) => {
      const inputs = [randomRef(shape, 1), randomRef([shape[1]!], 2), randomRef([shape[1]!], 3)];
      const gy = randomRef(shape, 9);
      // Two values a group can lie close together: eps keeps 1/√(variance + eps) from magnifying their rounding.
      const args = { affine: true, eps: 1e-2 };
      const results = device.scope(() => {
        const leaves = inputs.map((t) => toTensor(t).requiresGrad_());
        const [x, weight, bias] = leaves;
        const y = instanceNorm(x!, { weight, bias, eps: args.eps });
        return [y, ...grad(y, leaves, { gradOutputs: [toTensor(gy)] })];
      });
      const expected = [
        referenceInstanceNorm.forward(inputs, args),
        ...referenceInstanceNorm.backward(inputs, args, gy),
      ];
      for (const [i, e] of expected.entries())
        await expectClose(`large instanceNorm ${i}: [${shape}]`, results[i]!, e!, 5e-6);
      for (const t of results) t!.dispose();
    },
  );

  test('a mean far from 0 does not cost the variance its digits', async () => {
    // Distances of -1, 0, 1, 2 around 10,000: E[x²] - E[x]² in float32 would be wrong by about 10 here.
    const x = {
      shape: [4096, 1, 4],
      data: Float64Array.from({ length: 16_384 }, (_, i) => 10_000 + (i % 4) - 1),
    };
    const runningMean = zeros([1]);
    const runningVar = zeros([1]);
    const y = batchNorm(toTensor(x), { training: true, momentum: 1, runningMean, runningVar });
    expect(await runningMean.item()).toBeCloseTo(10_000.5, 3);
    expect(await runningVar.item()).toBeCloseTo((1.25 * 16_384) / 16_383, 5);
    expect(Array.from(await y.data()).slice(0, 4)).toEqual(
      [-1.5, -0.5, 0.5, 1.5].map((v) => expect.closeTo(v / Math.sqrt(1.25 + 1e-5), 3)),
    );
  });
});

describe('running statistics', () => {
  test('training moves them in place, evaluation leaves them', async () => {
    const x = tensor([
      [1, 2],
      [3, 6],
    ]);
    const runningMean = tensor([1, 0]);
    const runningVar = tensor([1, 2]);
    batchNorm(x, { runningMean, runningVar, training: true, momentum: 0.5 });
    // Means 2 and 4; unbiased variances 2 and 8.
    expect(Array.from(await runningMean.data())).toEqual([1.5, 2]);
    expect(Array.from(await runningVar.data())).toEqual([1.5, 5]);
    batchNorm(x, { runningMean, runningVar });
    expect(Array.from(await runningMean.data())).toEqual([1.5, 2]);
  });

  test('a split channel moves them once', async () => {
    const x = randomRef([64, 1, 32, 32], 1);
    const args = { training: true, affine: false, runningStats: true, momentum: 0.25, eps: 1e-5 };
    const before = [ref([1], [0.5]), ref([1], [2])];
    const [runningMean, runningVar] = before.map((r) => toTensor(r));
    batchNorm(toTensor(x), { runningMean, runningVar, training: true, momentum: 0.25 });
    const [mean, variance] = updatedRunningStats([x, ...before], args);
    await expectClose('running mean: split', runningMean!, mean, tolerance);
    await expectClose('running variance: split', runningVar!, variance, tolerance);
  });

  test('moving on after an evaluation does not change its gradient', async () => {
    const x = tensor([[1], [3]]).requiresGrad_();
    const runningMean = tensor([0]);
    const runningVar = tensor([4]);
    const y = batchNorm(x, { runningMean, runningVar, eps: 0 });
    batchNorm(x, { runningMean, runningVar, training: true, momentum: 1 });
    backward(y, tensor([[1], [10]]));
    expect(Array.from(await x.grad!.data())).toEqual([0.5, 5]);
  });

  test('without them, evaluation uses the batch', async () => {
    const x = tensor([[1], [3]]);
    expect(Array.from(await batchNorm(x, { eps: 0 }).data())).toEqual([-1, 1]);
  });
});

describe('batches one after another', () => {
  // A group in one workgroup and in several, whole quads and not; rows of a part, parts.
  const cases = [
    [3, 2, [5, 4, 4]],
    [33, 2, [5, 3]],
    [64, 3, [1, 32, 32]],
    [1, 4, [3, 2, 2]],
    [1, 2, [40, 1, 2]],
  ] as const;
  const everywhere = [true, false].flatMap((software) => cases.map((one) => [...one, software] as const));
  test.each(everywhere)(
    'batches of %d samples, %d of them, each %j, as for a software adapter: %s, have what each has alone',
    async (rows, parts, sample, software) => {
      const adapter = device.adapter as { software: boolean };
      const { software: really } = adapter;
      adapter.software = software;
      const channels = [sample[0]];
      const shape = [rows, ...sample];
      // Of two values in a group a large eps keeps 1/√(variance + eps) from magnifying their rounding.
      const options = { training: true, momentum: 0.25, negativeSlope: 0.2, eps: 1e-2 };
      const found = device.scope(() => {
        const xs = Array.from({ length: parts }, (_, i) =>
          toTensor(randomRef(shape, 10 + i)).requiresGrad_(),
        );
        const [gy, direction] = [20, 21].map((seed) =>
          toTensor(randomRef([parts * rows, ...sample], seed)),
        ) as [Tensor, Tensor];
        const [weight, bias] = [2, 3].map((seed) => toTensor(randomRef(channels, seed)).requiresGrad_()) as [
          Tensor,
          Tensor,
        ];
        const run = (batches: Tensor[], parts: number): Tensor<DType>[] => {
          const runningMean = toTensor(randomRef(channels, 4));
          const runningVar = toTensor(randomRef(channels, 5, (u) => 0.5 + u));
          const numBatchesTracked = tensor(7, [], { dtype: 'int32' });
          const state = { runningMean, runningVar, numBatchesTracked };
          const y = cat(
            batches.map((x) => batchNorm(x, { ...options, ...state, weight, bias, ghostBatches: parts })),
          );
          const leaves = [...xs, weight, bias];
          const gradOutputs = [gy];
          const inKernels = grad(y, leaves, { gradOutputs });
          const recorded = grad(y, leaves, { gradOutputs, createGraph: true });
          const inputGradients = cat(recorded.slice(0, xs.length));
          // The bias has no part in the gradients of x.
          const second = grad(inputGradients, [...xs, weight], { gradOutputs: [direction] });
          return [y, ...inKernels, ...recorded, ...second, runningMean, runningVar, numBatchesTracked];
        };
        return { together: run([cat(xs)], parts), apart: run(xs, 1) };
      });
      adapter.software = really;
      for (const [i, actual] of found.together.entries()) {
        const expected = found.apart[i]!;
        const wanted = { shape: expected.shape, data: Float64Array.from(await expected.data()) };
        await expectClose(`batches one after another: ${i}`, actual!, wanted, 5e-6);
      }
      expect(await found.together.at(-1)!.item()).toBe(7 + parts);
    },
  );

  test('evaluation has nothing to take apart', async () => {
    const x = toTensor(randomRef([4, 3, 2, 2], 1));
    const running = { runningMean: zeros([3]), runningVar: toTensor(ref([3], [1, 2, 3])) };
    const [alone, apart] = [1, 2].map((ghostBatches) => batchNorm(x, { ...running, ghostBatches }));
    expect(await apart!.data()).toEqual(await alone!.data());
  });
});

describe('with an activation in the same pass', () => {
  const x = (): Tensor => toTensor(randomRef([9, 40, 8, 8], 1)).requiresGrad_();
  const parameters = (): Tensor[] => [2, 3].map((seed) => toTensor(randomRef([40], seed)).requiresGrad_());

  // One kernel may round v = (x - mean) · scale + shift as two operations and another as one; where that
  // changes the sign of v, v is as small as the rounding, and a result that is off by as much. No v here is
  // that small.
  test.each([0, 0.2])('gives what two passes give, slope %d', async (negativeSlope) => {
    const run = (fused: boolean): (Tensor | null)[] =>
      device.scope(() => {
        const [input, [weight, bias]] = [x(), parameters()];
        const leaves = [input, weight!, bias!];
        const options = { training: true, weight, bias };
        const y = fused
          ? batchNorm(input, { ...options, negativeSlope })
          : leakyRelu(batchNorm(input, options), negativeSlope);
        return [y, ...grad(y, leaves, { gradOutputs: [toTensor(randomRef(y.shape, 9))] })];
      });
    const [together, apart] = [run(true), run(false)];
    for (const [i, t] of together.entries()) {
      const expected = apart[i]!;
      const wanted = { shape: expected.shape, data: Float64Array.from(await expected.data()) };
      await expectClose(`one pass and two: ${i}`, t!, wanted, 5e-7);
    }
  });

  test('keeps one tensor less for the backward pass', () => {
    const kept = (run: (input: Tensor) => Tensor): number => {
      const input = x();
      const before = device.memory().liveBytes;
      const y = run(input);
      // What a discriminator's next layer keeps is the result; what lies between is only kept for the activation.
      const bytes = device.memory().liveBytes - before;
      for (const t of [y, ...(y.gradFunction?.inputs ?? []), input]) t.dispose();
      return bytes;
    };
    const fused = kept((input) => batchNorm(input, { training: true, negativeSlope: 0.2 }));
    const separate = kept((input) => leakyRelu(batchNorm(input, { training: true }), 0.2));
    expect(separate - fused).toBeGreaterThanOrEqual(9 * 40 * 8 * 8 * 4);
  });
});

test('weight and bias may be given alone', async () => {
  const x = tensor([
    [1, 10],
    [3, 30],
  ]);
  const options = { training: true, eps: 0 };
  const scaled = batchNorm(x, { ...options, weight: tensor([2, 3]) });
  const shifted = batchNorm(x, { ...options, bias: tensor([2, 3]) });
  expect(Array.from(await scaled.data())).toEqual([-2, -3, 2, 3]);
  expect(Array.from(await shifted.data())).toEqual([1, 2, 3, 4]);
});

test('a result without gradient leaves nothing behind', () => {
  const x = toTensor(randomRef([64, 1, 32, 32], 1));
  const before = device.memory().liveBuffers;
  noGrad(() => batchNorm(x, { training: true })).dispose();
  expect(device.memory().liveBuffers).toBe(before);
});

test('the same input gives the same bits', async () => {
  const x = toTensor(randomRef([8, 3, 32, 32], 1));
  const first = await batchNorm(x, { training: true }).data();
  expect(await batchNorm(x, { training: true }).data()).toEqual(first);
});

describe('bad input', () => {
  const x = (): Tensor => zeros([2, 3, 2, 2]);
  const two = (): Tensor => zeros([2]);
  const three = (): Tensor => zeros([3]);
  const cases: [string, () => unknown, typeof ShapeError | typeof ConfigError, RegExp][] = [
    ['rank 1', () => batchNorm(zeros([3])), ShapeError, /\[3\].*\(N, C\)/],
    ['rank 5', () => batchNorm(zeros([1, 1, 1, 2, 2])), ShapeError, /\(N, C, H, W\)/],
    ['rank 2 of instanceNorm', () => instanceNorm(zeros([3, 2])), ShapeError, /\(N, C, L\)/],
    ['integers', () => batchNorm(untyped(zeros([2, 3], { dtype: 'int32' }))), ShapeError, /int32.*float32/],
    ['weight of another size', () => batchNorm(x(), { weight: two() }), ShapeError, /weight.*\[2\].*\[3\]/],
    ['one running statistic', () => batchNorm(x(), { runningMean: three() }), ShapeError, /only one of/],
    [
      'one value per channel',
      () => batchNorm(zeros([1, 3]), { training: true }),
      ShapeError,
      /more than 1 value/,
    ],
    ['one value per instance', () => instanceNorm(zeros([2, 3, 1, 1])), ShapeError, /more than 1 value/],
    ['momentum', () => batchNorm(x(), { momentum: 2 }), ConfigError, /momentum 2/],
    ['eps', () => instanceNorm(x(), { eps: -1 }), ConfigError, /eps -1/],
    [
      'uneven ghost batches',
      () => batchNorm(zeros([5, 3]), { ghostBatches: 2 }),
      ShapeError,
      /2 ghost batches.*divides its 5 samples/,
    ],
    ['no ghost batches', () => batchNorm(x(), { ghostBatches: 0 }), ShapeError, /0 ghost batches/],
    ['slope', () => batchNorm(x(), { negativeSlope: Number.NaN }), ConfigError, /negativeSlope NaN/],
    [
      'a count without running statistics',
      () => batchNorm(x(), { numBatchesTracked: zeros([], { dtype: 'int32' }) }),
      ShapeError,
      /numBatchesTracked.*without runningMean/,
    ],
    [
      'running statistics with gradient',
      () => batchNorm(x(), { runningMean: three().requiresGrad_(), runningVar: three() }),
      ShapeError,
      /no gradient/,
    ],
  ];
  test.each(cases)('%s', (_, call, type, message) => {
    expect(call).toThrow(type);
    expect(call).toThrow(message);
  });
});

// The files hold float32, so half a unit of each expected value is the files' own rounding.
test.each(goldenFor('batchNorm', 'instanceNorm').map((c) => [`${c.family} ${c.id}`, c] as const))(
  'golden case %s',
  async (_, { op, args, inputs, inputNames, y, gy, grads, extra }) => {
    const results = device.scope(() => {
      const tensors = inputs.map((r) => toTensor(r));
      const named: Record<string, Tensor> = Object.fromEntries(tensors.map((t, i) => [inputNames[i]!, t]));
      const { x, ...others } = named;
      const wanted = Object.keys(grads).map((name) => named[name]!.requiresGrad_());
      const norm = op === 'batchNorm' ? batchNorm : instanceNorm;
      const { affine, runningStats, ...options } = args as BatchNormArgs;
      const result = norm(x!, { ...options, ...others });
      const found = grad(result, wanted, { gradOutputs: [toTensor(gy)] });
      return { result, found, mean: named.runningMean, variance: named.runningVar };
    });
    await expectClose(`golden ${op} result`, results.result, y, tolerance);
    for (const [i, [name, expected]] of Object.entries(grads).entries())
      await expectClose(`golden ${op} gradient: ${name}`, results.found[i]!, expected, tolerance);
    if (extra.newRunningMean) {
      await expectClose('golden running mean', results.mean!, extra.newRunningMean, tolerance);
      await expectClose('golden running variance', results.variance!, extra.newRunningVar!, tolerance);
    }
  },
);
