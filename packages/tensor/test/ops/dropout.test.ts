// Dropout: its mask, its gradients, its limits.
import { backward, ConfigError, dropout, grad, mul, noGrad, ones, Rng, sum, tensor } from '@forger/tensor';
import { describe, expect, it } from 'vitest';
import { useDevice } from '../../../../test/support/device.ts';
import { scrambled } from '../../../../test/support/tensors.ts';

useDevice();

describe('dropout', () => {
  it('drops a share p and scales the rest', async () => {
    const n = 100_000;
    const y = await dropout(ones([n]), 0.2, { rng: new Rng(1) }).data();
    expect(new Set(y)).toEqual(new Set([0, 1.25]));
    const dropped = y.filter((v) => v === 0).length / n;
    // Four standard deviations of a share of 0.2.
    expect(Math.abs(dropped - 0.2)).toBeLessThan(4 * Math.sqrt((0.2 * 0.8) / n));
  });

  it('passes the gradient through the same mask', async () => {
    const x = tensor(Float32Array.from(scrambled(64))).requiresGrad_();
    const y = dropout(x, 0.5, { rng: new Rng(2) });
    const gy = scrambled(64, 4);
    backward(y, tensor(Float32Array.from(gy)));
    const [values, gradient] = [await y.data(), await x.grad!.data()];
    expect(values.some((v) => v === 0) && values.some((v) => v !== 0)).toBe(true);
    for (const [i, v] of values.entries())
      expect(gradient[i]! + 0).toBe(v === 0 ? 0 : 2 * Math.fround(gy[i]!));
  });

  it('is differentiable twice', async () => {
    const x = tensor([1, 2, 3, 4]).requiresGrad_();
    const y = dropout(x, 0.5, { rng: new Rng(5) });
    const [g] = grad(sum(mul(y, mul(y, y))), [x], { createGraph: true });
    const [h] = grad(sum(g), [x]);
    // L = Σ (m x)³ has the second derivative 6 m³ x.
    const mask = (await y.data()).map((v, i) => v / (i + 1));
    expect(await h.data()).toEqual(mask.map((m, i) => 6 * m ** 3 * (i + 1)));
  });

  it('drops nothing at 0 and outside training, everything at 1', async () => {
    const x = tensor([1, 2, 3]).requiresGrad_();
    expect(dropout(x, 0)).toBe(x);
    expect(dropout(x, 0.5, { training: false })).toBe(x);
    const y = dropout(x, 1);
    backward(sum(y));
    expect(await y.data()).toEqual(Float32Array.of(0, 0, 0));
    expect(await x.grad!.data()).toEqual(Float32Array.of(0, 0, 0));
  });

  it('keeps no mask when nothing is recorded', () => {
    const x = ones([1024]).requiresGrad_();
    const before = x.device.memory().liveBuffers;
    const y = noGrad(() => dropout(x));
    expect(x.device.memory().liveBuffers).toBe(before + 1);
    y.dispose();
  });

  it('refuses probabilities outside [0, 1]', () => {
    const x = ones([2]);
    for (const p of [-0.1, 1.1, Number.NaN]) expect(() => dropout(x, p)).toThrow(ConfigError);
  });
});
