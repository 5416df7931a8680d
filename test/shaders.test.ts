/**
 * Compiles every kernel that the library can ask for, with validation and shader bounds checks on: as WGSL, and to the
 * adapter's own pipeline. Operations run dry (pipelines are built, nothing is executed), so that constants come from
 * where they always come from. At the end, every shader file must have been part of a kernel, and the values that a
 * list names for its constants must have come up.
 */

import {
  Adam,
  AdamW,
  clipGradNorm,
  clipGradValue,
  EMA,
  Linear,
  type Optimizer,
  RMSprop,
  SGD,
} from '@forger/nn';
import {
  add,
  backward,
  batchNorm,
  bce,
  bceWithLogits,
  conv2d,
  convTranspose2d,
  createDevice,
  type Device,
  dropout,
  grad,
  l1,
  linear,
  max,
  mse,
  normal,
  permute,
  relu,
  sum,
  type Tensor,
  tanh,
  uniform,
  zeros,
} from '@forger/tensor';
import { algorithms, algorithmsNamed, markNonFinite } from '@forger/tensor/internal';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { KernelSource } from '../packages/tensor/src/device/pipelines.ts';
import { fillRandom } from '../packages/tensor/src/kernels/random.ts';
import { profileSources, type ShaderFile, shaderSources } from '../packages/tensor/src/shaders.generated.ts';
import type { Sample } from './check-op.ts';
import { differentiable } from './check-op.ts';
import { corners } from './op-corners.ts';
import { deviceOps } from './ops-table.ts';
import type { ReferenceOpName } from './reference/index.ts';
import { toTensor } from './support/tensors.ts';
import { opNames } from './verify/cases.ts';
import { samplesOf } from './verify/samples.ts';

let device: Device;
const compiled: KernelSource[] = [];
let errors: Promise<string | null>[] = [];

beforeAll(async () => {
  device = await createDevice({ halfMatrices: true });
  device.recorder.submit = () => {};
  const { gpu, pipelines } = device;
  const get = pipelines.get.bind(pipelines);
  pipelines.get = (source) => {
    const before = pipelines.size;
    gpu.pushErrorScope('validation');
    const kernel = get(source);
    const error = gpu.popErrorScope();
    if (pipelines.size === before) return kernel;
    compiled.push(source);
    const what = `${source.name} ${JSON.stringify(source.constants ?? {})}`;
    errors.push(error.then((found) => found && `${what}: ${found.message}`));
    return kernel;
  };
});
afterAll(() => device.destroy());

/** The messages of the kernels that failed to compile since the last call. */
async function failures(): Promise<string[]> {
  const waiting = errors;
  errors = [];
  return (await Promise.all(waiting)).filter((message) => message !== null);
}

async function expectToCompile(run: () => unknown): Promise<void> {
  device.scope(() => void run());
  expect(await failures()).toEqual([]);
}

/** The operation, its gradients by the plain and by the recorded backward pass, and those of these, up to the third. */
function runAll(name: ReferenceOpName, sample: Sample): void {
  const wanted = differentiable(name, sample);
  const xs = sample.inputs.map((x, i) => toTensor(x, device).requiresGrad_(wanted.includes(i)));
  const targets = wanted.map((i) => xs[i]!);
  const gy = toTensor(sample.gy, device);
  const y = deviceOps[name](xs, sample.args);
  grad(y, targets, { gradOutputs: [gy] });
  const recorded = { createGraph: true, allowUnused: true };
  let outputs = grad(y, targets, { ...recorded, gradOutputs: [gy.requiresGrad_()] });
  for (let order = 2; order <= 3; order++) {
    const sums = outputs.flatMap((t) => (t?.requiresGrad ? [sum(t)] : []));
    if (sums.length === 0) return;
    const total = sums.reduce((a, b) => add(a, b));
    outputs = grad(total, [...targets, gy], recorded);
  }
}

