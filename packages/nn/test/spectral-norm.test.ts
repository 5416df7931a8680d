// Layers under spectral norm work with a weight whose largest singular value is 1; its gradient follows that value.

import { Conv2d, ConvTranspose2d, Linear, type WeightedLayer } from '@forger/nn';
import { backward, type Device, mul, Rng, readAll, sum, tensor } from '@forger/tensor';
import { describe, expect, test } from 'vitest';
import { useDevice } from '../../../test/support/device.ts';

let device: Device;
useDevice((opened) => {
  device = opened;
});

/** The largest singular value of a matrix of rows, by the power method in float64. */
function largest(matrix: readonly (readonly number[])[]): number {
  let v = matrix[0]!.map((_, i) => 1 + i / 10);
  let sigma = 0;
  for (let i = 0; i < 3000; i++) {
    const u = matrix.map((row) => row.reduce((total, value, k) => total + value * v[k]!, 0));
    sigma = Math.hypot(...u);
    const back = v.map((_, k) => matrix.reduce((total, row, r) => total + row[k]! * u[r]!, 0));
    const length = Math.hypot(...back);
    v = back.map((value) => value / length);
  }
  return sigma / Math.hypot(...v);
}

/** A weight as rows, one for each output. */
function rowsOf(data: ArrayLike<number>, shape: readonly number[], outputDim: number): number[][] {
  const outputs = shape[outputDim]!;
  const inner = shape.slice(2).reduce((a, b) => a * b, 1);
  const rows = Array.from({ length: outputs }, (): number[] => []);
  for (let i = 0; i < data.length; i++) {
    const first = Math.floor(i / (inner * shape[1]!));
    const second = Math.floor(i / inner) % shape[1]!;
    rows[outputDim === 0 ? first : second]!.push(data[i]!);
  }
  return rows;
}

const layers: [string, (rng: Rng) => WeightedLayer, number[], number][] = [
  ['Linear', (rng) => new Linear(5, 7, { bias: false, rng }), [3, 5], 0],
  ['Conv2d', (rng) => new Conv2d(2, 4, 3, { bias: false, rng }), [2, 2, 5, 5], 0],
  ['ConvTranspose2d', (rng) => new ConvTranspose2d(3, 2, 2, { bias: false, rng }), [2, 3, 4, 4], 1],
];

describe.each(layers)('%s', (_, make, inputShape, outputDim) => {
  const size = inputShape.reduce((a, b) => a * b);
  const values = Float32Array.from({ length: size }, (_, i) => Math.sin(i * 1.3));

  test('divides its result by the largest singular value', async () => {
    const rng = new Rng(1, { device });
    const layer = make(rng);
    const x = tensor(values, inputShape, { device });
    const plain = layer.forward(x);
    layer.spectralNorm({ rng, powerIterations: 300 });
    const normed = layer.forward(x);
    const [weight, before, after] = await readAll([layer.weight, plain, normed]);
    const sigma = largest(rowsOf(weight!, layer.weight.shape, outputDim));
    // 300 steps have converged to rounding.
    before!.forEach((y, i) => {
      expect(after![i]! * sigma).toBeCloseTo(y, 5);
    });
    layer.dispose();
  });

  test('has the gradient of W / σ(W)', async () => {
    const rng = new Rng(2, { device });
    const layer = make(rng).spectralNorm({ rng, powerIterations: 300 });
    const x = tensor(values, inputShape, { device });
    device.scope(() => {
      const y = layer.forward(x);
      const upstream = tensor(
        Float32Array.from({ length: y.size }, (_, i) => Math.cos(i)),
        y.shape,
        { device },
      );
      backward(sum(mul(y, upstream)));
    });
    const [weight, gradient] = await readAll([layer.weight, layer.weight.grad!]);
    // The result is linear in W / σ, so its inner product with the gradient of a scale-free function is 0, …
    const along = Array.from(weight!, (w, i) => w * gradient![i]!).reduce((a, b) => a + b);
    const size = Math.hypot(...weight!) * Math.hypot(...gradient!);
    expect(Math.abs(along) / size).toBeLessThan(1e-5);
    // … and the gradient is not 0 itself.
    expect(size).toBeGreaterThan(0.01);
    layer.dispose();
  });

  test('keeps its vectors in evaluation, and moves them while training', async () => {
    const rng = new Rng(3, { device });
    const layer = make(rng).spectralNorm({ rng });
    const x = tensor(values, inputShape, { device });
    const u = layer.stateDict().get('weight_u')!;
    const [first] = await readAll([u]);
    layer.eval();
    layer.forward(x);
    expect((await readAll([u]))[0]).toEqual(first);
    layer.train();
    layer.forward(x);
    expect((await readAll([u]))[0]).not.toEqual(first);
    expect([...layer.stateDict().keys()]).toEqual(['weight_orig', 'weight_u', 'weight_v']);
    layer.dispose();
  });
});
