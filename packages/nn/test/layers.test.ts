// Layers: what they compute comes from the operations, tested elsewhere; here the shapes that they promise, their
// parameters, their modes, and the tables of the DCGAN networks.
import {
  AvgPool2d,
  BatchNorm1d,
  BatchNorm2d,
  Conv2d,
  ConvTranspose2d,
  Dropout,
  ELU,
  Flatten,
  GaussianNoise,
  GELU,
  GlobalAvgPool,
  GroupNorm,
  Identity,
  InstanceNorm2d,
  LeakyReLU,
  Linear,
  MaxPool2d,
  type Module,
  ReLU,
  Reshape,
  Sequential,
  Sigmoid,
  SiLU,
  Softplus,
  summarize,
  Tanh,
  Unflatten,
  ZeroPad2d,
} from '@forger/nn';
import { ConfigError, type Device, normal, Rng, type Shape, ShapeError, tensor } from '@forger/tensor';
import { describe, expect, test } from 'vitest';
import { useDevice } from '../../../test/support/device.ts';

let device: Device;
useDevice((opened) => {
  device = opened;
});

const layers: [string, Shape, () => Module][] = [
  ['Linear', [5], () => new Linear(5, 3)],
  ['Conv2d', [3, 8, 9], () => new Conv2d(3, 4, 4, { stride: 2, padding: 1 })],
  [
    'Conv2d, uneven',
    [4, 9, 11],
    () => new Conv2d(4, 6, [3, 5], { stride: [2, 1], padding: [1, 2], groups: 2 }),
  ],
  ['Conv2d, dilated', [2, 9, 9], () => new Conv2d(2, 2, 3, { dilation: 2 })],
  ['ConvTranspose2d', [3, 4, 5], () => new ConvTranspose2d(3, 4, 4, { stride: 2, padding: 1 })],
  [
    'ConvTranspose2d, uneven',
    [4, 5, 6],
    () => new ConvTranspose2d(4, 6, [5, 3], { stride: 2, padding: [2, 1], outputPadding: [1, 0], groups: 2 }),
  ],
  ['ConvTranspose2d, dilated', [2, 4, 4], () => new ConvTranspose2d(2, 2, 3, { dilation: 2 })],
  ['BatchNorm1d', [6], () => new BatchNorm1d(6)],
  ['BatchNorm2d', [3, 4, 4], () => new BatchNorm2d(3)],
  ['InstanceNorm2d', [3, 4, 4], () => new InstanceNorm2d(3, { affine: true })],
  ['GroupNorm', [4, 3, 2], () => new GroupNorm(2, 4)],
  ['GroupNorm of features', [6], () => new GroupNorm(1, 6)],
  ['ZeroPad2d', [2, 5, 4], () => new ZeroPad2d(1, 0, 2, 3)],
  ['ZeroPad2d, cutting', [2, 5, 4], () => new ZeroPad2d(-1, 2, 0, -2)],
  ['MaxPool2d', [2, 7, 8], () => new MaxPool2d(2)],
  ['MaxPool2d, padded', [2, 7, 8], () => new MaxPool2d(3, { stride: 2, padding: 1 })],
  ['MaxPool2d, dilated', [2, 7, 8], () => new MaxPool2d(2, { stride: 1, dilation: [2, 3] })],
  ['AvgPool2d', [2, 7, 8], () => new AvgPool2d([2, 3], { stride: [2, 1], padding: [1, 0] })],
  ['GlobalAvgPool', [2, 7, 8], () => new GlobalAvgPool()],
  ['Flatten', [2, 3, 4], () => new Flatten()],
  ['Reshape', [24], () => new Reshape([2, 3, 4])],
  ['Unflatten', [24], () => new Unflatten(1, [2, 3, 4])],
  ['Dropout', [2, 3], () => new Dropout(0.3)],
  ['GaussianNoise', [2, 3], () => new GaussianNoise(0.2)],
  ...[ReLU, LeakyReLU, Tanh, Sigmoid, Softplus, ELU, GELU, SiLU, Identity].map(
    (Kind): [string, Shape, () => Module] => [Kind.name, [2, 3], () => new Kind()],
  ),
];

describe('outputShape is the shape that forward gives', () => {
  test.each(layers)('%s', (_, shape, make) => {
    const layer = make();
    device.scope(() => {
      for (const mode of [true, false]) {
        const y = layer.train(mode).forward(normal([2, ...shape]));
        expect(layer.outputShape(shape)).toEqual(y.shape.slice(1));
      }
    });
    layer.dispose();
  });
});