describe('kernels compile with validation and bounds checks', () => {
  test('a shader that is wrong is noticed', async () => {
    const source = {
      name: 'wrong',
      files: ['elementwise/element_f32.wgsl', 'elementwise/share.wgsl', 'fill/fill.wgsl'],
      bindings: ['write'],
    } as const;
    device.pipelines.get(source);
    expect((await failures()).join()).toMatch(/^wrong {}: .*WORKGROUP/s);
    compiled.pop();
  });

  test.each(opNames)('%s', async (name) => {
    const samples = fc.sample(samplesOf(name), { numRuns: 12, seed: 5 });
    const special = corners.filter(({ op }) => op === name).map(({ sample }) => sample);
    await expectToCompile(() => {
      for (const sample of [...samples, ...special]) device.scope(() => runAll(name, sample));
    });
  });

  test('every number of separate dimensions', async () => {
    await expectToCompile(() => {
      for (let rank = 0; rank <= 8; rank++) {
        const twos = new Array<number>(rank).fill(2);
        const everyOther = (first: number) => twos.map((size, d) => (d % 2 === first ? size : 1));
        add(zeros(everyOther(0)), zeros(everyOther(1)));
        permute(zeros(twos), [...twos.keys()].reverse());
        for (const first of [0, 1])
          max(
            zeros(twos),
            [...twos.keys()].filter((d) => d % 2 === first),
          );
      }
    });
  });

  test('elementwise functions of many elements, and their gradients', async () => {
    await expectToCompile(() => {
      const x = zeros([4096]).requiresGrad_();
      for (const f of [relu, tanh]) grad(sum(f(x)), [x]);
    });
  });

  test('normalisations as GPUs and as software adapters share them out', async () => {
    const adapter = device.adapter as { software: boolean };
    const { software } = adapter;
    await expectToCompile(() => {
      for (adapter.software of [true, false]) {
        const x = zeros([32, 2, 32, 32]).requiresGrad_();
        grad(sum(batchNorm(x, { training: true })), [x]);
      }
    });
    adapter.software = software;
  });

  const runs = (name: string) => algorithmsNamed(name).every((one) => one.runsOn(device));

  test.each(algorithms.map(({ name }) => name))('products by %s', async (name) => {
    if (!runs(name)) return;
    await expectToCompile(() =>
      device.withAlgorithm(name, () => {
        for (const channels of [3, 7, 33]) {
          const bias = zeros([channels]);
          const w = zeros([channels, 5, 4, 4]).requiresGrad_();
          const x = zeros([2, 5, 48, 48]).requiresGrad_();
          for (const size of [9, 48]) {
            // The larger image has its sizes compiled in.
            const image = size === 48 ? x : zeros([2, 5, size, size]).requiresGrad_();
            const y = conv2d(image, w, { bias, stride: 2, padding: 1 });
            grad(sum(y), [image, w]);
            convTranspose2d(zeros(y.shape), w, { bias: zeros([5]), stride: 2, padding: 1 });
          }
          const three = zeros([channels, 5, 3, 3]).requiresGrad_();
          grad(sum(conv2d(zeros([2, 5, 9, 9]), three, { padding: 1 })), [three]);
          const rows = zeros([channels, 9]).requiresGrad_();
          const weight = zeros([64, 9]).requiresGrad_();
          grad(sum(linear(rows, weight, zeros([64]))), [rows, weight]);
        }
      }),
    );
  });

  test('convolutions of few channels, and logit heads', async () => {
    if (!runs('thin')) return; // the former name of both
    const pass = (xShape: number[], wShape: number[], options: object): void => {
      const [x, w] = [zeros(xShape).requiresGrad_(), zeros(wShape).requiresGrad_()];
      const y = conv2d(x, w, { ...options, bias: zeros([wShape[0]!]) });
      grad(sum(y), [x, w]);
      convTranspose2d(zeros(y.shape), w, { ...options, bias: zeros([wShape[1]!]) });
    };
    await expectToCompile(() =>
      device.withAlgorithm('thin', () => {
        for (const width of [16, 18, 72]) pass([2, 1, 16, width], [9, 1, 4, 4], { stride: 2, padding: 1 });
        pass([2, 3, 8, 8], [8, 3, 3, 3], { padding: 1 });
        pass([2, 8, 4, 4], [1, 8, 4, 4], {});
      }),
    );
  });

  test('losses with one number as the target, and element by element', async () => {
    await expectToCompile(() => {
      for (const loss of [bce, bceWithLogits, mse, l1]) {
        const x = zeros([3]).requiresGrad_();
        for (const reduction of ['mean', 'none'] as const) grad(sum(loss(x, 1, { reduction })), [x]);
        loss(x, zeros([3]), { reduction: 'none' });
      }
    });
  });

  test('normalisation with weight or bias alone, and of channels that are split', async () => {
    await expectToCompile(() => {
      const large = zeros([64, 1, 32, 32]).requiresGrad_();
      const running = { runningMean: zeros([1]), runningVar: zeros([1]) };
      grad(sum(batchNorm(large, { ...running, training: true })), [large]);
      for (const only of ['weight', 'bias']) {
        const x = zeros([2, 3, 5]).requiresGrad_();
        grad(sum(batchNorm(x, { [only]: zeros([3]), training: true })), [x]);
      }
    });
  });

  test('random numbers', async () => {
    await expectToCompile(() => {
      const drawn = uniform([9]);
      normal([9]);
      dropout(drawn, 0.5);
      fillRandom(drawn, zeros([8], { dtype: 'uint32' }), { kind: 'bits' });
    });
  });

  test('what is no number', async () => {
    await expectToCompile(() => void markNonFinite([zeros([3])]));
  });

  const optimizers: Record<string, (parameters: Tensor[]) => Optimizer> = {
    SGD: (p) => new SGD(p, { lr: 0.1 }),
    'SGD with momentum': (p) => new SGD(p, { lr: 0.1, momentum: 0.9 }),
    'SGD with Nesterov momentum': (p) => new SGD(p, { lr: 0.1, momentum: 0.9, nesterov: true }),
    RMSprop: (p) => new RMSprop(p),
    'RMSprop, centred, with momentum': (p) => new RMSprop(p, { centered: true, momentum: 0.9 }),
    'RMSprop with momentum': (p) => new RMSprop(p, { momentum: 0.9 }),
    Adam: (p) => new Adam(p),
    "Adam with Chainer's epsilon": (p) => new Adam(p, { epsPlacement: 'chainer' }),
    AdamW: (p) => new AdamW(p),
    "AdamW with Chainer's epsilon": (p) => new AdamW(p, { epsPlacement: 'chainer' }),
  };
  test.each(Object.entries(optimizers))('%s', async (_, make) => {
    await expectToCompile(() => {
      const module = new Linear(3, 2);
      const parameters = [...module.parameters()];
      const optimizer = make(parameters);
      for (let pass = 0; pass < 2; pass++) backward(sum(module.forward(zeros([4, 3]))));
      clipGradNorm(parameters, 1);
      clipGradValue(parameters, 1);
      optimizer.step();
      new EMA(module).update();
    });
  });

  test('what profiles measure the adapter with', async () => {
    const [constants, sources] = [{ WORKGROUP: 64 }, profileSources];
    await expectToCompile(() => {
      const bindings = ['read', 'write'] as const;
      const copy = { name: 'stream_copy', files: ['profile/stream_copy.wgsl'] } as const;
      device.pipelines.get({ ...copy, sources, constants, bindings });
      const files = ['profile/multiply_add.wgsl'] as const;
      device.pipelines.get({ name: 'multiply_add', files, sources, constants, bindings: ['write'] });
    });
  });
});

