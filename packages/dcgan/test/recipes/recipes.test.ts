// The recipes' networks: names, shapes, sizes and first weights, against pytorch/examples.

import { findRecipe, recipes, TrainState } from '@forger/dcgan';
import { ConfigError, type Device, Rng, readAll } from '@forger/tensor';
import { describe, expect, test } from 'vitest';
import { useDevice } from '../../../../test/support/device.ts';

const pytorch = findRecipe('pytorch');
const published = { imageSize: 64, width: 64, channels: 3, latentSize: 100 };

let device: Device;
useDevice((opened) => {
  device = opened;
});

function shapes(sizes: typeof published) {
  const state = new TrainState(pytorch, { sizes, lr: 2e-4, seed: 0, device });
  const named = (network: typeof state.networks.generator) =>
    new Map(Array.from(network.stateDict(), ([name, { shape }]) => [name, shape]));
  const found = { G: named(state.networks.generator), D: named(state.networks.discriminator) };
  state.dispose();
  return found;
}

describe('the pytorch recipe', () => {
  test('has the names and shapes of the weights that pytorch/examples saves', () => {
    const { G, D } = shapes(published);
    const weights = (of: typeof G) => [...of].filter(([, shape]) => shape.length === 4);
    expect(weights(G)).toEqual([
      ['main.0.weight', [100, 512, 4, 4]],
      ['main.3.weight', [512, 256, 4, 4]],
      ['main.6.weight', [256, 128, 4, 4]],
      ['main.9.weight', [128, 64, 4, 4]],
      ['main.12.weight', [64, 3, 4, 4]],
    ]);
    expect(weights(D)).toEqual([
      ['main.0.weight', [64, 3, 4, 4]],
      ['main.2.weight', [128, 64, 4, 4]],
      ['main.5.weight', [256, 128, 4, 4]],
      ['main.8.weight', [512, 256, 4, 4]],
      ['main.11.weight', [1, 512, 4, 4]],
    ]);
    expect([...G.keys()].filter((name) => name.startsWith('main.1.'))).toEqual([
      'main.1.weight',
      'main.1.bias',
      'main.1.running_mean',
      'main.1.running_var',
      'main.1.num_batches_tracked',
    ]);
    expect([...D.keys()].filter((name) => name.endsWith('.running_mean'))).toEqual([
      'main.3.running_mean',
      'main.6.running_mean',
      'main.9.running_mean',
    ]);
  });

  test.each([16, 32, 64, 128])('generates and classifies images of %i pixels', (imageSize) => {
    const sizes = { imageSize, width: 2, channels: 1, latentSize: 5 };
    const state = new TrainState(pytorch, { sizes, lr: 2e-4, seed: 0, device });
    const { generator, discriminator } = state.networks;
    expect(generator.outputShape([5, 1, 1])).toEqual([1, imageSize, imageSize]);
    expect(discriminator.outputShape([1, imageSize, imageSize])).toEqual([1, 1, 1]);
    state.dispose();
  });

  test.each([0, 4, 8, 15, 28, 48, 63, 64.5, 100])('says which sizes there are instead of %f', (size) => {
    const check = () => pytorch.checkSizes({ imageSize: size, width: 64 });
    expect(check).toThrow(ConfigError);
    expect(check).toThrow(
      `An image size of ${size} was given; this network doubles a 4×4 layer, so it makes pictures of 16, 32, 64`,
    );
  });

  test('draws first weights as weights_init does', async () => {
    const { generator } = pytorch.build({ ...published, width: 16 }, new Rng(3, { device }));
    const state = generator.stateDict();
    const [weight, scale, shift] = await readAll(
      ['main.3.weight', 'main.1.weight', 'main.1.bias'].map((name) => state.get(name)!),
    );
    const mean = (values: ArrayLike<number>) => Array.from(values).reduce((a, b) => a + b) / values.length;
    const std = (values: ArrayLike<number>) => {
      const centre = mean(values);
      return Math.sqrt(mean(Array.from(values, (v) => (v - centre) ** 2)));
    };
    // 131,072 and 128 draws: within 5 standard errors.
    expect(Math.abs(mean(weight!))).toBeLessThan((5 * 0.02) / Math.sqrt(131_072));
    expect(std(weight!)).toBeCloseTo(0.02, 3);
    expect(Math.abs(mean(scale!) - 1)).toBeLessThan((5 * 0.02) / Math.sqrt(128));
    expect(std(scale!)).toBeGreaterThan(0.01);
    expect(std(scale!)).toBeLessThan(0.03);
    expect([...shift!].every((v) => v === 0)).toBe(true);
    generator.dispose();
  });
});

test('every recipe has defaults that it can train with, and a name of its own', () => {
  for (const [name, recipe] of Object.entries(recipes)) {
    expect(recipe.name).toBe(name);
    expect(() => recipe.checkSizes(recipe.defaults)).not.toThrow();
    expect([recipe.defaults.epochs, recipe.defaults.steps].filter((end) => end !== undefined)).toHaveLength(
      1,
    );
  }
  expect(() => findRecipe('toString')).toThrow(/there are quick, pytorch, chainer/);
});