describe('a shape that does not fit is a ShapeError, in words', () => {
  test.each<[string, () => Module, Shape, RegExp]>([
    ['features', () => new Linear(5, 3), [4], /\[4\] was given; expected \[5\]/],
    [
      'channels',
      () => new Conv2d(3, 4, 4),
      [1, 8, 8],
      /\[1, 8, 8\] was given; expected \[3, height, width\]/,
    ],
    ['size', () => new Conv2d(3, 4, 4), [3, 2, 2], /2×2 is too small for a kernel of 4×4/],
    ['rank', () => new BatchNorm2d(3), [3], /\[3\] was given; expected \[3, height, width\]/],
    ['product', () => new Reshape([2, 3]), [5], /\[5\] was given; it cannot become \[2, 3\]/],
  ])('%s', (_, make, shape, message) => {
    const layer = make();
    expect(() => layer.outputShape(shape)).toThrow(ShapeError);
    expect(() => layer.outputShape(shape)).toThrow(message);
    expect(() => layer.macs(shape)).toThrow(ShapeError);
  });
  test('groups that do not divide the channels', () => {
    expect(() => new Conv2d(3, 4, 4, { groups: 2 })).toThrow(ConfigError);
  });
});

test('average pooling counts the padding in its divisor unless told otherwise', async () => {
  const x = tensor([6], [1, 1, 1, 1]);
  const options = { stride: 1, padding: 1 };
  const mean = (pool: AvgPool2d) => pool.forward(x).data();
  expect(await mean(new AvgPool2d(2, options))).toEqual(new Float32Array(4).fill(1.5));
  expect(await mean(new AvgPool2d(2, { ...options, countIncludePad: false }))).toEqual(
    new Float32Array(4).fill(6),
  );
});

describe('batch norm', () => {
  const input = [
    [1, 2],
    [3, 6],
    [5, 10],
  ];

  test('follows the batches while training, and uses what it learnt afterwards', async () => {
    const norm = new BatchNorm1d(2);
    norm.forward(tensor(input));
    norm.forward(tensor(input));
    // mean 3 and 6, unbiased variance 4 and 16, momentum 0.1, twice: 1 - 0.9² = 0.19 of the way from 0 and 1.
    const close = (values: ArrayLike<number>, wanted: number[]): void => {
      for (const [i, x] of wanted.entries()) expect(values[i]).toBeCloseTo(x, 5);
    };
    close(await norm.runningMean!.data(), [0.19 * 3, 0.19 * 6]);
    close(await norm.runningVar!.data(), [0.81 + 0.19 * 4, 0.81 + 0.19 * 16]);
    expect(await norm.numBatchesTracked!.item()).toBe(2);
    norm.eval();
    const y = norm.forward(tensor(input));
    close(await y.data(), [(1 - 0.57) / Math.sqrt(1.57 + 1e-5), (2 - 1.14) / Math.sqrt(3.85 + 1e-5)]);
    expect(await norm.numBatchesTracked!.item()).toBe(2);
  });

  test('has the parameters that were asked for', () => {
    const names = (norm: Module): string[] => [...norm.stateDict().keys()];
    const running = ['running_mean', 'running_var', 'num_batches_tracked'];
    expect(names(new BatchNorm2d(2))).toEqual(['weight', 'bias', ...running]);
    expect(names(new BatchNorm2d(2, { weight: false }))).toEqual(['bias', ...running]);
    expect(names(new BatchNorm2d(2, { bias: false }))).toEqual(['weight', ...running]);
    expect(names(new BatchNorm2d(2, { affine: false }))).toEqual(running);
    expect(names(new BatchNorm2d(2, { trackRunningStats: false }))).toEqual(['weight', 'bias']);
    expect(names(new InstanceNorm2d(2))).toEqual([]);
  });

  test('without running statistics uses the batch also in evaluation', async () => {
    const norm = new BatchNorm1d(2, { trackRunningStats: false, affine: false }).eval();
    const [first] = await norm.forward(tensor(input)).data();
    expect(first).toBeCloseTo(-2 / Math.sqrt(8 / 3), 5);
  });
});

describe('noise', () => {
  test('disturbs in training only, and is drawn from its generator', async () => {
    const x = tensor(new Float32Array(4096).fill(1));
    const noise = (seed: number) => new GaussianNoise(0.2, { rng: new Rng(seed) });
    const values = await noise(1).forward(x).data();
    const mean = values.reduce((a, b) => a + b, 0) / values.length;
    const std = Math.sqrt(values.reduce((a, b) => a + (b - mean) ** 2, 0) / values.length);
    // Four standard errors of 4096 draws.
    expect(Math.abs(mean - 1)).toBeLessThan((4 * 0.2) / 64);
    expect(Math.abs(std - 0.2)).toBeLessThan((4 * 0.2) / Math.sqrt(2 * 4096));
    expect(await noise(1).forward(x).data()).toEqual(values);
    expect(await noise(2).forward(x).data()).not.toEqual(values);
    expect(noise(1).eval().forward(x)).toBe(x);
  });

  test('dropout keeps a share of 1 - p and the mean', async () => {
    const x = tensor(new Float32Array(4096).fill(1));
    const layer = new Dropout(0.25, { rng: new Rng(3) });
    const values = await layer.forward(x).data();
    expect(new Set(values)).toEqual(new Set([0, Math.fround(4 / 3)]));
    const kept = values.filter((v) => v > 0).length / 4096;
    expect(Math.abs(kept - 0.75)).toBeLessThan((4 * Math.sqrt(0.75 * 0.25)) / 64);
    expect(layer.eval().forward(x)).toBe(x);
  });
});

