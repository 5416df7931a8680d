// Calls that cannot be meant get one clear sentence, and nothing breaks: tensors of two devices, unknown
// options, padding by name, booleans, an optimizer given a module. And what a printed tensor shows, and
// images of a page.

import { inspect } from 'node:util';
import {
  Adam,
  AdamW,
  AvgPool2d,
  BatchNorm2d,
  Conv2d,
  ConvTranspose2d,
  Linear,
  MaxPool2d,
  SGD,
} from '@forger/nn';
import {
  add,
  avgPool2d,
  batchNorm,
  ConfigError,
  cat,
  conv2d,
  convTranspose2d,
  createDevice,
  type Device,
  DeviceError,
  fromImageData,
  matmul,
  maxPool2d,
  mse,
  ones,
  readAll,
  ShapeError,
  type Tensor,
  tensor,
  toImageData,
  uniform,
} from '@forger/tensor';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

let a: Device;
let b: Device;
beforeAll(async () => {
  b = await createDevice();
  a = await createDevice();
});
afterAll(() => {
  a.destroy();
  b.destroy();
});

/** What a program in JavaScript may pass. */
const wrongly = (value: unknown): never => value as never;

describe('tensors of two devices', () => {
  const images = (device: Device, shape: number[]): Tensor => ones(shape, { device });
  test.each<[string, () => unknown]>([
    ['add', () => add(tensor([1]), tensor([2], [1], { device: b }))],
    ['matmul', () => matmul(images(a, [32, 32]), images(b, [32, 32]))],
    ['conv2d', () => conv2d(images(a, [4, 8, 16, 16]), images(b, [8, 8, 3, 3]))],
    [
      'conv2d with a bias',
      () => conv2d(images(a, [2, 2, 8, 8]), images(a, [2, 2, 3, 3]), { bias: images(b, [2]) }),
    ],
    ['cat', () => cat([images(a, [2, 2]), images(b, [2, 2])], 0)],
    ['mse', () => mse(images(a, [5]), images(b, [5]))],
    ['copy_', () => images(a, [5]).copy_(images(b, [5]))],
    ['a capture', () => a.capture(() => add(images(a, [3]), images(b, [3])))],
  ])('%s refuses them', (_, call) => {
    expect(call).toThrow(DeviceError);
    expect(call).toThrow(/^Tensors of two devices were given to one operation; .*\.$/);
  });

  test('readAll refuses them', async () => {
    await expect(readAll([tensor([1]), tensor([2], [1], { device: b })])).rejects.toThrow(/two devices/);
  });

  test('both devices go on', async () => {
    for (const device of [a, b]) {
      const x = tensor([1, 2], [2], { device });
      expect([...(await add(x, 1).data())]).toEqual([2, 3]);
      expect([...(await matmul(ones([20, 20], { device }), ones([20, 20], { device })).data())][399]).toBe(
        20,
      );
    }
  });
});

describe('options', () => {
  const x = () => ones([1, 2, 8, 8]);
  const w = () => ones([2, 2, 3, 3]);
  test.each<[string, () => unknown, string]>([
    ['conv2d', () => conv2d(x(), w(), wrongly({ strides: 2 })), 'strides'],
    ['conv2d', () => conv2d(x(), w(), wrongly({ outputPadding: 1 })), 'outputPadding'],
    ['convTranspose2d', () => convTranspose2d(x(), w(), wrongly({ pad: 1 })), 'pad'],
    ['maxPool2d', () => maxPool2d(x(), 2, wrongly({ strides: 2 })), 'strides'],
    ['avgPool2d', () => avgPool2d(x(), 2, wrongly({ dilation: 2 })), 'dilation'],
    ['batchNorm', () => batchNorm(x(), wrongly({ epsilon: 1 })), 'epsilon'],
    ['mse', () => mse(x(), x(), wrongly({ reduce: 'sum' })), 'reduce'],
    ['uniform', () => uniform([2], wrongly({ min: 1 })), 'min'],
    ['tensor', () => tensor([1], [1], wrongly({ type: 'int32' })), 'type'],
    ['Conv2d', () => new Conv2d(2, 2, 3, wrongly({ strides: 2 })), 'strides'],
    ['ConvTranspose2d', () => new ConvTranspose2d(2, 2, 3, wrongly({ output_padding: 1 })), 'output_padding'],
    ['Linear', () => new Linear(2, 2, wrongly({ biases: false })), 'biases'],
    ['MaxPool2d', () => new MaxPool2d(2, wrongly({ strides: 2 })), 'strides'],
    ['AvgPool2d', () => new AvgPool2d(2, wrongly({ ceilMode: true })), 'ceilMode'],
    ['a batch norm', () => new BatchNorm2d(2, wrongly({ epsilon: 1 })), 'epsilon'],
    ['Adam', () => new Adam([ones([2]).requiresGrad_()], wrongly({ learningRate: 1 })), 'learningRate'],
    ['AdamW', () => new AdamW([ones([2]).requiresGrad_()], wrongly({ beta1: 1 })), 'beta1'],
    ['SGD', () => new SGD([ones([2]).requiresGrad_()], wrongly({ rate: 1 })), 'rate'],
  ])('%s names one that it does not know', (what, call, name) => {
    expect(call).toThrow(ConfigError);
    expect(call).toThrow(`${what}: there is no option "${name}"; the options are `);
  });

  test('that are no object', () => {
    expect(() => conv2d(x(), w(), wrongly(2))).toThrow(
      /^conv2d: 2 was given for its options; expected an object such as \{ bias: … \}\.$/,
    );
    expect(() => conv2d(x(), w(), wrongly(null))).toThrow(ConfigError);
  });

  test.each<[string, () => unknown]>([
    ['conv2d: padding', () => conv2d(x(), w(), { padding: wrongly('same') })],
    ['convTranspose2d: padding', () => convTranspose2d(x(), w(), { padding: wrongly('same') })],
    ['maxPool2d: padding', () => maxPool2d(x(), 2, { padding: wrongly('same') })],
    ['padding', () => new Conv2d(2, 2, 3, { padding: wrongly('same') })],
    ['padding', () => new MaxPool2d(2, { padding: wrongly('same') })],
  ])("%s 'same' is refused", (what, call) => {
    expect(call).toThrow(ShapeError);
    expect(call).toThrow(
      `${what} 'same' was given; expected a whole number of at least 0, or two of them: [height, width].`,
    );
  });
});

