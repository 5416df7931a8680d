// The whole library on one page: read this first, run this first (`pnpm test test/tiny.test.ts`).
import {
  backward,
  conv2d,
  type Device,
  grad,
  leakyRelu,
  matmul,
  mean,
  mul,
  square,
  sub,
  sum,
  tanh,
  tensor,
} from '@forger/tensor';
import { expect, test } from 'vitest';
import { useDevice } from './support/device.ts';

let device: Device;
useDevice((opened) => {
  device = opened;
});

test('tensors come from numbers and go back to numbers', async () => {
  const x = tensor([
    [1, 2, 3],
    [4, 5, 6],
  ]);
  expect(x.shape).toEqual([2, 3]);
  expect([...(await mul(x, 10).data())]).toEqual([10, 20, 30, 40, 50, 60]);
});

test('matrix products and broadcasting follow NumPy', async () => {
  const a = tensor([
    [1, 2],
    [3, 4],
  ]);
  const b = tensor([
    [1, 0],
    [0, 2],
  ]);
  expect([...(await matmul(a, b).data())]).toEqual([1, 4, 3, 8]);
  expect([...(await sub(a, tensor([1, 2])).data())]).toEqual([0, 0, 2, 2]);
});

test('gradients flow back through what was computed', async () => {
  const x = tensor([1, 2, 3]).requiresGrad_();
  backward(sum(square(x)));
  expect([...(await x.grad!.data())]).toEqual([2, 4, 6]);
});

test('gradients of gradients too', async () => {
  const x = tensor([0.5]).requiresGrad_();
  const [first] = grad(sum(tanh(x)), [x], { createGraph: true });
  const [second] = grad(sum(first), [x]);
  const t = Math.tanh(0.5);
  // float32: a few units in the last place of values near 0.7.
  expect(await first!.item()).toBeCloseTo(1 - t * t, 6);
  expect(await second!.item()).toBeCloseTo(-2 * t * (1 - t * t), 6);
});

test('a convolution learns an edge detector by gradient descent', async () => {
  // Targets come from a known kernel; descent must find it again.
  const image = Float32Array.from({ length: 64 }, (_, i) => Math.sin(i * 1.7) + Math.cos(i * 0.3));
  const x = tensor(image, [1, 1, 8, 8]);
  const target = conv2d(x, tensor([-1, 0, 1, -2, 0, 2, -1, 0, 1]).view([1, 1, 3, 3]));
  const weight = tensor(new Float32Array(9), [1, 1, 3, 3]).requiresGrad_();
  let loss = Number.POSITIVE_INFINITY;
  for (let step = 0; step < 150; step++) {
    const result = device.scope(() => {
      const error = mean(square(sub(conv2d(x, weight), target)));
      const [g] = grad(error, [weight]);
      return { error, next: sub(weight, mul(g, 0.05)) };
    });
    weight.write(await result.next.data());
    loss = await result.error.item();
  }
  expect(loss).toBeLessThan(0.01);
});

test('what a scope makes is freed at its end, unless it is returned', () => {
  const x = tensor([1, -2]);
  const before = device.memory().liveBuffers;
  const y = device.scope(() => leakyRelu(mul(x, 3), 0.2));
  expect(device.memory().liveBuffers).toBe(before + 1);
  y.dispose();
  expect(device.memory().liveBuffers).toBe(before);
});
