// The chaining methods do what the functions do.
import { add, relu, sum, Tensor, tensor } from '@forger/tensor';
import { describe, expect, it } from 'vitest';
import { useDevice } from './support.ts';

useDevice();

describe('methods of Tensor', () => {
  it('do what the functions do', async () => {
    const x = tensor([
      [1, -2],
      [-3, 4],
    ]);
    const chained = x.add(1).relu().sum([0], true);
    expect(chained.shape).toEqual([1, 2]);
    expect(await chained.data()).toEqual(await sum(relu(add(x, 1)), [0], true).data());
    expect(await x.matmul(x).transpose(0, 1).slice(0, 1).data()).toEqual(Float32Array.of(-10, 22));
    expect(await x.square().mean().item()).toBe(7.5);
    expect(await x.clamp(-1, 1).reshape([4]).data()).toEqual(Float32Array.of(1, -1, -1, 1));
  });

  it('record gradients', async () => {
    const x = tensor([1, 2, 3]).requiresGrad_();
    x.mul(x).sum().backward();
    expect(await x.grad!.data()).toEqual(Float32Array.of(2, 4, 6));
  });

  it('are not enumerable', () => {
    expect(Object.keys(Tensor.prototype)).toEqual([]);
  });
});