describe('nothing was left out', () => {
  const upTo = (last: number) => Array.from({ length: last + 1 }, (_, i) => i);
  const either = [false, true];

  test('every shader file is part of a kernel', () => {
    const used = new Set(compiled.flatMap(({ files }) => files));
    const unused = ([...Object.keys(shaderSources), ...Object.keys(profileSources)] as ShaderFile[]).filter(
      (file) => !used.has(file),
    );
    const needSubgroups = algorithmsNamed('subgroup')[0]!.runsOn(device)
      ? []
      : [
          'conv/pack_channels.wgsl',
          'conv/pack_weights.wgsl',
          'conv/texture_weight_gradient.wgsl',
          'conv/texture_window.wgsl',
          'gemm/core_subgroup.wgsl',
          'gemm/core_texture.wgsl',
        ];
    const needMatrices = algorithmsNamed('subgroup-matrix')[0]!.runsOn(device)
      ? []
      : ['gemm/core_subgroup_matrix.wgsl', 'gemm/largest_finite.wgsl'];
    expect(unused).toEqual([...needSubgroups, ...needMatrices].sort());
  });

  /** Files and the values of their constants, each with each, that must have been compiled. */
  const sets: [ShaderFile, Record<string, readonly (number | boolean)[]>][] = [
    ...(Object.keys(shaderSources) as ShaderFile[])
      .filter((file) => file.startsWith('unary/functions/'))
      .map((file): [ShaderFile, { ORDER: number[] }] => [file, { ORDER: upTo(3) }]),
    ['binary/binary.wgsl', { KIND: upTo(7) }],
    ['binary/binary.wgsl', { RANK: upTo(8) }],
    ['structure/strided_copy.wgsl', { RANK: upTo(8) }],
    ['reduce/reduce.wgsl', { KIND: upTo(2) }],
    ['reduce/reduce.wgsl', { KEPT_RANK: upTo(4) }],
    ['reduce/reduce.wgsl', { REDUCED_RANK: upTo(4) }],
    ['softmax/softmax.wgsl', { LOG: either, LINES_FIRST: either }],
    // ORDER 4 i + j: i times in the prediction, j times in the target.
    ['loss/pointwise.wgsl', { KIND: upTo(3), ORDER: [0], TARGET_TENSOR: either }],
    ['loss/pointwise.wgsl', { KIND: upTo(3), ORDER: [4], GRADIENT: [1, 2], TARGET_TENSOR: either }],
    ['loss/pointwise.wgsl', { KIND: upTo(3), ORDER: [0, 1, 4, 5, 8, 12] }],
    ['loss/reduced.wgsl', { KIND: upTo(3), TARGET_TENSOR: either }],
    ['norm/group_walk.wgsl', { LANES: [1, 4, 8, 64] }],
    ['norm/coefficients_publish.wgsl', { HAS_WEIGHT: either, HAS_BIAS: either }],
    ['norm/normalize.wgsl', { ACTIVATION: upTo(2) }],
    ['norm/gradient_sums_walk.wgsl', { ACTIVATION: upTo(2) }],
    ['norm/normalize_backward.wgsl', { ACTIVATION: upTo(2), BATCH_STATISTICS: either }],
    ['random/fill.wgsl', { KIND: upTo(3) }],
    ['optimizer/adam.wgsl', { DECOUPLED: either, CHAINER: either }],
    ['optimizer/momentum.wgsl', { NESTEROV: either }],
    ['gemm/matmul.wgsl', { HAS_BIAS: either }],
    ['conv/forward.wgsl', { HAS_BIAS: either }],
    ['conv/input_gradient.wgsl', { HAS_BIAS: either }],
    ['conv/pack_weights.wgsl', { FLIP: either }],
    ['gemm/core_texture.wgsl', { ROWS: [4, 16], A_INNER: either }],
  ];

  test.each(sets)('%s with %j', (file, constants) => {
    const seen = new Set(
      compiled
        .filter(({ files }) => files.includes(file))
        .map((source) => JSON.stringify(Object.keys(constants).map((name) => source.constants?.[name]))),
    );
    const wanted = Object.values(constants).reduce<(number | boolean)[][]>(
      (lists, values) => lists.flatMap((list) => values.map((value) => [...list, value])),
      [[]],
    );
    expect(wanted.filter((list) => !seen.has(JSON.stringify(list)))).toEqual([]);
  });
});
