// The chaining methods do what the functions do, and every operation that the rule of methods.ts asks for is one.
import { add, relu, sum, Tensor, tensor } from '@forger/tensor';
import { describe, expect, it } from 'vitest';
import { useDevice } from '../../../test/support/device.ts';
import * as operations from '../src/ops/index.ts';

useDevice();

const creates = 'makes a tensor from a shape or values';
const inPlace = 'writes over its tensor';
const list = 'takes a list of tensors, none of them the first';
const layer = 'takes weights or statistics: use the function, or a module';
const loss = 'takes a prediction and a target';

/** The operations that are not methods, and why. The type asks for every one that has no method. */
const functionsOnly: Record<Exclude<keyof typeof operations, keyof Tensor>, string> = {
  arange: creates,
  full: creates,
  normal: creates,
  ones: creates,
  onesLike: creates,
  uniform: creates,
  zerosLike: creates,
  fillNormal: inPlace,
  fillUniform: inPlace,
  cat: list,
  stack: list,
  batchNorm: layer,
  conv2d: layer,
  convTranspose2d: layer,
  instanceNorm: layer,
  linear: layer,
  bce: loss,
  bceWithLogits: loss,
  crossEntropy: loss,
  l1: loss,
  mse: loss,
};

describe('methods of Tensor', () => {
  it.each(Object.keys(operations))('%s is a method, or listed with the reason why not', (name) => {
    expect(name in Tensor.prototype, name).toBe(!Object.hasOwn(functionsOnly, name));
  });

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
    expect(await x.leakyRelu(0.5).maximum(0).indexSelect([1]).data()).toEqual(Float32Array.of(0, 4));
    expect(
      await x
        .reshape([1, 1, 2, 2])
        .padConstant([[0, 1]], 7)
        .maxPool2d([2, 3])
        .item(),
    ).toBe(7);
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
