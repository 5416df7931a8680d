// Real and generated pictures through the discriminator in one pass: the same to rounding as in two, in every
// recipe that does it; and where it is done. Whole runs of it are in
// packages/forger/test/train/same-bits.test.ts.

import {
  findRecipe,
  type GanContext,
  type Recipe,
  type Sizes,
  type TrainingOptions,
  TrainState,
} from '@forger/dcgan';
import { type Device, normal, type Tensor, zeros } from '@forger/tensor';
import { describe, expect, test } from 'vitest';
import { useDevice } from '../../../../test/support/device.ts';
import { expectClose } from '../../../../test/support/expect.ts';
import { worthOnePass } from '../../src/recipes/one-pass.ts';
import { discriminatorLoss, drawFakes } from '../../src/recipes/updates.ts';
import { latentsOf } from '../helpers.ts';

let device: Device;
useDevice((opened) => {
  device = opened;
});

const small = { imageSize: 16, width: 32, channels: 1, latentSize: 8 };

function open(name: string, sizes: Sizes, options: TrainingOptions = {}): TrainState<Recipe> {
  return new TrainState(findRecipe(name).withOptions(options), { sizes, lr: 2e-4, seed: 3, device });
}

const recipes = ['quick', 'pytorch', 'd2l', 'elix', 'notebook', 'radford'];
test.each(recipes)('%s has the same losses, gradients and statistics as by two passes', async (name) => {
  const sizes = { ...small, imageSize: name === 'd2l' ? 64 : 16 };
  const found = [true, false].map((joined) => {
    const state = open(name, sizes);
    const { networks, optimizers, averages, rng, inputInfos } = state;
    const shape = [3, 1, sizes.imageSize, sizes.imageSize];
    expect(worthOnePass(networks.discriminator, shape, device)).toBe(true);
    const real = normal(shape, { rng });
    // A penalty takes two passes; this one is none.
    const own = state.task.gan.objective(1);
    const objective = joined ? own : { ...own, penalty: () => zeros([]) };
    const context: GanContext = {
      ...networks,
      networks,
      optimizers,
      inputs: { real },
      real,
      drawLatents: () => latentsOf(state, 3),
      objective,
      rng,
      averages,
      state: {},
      sizes,
      inputInfos,
    };
    const result = discriminatorLoss(context, drawFakes(context), 0.5);
    expect(Object.keys(result).sort()).toEqual(['dFake', 'dReal', 'lossD']);
    const gradients = networks.discriminator.parameters().map((p) => p.grad!);
    return [...Object.values(result), ...gradients, ...networks.discriminator.buffers()];
  });
  const [together, apart] = found as [Tensor[], Tensor[]];
  expect(together).toHaveLength(apart.length);
  for (const [i, t] of apart.entries()) {
    const expected = { shape: t.shape, data: Float64Array.from(await t.data()) };
    // Sums over samples in another order, then a few layers' worth of it.
    await expectClose(`${name}: tensor ${i}`, together[i]!, expected, 2e-5);
  }
});

describe('one pass is taken', () => {
  const worth = (
    batch: number,
    sizes: Sizes = small,
    options: TrainingOptions = {},
    name = 'pytorch',
    on: Device = device,
  ): boolean => {
    const state = open(name, sizes, options);
    const shape = [batch, sizes.channels, sizes.imageSize, sizes.imageSize];
    const found = worthOnePass(state.networks.discriminator, shape, on);
    state.dispose();
    return found;
  };

  test('where weights outnumber activations', () => {
    const published = { imageSize: 64, width: 64, channels: 3, latentSize: 100 };
    expect([4, 16, 32, 64].map((batch) => worth(batch, published))).toEqual([true, true, false, false]);
    expect(worth(64, { imageSize: 32, width: 32, channels: 1, latentSize: 100 }, {}, 'quick')).toBe(false);
  });

  test('not where a layer differs from call to call', () => {
    expect(worth(2)).toBe(true);
    expect(worth(2, small, { spectralNorm: true })).toBe(false);
    expect(worth(2, small, { noise: 0.1 })).toBe(false);
    for (const name of ['chainer', 'tensorflow', 'vanilla']) expect(worth(2, small, {}, name)).toBe(false);
  });

  test('not where both batches are more than the device binds at once', () => {
    // The first layer's results, 32 × 8 × 8 for each picture, are the largest.
    const binding = (maxStorageBufferBindingSize: number): Device =>
      ({ gpu: { limits: { maxStorageBufferBindingSize, maxBufferSize: 2 ** 30 } } }) as unknown as Device;
    const bytes = 2 * 2 * 32 * 8 * 8 * 4;
    expect(worth(2, small, {}, 'pytorch', binding(bytes))).toBe(true);
    expect(worth(2, small, {}, 'pytorch', binding(bytes - 4))).toBe(false);
  });
});