describe('tables of the networks in pytorch/examples', () => {
  const conv = (i: number, o: number, stride: number, padding: number) =>
    new Conv2d(i, o, 4, { stride, padding, bias: false });
  const up = (i: number, o: number, stride: number, padding: number) =>
    new ConvTranspose2d(i, o, 4, { stride, padding, bias: false });
  const generator = (nc: number) =>
    new Sequential({
      main: new Sequential(
        ...[up(100, 512, 1, 0), new BatchNorm2d(512), new ReLU()],
        ...[up(512, 256, 2, 1), new BatchNorm2d(256), new ReLU()],
        ...[up(256, 128, 2, 1), new BatchNorm2d(128), new ReLU()],
        ...[up(128, 64, 2, 1), new BatchNorm2d(64), new ReLU()],
        ...[up(64, nc, 2, 1), new Tanh()],
      ),
    });
  const discriminator = (nc: number) =>
    new Sequential({
      main: new Sequential(
        ...[conv(nc, 64, 2, 1), new LeakyReLU(0.2)],
        ...[conv(64, 128, 2, 1), new BatchNorm2d(128), new LeakyReLU(0.2)],
        ...[conv(128, 256, 2, 1), new BatchNorm2d(256), new LeakyReLU(0.2)],
        ...[conv(256, 512, 2, 1), new BatchNorm2d(512), new LeakyReLU(0.2)],
        ...[conv(512, 1, 1, 0), new Sigmoid()],
      ),
    });

  // Counted from the layers of pytorch/examples dcgan/main.py; one multiply-add per product with a weight.
  test.each([
    ['G, 3 channels', generator, 3, [100, 1, 1], [3, 64, 64], 3_576_704, 1_920, 104_628_224],
    ['G, 1 channel', generator, 1, [100, 1, 1], [1, 64, 64], 3_574_656, 1_920, 102_531_072],
    ['D, 3 channels', discriminator, 3, [3, 64, 64], [1, 1, 1], 2_765_568, 1_792, 103_817_216],
    ['D, 1 channel', discriminator, 1, [1, 64, 64], [1, 1, 1], 2_763_520, 1_792, 101_720_064],
  ] as const)('%s', (_, make, nc, input, output, parameters, buffers, macs) => {
    const net = make(nc);
    const rows = summarize(net, input);
    const total = (key: 'parameters' | 'buffers' | 'macs'): number => rows.reduce((a, r) => a + r[key], 0);
    expect(rows.at(-1)!.outputShape).toEqual(output);
    expect([total('parameters'), total('buffers'), total('macs')]).toEqual([parameters, buffers, macs]);
    expect(net.macs(input)).toBe(macs);
    expect(net.parameters().reduce((a, p) => a + p.size, 0)).toBe(parameters);
    net.dispose();
  });

  test('rows say which layer they are', () => {
    const net = discriminator(1);
    expect(summarize(net, [1, 64, 64])[2]).toEqual({
      name: 'main.2',
      op: 'Conv2d 4×4 s2 p1',
      outputShape: [128, 16, 16],
      parameters: 131_072,
      buffers: 0,
      macs: 33_554_432,
    });
    expect([...net.stateDict().keys()].slice(0, 5)).toEqual([
      'main.0.weight',
      'main.2.weight',
      'main.3.weight',
      'main.3.bias',
      'main.3.running_mean',
    ]);
    net.dispose();
  });
});

test('GroupNorm normalises each group of each sample, then scales each channel', async () => {
  const layer = new GroupNorm(2, 4, { eps: 0.01 });
  layer.weight!.write([1, 2, 3, 4]);
  layer.bias!.write([0, 0, 1, 1]);
  const values = Array.from({ length: 2 * 4 * 3 }, (_, i) => Math.sin(i * i));
  const y = await layer.forward(tensor(values, [2, 4, 3])).data();
  for (let group = 0; group < 4; group++) {
    const own = values.slice(6 * group, 6 * group + 6);
    const mean = own.reduce((a, b) => a + b) / 6;
    const variance = own.reduce((a, b) => a + (b - mean) ** 2, 0) / 6;
    own.forEach((v, i) => {
      const channel = ((group % 2) * 6 + i - (i % 3)) / 3;
      const expected = ((v - mean) / Math.sqrt(variance + 0.01)) * (channel + 1) + (channel > 1 ? 1 : 0);
      expect(y[6 * group + i]).toBeCloseTo(expected, 5);
    });
  }
});

test('ZeroPad2d takes PyTorch’s order left, right, top, bottom, and cuts where it is negative', async () => {
  const x = tensor([1, 2, 3, 4, 5, 6], [1, 1, 2, 3]);
  const padded = await new ZeroPad2d(1, 0, 0, 1).forward(x).data();
  expect([...padded]).toEqual([0, 1, 2, 3, 0, 4, 5, 6, 0, 0, 0, 0]);
  const cut = await new ZeroPad2d(0, -1, -1, 1).forward(x).data();
  expect([...cut]).toEqual([4, 5, 0, 0]);
});
