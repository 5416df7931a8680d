// Several batches in one pass give what each gives alone: results, gradients, running statistics.
import {
  BatchNorm1d,
  BatchNorm2d,
  Conv2d,
  canForwardBatches,
  Dropout,
  Flatten,
  forwardBatches,
  GaussianNoise,
  GroupNorm,
  LeakyReLU,
  Linear,
  type Module,
  Sequential,
  Sigmoid,
} from '@forger/nn';
import {
  add,
  backward,
  ConfigError,
  type DType,
  mean,
  normal,
  Rng,
  ShapeError,
  type Tensor,
  zeros,
} from '@forger/tensor';
import { expect, test } from 'vitest';
import { useDevice } from '../../../test/support/device.ts';
import { expectClose } from '../../../test/support/expect.ts';

useDevice();

function network(): Module {
  const options = { rng: new Rng(3) };
  return new Sequential(
    // No biases that a norm behind them takes off again: their gradients would be rounding alone.
    new Conv2d(2, 6, 4, { ...options, stride: 2, padding: 1, bias: false }),
    new BatchNorm2d(6),
    new LeakyReLU(0.2),
    new GroupNorm(2, 6, { affine: false }),
    new Flatten(),
    new Linear(6 * 16, 5, { ...options, bias: false }),
    new BatchNorm1d(5),
    new Sigmoid(),
  );
}

/** Results, gradients and buffers of a network that saw the batches. */
function seen(net: Module, forward: (net: Module) => Tensor[]): Tensor<DType>[] {
  const ys = forward(net);
  backward(ys.map((y, i) => mean(y.mul(y)).mul(i + 1)).reduce(add));
  return [...ys, ...net.parameters().map((p) => p.grad!), ...net.buffers()];
}

test('three batches in one pass have what each has alone', async () => {
  const rng = new Rng(1);
  const batches = [0, 1, 2].map((i) => add(normal([4, 2, 8, 8], { rng }), i));
  const together = seen(network(), (net) => forwardBatches(net, batches));
  const apart = seen(network(), (net) => batches.map((batch) => net.forward(batch)));
  expect(together).toHaveLength(apart.length);
  for (const [i, t] of apart.entries()) {
    const expected = { shape: t.shape, data: Float64Array.from(await t.data()) };
    // A few units in the last place: sums over the batches are taken in another order.
    await expectClose(`tensor ${i}`, together[i]!, expected, 5e-6);
  }
});

test('afterwards the network takes single batches again', async () => {
  const net = network();
  const batch = normal([4, 2, 8, 8], { rng: new Rng(1) });
  forwardBatches(net, [batch, batch]);
  expect(() => forwardBatches(net, [batch.view([4, 1, 8, 16])])).toThrow(ShapeError);
  const fresh = network();
  expect(await net.forward(batch).data()).toEqual(await fresh.forward(batch).data());
});

test('layers that differ from call to call are refused', () => {
  const linear = (): Linear => new Linear(2, 2);
  for (const layer of [new Dropout(0.5), new GaussianNoise(0.1), linear().spectralNorm()]) {
    const net = new Sequential(linear(), new Sequential(layer));
    expect(canForwardBatches(net)).toBe(false);
    expect(() => forwardBatches(net, [zeros([1, 2]), zeros([1, 2])])).toThrow(ConfigError);
  }
  expect(canForwardBatches(network())).toBe(true);
});

test('batches must be of one shape', () => {
  const net = new Linear(2, 2);
  expect(() => forwardBatches(net, [])).toThrow(ShapeError);
  expect(() => forwardBatches(net, [zeros([1, 2]), zeros([3, 2])])).toThrow(/\[1, 2\], \[3, 2\]/);
});