test('tensor() takes numbers alone', () => {
  expect(() => tensor(wrongly([true, false]))).toThrow(
    new TypeError(
      'tensor(): true (boolean) was given where a number is expected; write 1 for true and 0 for false.',
    ),
  );
  expect(() => tensor(wrongly(true))).toThrow(TypeError);
  expect(() => tensor(wrongly([[1], ['2']]))).toThrow(
    'tensor(): "2" (string) was given where a number is expected.',
  );
  expect(() => tensor(wrongly([1, undefined]))).toThrow('tensor(): undefined (undefined) was given');
  expect(() => tensor(wrongly([1, null]))).toThrow('tensor(): null (null) was given');
});

test('an optimizer given a module says what to write', () => {
  expect(() => new Adam(wrongly(new Linear(2, 2)))).toThrow(
    new TypeError(
      'An optimizer takes a list of parameters, and a module was given: write module.parameters().',
    ),
  );
  expect(() => new SGD(wrongly(3))).toThrow(TypeError);
});

test('a printed tensor shows dtype, shape, and values once they were read', async () => {
  const x = tensor([1, 0.1, -3], [3]);
  expect(inspect(x)).toBe('Tensor(float32, [3])');
  await x.data();
  expect(inspect(x)).toBe('Tensor(float32, [3], last read: [1, 0.1, -3])');
  expect(`${x}`).toBe(inspect(x));
  x.write([4, 5, 6]);
  expect(inspect(x)).toBe('Tensor(float32, [3])');
  const long = ones([3, 4]).requiresGrad_();
  await long.data();
  expect(inspect([long])).toContain(
    'Tensor(float32, [3, 4], requiresGrad, last read: [1, 1, 1, 1, 1, 1, 1, 1, …])',
  );
  x.dispose();
  expect(inspect(x)).toBe('Tensor(float32, [3], freed)');
});

describe('images of a page', () => {
  const image = { width: 2, height: 1, data: Uint8ClampedArray.of(255, 0, 51, 255, 0, 255, 102, 0) };

  test('become tensors and come back', async () => {
    const x = fromImageData(image, { range: [0, 1] });
    expect(x.shape).toEqual([1, 3, 1, 2]);
    expect([...(await x.data())].map((v) => Math.round(v * 255))).toEqual([255, 0, 0, 255, 51, 102]);
    const back = await toImageData(x, { range: [0, 1] });
    expect([...back.data]).toEqual([255, 0, 51, 255, 0, 255, 102, 255]);
    expect([back.width, back.height]).toEqual([2, 1]);
    const whole = await toImageData(fromImageData(image, { channels: 4 }));
    expect([...whole.data]).toEqual([...image.data]);
  });

  test('in grey, clamped, and of a wrong shape', async () => {
    const grey = await fromImageData(image, { channels: 1, range: [0, 255] }).data();
    expect(grey[0]).toBeCloseTo(0.299 * 255 + 0.114 * 51, 3);
    const bright = await toImageData(tensor([-9, 9], [1, 1, 2]));
    expect([...bright.data]).toEqual([0, 0, 0, 255, 255, 255, 255, 255]);
    await expect(toImageData(ones([2, 3, 4, 4]))).rejects.toThrow(/one image \[channels, height, width\]/);
    expect(() => fromImageData({ ...image, width: 3 })).toThrow(/expected 12, four for each/);
  });
});
